//! A request whose `Cookie` header was read before.

use std::{borrow::Cow, cell::Cell};

use portcullis::{
    edge::{Original, RequestHead},
    gate::{Decision, Gate},
    session::Held,
    time::Timestamp,
};

use super::world::Head;

/// The request, with what was read of its header.
pub struct Again<'h> {
    head: Head,
    held: Option<&'h Held>,
    rereads: Cell<bool>,
}

impl<'h> Again<'h> {
    pub fn new(head: Head, held: &'h Held) -> Self {
        Self { head, held: Some(held), rereads: Cell::new(false) }
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

    fn held(&self) -> Option<&Held> {
        self.held
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
        Self { head: self.head.of_original(original), held: None, rereads: Cell::default() }
    }
}

/// What becomes of a request, which must be the same for one whose `Cookie` header was read before.
pub fn decide(gate: &Gate, head: Head, now: Timestamp) -> Decision {
    let development = head.url().starts_with("http:");
    let decision = gate.decide(&head, now);
    if let Some(held) = head.header("cookie").and_then(|cookie| gate.hold(cookie, development)) {
        let again = Again::new(head, &held);
        assert_eq!(format!("{decision:?}"), format!("{:?}", gate.decide(&again, now)));
        assert!(!again.rereads.get(), "the header is read again");
    }
    decision
}
