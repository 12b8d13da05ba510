//! [`Selector`]: one way to describe people and their requests.

use serde_json::{Map, Value};

use super::{Facts, Network, StepUp};
use crate::{
    claims::{ClaimTest, Claims, Names, Wanted},
    json,
    time::Lifetime,
    wildcard::Wildcard,
};

/// The deepest nesting of selectors: they are judged by recursion.
const DEEPEST: usize = 8;

/// The shortest `max_age`: a sign-in takes its time, and so does the way back to the page.
const SHORTEST_AGE: Lifetime = Lifetime::from_seconds(60);

/// One way to describe people and their requests. Where several values are given, one match is enough.
#[derive(Clone, Debug, PartialEq)]
pub enum Selector {
    /// A member of one of these groups, spelled exactly like this.
    Group(Vec<String>),
    /// Somebody with one of these roles, spelled exactly like this.
    Role(Vec<String>),
    /// The person with one of these email addresses, verified. Compared whole, ignoring ASCII case.
    Email(Vec<String>),
    /// Somebody whose verified email address has exactly one of these domains.
    EmailDomain(Vec<String>),
    /// Somebody for whom the claim at this path passes.
    Claim(String, ClaimTest),
    /// Somebody signed in at one of these providers, by id.
    Provider(Vec<String>),
    /// A request from one of these networks.
    Ip(Vec<Network>),
    /// A request from one of these countries, as the platform sees it (ISO 3166-1 alpha-2).
    Country(Vec<String>),
    /// Somebody whose authentication has one of these context classes (`acr`).
    Acr(Vec<String>),
    /// Somebody who authenticated with one of these methods (`amr`).
    Amr(Vec<String>),
    /// Somebody who authenticated no longer ago than this (`auth_time`).
    MaxAge(Lifetime),
    /// One of these selects.
    Any(Vec<Self>),
    /// Each of these selects.
    All(Vec<Self>),
    /// None of these selects.
    None(Vec<Self>),
}

/// Whether something is true. What cannot be known is neither yes nor no, and admits nobody on either side of a
/// `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    Yes,
    No,
    Unknown,
}

impl Selector {
    /// Whether it selects. With `stepped_up`, as if the person had authenticated in whatever way a selector asks for
    /// – except where that would count against them.
    pub(super) fn selects(&self, claims: &Claims, facts: &Facts<'_>, stepped_up: bool) -> Truth {
        match self {
            Self::Group(named) => {
                let [groups, ..] = claims.names();
                among(groups, named)
            }
            Self::Role(named) => {
                let [_, roles, ..] = claims.names();
                among(roles, named)
            }
            Self::Email(emails) => owns(claims, |address, _| is_one_of(address, emails)),
            Self::EmailDomain(domains) => owns(claims, |_, domain| is_one_of(domain, domains)),
            Self::Claim(path, test) => match claims.values(path) {
                // Nobody knows whose address it is until it is verified, and a test of the claim by name is no
                // exception.
                values if values.iter().any(|value| test.passes(value)) => {
                    let is_theirs = || claims.verified_email().is_some_and(|address| test.passes(&address.into()));
                    if path != "email" || is_theirs() { Truth::Yes } else { Truth::Unknown }
                }
                values if values.iter().any(Value::is_null) => Truth::Unknown,
                _ => Truth::No,
            },
            Self::Provider(ids) => Truth::of(ids.iter().any(|id| id == claims.provider())),
            Self::Ip(networks) => match facts.address {
                Some(address) => Truth::of(networks.iter().any(|network| network.contains(address))),
                None => Truth::Unknown,
            },
            Self::Country(countries) => match facts.country {
                Some(country) => Truth::of(countries.iter().any(|own| own == country)),
                None => Truth::Unknown,
            },
            Self::Acr(_) | Self::Amr(_) | Self::MaxAge(_) if stepped_up => Truth::Yes,
            Self::Acr(classes) => {
                let [.., acr, _] = claims.names();
                among(acr, classes)
            }
            Self::Amr(methods) => {
                let [.., amr] = claims.names();
                among(amr, methods)
            }
            Self::MaxAge(most) => Truth::of(claims.auth_time().is_some_and(|time| facts.now.since(time) <= *most)),
            Self::Any(any) => Truth::any(any, claims, facts, stepped_up),
            Self::All(all) => {
                let verdicts = all.iter().map(|one| one.selects(claims, facts, stepped_up));
                verdicts.fold(Truth::Yes, Truth::and)
            }
            Self::None(none) => match Truth::any(none, claims, facts, false) {
                Truth::Yes => Truth::No,
                Truth::No => Truth::Yes,
                Truth::Unknown => Truth::Unknown,
            },
        }
    }

