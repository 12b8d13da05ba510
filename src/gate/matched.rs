//! [`Matched`]: the rules that a request is about, and what could make an origin take it for a request about another.

use std::{borrow::Cow, rc::Rc};

use super::{Gate, withheld::overrides_method};
use crate::{
    config::{Access, Rule, Site, Taken},
    edge::RequestHead,
    rules::{Ambiguous, RequestPath, Target},
    time::Timestamp,
};

/// The rules that decide a request.
#[derive(Clone, Debug)]
pub(super) struct Matched<'g> {
    pub(super) rank: Option<usize>,
    pub(super) rule: &'g Rule,
    /// The ranks of the rules that may mean what is at the path as well, where `rule` decides because a page of its
    /// own may be served there. Only the origin knows which of them it is, so all have to admit.
    pub(super) beside: Vec<usize>,
    /// It is a preflight that the rules let pass.
    pub(super) preflight: bool,
}

impl<'g> Matched<'g> {
    /// The origins whose pages are trusted: where several rules have to admit, ours alone.
    pub(super) fn trusted(&self) -> &'g [String] {
        if self.beside.is_empty() { &self.rule.origins } else { &[] }
    }
}

impl Gate {
    /// The rules of a request: a preflight asks on behalf of the method that it names.
    pub(super) fn matched(
        &self,
        path: &RequestPath<'_>,
        head: &impl RequestHead,
        site: Site<'_>,
    ) -> Result<Matched<'_>, Ambiguous> {
        if let Some(method) = preflight_for(head) {
            let matched = self.matched_for(path, &method, site)?;
            if matched.rule.preflight && self.beside(&matched).all(|beside| beside.preflight) {
                return Ok(Matched { preflight: true, ..matched });
            }
        }
        self.matched_for(path, head.method(), site)
    }

    /// The rules of a request of this method.
    pub(super) fn matched_for(
        &self,
        path: &RequestPath<'_>,
        method: &str,
        site: Site<'_>,
    ) -> Result<Matched<'_>, Ambiguous> {
        let (matcher, target) = (self.config.matcher(), Target { host: site.host, method });
        let rank = matcher.first_match(path, target)?;
        let beside = matcher.beside(path, target, rank)?;
        Ok(Matched { rank, rule: self.config.rule(rank), beside, preflight: false })
    }

    /// The rules beside the one that was chosen.
    pub(super) fn beside(&self, matched: &Matched<'_>) -> impl Iterator<Item = &Rule> {
        matched.beside.iter().map(|rank| self.config.rule(Some(*rank)))
    }

    /// What the rules of a request ask for now: the one, and those beside it as well.
    pub(super) fn asked<'g>(&'g self, matched: &Matched<'g>, now: Timestamp) -> Cow<'g, Access> {
        let own = Cow::Borrowed(self.access(matched.rule, now));
        self.beside(matched).fold(own, |asked, beside| match (asked.as_ref(), self.access(beside, now)) {
            (Access::SignedIn(one), Access::SignedIn(other)) => Cow::Owned(Access::SignedIn(one.and(other))),
            (Access::SignedIn(_), _) => asked,
            (_, other) => Cow::Borrowed(other),
        })
    }

    /// The tokens that count: where several rules have to admit, only if each takes the same ones.
    pub(super) fn taken<'g>(&'g self, matched: &Matched<'g>) -> Option<&'g Rc<Taken>> {
        let taken = matched.rule.tokens.as_ref()?;
        let is_like = |beside: &Rule| beside.tokens.as_ref().is_some_and(|other| other.is_like(taken));
        self.beside(matched).all(is_like).then_some(taken)
    }

    /// Whether it would copy or move something to where other rules decide than those of the request: WebDAV
    /// names a second path in a header (RFC 4918, 10.3).
    pub(super) fn leads_elsewhere(&self, head: &impl RequestHead, site: Site<'_>, here: &Matched<'_>) -> bool {
        let Some(destination) = head.header("destination") else { return false };
        let moves = ["COPY", "MOVE"].into_iter().any(|method| head.method().eq_ignore_ascii_case(method));
        if !moves && !overrides_method(head) {
            return false;
        }
        let path = path_of(&destination, site).and_then(|path| RequestPath::parse(path).ok());
        let is_alike = |there: Matched<'_>| there.rank == here.rank && there.beside == here.beside;
        let is_decided_alike = |path: RequestPath<'_>| {
            !path.touches(&self.config.prefix) && self.matched(&path, head, site).is_ok_and(is_alike)
        };
        !path.is_some_and(is_decided_alike)
    }
}

/// The path of an address of `site`, in the site's own spelling, or of a path. What has two slashes in front names
/// a host, and a space stands between two lines of a header.
fn path_of<'d>(destination: &'d str, site: Site<'_>) -> Option<&'d str> {
    let path = destination.strip_prefix(site.address).unwrap_or(destination);
    let is_bare = path.len() == destination.len();
    let names_a_host = is_bare && ["//", "/\\"].into_iter().any(|two| path.starts_with(two));
    path.split('?').next().filter(|_| !names_a_host && !path.contains(' '))
}

/// The method that a CORS preflight asks for (Fetch, 3.2.2).
pub(super) fn preflight_for(head: &impl RequestHead) -> Option<String> {
    let preflight = head.method() == "OPTIONS" && head.header("origin").is_some();
    preflight.then(|| head.header("access-control-request-method")).flatten()
}

/// Whether the method is not one to pass on, whatever the rules say. With `Upgrade` the platform makes a GET of every
/// method, as a WebSocket's handshake is one (RFC 6455, 4.1): the origin would do what nobody judged. And an answer to
/// TRACE is the request, with all that the gate added for the origin alone (RFC 9110, 9.3.8).
pub(super) fn has_unpassable_method(head: &impl RequestHead) -> bool {
    let method = head.method();
    let echoes = ["TRACE", "TRACK"].into_iter().any(|echo| method.eq_ignore_ascii_case(echo));
    echoes || method != "GET" && head.header("upgrade").is_some()
}

/// Whether an origin could take another method than the one that the rules see: by a header that
/// frameworks listen to, or by reading it without regard to case.
pub(super) fn has_doubtful_method(head: &impl RequestHead) -> bool {
    head.method().bytes().any(|byte| byte.is_ascii_lowercase()) || overrides_method(head)
}
