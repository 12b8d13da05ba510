//! Which rule a request is about, and what could make an origin take it for a request about another.

use super::{Gate, withheld::overrides_method};
use crate::{
    config::{Rule, Site},
    edge::RequestHead,
    rules::{Ambiguous, RequestPath, Target},
};

/// The rules that decide a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice<'g> {
    pub(super) rank: Option<usize>,
    pub(super) rule: &'g Rule,
    /// The rank of the rule of what is at the path itself, where `rule` decides because a page of its own may be
    /// served there. Only the origin knows which of them it is, so both have to admit.
    pub(super) beside: Option<usize>,
    /// It is a preflight that the rules let pass.
    pub(super) preflight: bool,
}

impl Gate {
    /// The rules of a request: a preflight asks on behalf of the method that it names.
    pub(super) fn choice(
        &self,
        path: &RequestPath<'_>,
        head: &impl RequestHead,
        site: Site<'_>,
    ) -> Result<Choice<'_>, Ambiguous> {
        if let Some(method) = preflight_for(head) {
            let choice = self.choice_for(path, &method, site)?;
            if choice.rule.preflight && self.beside(&choice).is_none_or(|beside| beside.preflight) {
                return Ok(Choice { preflight: true, ..choice });
            }
        }
        self.choice_for(path, head.method(), site)
    }

    /// The rules of a request of this method.
    pub(super) fn choice_for(
        &self,
        path: &RequestPath<'_>,
        method: &str,
        site: Site<'_>,
    ) -> Result<Choice<'_>, Ambiguous> {
        let (matcher, target) = (self.config.matcher(), Target { host: site.host, method });
        let rank = matcher.first_match(path, target)?;
        let beside = matcher.beside(path, target, rank)?;
        Ok(Choice { rank, rule: self.config.rule(rank), beside, preflight: false })
    }

    /// The rule beside the one that was chosen.
    pub(super) fn beside(&self, choice: &Choice<'_>) -> Option<&Rule> {
        choice.beside.map(|rank| self.config.rule(Some(rank)))
    }

    /// What to call who decides, in the log.
    pub(super) fn name_of(&self, choice: &Choice<'_>) -> String {
        let beside = self.beside(choice).map(|beside| format!(" and {}", beside.name));
        format!("{}{}", choice.rule.name, beside.unwrap_or_default())
    }

    /// Whether it would copy or move something to where another rule decides than that of `rank`: WebDAV
    /// names a second path in a header (RFC 4918, 10.3).
    pub(super) fn leads_elsewhere(&self, head: &impl RequestHead, site: Site<'_>, rank: Option<usize>) -> bool {
        let moves = ["COPY", "MOVE"].into_iter().any(|method| head.method().eq_ignore_ascii_case(method));
        let Some(destination) = moves.then(|| head.header("destination")).flatten() else { return false };
        let path = path_of(&destination, site).and_then(|path| RequestPath::parse(path).ok());
        let is_decided_alike = |path: RequestPath<'_>| {
            !path.touches(&self.config.prefix) && self.choice(&path, head, site).is_ok_and(|choice| choice.rank == rank)
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
