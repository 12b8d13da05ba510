//! [`Claims`]: what is known about a person; [`Selection`]: which of it a session keeps.

#[cfg(test)]
pub(crate) mod tests;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use percent_encoding::{CONTROLS, utf8_percent_encode};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
pub use wanted::{ClaimTest, Wanted};

use crate::{
    json::{self, JsonError, Object, Table},
    time::Timestamp,
};

/// The longest email address kept: RFC 5321, 4.5.3.1 allows 64 + 1 + 255 octets.
const EMAIL_BYTES: usize = 320;
/// The longest display name kept. It is for display, never for deciding, so a longer one is left out and keeps nobody
/// from signing in.
const NAME_BYTES: usize = 256;

/// Which claims the settings ask for.
///
/// A person in 500 groups still has a small session: what no rule names is not kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    groups: BTreeSet<String>,
    roles: BTreeSet<String>,
    methods: BTreeSet<String>,
    acr: bool,
    auth_time: bool,
    claims: BTreeMap<String, Vec<ClaimTest>>,
    fingerprint: String,
}

/// What is known about a person, limited to a [`Selection`].
///
/// Claims come from an ID token or an access token whose checks are done, from a service token whose hash is in the
/// settings, or from a session cookie whose signature was verified. Other crates have no other way to make them, and
/// this one uses no other (a test counts the places). Natively, the commands suppose ID tokens (see
/// `IdToken::supposed`), and tests make claims of any value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    subject: String,
    provider: String,
    email: Option<String>,
    email_verified: bool,
    /// There is one, but in a form that cannot be read, or too long to keep.
    email_unread: bool,
    name: Option<String>,
    groups: Names,
    roles: Names,
    acr: Names,
    amr: Names,
    auth_time: Option<Timestamp>,
    /// By path, the values that pass one of the tests on it; `null` stands for what could not be read.
    more: BTreeMap<String, Vec<Value>>,
}

/// Groups, roles, or how somebody authenticated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Those that could be read.
    pub(crate) list: Vec<String>,
    /// There are others, in a form that cannot be read, or to be had elsewhere.
    pub(crate) and_unread: bool,
}

/// What a provider said about a person, before the selection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub(crate) email: Option<String>,
    pub(crate) email_verified: bool,
    pub(crate) email_unread: bool,
    pub(crate) name: Option<String>,
    pub(crate) groups: Names,
    pub(crate) roles: Names,
    pub(crate) acr: Names,
    pub(crate) amr: Names,
    pub(crate) auth_time: Option<Timestamp>,
    /// The values found at the paths of [`Selection::paths`]; an object stands for values to be had elsewhere.
    pub(crate) more: Vec<(String, Value)>,
}

impl Selection {
    /// The selection that keeps these groups.
    pub fn new<'g>(groups: impl IntoIterator<Item = &'g str>) -> Self {
        groups.into_iter().map(Wanted::Group).collect()
    }

    /// Changes whenever the selection does. A session with another fingerprint is renewed by a login instead of being
    /// judged on claims that it never kept.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The paths of the claims that rules test.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.claims.keys().map(String::as_str)
    }

    /// The values at `path` that pass a test on it: the members of a list, or the value itself. One `null` stands for
    /// all those in a form that no test could be about.
    fn passing(&self, path: &str, value: Value) -> Vec<Value> {
        let Some(tests) = self.claims.get(path) else { return Vec::new() };
        let values = match value {
            Value::Array(values) => values,
            value => vec![value],
        };
        let is_unread = values.iter().any(|value| value.is_object() || value.is_array());
        let passing = values.into_iter().filter(|value| tests.iter().any(|test| test.passes(value)));
        passing.chain(is_unread.then_some(Value::Null)).collect()
    }
}

impl<'w> FromIterator<Wanted<'w>> for Selection {
    fn from_iter<I: IntoIterator<Item = Wanted<'w>>>(wanted: I) -> Self {
        let mut selection = Self::default();
        let mut canonical = BTreeSet::new();
        for wanted in wanted {
            canonical.insert(wanted.canonical());
            match wanted {
                Wanted::Group(group) => _ = selection.groups.insert(group.to_owned()),
                Wanted::Role(role) => _ = selection.roles.insert(role.to_owned()),
                Wanted::Acr => selection.acr = true,
                Wanted::Amr(method) => _ = selection.methods.insert(method.to_owned()),
                Wanted::AuthTime => selection.auth_time = true,
                Wanted::Claim(path, test) => {
                    selection.claims.entry(path.to_owned()).or_default().push(test.clone());
                }
                Wanted::As(_) => {}
            }
        }
        let mut digest = Sha256::new_with_prefix("portcullis selection v6");
        for wanted in canonical {
            // The length in front keeps ["ab"] and ["a", "b"] apart.
            digest.update((wanted.len() as u64).to_be_bytes());
            digest.update(wanted);
        }
        selection.fingerprint = URL_SAFE_NO_PAD.encode(digest.finalize().get(..6).unwrap_or_default());
        selection
    }
}

