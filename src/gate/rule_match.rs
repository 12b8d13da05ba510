//! [`RuleMatch`]: the rules that decide a request, and what could lead an origin to treat it as a request that others
//! decide.

use core::ops::ControlFlow::{self, Break, Continue};
use std::{borrow::Cow, rc::Rc};

use super::{
    Decision, Gate, Rejection, Visit,
    arrival::Arrival,
    method::{has_doubtful_method, overrides_method, preflight_for},
    same_origin::allowed_origin,
};
use crate::{
    config::{AcceptedTokens, Access, Rule, Site},
    edge::RequestHead,
    policy::Policy,
    rules::{Ambiguous, PathError, RequestPath, Target},
    switch::Mode,
    time::Timestamp,
};

/// The rules that decide a request.
#[derive(Clone, Debug)]
pub(super) struct RuleMatch<'g> {
    pub(super) rank: Option<usize>,
    pub(super) rule: &'g Rule,
    /// Ranks of other rules that may apply to what is served here, as [`Rules::beside`] finds them. Only the origin
    /// knows which one does, so all must admit.
    ///
    /// [`Rules::beside`]: crate::rules::Rules::beside
    pub(super) beside: Vec<usize>,
    /// Whether it is a preflight that the rules let pass.
    pub(super) preflight: bool,
}

/// What the rules of a request ask for now. Only [`Gate::demand`] makes one, so that nobody is admitted as anyone, or
/// without a policy, unless the rules say so.
#[derive(Debug)]
pub(super) enum Demand<'g> {
    /// Nothing of anyone.
    Nothing(AnyoneMayPass),
    /// Nothing; but who is signed in is told to the origin.
    Optional(SignInOptional),
    /// Sign-in, and that this policy grants it.
    SignIn(Cow<'g, Policy>),
}

/// Proof that the rules of a request are public, or let it pass as a preflight.
#[derive(Debug)]
pub(super) struct AnyoneMayPass(());

/// Proof that the rules of a request leave signing in to the visitor.
#[derive(Debug)]
pub(super) struct SignInOptional(());

/// A request whose rules were found. Only [`Gate::find_rule`] makes one.
pub(super) struct RuledRequest<'g, 'h, H> {
    arrival: Arrival<'h, H>,
    rules: RuleMatch<'g>,
    /// Whether access tokens count here.
    pub(super) takes_bearer: bool,
}

impl<'g> RuleMatch<'g> {
    /// The origins whose pages are trusted besides the site's own: none where several rules have to admit.
    pub(super) fn trusted(&self) -> &'g [String] {
        if self.beside.is_empty() { &self.rule.origins } else { &[] }
    }
}

impl<'g, 'h, H: RequestHead> RuledRequest<'g, 'h, H> {
    pub(super) fn arrival(&self) -> &Arrival<'h, H> {
        &self.arrival
    }

    pub(super) fn rules(&self) -> &RuleMatch<'g> {
        &self.rules
    }

    /// Where it came to, for a decision other than to forward it at once.
    pub(super) fn visit(&self) -> Visit {
        let mut visit = self.arrival.visit();
        visit.takes_bearer = self.takes_bearer;
        visit
    }

    /// The same, for an answer that a page may read if the rule trusts its origin.
    pub(super) fn readable_visit(&self) -> Visit {
        self.visit().readable_by(allowed_origin(self.arrival.head(), self.rules.trusted()))
    }
}

