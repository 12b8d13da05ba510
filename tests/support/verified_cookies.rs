//! A request whose `Cookie` header was read before.

use std::{borrow::Cow, cell::Cell};

use portcullis::{
    edge::{Original, RequestHead},
    gate::{Decision, Gate},
    session::VerifiedCookies,
    time::Timestamp,
};

use super::world::Head;

/// The request, with what was read of its header.
pub struct Again<'h> {
    head: Head,
    verified: Option<&'h VerifiedCookies>,
    rereads: Cell<bool>,
}

impl<'h> Again<'h> {
    pub fn new(head: Head, verified: &'h VerifiedCookies) -> Self {
        Self { head, verified: Some(verified), rereads: Cell::new(false) }
    }

    /// Whether the header was read after all.
    pub fn is_reread(&self) -> bool {
        self.rereads.get()
    }
}

impl RequestHead for Again<'_> {
    fn method(&self) -> &str {
        self.head.method()
    }

    fn url(&self) -> &str {
        self.head.url()
    }

    fn header(&self, name: &str) -> Option<String> {
        self.head.header(name)
    }

    fn cookie(&self) -> Option<Cow<'_, str>> {
        self.rereads.set(true);
        self.head.cookie()
    }

    fn verified_cookies(&self) -> Option<&VerifiedCookies> {
        self.verified
    }

    fn client_address(&self) -> Option<String> {
        self.head.client_address()
    }

    fn country(&self) -> Option<String> {
        self.head.country()
    }

    fn names(&self) -> Vec<String> {
        self.head.names()
    }

    fn of_original(&self, original: Original) -> Self {
        Self { head: self.head.of_original(original), verified: None, rereads: Cell::default() }
    }
}

/// What becomes of a request, which must be the same for one whose `Cookie` header was read before.
pub fn decide(gate: &Gate, head: Head, now: Timestamp) -> Decision {
    let development = head.url().starts_with("http:");
    let decision = gate.decide(&head, now);
    if let Some(verified) = head.header("cookie").and_then(|cookie| gate.verify_cookies(cookie, development)) {
        let again = Again::new(head, &verified);
        assert_eq!(format!("{decision:?}"), format!("{:?}", gate.decide(&again, now)));
        assert!(!again.is_reread(), "the header is read again");
    }
    decision
}
