//! [`Gate::decide`]: the hot path. Head of the request and time in, [`Decision`] out.

use super::{
    Denial, Endpoint, Forward, Gate, Goal, Rejection, Unchecked, Visit,
    bearer::{Machine, Shown, keeps_token},
    matched::{Matched, has_doubtful_method, has_unpassable_method},
    same_origin::{SameOrigin, allowed_origin},
    visit::Address,
};
use crate::{
    claims::Claims,
    config::{Access, Origin, Rule, Site},
    edge::RequestHead,
    policy::{Denied, Facts, Granted, Policy, StepUp, address_of},
    rules::{PathError, RequestPath, Target},
    session::{CookieEdit, CookieNames, Cookies, Session},
    switch::Mode,
    time::Timestamp,
};

/// What is to happen with a request.
#[derive(Debug)]
pub enum Decision {
    /// A rule admits it.
    Forward(Forward),
    /// A rule admits it, and an assertion is to be signed before it goes on.
    Sign(Admitted, CookieEdit, Visit),
    /// It is for one of the gate's own endpoints.
    Own(Endpoint, Visit),
    /// A rule asks for sign-in, and there is no session.
    SignIn(Visit),
    /// It shows an access token whose signature has to be checked first.
    Verify(Unchecked, Visit),
    /// A rule asks for more than the sign-in that there was.
    StepUp(StepUp, Visit),
    /// It came over plain http and is asked to come again over https.
    Secure(Visit),
    /// It goes nowhere.
    Refuse(Rejection, Visit),
    /// Rules that only watch have something for the log, beside this.
    Watched(Box<Self>, Vec<Finding>, Visit),
}

/// What a rule would have done that only watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: String,
    /// Whose subject it is (Core 5.7).
    pub provider: String,
    /// Who asked.
    pub subject: String,
    /// What of the policy would have denied; `None` where it would have admitted.
    pub denied_by: Option<String>,
}

/// Proof that a rule admits a request. Only this file makes one, and [`Forward`] demands it.
#[derive(Debug, PartialEq, Eq)]
pub struct Admitted {
    identity: Identity,
    keeps_token: bool,
}

/// Who is admitted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// Everybody; nobody looked who it is.
    Anyone,
    /// Everybody, and nobody is signed in.
    Nobody,
    /// This session's person, whom the rule's policy granted it, if it has one.
    Person(Session),
    /// A machine with a token that the rule takes, whom its policy granted it.
    Machine(Machine),
}

impl Admitted {
    fn of(identity: Identity) -> Self {
        Self { identity, keeps_token: false }
    }

    /// The same; with `keeps_token`, `Authorization` was meant for the gate and stays here.
    fn keeping(self, keeps_token: bool) -> Self {
        Self { keeps_token, ..self }
    }

    /// Whether `Authorization` stays here.
    pub(super) fn keeps_token(&self) -> bool {
        self.keeps_token || matches!(&self.identity, Identity::Machine(machine) if machine.keeps_token())
    }

    fn anyone() -> Self {
        Self::of(Identity::Anyone)
    }

    /// Where sign-in is optional, a session counts for a request that is not another site's doing.
    fn optionally(session: Option<(Session, SameOrigin)>) -> Self {
        Self::of(session.map_or(Identity::Nobody, |(session, _)| Identity::Person(session)))
    }

    /// The policy's word is what makes a session count.
    fn person(session: Session, _granted: &Granted, _origin: &SameOrigin) -> Self {
        Self::of(Identity::Person(session))
    }

    /// The same for a token. Nothing sends one by itself, as browsers do with cookies, so it need not
    /// say where it comes from.
    fn machine(machine: Machine, _granted: &Granted) -> Self {
        Self::of(Identity::Machine(machine))
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }
}

/// A request that a rule was found for.
pub(super) struct Ruled<'g, 'h, H> {
    head: &'h H,
    pub(super) now: Timestamp,
    pub(super) site: Site<'h>,
    address: Address<'h>,
    matched: Matched<'g>,
    /// Whether access tokens count here.
    takes_bearer: bool,
}

