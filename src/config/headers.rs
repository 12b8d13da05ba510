//! [`Headers`]: the names of the headers that tell the origin who is there, and every name that a client may not use.
//!
//! A preset is a family of names that applications already know. The whole family is taken from clients, including
//! the names that nothing is sent under: an application that believes one of them believes all of them. The same
//! holds for any other family that a configured name belongs to.

use std::rc::Rc;

use serde_json::Value;

use super::{ConfigError, OriginSecret};
use crate::json::{JsonError, Table};

/// The longest name of a header: none in use is longer, and the whole head of a request has a limit.
const LONGEST_NAME: usize = 64;

/// The names of `x-auth`, in the order of [`Fact`].
const X_AUTH: [&str; 6] =
    ["x-auth-subject", "x-auth-email", "x-auth-name", "x-auth-groups", "x-auth-provider", "x-auth-assertion"];
/// As oauth2-proxy sends them. There is no display name among them. None may go under
/// `X-Forwarded-Preferred-Username`, by which applications sign people in: anybody can choose a display name.
const X_FORWARDED: [&str; 6] =
    ["x-forwarded-user", "x-forwarded-email", "", "x-forwarded-groups", "", "x-auth-assertion"];
/// As Authelia and web servers send them.
const REMOTE: [&str; 6] = ["remote-user", "remote-email", "remote-name", "remote-groups", "", "x-auth-assertion"];
/// Families that are managed as a whole, whichever of their names is sent: an application that is told who is there
/// by one name reads the others too, and those would hold the client's word. They are those of oauth2-proxy, of
/// Authelia, of Grafana and Gitea, of Kubernetes (except `X-Remote-Extra-…`, whose end anybody can choose), of
/// oauth2-proxy in its other mode, and of authentik.
const FAMILIES: [&str; 6] = [
    "x-forwarded-user,x-forwarded-email,x-forwarded-groups,x-forwarded-preferred-username,x-forwarded-access-token",
    "remote-user,remote-email,remote-name,remote-groups",
    "x-webauth-user,x-webauth-email,x-webauth-name,x-webauth-fullname,x-webauth-groups,x-webauth-role,x-webauth-orgs",
    "x-remote-user,x-remote-group,x-remote-groups,x-remote-uid,x-remote-email,x-remote-name",
    "x-auth-request-user,x-auth-request-email,x-auth-request-groups,x-auth-request-preferred-username,x-auth-request-access-token",
    "x-authentik-username,x-authentik-email,x-authentik-name,x-authentik-groups,x-authentik-uid,x-authentik-entitlements,x-authentik-jwt",
];

/// Headers that mean something to a server or to the platform (RFC 9110; hop-by-hop ones by 7.6.1). A managed name is
/// removed from every request, so none of these can be one.
const TAKEN: &str = "authorization cache-control connection cookie cookie2 date expect forwarded host keep-alive \
     origin path-info pragma range referer script-name set-cookie te trailer transfer-encoding true-client-ip upgrade \
     user-agent via x-astro-path x-envoy-original-path x-forwarded-path x-forwarded-prefix x-forwarded-server x-host \
     x-http-host-override x-http-method x-http-method-override x-ingress-path x-matched-path x-method-override \
     x-now-route-matches x-original-host x-original-method x-original-path x-original-uri x-original-url x-override-url \
     x-real-ip x-rewrite-url x-script-name";
/// The same, by how the names begin.
const TAKEN_FAMILIES: &str = "accept- access-control- cf- content- if- portcullis- proxy- sec- x-forwarded-for- x-forwarded-host- \
     x-forwarded-method- x-forwarded-port- x-forwarded-proto- x-forwarded-uri-";

/// How those names end under which applications look for an account. A value sent under one must not be for the
/// person to choose.
const ACCOUNTS: &str = "account login mail subject uid user user-id user-name username";

/// What the origin can learn about a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The person's id at the provider.
    Subject,
    /// The verified email address.
    Email,
    /// The display name.
    Name,
    /// The groups.
    Groups,
    /// The provider's id.
    Provider,
    /// All of it in a signed assertion.
    Assertion,
}

/// The name of a header, lower case. A clone shares the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderName(Rc<str>);

/// The names of the headers that say who is there.
#[derive(Debug, PartialEq, Eq)]
pub struct Headers {
    sent: [Option<HeaderName>; 6],
    managed: String,
}