impl Claims {
    /// Keeps what `selection` asks for of `said`. The caller vouches for `subject`: see
    /// [`IdToken::claims`](crate::oidc::IdToken::claims).
    pub(crate) fn select(provider: &str, subject: &str, said: Said, selection: &Selection) -> Self {
        let is_kept = |email: &String| email.len() <= EMAIL_BYTES;
        let email_unread = said.email_unread || said.email.as_ref().is_some_and(|email| !is_kept(email));
        let email = said.email.filter(|email| is_kept(email) && !email.is_empty());
        let mut more: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (path, value) in said.more {
            let passing = selection.passing(&path, value);
            if !passing.is_empty() {
                more.entry(path).or_default().extend(passing);
            }
        }
        Self {
            subject: subject.to_owned(),
            provider: provider.to_owned(),
            email_verified: said.email_verified && email.is_some(),
            email,
            email_unread,
            name: said.name.filter(|name| name.len() <= NAME_BYTES && !name.is_empty()),
            groups: said.groups.among(&selection.groups),
            roles: said.roles.among(&selection.roles),
            acr: if selection.acr { said.acr } else { Names::default() },
            amr: said.amr.among(&selection.methods),
            auth_time: said.auth_time.filter(|_| selection.auth_time),
            more,
        }
    }

    /// The claims that a session holds. The caller has verified who signed it.
    pub(crate) fn read(value: Value) -> Result<Self, JsonError> {
        let mut table = Table::of(value)?;
        let mut names = |list: &'static str, unread: &'static str| -> Result<Names, JsonError> {
            let (list, and_unread) = (table.given(list, json::texts)?, table.given(unread, json::flag)?);
            Ok(Names { list: list.unwrap_or_default(), and_unread: and_unread.unwrap_or_default() })
        };
        let (groups, roles, amr) = (names("groups", "gu")?, names("roles", "ru")?, names("amr", "au")?);
        let (acr, and_unread) =
            (table.optional("acr", json::text)?, table.given("cu", json::flag)?.unwrap_or_default());
        let acr = Names { list: acr.into_iter().collect(), and_unread };
        let more = |value| {
            let mut lists = BTreeMap::new();
            for (path, values) in Table::of(value)?.into_members() {
                lists.insert(path, json::list(values)?);
            }
            Ok(lists)
        };
        Ok(Self {
            subject: table.required("sub", json::text)?,
            provider: table.required("idp", json::text)?,
            email: table.optional("email", json::text)?,
            email_verified: table.given("ev", json::flag)?.unwrap_or_default(),
            email_unread: table.given("eu", json::flag)?.unwrap_or_default(),
            name: table.optional("name", json::text)?,
            groups,
            roles,
            acr,
            amr,
            auth_time: table.optional("auth_time", Timestamp::read)?,
            more: table.given("more", more)?.unwrap_or_default(),
        })
    }

    /// The person's stable id at the provider (`sub`). With the provider it names the person;
    /// an email address never does (OpenID Connect Core 1.0, 5.7).
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The id of the provider that vouches.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The email address, verified or not: for display, and for a `deny` that names it.
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// The email address, when the provider says it is verified.
    pub fn verified_email(&self) -> Option<&str> {
        self.email.as_deref().filter(|_| self.email_verified)
    }

    /// The display name.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The groups the selection kept, sorted.
    pub fn groups(&self) -> &[String] {
        &self.groups.list
    }

    /// The roles the selection kept, sorted.
    pub fn roles(&self) -> &[String] {
        &self.roles.list
    }

    /// Whether there is an address that could not be read.
    pub(crate) const fn has_unread_email(&self) -> bool {
        self.email_unread
    }

    /// Groups, roles, classes and methods, each with whether there are others that could not be read.
    pub(crate) fn names(&self) -> [&Names; 4] {
        [&self.groups, &self.roles, &self.acr, &self.amr]
    }