impl Gate {
    /// Decides a request. Pure: no I/O, no clock, no randomness.
    ///
    /// 1. the host is one of the settings' (else 421);
    /// 2. the path can be read (else 400);
    /// 3. it came over https, or to this machine;
    /// 4. it is not the gate's own, in any reading (else an own endpoint, or 404), and the gate is not
    ///    locked down (else 503);
    /// 5. it would arrive as it is judged: its path as it stands, where the origin has an address, and its method (else
    ///    400);
    /// 6. all its readings choose the same rule (else 400), by a method that nothing overrides where that matters (else
    ///    400), and the path that it is to be copied or moved to chooses it as well (else 400);
    /// 7. the rule is public, or lets this preflight pass, or
    /// 8. a token decides, where the rule takes them (else 400, 401, 403, never a login), or
    /// 9. there is a session, unless sign-in is optional,
    /// 10. the request is not another site's doing (else 403),
    /// 11. and the rule's policy grants it (else 403, or a step up).
    pub fn decide(&self, head: &impl RequestHead, now: Timestamp) -> Decision {
        let Some(address) = Address::split(head.url()) else {
            return Decision::Refuse(Rejection::host(""), Visit::nowhere());
        };
        // 1. The host.
        let Some(site) = Site::find(&self.config.hosts, address.base) else {
            return Decision::Refuse(Rejection::host(address.base), Visit::nowhere());
        };
        // 2. The path.
        let path = match RequestPath::parse(address.path) {
            Ok(path) => path,
            Err(error) => return Decision::Refuse(Rejection::Path(error), Visit::new(site, address)),
        };
        // 3. The scheme.
        if !site.is_secure() {
            let visit = Visit::new(site, address);
            let read = matches!(head.method(), "GET" | "HEAD");
            return if read { Decision::Secure(visit) } else { Decision::Refuse(Rejection::Insecure, visit) };
        }
        // 4. Our own, and the lock-down.
        let locked_down = self.switching.borrow().is_locked_down(now);
        if path.touches(&self.config.prefix) {
            let endpoint = path.is_plain().then(|| Endpoint::find(path.as_sent(), &self.config.prefix)).flatten();
            let visit = Visit::new(site, address);
            return match endpoint {
                Some(endpoint) if locked_down && !endpoint.answers_locked_down() => {
                    Decision::Refuse(Rejection::LockedDown, visit)
                }
                Some(endpoint) => Decision::Own(endpoint, visit),
                None => Decision::Refuse(Rejection::NotFound, visit),
            };
        }
        if locked_down {
            return Decision::Refuse(Rejection::LockedDown, Visit::new(site, address));
        }
        // 5. What arrives. What is fetched by its address is parsed once more on the way.
        if let (Origin::Address(origin), false) = (&self.config.origin, path.is_plain())
            && !survives_parsing(origin, path.as_sent())
        {
            return Decision::Refuse(Rejection::Path(PathError::Rewritten), Visit::new(site, address));
        }
        if has_unpassable_method(head) {
            return Decision::Refuse(Rejection::DoubtfulMethod, Visit::new(site, address));
        }
        // 6. The rule.
        let matcher = self.config.matcher();
        let matched = match self.matched(&path, head, site) {
            Ok(matched) => matched,
            Err(error) => return Decision::Refuse(Rejection::Ambiguous(error), Visit::new(site, address)),
        };
        // That a preflight passes turns on its method too, whatever its rule names.
        if (matched.preflight || matcher.turns_on_method(&path, site.host)) && has_doubtful_method(head) {
            return Decision::Refuse(Rejection::DoubtfulMethod, Visit::new(site, address));
        }
        if self.leads_elsewhere(head, site, &matched) {
            return Decision::Refuse(Rejection::Path(PathError::Destination), Visit::new(site, address));
        }
        let watching = matcher.watching(&path, Target { host: site.host, method: head.method() }, matched.rank);
        let ruled = Ruled { head, now, site, address, matched, takes_bearer: false };
        let findings = if watching.is_empty() { Vec::new() } else { self.watch(&watching, &ruled) };
        if findings.is_empty() {
            return self.admit(ruled);
        }
        let visit = ruled.visit();
        Decision::Watched(Box::new(self.admit(ruled)), findings, visit)
    }