    /// Adds to `step_up` what a new authentication would have to bring for this to select.
    pub(super) fn ask(&self, claims: Option<&Claims>, facts: &Facts<'_>, step_up: &mut StepUp) {
        if claims.is_some_and(|claims| self.selects(claims, facts, false) == Truth::Yes) {
            return;
        }
        match self {
            Self::Acr(classes) => step_up.add_classes(classes),
            Self::Amr(_) => step_up.anew = true,
            Self::MaxAge(most) => step_up.max_age = Some(step_up.max_age.map_or(*most, |age| age.min(*most))),
            // Without a session nobody knows which of several ways is this person's.
            Self::Any(any) if claims.is_some() => any.iter().for_each(|one| one.ask(claims, facts, step_up)),
            // The others in the list may stand in the way, however new the sign-in is.
            Self::All(all) if claims.is_none_or(|claims| self.selects(claims, facts, true) == Truth::Yes) => {
                all.iter().for_each(|one| one.ask(claims, facts, step_up));
            }
            _ => {}
        }
    }

    /// Calls `visit` for this selector and all within it.
    pub fn walk<'s>(&'s self, visit: &mut impl FnMut(&'s Self)) {
        visit(self);
        if let Self::Any(inner) | Self::All(inner) | Self::None(inner) = self {
            inner.iter().for_each(|one| one.walk(visit));
        }
    }

    /// What a session must keep for this selector to be judged; nested selectors are asked themselves.
    pub fn wanted(&self) -> Vec<Wanted<'_>> {
        match self {
            Self::Group(names) => names.iter().map(|name| Wanted::Group(name)).collect(),
            Self::Role(names) => names.iter().map(|name| Wanted::Role(name)).collect(),
            Self::Amr(names) => names.iter().map(|name| Wanted::Amr(name)).collect(),
            Self::Acr(_) => vec![Wanted::Acr],
            Self::MaxAge(_) => vec![Wanted::AuthTime],
            Self::Claim(path, test) => vec![Wanted::Claim(path, test)],
            _ => Vec::new(),
        }
    }

    /// Reads a selector as it is written: a table with one name, and what belongs to it.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(value: &Value) -> Result<Self, String> {
        Self::within(value, 1)
    }

    fn within(value: &Value, depth: usize) -> Result<Self, String> {
        let table = value
            .as_object()
            .ok_or_else(|| format!("{} is not a selector: write {{ group = \"…\" }}", json::write(value)))?;
        if depth > DEEPEST {
            return Err(format!("selectors stand within selectors more than {DEEPEST} deep"));
        }
        if table.contains_key("claim") {
            return claim(table);
        }
        let mut entries = table.iter();
        let (Some((name, value)), None) = (entries.next(), entries.next()) else {
            return Err(if table.is_empty() {
                "names nobody: write { group = \"…\" } or { email = \"…\" }".to_owned()
            } else {
                "names two things: write two selectors, each in braces of its own, or { all = [{ … }, { … }] }"
                    .to_owned()
            });
        };
        let names = |is_one: fn(&str) -> bool, what: &str| names(name, value, is_one, what);
        let inner = || {
            let list = value.as_array().filter(|list| !list.is_empty());
            let list = list.ok_or_else(|| format!("{name} is not a list of selectors, or is empty"))?;
            list.iter().map(|one| Self::within(one, depth.saturating_add(1))).collect::<Result<Vec<_>, _>>()
        };
        Ok(match name.as_str() {
            "group" => Self::Group(names(any_text, "a name")?),
            "role" => Self::Role(names(any_text, "a name")?),
            "email" => Self::Email(names(is_address, "an email address")?),
            "email_domain" => Self::EmailDomain(names(is_domain, "a domain")?),
            "provider" => Self::Provider(names(any_text, "the id of a provider")?),
            "ip" => Self::Ip(
                names(any_text, "a network")?.iter().map(|text| Network::parse(text)).collect::<Result<_, _>>()?,
            ),
            "country" => Self::Country(names(is_country, "a country of two capital letters")?),
            "acr" => Self::Acr(names(is_visible, "a class without spaces")?),
            "amr" => Self::Amr(names(any_text, "a method")?),
            "max_age" => {
                let age = Lifetime::read(value.clone()).map_err(|error| error.problem)?;
                if age < SHORTEST_AGE {
                    return Err(format!("max_age {age} would be over before the page is there: from {SHORTEST_AGE}"));
                }
                Self::MaxAge(age)
            }
            "any" => Self::Any(inner()?),
            "all" => Self::All(inner()?),
            "none" => Self::None(inner()?),
            _ => {
                return Err(format!(
                    "unknown selector {name:?}: there are group, role, email, email_domain, claim, provider, ip, country, acr, amr, max_age, any, all and none"
                ));
            }
        })
    }
}

impl Truth {
    fn of(so: bool) -> Self {
        if so { Self::Yes } else { Self::No }
    }

