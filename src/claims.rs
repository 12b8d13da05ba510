//! [`Claims`]: what is known of a person; [`Selection`]: which of it a session keeps.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The longest email address kept: RFC 5321, 4.5.3.1 allows 64 + 1 + 255 octets.
const EMAIL_BYTES: usize = 320;
/// The longest display name kept. It is for showing, never for deciding, so a longer one is left
/// out and does not keep anybody from signing in.
const NAME_BYTES: usize = 256;

/// Which claims the settings ask for.
///
/// A person in 500 groups has a small session all the same: groups that no rule names are not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    groups: BTreeSet<String>,
    fingerprint: String,
}

/// What is known of a person, limited to a [`Selection`].
///
/// Claims come from an ID token whose checks are done, or from a session cookie whose signature
/// was checked; there is no other way to make them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    #[serde(rename = "sub")]
    subject: String,
    #[serde(rename = "idp")]
    provider: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(rename = "ev", default)]
    email_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
}

/// What a provider said of a person, before the selection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assertion {
    pub(crate) email: Option<String>,
    pub(crate) email_verified: bool,
    pub(crate) name: Option<String>,
    pub(crate) groups: Vec<String>,
}

impl Selection {
    /// The selection that keeps these groups.
    pub fn new<'g>(groups: impl IntoIterator<Item = &'g str>) -> Self {
        let groups: BTreeSet<String> = groups.into_iter().map(str::to_owned).collect();
        let mut digest = Sha256::new_with_prefix("portcullis selection v1");
        for group in &groups {
            // The length in front keeps ["ab"] and ["a", "b"] apart.
            digest.update((group.len() as u64).to_be_bytes());
            digest.update(group);
        }
        let digest = digest.finalize();
        Self { groups, fingerprint: URL_SAFE_NO_PAD.encode(digest.get(..6).unwrap_or_default()) }
    }

    /// Changes whenever the selection does. A session with another one is renewed by a login
    /// instead of being judged on claims it never kept.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

impl Claims {
    /// Keeps of `said` what `selection` asks for. The caller has the ID token's word for
    /// `subject`: see [`IdToken::claims`](crate::oidc::IdToken::claims).
    pub(crate) fn select(provider: &str, subject: &str, said: Assertion, selection: &Selection) -> Self {
        let members: BTreeSet<String> =
            said.groups.into_iter().filter(|group| selection.groups.contains(group)).collect();
        let email = said.email.filter(|email| email.len() <= EMAIL_BYTES && !email.is_empty());
        Self {
            subject: subject.to_owned(),
            provider: provider.to_owned(),
            email_verified: said.email_verified && email.is_some(),
            email,
            name: said.name.filter(|name| name.len() <= NAME_BYTES && !name.is_empty()),
            groups: members.into_iter().collect(),
        }
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

    /// The email address, for showing and for the origin; verified or not.
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
        &self.groups
    }

    /// What to call the person on a page.
    pub fn shown_as(&self) -> &str {
        self.email().or(self.name()).unwrap_or(&self.subject)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Claims as a login would select them.
    pub(crate) fn claims(selection: &Selection, groups: &[&str], email: Option<(&str, bool)>) -> Claims {
        let said = Assertion {
            email: email.map(|(email, _)| email.to_owned()),
            email_verified: email.is_some_and(|(_, verified)| verified),
            name: Some("Ada".to_owned()),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        };
        Claims::select("work", "ada-1", said, selection)
    }

    #[test]
    fn only_groups_that_a_rule_names_are_kept() {
        let selection = Selection::new(["admins", "staff"]);
        let kept = claims(&selection, &["x", "staff", "y", "staff"], None);
        assert_eq!(kept.groups(), ["staff"]);
    }

    #[test]
    fn the_fingerprint_follows_the_selection_and_not_its_order() {
        let print = |groups: &[&str]| Selection::new(groups.iter().copied()).fingerprint().to_owned();
        assert_eq!(print(&["a", "b"]), print(&["b", "a", "a"]));
        let different = [print(&[]), print(&["ab"]), print(&["a", "b"]), print(&["a"])];
        for (rank, one) in different.iter().enumerate() {
            assert!(!different.iter().skip(rank + 1).any(|other| other == one));
        }
    }

    #[test]
    fn oversized_values_for_showing_are_left_out() {
        let said = Assertion {
            email: Some("a".repeat(321)),
            email_verified: true,
            name: Some("n".repeat(257)),
            groups: vec![],
        };
        let kept = Claims::select("work", "ada-1", said, &Selection::default());
        assert_eq!((kept.email(), kept.verified_email(), kept.name()), (None, None, None));
        assert_eq!(kept.shown_as(), "ada-1");
    }
}