    /// Steps 7 to 11.
    fn admit<H: RequestHead>(&self, mut ruled: Ruled<'_, '_, H>) -> Decision {
        let Ruled { head, now, site, .. } = ruled;
        let rule = ruled.matched.rule;
        // The header is read once: for the session, and for what the origin gets of it.
        let names = CookieNames::new(site.development);
        let held = head.held().filter(|held| held.is_under(names));
        let header = if held.is_some() { None } else { head.cookie() };
        let cookies = header.as_deref().map(|header| Cookies::parse(header, names));
        let edit = match (held, &cookies) {
            (Some(held), _) => held.for_origin(),
            (None, Some(cookies)) => cookies.for_origin(),
            (None, None) => CookieEdit::Keep,
        };
        let session = || match held {
            Some(held) => self.check_session(held.session(), site, now).ok(),
            None => cookies.as_ref().and_then(|cookies| self.session_of(cookies, site, now)),
        };
        // 7. Public. A rule that is switched to that keeps the tokens it takes all the same.
        let keeps = || rule.tokens.as_ref().is_some_and(|taken| keeps_token(head, taken));
        if ruled.matched.preflight {
            return self.pass_anyone(Admitted::anyone().keeping(keeps()), edit);
        }
        let access = self.asked(&ruled.matched, now);
        let policy = match access.as_ref() {
            Access::Public => return self.pass_anyone(Admitted::anyone().keeping(keeps()), edit),
            Access::Optional => {
                let origin = SameOrigin::check(head, site, ruled.matched.trusted());
                let session = session().zip(origin);
                return self.pass(Admitted::optionally(session).keeping(keeps()), edit, &ruled);
            }
            Access::SignedIn(policy) => policy,
        };
        // 8. A token.
        if let Some(taken) = self.taken(&ruled.matched) {
            ruled.takes_bearer = !taken.issuers.is_empty();
            if let Some(shown) = self.shown(head, taken, now).transpose() {
                let rejection = match shown {
                    Ok(Shown::Unchecked(token)) => return Decision::Verify(token, ruled.readable_visit()),
                    Ok(Shown::Machine(machine)) => match judge(policy, machine.claims(), head, now) {
                        Ok(granted) => return self.pass(Admitted::machine(machine, &granted), edit, &ruled),
                        Err(denied) => machine.denied(&rule.name, denied),
                    },
                    Err(rejection) => rejection,
                };
                return Decision::Refuse(Rejection::Machine(rejection), ruled.readable_visit());
            }
        }
        // 9. The session.
        let Some(session) = session() else {
            return Decision::SignIn(ruled.readable_visit());
        };
        // 10. Whose doing it is.
        let Some(same_origin) = SameOrigin::check(head, site, ruled.matched.trusted()) else {
            return Decision::Refuse(Rejection::CrossSite, ruled.visit());
        };
        // 11. The policy.
        match judge(policy, session.claims(), head, now) {
            Ok(granted) => self.pass(Admitted::person(session, &granted, &same_origin), edit, &ruled),
            Err(Denied { by, step_up }) => {
                let visit = ruled.readable_visit();
                if let Some(step_up) = step_up {
                    return Decision::StepUp(step_up, visit);
                }
                let person = session.claims().shown_as().to_owned();
                let (rule, by) = self.blame(&ruled.matched, session.claims(), head, now).unwrap_or((&rule.name, by));
                let denial = Denial::new(session.claims(), rule, by);
                Decision::Refuse(Rejection::Denied { person, denial }, visit)
            }
        }
    }

    /// What a rule asks for now: what it was deployed with, or what it is switched to. Switched on, it
    /// asks for what it was deployed with if that is sign-in, and for sign-in alone if not.
    pub(super) fn access<'g>(&'g self, rule: &'g Rule, now: Timestamp) -> &'g Access {
        match (self.switching.borrow().mode(rule.id.as_deref(), now), &rule.access) {
            (Some(Mode::Off), _) => &Access::Public,
            (Some(Mode::Optional), _) => &Access::Optional,
            (Some(Mode::On | Mode::LockedDown), Access::Public | Access::Optional) => &self.config.rule(None).access,
            (Some(Mode::On | Mode::LockedDown), Access::SignedIn(_)) | (None, _) => &rule.access,
        }
    }

