//! [`Wanted`]: one thing that the settings want to know about a person; [`ClaimTest`]: what a rule asks of a claim's
//! value.

use serde_json::Value;

use crate::wildcard::Wildcard;

/// One thing that a rule asks about, and that a session therefore keeps.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'w> {
    /// Whether the person is in this group.
    Group(&'w str),
    /// Whether the person has this role.
    Role(&'w str),
    /// The authentication context class.
    Acr,
    /// Whether this method was among those the person authenticated with.
    Amr(&'w str),
    /// When the person authenticated.
    AuthTime,
    /// The values of the claim at this path which pass this test.
    Claim(&'w str, &'w ClaimTest),
    /// How a provider's settings read all of it, in words.
    As(&'w str),
}

/// What a rule asks of a claim. A list passes when one of its members does.
#[derive(Clone, Debug, PartialEq)]
pub enum ClaimTest {
    /// It is one of these texts, numbers or truth values.
    OneOf(Vec<Value>),
    /// It is a text that as a whole matches one of these.
    Matches(Vec<Wildcard>),
}

impl ClaimTest {
    /// Whether a value that is not a list passes.
    pub fn passes(&self, value: &Value) -> bool {
        match self {
            Self::OneOf(values) => values.iter().any(|one| is_same(one, value)),
            Self::Matches(wildcards) => {
                value.as_str().is_some_and(|text| wildcards.iter().any(|wildcard| wildcard.matches(text)))
            }
        }
    }
}

/// Whether two values are equal: a whole number may also be written as `5.0` or `5e0` (RFC 8259, 6).
fn is_same(one: &Value, value: &Value) -> bool {
    let is_number = value.is_f64() && one.is_number();
    one == value || is_number && one.as_f64() == value.as_f64()
}

impl Wanted<'_> {
    /// A different text for everything that can be wanted, for the fingerprint.
    pub(super) fn canonical(&self) -> String {
        match self {
            Self::Group(group) => format!("group {group}"),
            Self::Role(role) => format!("role {role}"),
            Self::Acr => "acr".to_owned(),
            Self::Amr(method) => format!("amr {method}"),
            Self::AuthTime => "auth_time".to_owned(),
            Self::Claim(path, test) => format!("claim {path} {test:?}"),
            Self::As(reading) => format!("as {reading}"),
        }
    }
}
