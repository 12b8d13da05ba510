//! What a program reads of a no: problem details, what to authenticate with, and which pages may see it.

use super::{Answer, Visit};

/// Problem details (RFC 9457).
pub(super) fn problem(
    status: u16,
    code: &str,
    title: &str,
    detail: &str,
    request: &str,
    login_url: Option<&str>,
) -> Answer {
    let mut problem = serde_json::json!({ "type": "about:blank", "title": title, "status": status, "code": code, "detail": detail, "request": request });
    if let (Some(members), Some(url)) = (problem.as_object_mut(), login_url) {
        members.insert("login_url".to_owned(), url.into());
    }
    Answer::json(status, "application/problem+json", &problem)
}

/// The challenge that a 401 must carry (RFC 9110, 15.5.2): the scheme is the session cookie.
pub(super) fn challenge(host: &str) -> String {
    format!("Cookie realm=\"{host}\"")
}

/// Pages of an origin that the rule trusts may read the answer (Fetch, 3.2.3): it says how to go on.
pub(super) fn readable(answer: Answer, visit: &Visit) -> Answer {
    let Some(origin) = &visit.reader else { return answer };
    answer
        .with("access-control-allow-origin", origin)
        .with("access-control-allow-credentials", "true")
        .with("access-control-expose-headers", "www-authenticate")
        .with("vary", "origin")
}
