//! [`Visit`]: where a request came to; [`RequestKind`]: what kind of answer its sender can use.

use crate::{config::Site, edge::RequestHead, session::CookieNames};

/// Where a request came to: a configured site, a path, a query.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The address of the site, which includes its host.
    base: String,
    development: bool,
    /// The path, as it was sent.
    pub path: String,
    /// The query, without its `?`.
    pub query: Option<String>,
    /// Another origin whose pages may read what the gate answers here (CORS).
    pub reader: Option<String>,
    /// Whether access tokens count here, so that a 401 offers `Bearer` too.
    pub takes_bearer: bool,
}

/// What kind of answer the sender of a request can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// A person who opened a page in a tab: the tab can be sent elsewhere.
    Navigation,
    /// A person who looks at a frame or sent a form: a page, but not a redirect.
    Framed,
    /// A script, an image, a WebSocket, an API client: a status and JSON.
    Script,
}

/// The parts of an address, as a URL parser writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address<'u> {
    /// `scheme://host[:port]`
    pub(super) base: &'u str,
    pub(super) path: &'u str,
    pub(super) query: Option<&'u str>,
}

impl<'u> Address<'u> {
    /// Splits `scheme://host[:port]/path[?query]`. There is no fragment in a request; a `#` that is sent all the same
    /// stays part of the path, since it would be forwarded too.
    pub(super) fn split(url: &'u str) -> Option<Self> {
        let (_, rest) = cut(url, |byte| byte == b':');
        let [b':', b'/', b'/', ..] = rest.as_bytes() else { return None };
        let (_, rest) = cut(rest.get(3..)?, |byte| matches!(byte, b'/' | b'?' | b'#' | b'\\'));
        let base = url.get(..url.len().checked_sub(rest.len())?)?;
        let (path, query) = cut(rest, |byte| byte == b'?');
        Some(Self { base, path: if path.is_empty() { "/" } else { path }, query: query.strip_prefix('?') })
    }
}

/// `text` up to the first byte that ends it, which is ASCII, and the rest.
fn cut(text: &str, ends: impl Fn(u8) -> bool) -> (&str, &str) {
    text.bytes().position(ends).and_then(|end| text.split_at_checked(end)).unwrap_or((text, ""))
}

/// Path and query of an address, as written in it.
pub fn path_and_query(url: &str) -> &str {
    Address::split(url).and_then(|address| url.strip_prefix(address.base)).unwrap_or("/")
}

/// Scheme and host (with its port) of an address, as written in it.
pub fn scheme_and_host(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = Address::split(url)?.base.split_once(':')?;
    Some((scheme, rest.strip_prefix("//")?))
}

impl Visit {
    pub(super) fn new(site: Site<'_>, address: Address<'_>) -> Self {
        Self {
            base: site.address.to_owned(),
            development: site.development,
            path: address.path.to_owned(),
            query: address.query.map(str::to_owned),
            reader: None,
            takes_bearer: false,
        }
    }

    /// The same, with answers that pages of `origin` may read.
    pub(super) fn readable_by(self, origin: Option<String>) -> Self {
        Self { reader: origin, ..self }
    }

    /// The site.
    pub fn site(&self) -> Site<'_> {
        let host = scheme_and_host(&self.base).map_or("", |(_, host)| host);
        Site { address: &self.base, host, development: self.development }
    }

    /// The names of the gate's cookies here.
    pub fn cookie_names(&self) -> CookieNames {
        CookieNames::new(self.development)
    }

    /// The whole address.
    pub(super) fn address(&self) -> String {
        let query = self.query.as_deref().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{}{query}", self.base, self.path)
    }

    /// The whole address over HTTPS.
    pub(super) fn secure_address(&self) -> String {
        self.address().replacen("http://", "https://", 1)
    }
}

impl RequestKind {
    /// The kind of request, by Fetch metadata where there are any, else by `Accept`. This chooses the form of an
    /// answer, never the verdict.
    pub fn of(head: &impl RequestHead) -> Self {
        let read = matches!(head.method(), "GET" | "HEAD");
        let Some(mode) = head.header("sec-fetch-mode") else {
            let page = head.header("accept").is_some_and(|accept| accept.contains("text/html"));
            return match (page, read) {
                (true, true) if head.header("upgrade").is_none() && !is_prefetch(head) => Self::Navigation,
                (true, false) if is_form(head) => Self::Framed,
                _ => Self::Script,
            };
        };
        if is_passed_on(head, &mode) {
            return match read {
                true if !is_prefetch(head) => Self::Navigation,
                true => Self::Script,
                false => Self::Framed,
            };
        }
        if mode != "navigate" {
            return Self::Script;
        }
        match head.header("sec-fetch-dest").as_deref() {
            Some("document") if read && !is_prefetch(head) => Self::Navigation,
            Some("document") if read => Self::Script,
            Some("document" | "iframe" | "frame" | "embed" | "object" | "fencedframe") => Self::Framed,
            _ => Self::Script,
        }
    }
}

/// A page that the site's service worker requests for the browser, by `fetch(event.request)`; its destination is then
/// `empty`. Scripts can make a navigation request in no other way; one for a frame looks the same.
fn is_passed_on(head: &impl RequestHead, mode: &str) -> bool {
    let empty = || head.header("sec-fetch-dest").is_some_and(|destination| destination == "empty");
    let page = || head.header("accept").is_some_and(|accept| accept.contains("text/html"));
    (mode == "navigate" && empty() && page()) || (is_passed_on_as_own(head) && page())
}

/// The same in Firefox, where the request looks like the worker's own in everything but its `Referer`.
pub(super) fn is_passed_on_as_own(head: &impl RequestHead) -> bool {
    [
        ("sec-fetch-mode", "same-origin"),
        ("sec-fetch-dest", "empty"),
        ("sec-fetch-site", "same-origin"),
        ("upgrade-insecure-requests", "1"),
    ]
    .into_iter()
    .all(|(name, wanted)| head.header(name).is_some_and(|value| value == wanted))
}

fn is_form(head: &impl RequestHead) -> bool {
    head.header("content-type").is_some_and(|kind| {
        kind.starts_with("application/x-www-form-urlencoded") || kind.starts_with("multipart/form-data")
    })
}

/// A page that is fetched before anybody asked for it starts no login.
fn is_prefetch(head: &impl RequestHead) -> bool {
    ["sec-purpose", "purpose", "x-moz"]
        .into_iter()
        .filter_map(|name| head.header(name))
        .any(|value| value.contains("prefetch") || value.contains("prerender"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split_as_they_are_written() {
        let rows = [
            ("https://a.example/", ("https://a.example", "/", None)),
            ("https://a.example", ("https://a.example", "/", None)),
            ("https://a.example?x", ("https://a.example", "/", Some("x"))),
            ("http://localhost:1/a//b?c?d", ("http://localhost:1", "/a//b", Some("c?d"))),
            ("http://a.example/b#/c", ("http://a.example", "/b#/c", None)),
            ("https://[::1]:2/%2F?", ("https://[::1]:2", "/%2F", Some(""))),
            ("https://a.example\\b@c.example/d", ("https://a.example", "\\b@c.example/d", None)),
            ("https://a.example#b@c.example/d", ("https://a.example", "#b@c.example/d", None)),
            ("https://a.example//b.example/c", ("https://a.example", "//b.example/c", None)),
        ];
        for (url, (base, path, query)) in rows {
            assert_eq!(Address::split(url), Some(Address { base, path, query }), "{url}");
        }
        assert_eq!(Address::split("/a"), None);
    }
}
