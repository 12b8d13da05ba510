//! [`SameOrigin`]: whoever a cookie belongs to, where no other site's page uses it to change something.

use super::{
    method::overrides_method,
    rule_match::RuledRequest,
    visit::{Address, is_passed_on_as_own},
};
use crate::{claims::Claims, config::Site, edge::RequestHead};

/// Whoever a cookie belongs to, of a request that only reads or that no other site's page sent. Only
/// [`SameOrigin::check`] makes one.
pub(super) struct SameOrigin<W>(W);

impl<W> SameOrigin<W> {
    /// Lets `who` pass on, if the request is not another site's doing.
    ///
    /// A browser sends our cookie along with a WebSocket that any site opens, and with a form that a page on a
    /// sibling host posts. So what is not a plain read must say it comes from us, or from one of the `trusted`
    /// origins.
    pub(super) fn check<H: RequestHead>(who: W, ruled: &RuledRequest<'_, '_, H>) -> Option<Self> {
        let (head, site, trusted) = (ruled.arrival().head(), ruled.arrival().site(), ruled.rules().trusted());
        let read = matches!(head.method(), "GET" | "HEAD" | "OPTIONS");
        let foreign = || head.header("origin").is_some_and(|origin| origin != site.address);
        if read && head.header("upgrade").is_none() && !(foreign() && overrides_method(head)) {
            return Some(Self(who));
        }
        let is_trusted = || match is_passed_on_as_own(head) {
            true => is_referred_by(head, |origin| trusted.iter().any(|one| one == origin)),
            false => allowed_origin(head, trusted).is_some(),
        };
        (is_same_origin(head, site) || is_trusted()).then_some(Self(who))
    }

    /// Who asks.
    pub(super) fn who(self) -> W {
        self.0
    }
}

impl<W: AsRef<Claims>> AsRef<Claims> for SameOrigin<W> {
    fn as_ref(&self) -> &Claims {
        self.0.as_ref()
    }
}

/// Whether a request says it was sent by a page of `site` itself. `Sec-Fetch-Site` decides where there is one: no
/// page can set it. `Origin` is `null` on a form of a page that sends no referrer; any other origin than ours is a
/// contradiction. In Firefox, a request that the site's service worker passes on says in both headers that it is
/// ours, whoever sent it; there the `Referer` decides, which no page can set either.
pub(super) fn is_same_origin(head: &impl RequestHead, site: Site<'_>) -> bool {
    let origin = head.header("origin");
    match head.header("sec-fetch-site") {
        Some(relation) => {
            relation == "same-origin"
                && origin.is_none_or(|origin| origin == "null" || origin == site.address)
                && (!is_passed_on_as_own(head) || is_referred_by(head, |origin| origin == site.address))
        }
        None => origin.is_some_and(|origin| origin == site.address),
    }
}

/// Whether the page that sent a request has such an origin.
fn is_referred_by(head: &impl RequestHead, is_such: impl Fn(&str) -> bool) -> bool {
    head.header("referer").is_some_and(|page| Address::split(&page).is_some_and(|address| is_such(address.base)))
}

/// The origin of the page that sent a request, if it is one of the `trusted`.
pub(super) fn allowed_origin(head: &impl RequestHead, trusted: &[String]) -> Option<String> {
    if trusted.is_empty() {
        return None;
    }
    head.header("origin").filter(|origin| trusted.contains(origin))
}
