//! Which rule a request is about, and what could make an origin take it for a request about another.

use super::{Gate, withheld::overrides_method};
use crate::{
    config::Site,
    edge::RequestHead,
    rules::{Ambiguous, RequestPath, Target},
};

impl Gate {
    /// The rule of a request, and whether it is a preflight that the rule lets pass: a preflight asks
    /// on behalf of the method that it names.
    pub(super) fn rule_of(
        &self,
        path: &RequestPath<'_>,
        head: &impl RequestHead,
        site: Site<'_>,
    ) -> Result<(Option<usize>, bool), Ambiguous> {
        let find = |method: &str| self.config.matcher().first_match(path, Target { host: site.host, method });
        if let Some(method) = preflight_for(head) {
            let rank = find(&method)?;
            if self.config.rule(rank).preflight {
                return Ok((rank, true));
            }
        }
        find(head.method()).map(|rank| (rank, false))
    }

    /// Whether it would copy or move something to where another rule decides than that of `rank`: WebDAV
    /// names a second path in a header (RFC 4918, 10.3).
    pub(super) fn leads_elsewhere(&self, head: &impl RequestHead, site: Site<'_>, rank: Option<usize>) -> bool {
        let moves = ["COPY", "MOVE"].into_iter().any(|method| head.method().eq_ignore_ascii_case(method));
        let Some(destination) = moves.then(|| head.header("destination")).flatten() else { return false };
        let path = path_of(&destination, site).and_then(|path| RequestPath::parse(path).ok());
        let is_decided_alike = |path: RequestPath<'_>| {
            !path.touches(&self.config.prefix) && self.rule_of(&path, head, site).is_ok_and(|(found, _)| found == rank)
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

/// Whether an origin could take another method than the one that the rules see: by a header that
/// frameworks listen to, or by reading it without regard to case.
pub(super) fn has_doubtful_method(head: &impl RequestHead) -> bool {
    head.method().bytes().any(|byte| byte.is_ascii_lowercase()) || overrides_method(head)
}
