//! The head of a platform's request.

use web_sys::Request;

use crate::edge::RequestHead;

/// What most decisions need is read; the rest is read on demand.
pub(super) struct Head<'r> {
    request: &'r Request,
    method: String,
    url: String,
    cookie: Option<String>,
    upgrade: Option<String>,
}

impl<'r> Head<'r> {
    /// `method` is text, since the crate's own type turns unknown methods into GET.
    pub(super) fn read(
        request: &'r Request,
        method: String,
        url: String,
        cookie: Option<String>,
        upgrade: Option<String>,
    ) -> Self {
        Self { request, method, url, cookie, upgrade }
    }

    pub(super) fn of(request: &'r Request) -> Self {
        let header = |name| request.headers().get(name).ok().flatten();
        Self::read(request, request.method(), request.url(), header("cookie"), header("upgrade"))
    }
}

impl RequestHead for Head<'_> {
    fn method(&self) -> &str {
        &self.method
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn header(&self, name: &str) -> Option<String> {
        match name {
            "cookie" => self.cookie.clone(),
            "upgrade" => self.upgrade.clone(),
            _ => self.request.headers().get(name).ok().flatten(),
        }
    }
}
