//! [`Forward`]: what is done to a request and its answer on the way to and from the origin.
//!
//! Bodies are not its business: the adapter hands the platform's own objects through and makes
//! the edits that are listed here.

use std::{borrow::Cow, rc::Rc};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::admission::{Admitted, Identity};
use crate::{
    claims::Claims,
    config::{Fact, HeaderName, Headers},
    session::CookieEdit,
};

/// What is escaped in a header value, besides anything outside ASCII: control characters, and `%`, so that a reader
/// can decode every value in the same way.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

/// An admitted request, and the edits to make. Two equal ones are carried out alike.
#[derive(Debug, PartialEq, Eq)]
pub struct Forward {
    admitted: Admitted,
    /// The request's `Cookie` header.
    pub cookies: CookieEdit,
    assertion: Option<String>,
    names: Rc<Headers>,
}

/// Which caches may keep the origin's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cacheable {
    /// Those that the origin allows.
    AsTheOriginSays,
    /// The visitor's browser alone.
    Privately,
}

impl Forward {
    /// The edits for an admitted request, under these header names, with the assertion of who sent it where one is
    /// asked for.
    ///
    /// # Errors
    /// What it was given, if an assertion is asked for, somebody is admitted, and there is none of them.
    pub(super) fn new(
        admitted: Admitted,
        cookies: CookieEdit,
        names: &Rc<Headers>,
        assertion: Option<String>,
    ) -> Result<Self, (Admitted, CookieEdit)> {
        if assertion.is_none() && names.name(Fact::Assertion).is_some() && admitted.identity().claims().is_some() {
            return Err((admitted, cookies));
        }
        Ok(Self { admitted, cookies, assertion, names: Rc::clone(names) })
    }

    /// The identity headers to set, once every managed header that the client sent is removed.
    pub fn identity(&self) -> Vec<(HeaderName, String)> {
        let Some(claims) = self.admitted.identity().claims() else { return Vec::new() };
        let mut identity = identity(claims, &self.names);
        identity.extend(self.names.name(Fact::Assertion).cloned().zip(self.assertion.clone()));
        identity
    }

    /// Whether it goes on as somebody's, even where no header says whose.
    #[cfg(feature = "check")]
    pub fn is_somebodys(&self) -> bool {
        self.admitted.identity().claims().is_some()
    }

    /// Which caches may keep the answer.
    pub fn cacheable(&self) -> Cacheable {
        match self.admitted.identity() {
            Identity::Anyone | Identity::Preflight => Cacheable::AsTheOriginSays,
            Identity::Nobody | Identity::Person(_) | Identity::Machine(_) => Cacheable::Privately,
        }
    }

    /// Whether the answer goes on without its body. No browser looks at that of a preflight's (Fetch, 4.8), and a server
    /// that ignores the method sends the page itself, to somebody whom no rule admitted.
    pub fn withholds_body(&self) -> bool {
        matches!(self.admitted.identity(), Identity::Preflight)
    }

    /// Whether `Authorization` is removed: it held a token that was meant for the gate.
    pub fn withholds_token(&self) -> bool {
        self.admitted.withholds_token()
    }
}

fn identity(claims: &Claims, names: &Headers) -> Vec<(HeaderName, String)> {
    let facts = [
        (Fact::Subject, Some(claims.subject())),
        (Fact::Provider, Some(claims.provider())),
        // An address that nobody verified would let a person pass for another at the origin.
        (Fact::Email, claims.verified_email()),
        (Fact::Name, claims.name()),
    ];
    let mut headers = Vec::with_capacity(6);
    for (fact, value) in facts {
        if let (Some(name), Some(value)) = (names.name(fact), value) {
            headers.push((name.clone(), escape(value)));
        }
    }
    if let (Some(name), false) = (names.name(Fact::Groups), claims.groups().is_empty()) {
        headers.push((name.clone(), join_groups(claims.groups())));
    }
    headers
}

/// A space at either end would be cut off on the way, and make one value pass for another.
fn escape(value: &str) -> String {
    if is_plain(value) {
        return value.to_owned();
    }
    let inner = value.trim_matches(' ');
    let leading = value.len().saturating_sub(value.trim_start_matches(' ').len());
    let trailing = value.len().saturating_sub(inner.len()).saturating_sub(leading);
    format!("{}{}{}", "%20".repeat(leading), utf8_percent_encode(inner, ESCAPED), "%20".repeat(trailing))
}

fn join_groups(groups: &[String]) -> String {
    let mut joined = String::new();
    for (rank, group) in groups.iter().enumerate() {
        if rank > 0 {
            joined.push(',');
        }
        joined.push_str(&escape_group(group));
    }
    joined
}

fn escape_group(group: &str) -> Cow<'_, str> {
    if is_plain(group) && !group.contains(',') {
        return Cow::Borrowed(group);
    }
    Cow::Owned(escape(group).replace(',', "%2C"))
}

/// Whether a value needs no escaping: most need none, and looking is cheaper than encoding.
fn is_plain(value: &str) -> bool {
    let visible = value.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'%');
    visible && !value.starts_with(' ') && !value.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        claims::{Selection, tests::claims},
        config::headers,
    };

    #[test]
    fn values_outside_ascii_never_break_a_request() {
        for (value, expected) in [
            ("Ada", "Ada"),
            ("Ada Lovelace", "Ada Lovelace"),
            ("Zoë", "Zo%C3%AB"),
            ("a\r\nX: y", "a%0D%0AX: y"),
            ("100%", "100%25"),
            ("\u{7f}", "%7F"),
            (" admin ", "%20admin%20"),
            ("  ", "%20%20"),
            (" admin", "%20admin"),
            ("admin  ", "admin%20%20"),
        ] {
            assert_eq!(escape(value), expected);
        }
    }

    #[test]
    fn a_comma_within_a_group_is_no_separator() {
        let selection = Selection::new(["a,b", "c"]);
        let said = identity(&claims(&selection, &["a,b", "c"], Some(("ada@example.com", true))), &headers("{}"));
        let expected = [
            ("x-auth-subject", "ada-1"),
            ("x-auth-provider", "work"),
            ("x-auth-email", "ada@example.com"),
            ("x-auth-name", "Ada"),
            ("x-auth-groups", "a%2Cb,c"),
        ];
        let found: Vec<_> = said.iter().map(|(name, value)| (name.as_ref(), value.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn an_unverified_address_never_reaches_the_origin() {
        let claims = claims(&Selection::default(), &[], Some(("ceo@example.com", false)));
        for preset in ["x-auth", "x-forwarded", "remote"] {
            let said = identity(&claims, &headers(&format!("{{\"preset\":\"{preset}\"}}")));
            assert!(said.iter().all(|(_, value)| value != "ceo@example.com"), "{said:?}");
        }
    }
}