    pub(super) fn any(selectors: &[Selector], claims: &Claims, facts: &Facts<'_>, stepped_up: bool) -> Self {
        let verdicts = selectors.iter().map(|one| one.selects(claims, facts, stepped_up));
        verdicts.fold(Self::No, |one, other| match (one, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, Self::No) => Self::No,
            _ => Self::Unknown,
        })
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Unknown,
        }
    }
}

/// `{ claim = "path", equals = … }`, `{ claim = "path", one_of = […] }` or `{ claim = "path", matches = "…" }`
fn claim(table: &Map<String, Value>) -> Result<Selector, String> {
    let path = table.get("claim").and_then(Value::as_str).filter(|path| !path.is_empty());
    let path = path.ok_or("claim is not the name of a claim")?.to_owned();
    let mut tests = table.iter().filter(|(name, _)| *name != "claim");
    let (Some((name, value)), None) = (tests.next(), tests.next()) else {
        return Err("claim needs one of equals, one_of and matches beside it".to_owned());
    };
    let is_plain = |value: &Value| value.is_string() || value.is_i64() || value.is_u64() || value.is_boolean();
    let test = match (name.as_str(), value) {
        ("equals", value) if is_plain(value) => ClaimTest::OneOf(vec![value.clone()]),
        ("one_of", Value::Array(values)) if !values.is_empty() && values.iter().all(is_plain) => {
            ClaimTest::OneOf(values.clone())
        }
        ("equals" | "one_of", _) => return Err(format!("{name} takes texts, whole numbers and truth values")),
        ("matches", value) => {
            let texts = names(name, value, any_text, "a text")?;
            let wildcards: Option<Vec<Wildcard>> = texts.iter().map(|text| Wildcard::parse(text)).collect();
            ClaimTest::Matches(wildcards.ok_or("matches has no \"*\" in it: write equals or one_of")?)
        }
        _ => return Err(format!("unknown test {name:?}: there are equals, one_of and matches")),
    };
    Ok(Selector::Claim(path, test))
}

/// One name, or a list of names.
fn names(name: &str, value: &Value, is_one: fn(&str) -> bool, what: &str) -> Result<Vec<String>, String> {
    let one = |value: &Value| match value.as_str() {
        Some("") => Err(format!("{name} is empty")),
        Some(text) if is_one(text) => Ok(text.to_owned()),
        _ => Err(format!("{} is not {what}", json::write(value))),
    };
    match value {
        Value::Array(values) if values.is_empty() => Err(format!("{name} is empty")),
        Value::Array(values) => values.iter().map(one).collect(),
        value => one(value).map(|name| vec![name]),
    }
}

/// Whether one of `named` is among them. If some could not be read, nobody knows that none is.
fn among(own: &Names, named: &[String]) -> Truth {
    match one_of(&own.list, named) {
        Truth::No if own.and_unread => Truth::Unknown,
        truth => truth,
    }
}

/// Whether the person's address, with its domain, passes `is_such`. Nobody knows whose address it is until it is
/// verified, and what is not a plain address could be any.
fn owns(claims: &Claims, is_such: impl Fn(&str, &str) -> bool) -> Truth {
    let Some(address) = claims.email() else {
        return if claims.has_unread_email() { Truth::Unknown } else { Truth::No };
    };
    match (domain_of(address).map(|domain| is_such(address, domain)), claims.verified_email()) {
        (None, _) | (Some(true), None) => Truth::Unknown,
        (Some(such), _) => Truth::of(such),
    }
}

fn is_one_of(text: &str, named: &[String]) -> bool {
    named.iter().any(|one| one.eq_ignore_ascii_case(text))
}

fn one_of(own: &[String], named: &[String]) -> Truth {
    Truth::of(named.iter().any(|name| own.contains(name)))
}

/// [`names`] refuses an empty one, whatever the kind.
fn any_text(_: &str) -> bool {
    true
}

/// What can go into a list separated by spaces, and between quotes in a header.
fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn is_domain(text: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_graphic() && !matches!(letter, '@' | '*') && !is_mark(letter);
    text.chars().all(is_plain) && !text.starts_with('.') && !text.ends_with('.')
}

/// Exactly one `@` with something on both sides, and nothing but visible ASCII. A `*` would only match itself, and a
/// `deny` with it nobody.
fn is_address(text: &str) -> bool {
    domain_of(text).is_some() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'*')
}

/// What an address has only between quotes, in a name or in a comment.
fn is_mark(letter: char) -> bool {
    letter.is_whitespace() || letter.is_control() || "\"(),:;<>[\\]".contains(letter)
}

/// What follows the only `@` of an address written without quotes, names or comments (RFC 5322, 3.4.1).
fn domain_of(address: &str) -> Option<&str> {
    let (local, domain) = address.split_once('@').filter(|_| !address.contains(is_mark))?;
    (!local.is_empty() && !domain.is_empty() && !domain.contains('@') && !domain.ends_with('.')).then_some(domain)
}
