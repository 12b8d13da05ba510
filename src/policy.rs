//! Who may pass: [`Claims`] in, [`Granted`] or [`Denied`] out.
//!
//! A policy is judged on every request, on the claims the session carries; its verdict is never
//! stored. It knows nothing of requests and answers.

use serde::{Deserialize, Deserializer, de::Error};

use crate::claims::Claims;

/// One way to be admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// A member of this group, spelled exactly so.
    Group(String),
    /// The person with this email address, which the provider says is verified. Compared without
    /// regard to ASCII case, whole.
    Email(String),
}

/// Who, of those signed in, may pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    allow: Option<Vec<Selector>>,
}

/// Proof that a policy admitted these claims. Only [`Policy::judge`] makes one.
#[derive(Debug)]
pub struct Granted(());

/// The policy admits these claims in no way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied;

impl Policy {
    /// Admits everybody who is signed in.
    pub fn everyone() -> Self {
        Self { allow: None }
    }

    /// Admits those whom one of the selectors selects; an empty list admits nobody.
    pub fn allowing(selectors: Vec<Selector>) -> Self {
        Self { allow: Some(selectors) }
    }

    /// Judges the claims.
    ///
    /// # Errors
    /// [`Denied`] when no selector selects them.
    pub fn judge(&self, claims: &Claims) -> Result<Granted, Denied> {
        match &self.allow {
            None => Ok(Granted(())),
            Some(selectors) if selectors.iter().any(|selector| selector.selects(claims)) => Ok(Granted(())),
            Some(_) => Err(Denied),
        }
    }
}

impl Selector {
    fn selects(&self, claims: &Claims) -> bool {
        match self {
            Self::Group(group) => claims.groups().iter().any(|member| member == group),
            Self::Email(email) => claims.verified_email().is_some_and(|address| address.eq_ignore_ascii_case(email)),
        }
    }

    /// The group this selector names.
    pub fn named_group(&self) -> Option<&str> {
        match self {
            Self::Group(group) => Some(group),
            Self::Email(_) => None,
        }
    }
}

impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            group: Option<String>,
            email: Option<String>,
        }
        let written = Written::deserialize(deserializer)?;
        let selector = match (written.group, written.email) {
            (Some(group), None) if !group.is_empty() => Self::Group(group),
            (None, Some(email)) if is_address(&email) => Self::Email(email),
            (None, Some(email)) => return Err(D::Error::custom(format!("{email:?} is not an email address"))),
            (Some(_), None) => return Err(D::Error::custom("group is empty")),
            (None, None) => return Err(D::Error::custom("names nobody: write { group = \"…\" } or { email = \"…\" }")),
            (Some(_), Some(_)) => {
                return Err(D::Error::custom("names two things: write two selectors, each in braces of its own"));
            }
        };
        Ok(selector)
    }
}

/// Exactly one `@` with something on both sides, and nothing that is not visible ASCII.
fn is_address(email: &str) -> bool {
    let mut parts = email.split('@');
    let two =
        parts.next().is_some_and(|local| !local.is_empty()) && parts.next().is_some_and(|domain| !domain.is_empty());
    two && parts.next().is_none() && email.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::{Selection, tests::claims};

    fn judge(allow: Vec<Selector>, claims: &Claims) -> bool {
        Policy::allowing(allow).judge(claims).is_ok()
    }

    #[test]
    fn a_group_is_compared_whole_and_in_its_case() {
        let ada = claims(&Selection::new(["admins", "Admins", "admin"]), &["admins"], None);
        assert!(judge(vec![Selector::Group("admins".into())], &ada));
        for other in ["Admins", "admin", "adminss", ""] {
            assert!(!judge(vec![Selector::Group(other.into())], &ada), "{other}");
        }
    }

    #[test]
    fn an_email_counts_only_when_verified_and_whole() {
        let selection = Selection::default();
        let verified = claims(&selection, &[], Some(("ceo@example.com", true)));
        let unverified = claims(&selection, &[], Some(("ceo@example.com", false)));
        let allow = |email: &str| vec![Selector::Email(email.into())];
        assert!(judge(allow("CEO@example.com"), &verified));
        assert!(!judge(allow("ceo@example.com"), &unverified));
        for other in ["ceo@example.com.evil.test", "xceo@example.com", "ceo@example.co", "example.com"] {
            assert!(!judge(allow(other), &verified), "{other}");
        }
    }

    #[test]
    fn an_empty_list_admits_nobody() {
        assert!(!judge(vec![], &claims(&Selection::default(), &[], None)));
    }

    #[test]
    fn selectors_name_exactly_one_thing() {
        for text in [
            r#"{}"#,
            r#"{"group":""}"#,
            r#"{"group":"a","email":"a@b"}"#,
            r#"{"email":"a@b@c"}"#,
            r#"{"email":"@b"}"#,
            r#"{"email":"a b@c"}"#,
            r#"{"grup":"a"}"#,
            r#""admins""#,
        ] {
            assert!(serde_json::from_str::<Selector>(text).is_err(), "{text}");
        }
    }
}