/// The settings as they are written: keys with their values.
#[derive(Debug, Default)]
pub(super) struct HeaderSettings(Vec<(&'static str, Choice)>);

/// `false`, `true` for the usual name, or a name.
#[derive(Debug)]
pub(super) enum Choice {
    Switch(bool),
    Name(String),
}

impl HeaderName {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        // RFC 9110, 5.6.2, and a letter first: so every spelling has the same length and begins alike.
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let letter = text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic());
        if !letter || !text.bytes().all(token) || text.len() > LONGEST_NAME {
            return Err(format!("{text:?} is not the name of a header: write it as in \"X-Auth-Email\""));
        }
        let name = Self::usual(&text.to_ascii_lowercase());
        let spelled = name.normal();
        // With a `-` appended, a name also belongs to the family that begins with it.
        let closed = format!("{spelled}-");
        if TAKEN.split(' ').any(|taken| taken == spelled)
            || TAKEN_FAMILIES.split(' ').any(|family| closed.starts_with(family))
        {
            return Err(format!("{text:?} means something else to servers: choose a name of its own"));
        }
        Ok(name)
    }

    /// A name that is known to be valid.
    pub(super) fn usual(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as a server may read it: every character other than letters and digits is `-` (RFC 3875, 4.1.18
    /// leaves no more of it).
    fn normal(&self) -> String {
        self.0.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-")
    }
}

impl Choice {
    pub(super) fn read(value: Value) -> Result<Self, JsonError> {
        match value {
            Value::Bool(on) => Ok(Self::Switch(on)),
            Value::String(text) => Ok(Self::Name(text)),
            _ => Err(JsonError::new("is not the name of a header, or false")),
        }
    }
}

impl HeaderSettings {
    pub(super) fn read(value: Value) -> Result<Self, JsonError> {
        let mut table = Table::with_only(Fact::KEYS, value)?;
        let mut all = Vec::new();
        for key in Fact::KEYS.split(' ') {
            all.extend(table.given(key, Choice::read)?.map(|choice| (key, choice)));
        }
        Ok(Self(all))
    }

    /// The names. `assertion` says whether one is made, `several` whether more than one issuer vouches for people or
    /// machines.
    pub(super) fn parse(
        &self,
        assertion: bool,
        several: bool,
        secret: Option<&OriginSecret>,
    ) -> Result<Headers, ConfigError> {
        let choice = |wanted: &str| self.0.iter().find(|(key, _)| *key == wanted).map(|(_, choice)| choice);
        let preset = match choice("preset") {
            None => X_AUTH,
            Some(Choice::Name(name)) if name == "x-auth" => X_AUTH,
            Some(Choice::Name(name)) if name == "x-forwarded" => X_FORWARDED,
            Some(Choice::Name(name)) if name == "remote" => REMOTE,
            Some(_) => return Err(wrong("preset", "is none of \"x-auth\", \"x-forwarded\" and \"remote\"")),
        };
        let mut managed = X_AUTH.join(",");
        let mut manage = |name: &str| {
            if !name.is_empty() {
                managed.push(',');
                managed.push_str(name);
            }
        };
        let mut taken: Vec<String> = secret.map(|secret| secret.header.normal()).into_iter().collect();
        let mut sent = [const { None }; 6];
        for ((fact, usual), name) in Fact::ALL.into_iter().zip(preset).zip(&mut sent) {
            let key = fact.key();
            let choice = choice(key);
            if fact == Fact::Assertion && !assertion {
                if matches!(choice, Some(Choice::Switch(true) | Choice::Name(_))) {
                    return Err(wrong(key, "names a header for what is not made: add assertion = true"));
                }
                continue;
            }
            let chosen = match choice {
                Some(Choice::Switch(false)) if fact == Fact::Assertion => {
                    return Err(wrong(key, "is false, and assertion = true asks for one: remove one of them"));
                }
                Some(Choice::Switch(false)) => continue,
                Some(Choice::Name(text)) => HeaderName::parse(text).map_err(|problem| wrong(key, &problem))?,
                Some(Choice::Switch(true)) if usual.is_empty() => {
                    return Err(wrong(key, "has no usual name in this preset: write one"));
                }
                _ if usual.is_empty() => continue,
                _ => HeaderName::usual(usual),
            };
            let normal = chosen.normal();
            if fact == Fact::Name && ACCOUNTS.split(' ').any(|end| normal.ends_with(end)) {
                return Err(wrong(
                    key,
                    "is a name that applications look for an account under, and anybody can choose what they are called: choose another one",
                ));
            }
            if taken.contains(&normal) {
                return Err(wrong(key, "has the name of another header: a server could not tell them apart"));
            }
            taken.push(normal);
            *name = Some(chosen);
        }
        taken.iter().for_each(|name| manage(name));
        let is_used = |one: &str| preset.contains(&one) || taken.iter().any(|name| name == one);
        FAMILIES.iter().filter(|family| family.split(',').any(is_used)).for_each(|family| manage(family));
        let headers = Headers { sent, managed };
        // OpenID Connect Core 1.0, 5.7: a subject is unique within its issuer and nowhere else.
        if several && headers.name(Fact::Subject).is_some() && headers.name(Fact::Provider).is_none() {
            return Err(wrong(
                "provider",
                "is not sent, and with several providers, or with tokens, a subject alone could be two people: name a header for it, or write subject = false",
            ));
        }
        Ok(headers)
    }
}

impl Headers {
    /// The header for this fact; `None` if it is not sent.
    pub fn name(&self, fact: Fact) -> Option<&HeaderName> {
        self.sent.get(fact as usize)?.as_ref()
    }

    /// Every name that is sent.
    pub fn sent(&self) -> impl Iterator<Item = &str> {
        self.sent.iter().flatten().map(AsRef::as_ref)
    }

    /// Every name that is taken from clients, joined by commas: lower case, with `-` for anything but letters and
    /// digits.
    pub fn managed(&self) -> &str {
        &self.managed
    }
}

impl Fact {
    const ALL: [Self; 6] = [Self::Subject, Self::Email, Self::Name, Self::Groups, Self::Provider, Self::Assertion];
    /// The keys that [`HeaderSettings`] takes.
    const KEYS: &str = "preset subject email name groups provider assertion";

    fn key(self) -> &'static str {
        Self::KEYS.split(' ').nth(self as usize + 1).unwrap_or_default()
    }
}

fn wrong(key: &str, problem: &str) -> ConfigError {
    ConfigError::new(format!("headers.{key}"), problem)
}

impl AsRef<str> for HeaderName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<&str> for HeaderName {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

#[cfg(test)]
pub(super) mod tests;