    /// The authentication context class (`acr`, Core 2), if the selection keeps it.
    pub fn acr(&self) -> Option<&str> {
        self.acr.list.first().map(String::as_str)
    }

    /// The authentication methods (`amr`, RFC 8176) the selection kept, sorted.
    pub fn amr(&self) -> &[String] {
        &self.amr.list
    }

    /// When the person authenticated (`auth_time`, Core 2), if the selection keeps it.
    pub fn auth_time(&self) -> Option<Timestamp> {
        self.auth_time
    }

    /// The values kept of the claim at `path`; `null` among them if there are some that could not be read.
    pub fn values(&self, path: &str) -> &[Value] {
        self.more.get(path).map_or(&[], Vec::as_slice)
    }

    /// What to call the person on a page: never blank, and nothing in it moves the text around it.
    pub fn shown_as(&self) -> String {
        let said = [self.email(), self.name(), Some(&self.subject)].into_iter().flatten();
        let shown = said.map(visible).find(|text| !text.is_empty());
        // As the origin gets it.
        shown.unwrap_or_else(|| utf8_percent_encode(&self.subject, CONTROLS).to_string())
    }
}

/// `text` without what nobody sees: control characters, characters without width or ink, and those that set the
/// direction in which others are shown (UAX #9, 2; UAX #44, `Default_Ignorable_Code_Point`). What only changes the
/// character before it stays, but not at the start.
fn visible(text: &str) -> String {
    let changes_another = |letter: char| {
        matches!(letter, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
            || matches!(letter, '\u{180b}'..='\u{180d}' | '\u{180f}')
    };
    let is_seen = |letter: &char| {
        !letter.is_control()
            && !matches!(letter, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}')
            && !matches!(letter, '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}')
            && !matches!(letter, '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}')
            && !matches!(letter, '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d159}')
            && !matches!(letter, '\u{1d173}'..='\u{1d17a}')
    };
    let seen: String = text.chars().filter(is_seen).collect();
    seen.trim_start_matches(|letter: char| letter.is_whitespace() || changes_another(letter)).trim_end().to_owned()
}

/// Claims that nobody vouched for, as tests make them: the Worker cannot.
#[cfg(not(target_arch = "wasm32"))]
impl TryFrom<Value> for Claims {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        Self::read(value).map_err(|error| error.to_string())
    }
}

/// The form in which a session holds them.
impl From<&Claims> for Value {
    fn from(claims: &Claims) -> Self {
        let mut more = Map::new();
        more.extend(claims.more.iter().map(|(path, values)| (path.clone(), Self::from(values.as_slice()))));
        let list = |names: &[String]| (!names.is_empty()).then(|| Self::from(names));
        let members = Object::default()
            .with("sub", claims.subject.as_str())
            .with("idp", claims.provider.as_str())
            .with_some("email", claims.email.as_deref())
            .with("ev", claims.email_verified)
            .with_some("name", claims.name.as_deref())
            .with_some("groups", list(&claims.groups.list))
            .with_some("gu", claims.groups.and_unread.then_some(true))
            .with_some("roles", list(&claims.roles.list))
            .with_some("ru", claims.roles.and_unread.then_some(true))
            .with_some("eu", claims.email_unread.then_some(true))
            .with_some("acr", claims.acr())
            .with_some("cu", claims.acr.and_unread.then_some(true))
            .with_some("amr", list(&claims.amr.list))
            .with_some("au", claims.amr.and_unread.then_some(true))
            .with_some("auth_time", claims.auth_time);
        members.with_some("more", (!more.is_empty()).then_some(more)).into()
    }
}

impl Names {
    /// Those that `wanted` names, sorted. Where none is wanted, nothing has to be known.
    fn among(self, wanted: &BTreeSet<String>) -> Self {
        Self { and_unread: self.and_unread && !wanted.is_empty(), list: named(self.list, wanted) }
    }
}

impl From<Vec<String>> for Names {
    fn from(list: Vec<String>) -> Self {
        Self { list, and_unread: false }
    }
}

/// Those that `wanted` names, sorted.
fn named(said: Vec<String>, wanted: &BTreeSet<String>) -> Vec<String> {
    let mut kept = BTreeSet::new();
    kept.extend(said.into_iter().filter(|name| wanted.contains(name)));
    kept.into_iter().collect()
}
