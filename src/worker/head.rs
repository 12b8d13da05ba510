//! The head of a platform's request.

use std::borrow::Cow;

use js_sys::Reflect;
use wasm_bindgen::JsValue;
use web_sys::Request;

use crate::edge::{Original, RequestHead};

/// What most decisions need is read; the rest is read on demand.
pub(super) struct Head<'r> {
    request: &'r Request,
    method: String,
    url: String,
    cookie: Option<String>,
    upgrade: Option<String>,
    /// Whether the request asks about this one, and is not it.
    reported: bool,
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
        Self { request, method, url, cookie, upgrade, reported: false }
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

    fn cookie(&self) -> Option<Cow<'_, str>> {
        self.cookie.as_deref().map(Cow::Borrowed)
    }

    /// The platform sets this header itself, whatever the client sends.
    fn client_address(&self) -> Option<String> {
        self.header("cf-connecting-ip").filter(|_| !self.reported)
    }

    /// From what the platform attaches, since its header is there only where the zone asks for it.
    fn country(&self) -> Option<String> {
        if self.reported {
            return None;
        }
        let cf = Reflect::get(self.request, &"cf".into()).ok().filter(JsValue::is_object)?;
        Reflect::get(&cf, &"country".into()).ok()?.as_string()
    }

    fn names(&self) -> Vec<String> {
        let names = self.request.headers().keys();
        names.into_iter().filter_map(|name| name.ok()?.as_string()).collect()
    }

    fn of_original(&self, original: Original) -> Self {
        let Original { method, url, upgrade } = original;
        Self { request: self.request, method, url, cookie: self.cookie.clone(), upgrade, reported: true }
    }
}
