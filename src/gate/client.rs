//! `/.auth/client.js`, and `/.auth/signed-in`, where the pop-up that it opens ends.

use url::form_urlencoded;

use super::{Answer, Gate, Request};
use crate::{
    edge::{Edge, RequestHead},
    pages::{Page, client::Client},
};

/// How long a browser uses the script before it asks again: a deployment has arrived everywhere an hour later.
const FOR_AN_HOUR: &str = "public, max-age=3600";
/// At an address that names the present version, the script never changes (RFC 8246).
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// At an address that names another version: a deployment is under way, so the browser asks each time.
const NOT_UNASKED: &str = "public, no-cache";

impl Gate {
    /// `GET /.auth/client.js[?v=…]`: the same for everybody, so any cache may keep it.
    pub(super) fn client_script<E: Edge, H: RequestHead>(&self, request: &Request<'_, E, H>) -> Answer {
        let Client { script, version } = Client::new(&self.config.prefix);
        let query = request.visit.query.as_deref().unwrap_or_default();
        let wanted = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "v");
        let keep = match wanted {
            Some((_, wanted)) if wanted == version => FOR_EVER,
            Some(_) => NOT_UNASKED,
            None => FOR_AN_HOUR,
        };
        let tag = ["\"", &version, "\""].concat();
        let known = request.head.header("if-none-match").is_some_and(|tags| names(&tags, &tag));
        let answer = if known { Answer::empty(304) } else { Answer::script(&script) };
        answer.with_instead("cache-control", keep).with("etag", &tag)
    }

    /// `GET /.auth/signed-in`: ends the pop-up. Whoever opens it without a session gets the page after a logout.
    pub(super) fn signed_in<E: Edge, H: RequestHead>(&self, request: &Request<'_, E, H>) -> Answer {
        match self.session(request.head, request.visit.site(), request.now) {
            Some(_) => self.page(request, 200, &Page::SignedIn),
            None => self.signed_out(request),
        }
    }
}

/// Whether `If-None-Match` names the tag, by weak comparison (RFC 9110, 13.1.2). Our tag has no comma in it.
fn names(tags: &str, tag: &str) -> bool {
    tags.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9110_13_1_2_tags_are_compared_weakly() {
        for tags in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "\"b\",W/\"a\" ", "*"] {
            assert!(names(tags, "\"a\""), "{tags}");
        }
        for tags in ["", "a", "\"b\"", "\"a", "\"aa\"", "w/\"a\"", "W/W/\"a\""] {
            assert!(!names(tags, "\"a\""), "{tags}");
        }
    }
}
