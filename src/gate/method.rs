//! The method of a request: the one that is judged, and those that an origin could take it for.

use crate::edge::RequestHead;

/// Headers that make some origins treat a request as if it had another method. A request with one of them is refused
/// where a rule turns on the method, and counts as a write where it comes from another site's page. A spelling that
/// only such an origin would read as one of them (`_` for `-`, RFC 3875, 4.1.18) has no honest use.
pub const METHOD_HEADERS: [&str; 4] =
    ["x-http-method-override", "x-http-method", "x-method-override", "x-original-method"];

/// The method that a CORS preflight asks for (Fetch, 3.2.2).
pub(super) fn preflight_for(head: &impl RequestHead) -> Option<String> {
    let preflight = head.method() == "OPTIONS" && head.header("origin").is_some();
    preflight.then(|| head.header("access-control-request-method")).flatten()
}

/// Whether the method must not be passed on, whatever the rules say. With `Upgrade` the platform turns every method
/// into GET, the one of a WebSocket's handshake (RFC 6455, 4.1): the origin would do what nobody judged. And an
/// answer to TRACE repeats the request, with all that the gate added for the origin alone (RFC 9110, 9.3.8).
pub(super) fn has_unpassable_method(head: &impl RequestHead) -> bool {
    let method = head.method();
    let echoes = ["TRACE", "TRACK"].into_iter().any(|echo| method.eq_ignore_ascii_case(echo));
    echoes || method != "GET" && head.header("upgrade").is_some()
}

/// Whether an origin could see another method than the rules do: by a header that frameworks listen to, or by
/// ignoring case.
pub(super) fn has_doubtful_method(head: &impl RequestHead) -> bool {
    head.method().bytes().any(|byte| byte.is_ascii_lowercase()) || overrides_method(head)
}

/// Whether a request has one of [`METHOD_HEADERS`].
pub(super) fn overrides_method(head: &impl RequestHead) -> bool {
    METHOD_HEADERS.into_iter().any(|name| head.header(name).is_some())
}
