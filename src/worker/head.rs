//! The head of a platform's request.

use web_sys::{Headers, Request};

use crate::edge::RequestHead;

/// Reads on demand. The headers' handle is fetched once, since fetching it costs more than reading
/// a header does.
pub(super) struct Head {
    request: Request,
    headers: Headers,
}

impl Head {
    pub(super) fn of(request: &Request) -> Self {
        Self { request: Clone::clone(request), headers: request.headers() }
    }
}

impl RequestHead for Head {
    /// The method as text: the crate's own type turns unknown methods into GET.
    fn method(&self) -> String {
        self.request.method()
    }

    fn url(&self) -> String {
        self.request.url()
    }

    fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).ok().flatten()
    }
}
