//! [`Answer`]: what the gate says itself. It is never taken for another media type, its address never reaches another
//! site as a referrer, and no cache keeps it but for the client script and the public keys of the assertion.

use std::borrow::Cow;

use crate::{
    json::{self, Object},
    pages::Document,
};

/// One of the gate's own answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, lower case; `set-cookie` may be there several times.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// The body; empty for redirects.
    pub body: String,
}

impl Answer {
    fn new(status: u16, body: String) -> Self {
        let headers = [
            ("cache-control", "no-store"),
            // The callback's address holds a code, and a page's address may be confidential.
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
        ];
        Self { status, headers: headers.map(|(name, value)| (name.into(), value.to_owned())).to_vec(), body }
    }

    /// Plain text.
    pub fn text(status: u16, text: &str) -> Self {
        Self::new(status, text.to_owned()).with("content-type", "text/plain; charset=utf-8")
    }

    /// A script.
    pub fn script(text: &str) -> Self {
        Self::new(200, text.to_owned()).with("content-type", "text/javascript; charset=utf-8")
    }

    /// A status alone.
    pub fn empty(status: u16) -> Self {
        Self::new(status, String::new())
    }

    /// JSON with this media type.
    pub(crate) fn json(status: u16, kind: &str, object: Object) -> Self {
        let mut text = json::write(&object.into());
        text.push('\n');
        Self::new(status, text).with("content-type", kind)
    }

    /// A page, with its own content security policy.
    pub fn page(status: u16, document: &Document) -> Self {
        let framing = if document.frameable { "SAMEORIGIN" } else { "DENY" };
        Self::new(status, document.html.clone())
            .with("content-type", "text/html; charset=utf-8")
            .with("content-security-policy", &document.policy)
            .with("x-frame-options", framing)
    }

    /// A redirect to an absolute address.
    pub fn redirect(status: u16, address: &str) -> Self {
        Self::new(status, String::new()).with("location", address)
    }

    /// With this value in place of the header's present one.
    #[must_use]
    pub fn with_instead(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(header, _)| *header != name);
        self.with(name, value)
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: &str) -> Self {
        self.headers.push((name.into(), value.to_owned()));
        self
    }

    /// With these `Set-Cookie` lines.
    #[must_use]
    pub fn with_cookies(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.headers.extend(lines.into_iter().map(|line| ("set-cookie".into(), line)));
        self
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value.as_str())
    }
}
