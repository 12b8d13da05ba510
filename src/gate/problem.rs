//! What a program is told with a refusal: problem details, how to authenticate, and which pages may read it.

use super::{Answer, Visit};
use crate::json::Object;

/// Problem details (RFC 9457), with who is signed in and the address to sign in at, where they matter.
pub(super) fn problem(
    status: u16,
    code: &str,
    title: &str,
    detail: &str,
    request: &str,
    (person, login_url): (Option<&str>, Option<&str>),
) -> Answer {
    let problem = Object::default()
        .with("type", "about:blank")
        .with("title", title)
        .with("status", status)
        .with("code", code)
        .with("detail", detail)
        .with("request", request)
        .with_some("person", person)
        .with_some("login_url", login_url);
    Answer::json(status, "application/problem+json", problem)
}

/// The challenge that a 401 must carry (RFC 9110, 15.5.2): the scheme is the session cookie.
pub(super) fn challenge(host: &str) -> String {
    format!("Cookie realm=\"{host}\"")
}

/// Lets pages of an origin that the rule trusts read the answer (Fetch, 3.2.3): it says how to go on.
pub(super) fn readable(answer: Answer, visit: &Visit) -> Answer {
    let Some(origin) = &visit.reader else { return answer };
    answer
        .with("access-control-allow-origin", origin)
        .with("access-control-allow-credentials", "true")
        .with("access-control-expose-headers", "www-authenticate")
        .with("vary", "origin")
}