impl Gate {
    /// Step 6 of [`Gate::decide`], or the refusal of a request for which it is not certain which rules decide.
    pub(super) fn find_rule<'h, H: RequestHead>(
        &self,
        arrival: Arrival<'h, H>,
    ) -> ControlFlow<Decision, RuledRequest<'_, 'h, H>> {
        let (head, site, path) = (arrival.head(), arrival.site(), arrival.path());
        let rules = match self.rules_of(path, head, site) {
            Ok(rules) => rules,
            Err(error) => return Break(Decision::Refuse(Rejection::Ambiguous(error), arrival.visit())),
        };
        // A preflight passes by its method, whatever its rule names, so nothing may override that method either.
        if (rules.preflight || self.config.matcher().turns_on_method(path, site.host)) && has_doubtful_method(head) {
            return Break(Decision::Refuse(Rejection::DoubtfulMethod, arrival.visit()));
        }
        if self.leads_elsewhere(head, site, &rules) {
            return Break(Decision::Refuse(Rejection::Path(PathError::Destination), arrival.visit()));
        }
        Continue(RuledRequest { arrival, rules, takes_bearer: false })
    }

    /// The rules of a request: a preflight asks on behalf of the method it names.
    pub(super) fn rules_of(
        &self,
        path: &RequestPath<'_>,
        head: &impl RequestHead,
        site: Site<'_>,
    ) -> Result<RuleMatch<'_>, Ambiguous> {
        if let Some(method) = preflight_for(head) {
            let rules = self.rules_for(path, &method, site)?;
            if rules.rule.preflight && self.beside(&rules).all(|beside| beside.preflight) {
                return Ok(RuleMatch { preflight: true, ..rules });
            }
        }
        self.rules_for(path, head.method(), site)
    }

    /// The rules of a request of this method.
    pub(super) fn rules_for(
        &self,
        path: &RequestPath<'_>,
        method: &str,
        site: Site<'_>,
    ) -> Result<RuleMatch<'_>, Ambiguous> {
        let (matcher, target) = (self.config.matcher(), Target { host: site.host, method });
        let rank = matcher.first_match(path, target)?;
        let beside = matcher.beside(path, target, rank);
        Ok(RuleMatch { rank, rule: self.config.rule(rank), beside, preflight: false })
    }

    /// The other rules that have to admit, besides the chosen one.
    pub(super) fn beside(&self, rules: &RuleMatch<'_>) -> impl Iterator<Item = &Rule> {
        rules.beside.iter().map(|rank| self.config.rule(Some(*rank)))
    }

    /// What the rules of a request ask for now: the chosen one, and all that have to admit besides. Of a preflight that
    /// they let pass, nothing.
    pub(super) fn demand<'g>(&'g self, rules: &RuleMatch<'g>, now: Timestamp) -> Demand<'g> {
        if rules.preflight {
            return Demand::Nothing(AnyoneMayPass(()));
        }
        let own = Cow::Borrowed(self.access(rules.rule, now));
        let all = self.beside(rules).fold(own, |asked, beside| match (asked.as_ref(), self.access(beside, now)) {
            (Access::SignedIn(one), Access::SignedIn(other)) => Cow::Owned(Access::SignedIn(one.and(other))),
            (Access::SignedIn(_), _) | (Access::Optional, Access::Public) => asked,
            (_, other) => Cow::Borrowed(other),
        });
        match all {
            Cow::Borrowed(Access::Public) | Cow::Owned(Access::Public) => Demand::Nothing(AnyoneMayPass(())),
            Cow::Borrowed(Access::Optional) | Cow::Owned(Access::Optional) => Demand::Optional(SignInOptional(())),
            Cow::Borrowed(Access::SignedIn(policy)) => Demand::SignIn(Cow::Borrowed(policy)),
            Cow::Owned(Access::SignedIn(policy)) => Demand::SignIn(Cow::Owned(policy)),
        }
    }

    /// What a rule asks for now: what it was deployed with, or what it is switched to. Switched on, it asks for what
    /// it was deployed with if that is sign-in, else for sign-in alone.
    pub(super) fn access<'g>(&'g self, rule: &'g Rule, now: Timestamp) -> &'g Access {
        match (self.switches.borrow().mode(rule.id.as_deref(), now), &rule.access) {
            (Some(Mode::Off), _) => &Access::Public,
            (Some(Mode::Optional), _) => &Access::Optional,
            (Some(Mode::On | Mode::LockedDown), Access::Public | Access::Optional) => &self.config.rule(None).access,
            (Some(Mode::On | Mode::LockedDown), Access::SignedIn(_)) | (None, _) => &rule.access,
        }
    }

    /// The tokens that count: where several rules have to admit, only if each takes the same ones.
    pub(super) fn accepted_tokens<'g>(&'g self, rules: &RuleMatch<'g>) -> Option<&'g Rc<AcceptedTokens>> {
        let taken = rules.rule.tokens.as_ref()?;
        let is_like = |beside: &Rule| beside.tokens.as_ref().is_some_and(|other| other.is_like(taken));
        self.beside(rules).all(is_like).then_some(taken)
    }

    /// Whether it would copy or move something to a path that other rules decide: WebDAV names a second path in a
    /// header (RFC 4918, 10.3).
    pub(super) fn leads_elsewhere(&self, head: &impl RequestHead, site: Site<'_>, here: &RuleMatch<'_>) -> bool {
        let Some(destination) = head.header("destination") else { return false };
        let moves = ["COPY", "MOVE"].into_iter().any(|method| head.method().eq_ignore_ascii_case(method));
        if !moves && !overrides_method(head) {
            return false;
        }
        let path = path_of(&destination, site).and_then(|path| RequestPath::parse(path).ok());
        let is_alike = |there: RuleMatch<'_>| there.rank == here.rank && there.beside == here.beside;
        let is_decided_alike = |path: RequestPath<'_>| {
            !path.touches(&self.config.prefix) && self.rules_of(&path, head, site).is_ok_and(is_alike)
        };
        !path.is_some_and(is_decided_alike)
    }
}

/// The path in a `Destination`: an address of `site`, in the site's own spelling, or a path. Two slashes in front
/// name a host, and a space shows that two header lines were joined.
fn path_of<'d>(destination: &'d str, site: Site<'_>) -> Option<&'d str> {
    let path = destination.strip_prefix(site.address).unwrap_or(destination);
    let is_bare = path.len() == destination.len();
    let names_a_host = is_bare && ["//", "/\\"].into_iter().any(|two| path.starts_with(two));
    path.split('?').next().filter(|_| !names_a_host && !path.contains(' '))
}
