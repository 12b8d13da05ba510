//! `/.auth/check`: a reverse proxy asks whether it may let a request pass (an auth sub-request).
//!
//! This is the one place where a header says which request is meant. It is believed only of a proxy that proves
//! itself, and only in the one family of headers that the settings name.

use std::rc::Rc;

use super::{Answer, Asked, Decision, Forward, Gate, Outcome, Rejection, Request, StrippedHeader, rejection};
use crate::{
    config::{Check, Headers, Proxy},
    edge::{Edge, Original, RequestHead},
    rules::PathError,
    session::CookieEdit,
};

/// The header that the proxy proves itself with.
const PROOF: &str = "portcullis-check";
/// Method, scheme, host, and path with query. Each is a header of its own: in a single address, a host that a client
/// made up could swallow the path.
type Family = [&'static str; 4];
/// nginx has no names of its own for them; these confuse no origin.
const OURS: Family = ["portcullis-method", "portcullis-proto", "portcullis-host", "portcullis-uri"];
/// What Caddy and Traefik send.
const FORWARDED: Family = ["x-forwarded-method", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-uri"];
/// The platform sets this one itself, on every request.
const PLATFORMS_OWN: &str = "x-forwarded-proto";

impl Gate {
    /// `GET /.auth/check`
    ///
    /// 1. The proxy proves itself. For anybody else there is nothing at this address (404).
    /// 2. It says which request it asks about, in its own headers alone (else 400).
    /// 3. It has no header left that the gate would remove on the way to an origin, unless the proxy sets or removes
    ///    that one itself (else 400).
    /// 4. The request is decided as if it had come here. A proxy may not let the gate's own addresses pass (403).
    /// 5. The proxy gets the answer in a form that it can use.
    pub(super) async fn check<E: Edge, H: RequestHead>(self: &Rc<Self>, request: &Request<'_, E, H>) -> Answer {
        // 1. Who asks.
        let Some(check) = self.config.check.as_ref().filter(|check| is_from_proxy(check, request.head)) else {
            return self.refuse(request, &Rejection::NotFound);
        };
        if request.head.method() != "GET" {
            return self.refuse(request, &Rejection::Method(super::Endpoint::Check.methods()));
        }
        // 2. What about.
        let host = request.visit.site().host;
        let original = match original(check.proxy, request.head) {
            Ok(original) => request.head.of_original(original),
            // A proxy that is not set up right should be told so.
            Err(rejection @ Rejection::SubRequest(_)) => return self.refuse(request, &rejection),
            Err(rejection) => return in_terms_of(check.proxy, self.refuse(request, &rejection), host),
        };
        // 3. Whose headers. The gate cannot remove them here; the proxy should have. Header names are ASCII (RFC
        //    9110, 5.1), and what a server makes of any other is anybody's guess.
        let names = request.head.names();
        if let Some(name) = names.into_iter().find(|name| {
            !name.is_ascii() || StrippedHeader::behind_a_proxy(&self.config.headers).any(|withheld| withheld.is(name))
        }) {
            return in_terms_of(check.proxy, self.refuse(request, &Rejection::ForgedIdentity(name)), host);
        }
        // 4. The verdict.
        let decision = match self.decide(&original, request.now) {
            Decision::Own(_, visit) | Decision::Refuse(Rejection::NotFound, visit) => {
                Decision::Refuse(Rejection::OwnPath, visit)
            }
            decision => decision,
        };
        // 5. The answer.
        let asked = Asked { edge: request.edge, head: &original, now: request.now, id: request.id.clone() };
        match self.conclude(asked, decision).await {
            Outcome::Forward(forward) => admitted(check.proxy, &forward, &original, &self.config.headers),
            Outcome::Answer(answer) => in_terms_of(check.proxy, answer, host),
        }
    }
}

fn is_from_proxy(check: &Check, head: &impl RequestHead) -> bool {
    head.header(PROOF).is_some_and(|presented| check.is_proven_by(&presented))
}

/// The request that the proxy asks about.
fn original(proxy: Proxy, head: &impl RequestHead) -> Result<Original, Rejection> {
    let (family, foreign) = match proxy {
        Proxy::Nginx => (OURS, FORWARDED),
        Proxy::Caddy | Proxy::Traefik => (FORWARDED, OURS),
    };
    if let Some(name) = foreign.into_iter().find(|name| *name != PLATFORMS_OWN && head.header(name).is_some()) {
        return Err(Rejection::SubRequest(name));
    }
    // Two header lines arrive joined by a comma and a space, and none of the four has a space in it.
    let one = |name: &'static str| {
        let is_one = |value: &String| !value.is_empty() && !value.contains(|c: char| c == ' ' || c.is_control());
        head.header(name).filter(is_one).ok_or(Rejection::SubRequest(name))
    };
    let [method, scheme, host, path] = family;
    let (method, scheme, host, path) = (one(method)?, one(scheme)?, one(host)?, one(path)?);
    if !method.bytes().all(|byte| byte.is_ascii_alphabetic() || b"-_".contains(&byte)) {
        return Err(Rejection::SubRequest(family[0]));
    }
    if !matches!(scheme.as_str(), "http" | "https") {
        return Err(Rejection::SubRequest(family[1]));
    }
    // The client chose these two. Once joined, neither may change what the other means.
    if !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte)) {
        return Err(Rejection::host(&host));
    }
    if !path.starts_with('/') {
        return Err(Rejection::Path(PathError::NotAbsolute));
    }
    let url = scheme + "://" + &host.to_ascii_lowercase() + &path;
    // Proxies drop `Upgrade` on the way, but keep the other headers of a WebSocket's handshake.
    let upgrade = ["upgrade", "sec-websocket-key", "sec-websocket-version"];
    let upgrade = upgrade.into_iter().find_map(|name| head.header(name));
    Ok(Original { method, url, upgrade })
}