    /// Which of several rules denies, and by what of it.
    fn blame<'g>(
        &'g self,
        matched: &Matched<'g>,
        claims: &Claims,
        head: &impl RequestHead,
        now: Timestamp,
    ) -> Option<(&'g str, String)> {
        let mut several =
            core::iter::once(matched.rule).chain(self.beside(matched)).filter(|_| !matched.beside.is_empty());
        several.find_map(|rule| match self.access(rule, now) {
            Access::SignedIn(policy) => Some((rule.name.as_str(), judge(policy, claims, head, now).err()?.by)),
            Access::Public | Access::Optional => None,
        })
    }

    /// The way on for everybody.
    fn pass_anyone(&self, admitted: Admitted, edit: CookieEdit) -> Decision {
        Decision::Forward(Forward::new(admitted, edit, &self.config.headers, None))
    }

    /// What the rules that watch have to say of a person who is signed in.
    fn watch<H: RequestHead>(&self, watching: &[usize], ruled: &Ruled<'_, '_, H>) -> Vec<Finding> {
        let Some(session) = self.session(ruled.head, ruled.site, ruled.now) else { return Vec::new() };
        let rules = watching.iter().map(|rank| self.config.rule(Some(*rank)));
        rules
            .filter_map(|rule| match &rule.access {
                Access::SignedIn(policy) => Some((rule, policy)),
                Access::Public | Access::Optional => None,
            })
            .map(|(rule, policy)| Finding {
                rule: rule.name.clone(),
                provider: session.claims().provider().to_owned(),
                subject: session.claims().subject().to_owned(),
                denied_by: judge(policy, session.claims(), ruled.head, ruled.now).err().map(|denied| denied.by),
            })
            .collect()
    }

    /// What has to be asked of whoever signs in for this.
    pub(super) fn step_up_for(
        &self,
        goal: &Goal,
        head: &impl RequestHead,
        site: Site<'_>,
        session: Option<&Session>,
        now: Timestamp,
    ) -> StepUp {
        let path = RequestPath::parse(goal.needing().path()).ok();
        let matched = path.and_then(|path| self.matched_for(&path, goal.method(), site).ok());
        match matched.map(|matched| self.asked(&matched, now)).as_deref() {
            Some(Access::SignedIn(policy)) => match session {
                Some(session) => judge(policy, session.claims(), head, now)
                    .err()
                    .and_then(|denied| denied.step_up)
                    .unwrap_or_default(),
                None => policy.ask(None, &Facts { now, address: None, country: None }),
            },
            _ => StepUp::default(),
        }
    }
}

/// Judges with the facts that the policy asks about.
fn judge(policy: &Policy, claims: &Claims, head: &impl RequestHead, now: Timestamp) -> Result<Granted, Denied> {
    let address = policy.asks_address().then(|| head.client_address()).flatten();
    let country = policy.asks_country().then(|| head.country()).flatten();
    let facts = Facts { now, address: address.and_then(|text| address_of(&text)), country: country.as_deref() };
    policy.judge(claims, &facts)
}

/// Whether the platform writes the address of this path as it stands. Its parser escapes `^`, as the URL
/// Standard says; ours does not yet.
fn survives_parsing(origin: &str, path: &str) -> bool {
    !path.contains('^') && url::Url::parse(&format!("{origin}{path}")).is_ok_and(|url| url.path() == path)
}

impl<H: RequestHead> Ruled<'_, '_, H> {
    /// Where it came to, for what does not go on at once.
    fn visit(&self) -> Visit {
        let mut visit = Visit::new(self.site, self.address);
        visit.takes_bearer = self.takes_bearer;
        visit
    }

    /// The same, with answers that pages of an origin may read that the rule trusts.
    pub(super) fn readable_visit(&self) -> Visit {
        self.visit().readable_by(allowed_origin(self.head, self.matched.trusted()))
    }
}

impl Visit {
    /// For a request whose host is none of ours, of which nothing is repeated.
    fn nowhere() -> Self {
        let site = Site { address: "", host: "", development: false };
        Self::new(site, Address { base: "", path: "", query: None })
    }
}
