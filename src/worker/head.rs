//! The head of a request of the platform.

use std::borrow::Cow;

use js_sys::Reflect;
use wasm_bindgen::JsValue;
use web_sys::Request;

use crate::{
    edge::{Original, RequestHead},
    session::VerifiedCookies,
};

/// The head of a request: what most decisions need is read at once, the rest on demand.
pub(super) struct Head<'r> {
    request: &'r Request,
    lines: Lines,
    /// What the `Cookie` header holds, if it was read before; then it is not among the lines.
    verified: Option<&'r VerifiedCookies>,
    /// Whether this is the original that a proxy's sub-request describes.
    reported: bool,
    /// Whether it may have a `Destination` header: a request that the entry wrote lines for has none.
    may_lead: bool,
}

/// Method, address, `Upgrade`, `Origin` and `Cookie`, a line each: one text crosses the boundary at a fraction of
/// what five cost. The value of a header has a `=` in front; where the header is missing, the line is empty.
#[derive(Default)]
struct Lines {
    text: String,
    /// Where the second and all later lines begin.
    starts: [usize; 4],
}

impl<'r> Head<'r> {
    /// With the lines that the entry wrote, and what the `Cookie` header was found to hold. `None` if there are not
    /// five lines; then the entry asks [`respond`](super::respond), which reads the request itself.
    pub(super) fn read(request: &'r Request, lines: String, verified: Option<&'r VerifiedCookies>) -> Option<Self> {
        Some(Self { request, lines: Lines::read(lines)?, verified, reported: false, may_lead: false })
    }

    pub(super) fn of(request: &'r Request) -> Self {
        let header = |name| request.headers().get(name).ok().flatten();
        // The method is text, since the worker crate's own type turns unknown ones into GET.
        let headers = ["upgrade", "origin", "cookie"].map(header);
        let lines = Lines::write(&request.method(), &request.url(), headers.each_ref().map(Option::as_deref));
        Self { request, lines, verified: None, reported: false, may_lead: true }
    }

    fn cookies(&self) -> Option<&str> {
        self.verified.map(VerifiedCookies::header).or_else(|| self.lines.cookie())
    }
}

impl Lines {
    fn read(text: String) -> Option<Self> {
        let mut breaks = 0_usize;
        let mut starts = [0; 4];
        for (position, byte) in text.bytes().enumerate() {
            if byte == b'\n' {
                *starts.get_mut(breaks)? = position.saturating_add(1);
                breaks = breaks.saturating_add(1);
            }
        }
        (breaks == starts.len()).then_some(Self { starts, text })
    }

    /// There is no line break in a method or an address, nor in a header that the platform accepts; if there were
    /// one, the request would have no address, and be for none of the gate's hosts.
    fn write(method: &str, url: &str, headers: [Option<&str>; 3]) -> Self {
        let header = |value: Option<&str>| value.map(|value| format!("={value}")).unwrap_or_default();
        let [upgrade, origin, cookie] = headers.map(header);
        Self::read(format!("{method}\n{url}\n{upgrade}\n{origin}\n{cookie}")).unwrap_or_default()
    }

    fn method(&self) -> &str {
        self.line(0, self.starts[0])
    }

    fn url(&self) -> &str {
        self.line(self.starts[0], self.starts[1])
    }

    fn upgrade(&self) -> Option<&str> {
        self.line(self.starts[1], self.starts[2]).strip_prefix('=')
    }

    fn origin(&self) -> Option<&str> {
        self.line(self.starts[2], self.starts[3]).strip_prefix('=')
    }

    fn cookie(&self) -> Option<&str> {
        self.text.get(self.starts[3]..).and_then(|line| line.strip_prefix('='))
    }

    fn line(&self, start: usize, next: usize) -> &str {
        self.text.get(start..next.saturating_sub(1)).unwrap_or_default()
    }
}

impl RequestHead for Head<'_> {
    fn method(&self) -> &str {
        self.lines.method()
    }

    fn url(&self) -> &str {
        self.lines.url()
    }

    fn header(&self, name: &str) -> Option<String> {
        match name {
            "cookie" => self.cookies().map(str::to_owned),
            "upgrade" => self.lines.upgrade().map(str::to_owned),
            "origin" => self.lines.origin().map(str::to_owned),
            "destination" if !self.may_lead => None,
            _ => self.request.headers().get(name).ok().flatten(),
        }
    }

    fn cookie(&self) -> Option<Cow<'_, str>> {
        self.cookies().map(Cow::Borrowed)
    }

    fn verified_cookies(&self) -> Option<&VerifiedCookies> {
        self.verified
    }

    /// The platform sets this header itself, whatever the client sends.
    fn client_address(&self) -> Option<String> {
        self.header("cf-connecting-ip").filter(|_| !self.reported)
    }

    /// From what the platform attaches: the header is there only if the zone asks for it.
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
        let lines = Lines::write(&method, &url, [upgrade.as_deref(), self.lines.origin(), self.cookies()]);
        Self { request: self.request, lines, verified: None, reported: true, may_lead: self.may_lead }
    }
}