/// Lets it pass: with the identity, and with the cookies and the `Authorization` that an origin gets, for the proxy
/// to put in place of the client's.
fn admitted(proxy: Proxy, forward: &Forward, original: &impl RequestHead, names: &Headers) -> Answer {
    let cookies = match &forward.cookies {
        CookieEdit::Keep => original.header("cookie"),
        CookieEdit::Remove => None,
        CookieEdit::Replace(cookies) => Some(cookies.to_string()),
    };
    let authorization = original.header("authorization").filter(|_| !forward.withholds_token());
    // Traefik copies headers only under their own names. Other proxies get names of ours, so that no server on the
    // way stumbles over request headers in an answer.
    let rest = match proxy {
        Proxy::Traefik => ["cookie", "authorization"],
        Proxy::Nginx | Proxy::Caddy => ["portcullis-cookie", "portcullis-authorization"],
    };
    let identity = forward.identity();
    let mut headers: Vec<_> = identity.iter().map(|(name, value)| (name.as_ref(), value.as_str())).collect();
    headers.extend(
        rest.into_iter().zip([&cookies, &authorization]).filter_map(|(name, value)| Some((name, value.as_deref()?))),
    );
    // Where a header that it is to copy is missing, Caddy before 2.8 writes the name of its variable instead. An
    // empty one it copies as it is.
    if proxy == Proxy::Caddy {
        for name in names.sent().chain(names.managed().split(',')).chain(rest) {
            if !headers.iter().any(|(present, _)| *present == name) {
                headers.push((name, ""));
            }
        }
    }
    headers.into_iter().fold(Answer::empty(202), |answer, (name, value)| answer.with(name.to_owned(), value))
}

/// The answer in a form that the proxy can use. Caddy and Traefik hand it to the client as it is. nginx knows 401 and
/// 403, and makes its own answer of them; anything else it turns into a 500. So a header tells it where a navigation
/// should go: to the login, or from plain HTTP to HTTPS.
fn in_terms_of(proxy: Proxy, answer: Answer, host: &str) -> Answer {
    if proxy != Proxy::Nginx || answer.status == 401 {
        return answer;
    }
    match (answer.status, answer.header("location")) {
        (302 | 308, Some(address)) => {
            Answer::empty(401).with("portcullis-login", address).with("www-authenticate", &rejection::challenge(host))
        }
        _ => Answer { status: 403, ..answer },
    }
}
