//! [`Gate::decide`]: the hot path. Head of the request and time in, [`Decision`] out.

use core::ops::ControlFlow::{Break, Continue};

use super::{
    Denial, Endpoint, Forward, Gate, Goal, Rejection, Unchecked, Visit,
    bearer::{Machine, Shown},
    rule_match::{AnyoneMayPass, Demand, RuleMatch, RuledRequest, SignInOptional},
    same_origin::SameOrigin,
};
use crate::{
    claims::Claims,
    config::{Access, Site},
    edge::RequestHead,
    policy::{Denied, Facts, Granted, Policy, StepUp, address_of},
    rules::{RequestPath, Target},
    session::{CookieEdit, CookieNames, Cookies, Session},
    time::Timestamp,
};

/// What is to happen with a request.
#[derive(Debug)]
pub enum Decision {
    /// A rule admits it.
    Forward(Forward),
    /// A rule admits it, but an assertion has to be signed before it goes on.
    Sign(Admitted, CookieEdit, Visit),
    /// It is for one of the gate's own endpoints.
    Own(Endpoint, Visit),
    /// A rule asks for sign-in, and there is no session.
    SignIn(Visit),
    /// It shows an access token whose signature has to be verified first.
    Verify(Unchecked, Visit),
    /// A rule asks for more than the existing sign-in offers.
    StepUp(StepUp, Visit),
    /// It came over plain HTTP and is redirected to HTTPS.
    Secure(Visit),
    /// It goes nowhere.
    Refuse(Rejection, Visit),
    /// This decision, with what rules in report mode found, for the log.
    Watched(Box<Self>, Vec<Finding>, Visit),
}

/// What a rule in report mode would have done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: String,
    /// The provider that the subject belongs to (Core 5.7).
    pub provider: String,
    /// Who asked.
    pub subject: String,
    /// The part of the policy that would have denied; `None` where it would have admitted.
    pub denied_by: Option<String>,
}

/// Proof that a rule admits a request. Only this file makes one, and [`Forward`] demands it.
#[derive(Debug, PartialEq, Eq)]
pub struct Admitted {
    identity: Identity,
    withholds_token: bool,
}

/// Who is admitted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// Anyone; who it is was not looked at.
    Anyone,
    /// Anyone whose browser asks by a preflight what it may send, and gets no body for it.
    Preflight,
    /// Anyone, and nobody is signed in.
    Nobody,
    /// The person of this session, to whom the rule's policy granted the request, if the rule has one.
    Person(Session),
    /// A machine with a token that the rule takes, and to which the rule's policy granted the request.
    Machine(Machine),
}

impl Identity {
    /// What is known of somebody; nothing of anyone and nobody.
    pub(super) fn claims(&self) -> Option<&Claims> {
        match self {
            Self::Anyone | Self::Preflight | Self::Nobody => None,
            Self::Person(session) => Some(session.claims()),
            Self::Machine(machine) => Some(machine.claims()),
        }
    }
}

impl Admitted {
    fn of(identity: Identity) -> Self {
        Self { identity, withholds_token: false }
    }

    /// With `withholds_token`, `Authorization` held a token for the gate and is not forwarded.
    fn withholding(self, withholds_token: bool) -> Self {
        Self { withholds_token, ..self }
    }

    /// Whether `Authorization` is kept from the origin.
    pub(super) fn withholds_token(&self) -> bool {
        self.withholds_token || matches!(&self.identity, Identity::Machine(machine) if machine.withholds_token())
    }

    /// For a public rule, or a preflight.
    fn anyone<H: RequestHead>(ruled: &RuledRequest<'_, '_, H>, _: AnyoneMayPass) -> Self {
        Self::of(if ruled.rules().preflight { Identity::Preflight } else { Identity::Anyone })
    }

    /// Where sign-in is optional, a session counts only if the request is not another site's doing.
    fn optionally<H>(
        _ruled: &RuledRequest<'_, '_, H>,
        _: SignInOptional,
        session: Option<SameOrigin<Session>>,
    ) -> Self {
        Self::of(session.map_or(Identity::Nobody, |session| Identity::Person(session.who())))
    }

    /// A session counts only if the request is not another site's doing, and where the policy grants it.
    fn person<H>(_ruled: &RuledRequest<'_, '_, H>, granted: Granted<SameOrigin<Session>>) -> Self {
        Self::of(Identity::Person(granted.who().who()))
    }

    /// The same for a token. Nothing attaches one by itself, as browsers do cookies, so where the request comes from
    /// does not matter.
    fn machine<H>(_ruled: &RuledRequest<'_, '_, H>, granted: Granted<Machine>) -> Self {
        Self::of(Identity::Machine(granted.who()))
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl Gate {
    /// Decides a request. Pure: no I/O, no clock, no randomness.
    ///
    /// 1. the host is in the settings (else 421);
    /// 2. the path can be read (else 400);
    /// 3. it came over HTTPS, or to this machine (else 308 for a read, 400 for anything else);
    /// 4. it is not the gate's own, in any reading (else an own endpoint, or 404), and the gate is not
    ///    locked down (else 503);
    /// 5. its path and its method would reach the origin exactly as they were judged (else 400);
    /// 6. every reading of the path chooses the same rule, no header overrides the method where a rule names methods,
    ///    and the destination of a copy or move chooses that rule too (else 400);
    /// 7. the rule is public, or lets this preflight pass; or
    /// 8. a token decides, where the rule takes tokens (else 400, 401, 403, never a login); or
    /// 9. there is a session, unless sign-in is optional,
    /// 10. the request is not another site's doing (else 403),
    /// 11. and the rule's policy grants it (else 403, or a step up).
    pub fn decide(&self, head: &impl RequestHead, now: Timestamp) -> Decision {
        // 1 to 5.
        let arrival = match self.arrive(head, now) {
            Continue(arrival) => arrival,
            Break(decision) => return decision,
        };
        // 6.
        let ruled = match self.find_rule(arrival) {
            Continue(ruled) => ruled,
            Break(decision) => return decision,
        };
        let findings = self.watch(&ruled);
        if findings.is_empty() {
            return self.admit(ruled);
        }
        let visit = ruled.visit();
        Decision::Watched(Box::new(self.admit(ruled)), findings, visit)
    }

    /// Steps 7 to 11.
    fn admit<'g, H: RequestHead>(&'g self, mut ruled: RuledRequest<'g, '_, H>) -> Decision {
        let (head, now, site) = (ruled.arrival().head(), ruled.arrival().now(), ruled.arrival().site());
        let rule = ruled.rules().rule;
        // The header is read once: for the session, and for what the origin gets of it.
        let names = CookieNames::new(site.development);
        let verified = head.verified_cookies().filter(|verified| verified.is_under(names));
        let header = if verified.is_some() { None } else { head.cookie() };
        let cookies = header.as_deref().map(|header| Cookies::parse(header, names));
        let edit = match (verified, &cookies) {
            (Some(verified), _) => verified.for_origin(),
            (None, Some(cookies)) => cookies.for_origin(),
            (None, None) => CookieEdit::Keep,
        };
        let session = || match verified {
            Some(verified) => self.check_session(verified.session(), site, now).ok(),
            None => cookies.as_ref().and_then(|cookies| self.session_of(cookies, site, now)),
        };
        // 7. Public. A rule that is switched to public still does not pass on the tokens it accepts.
        let withholds = |ruled: &RuledRequest<'_, '_, H>| self.withholds_token(ruled.rules(), head);
        let policy = match self.demand(ruled.rules(), now) {
            Demand::Nothing(proof) => {
                return self.pass(Admitted::anyone(&ruled, proof).withholding(withholds(&ruled)), edit, &ruled);
            }
            Demand::Optional(proof) => {
                let session = session().and_then(|session| SameOrigin::check(session, &ruled));
                let admitted = Admitted::optionally(&ruled, proof, session);
                return self.pass(admitted.withholding(withholds(&ruled)), edit, &ruled);
            }
            Demand::SignIn(policy) => policy,
        };
        // 8. A token.
        let accepted = self.accepted_tokens(ruled.rules());
        if let Some(taken) = accepted {
            ruled.takes_bearer = !taken.issuers.is_empty();
            if let Some(shown) = self.shown(head, taken, now).transpose() {
                let rejection = match shown {
                    Ok(Shown::Unchecked(token)) => return Decision::Verify(token, ruled.readable_visit()),
                    Ok(Shown::Machine(machine)) => match grant(&policy, machine, head, now) {
                        Ok(granted) => return self.pass(Admitted::machine(&ruled, granted), edit, &ruled),
                        Err((Denied { by, step_up }, machine)) => {
                            let blame = self.blame(ruled.rules(), machine.claims(), head, now);
                            let (rule, by) = blame.unwrap_or((&rule.name, by));
                            machine.denied(rule, Denied { by, step_up })
                        }
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
        // 10. Not another site's doing.
        let Some(session) = SameOrigin::check(session, &ruled) else {
            return Decision::Refuse(Rejection::CrossSite, ruled.visit());
        };
        // 11. The policy.
        match grant(&policy, session, head, now) {
            Ok(granted) => {
                // Where rules take different tokens, none decides, and none goes on.
                let withholds = accepted.is_none() && withholds(&ruled);
                let admitted = Admitted::person(&ruled, granted).withholding(withholds);
                self.pass(admitted, edit, &ruled)
            }
            Err((Denied { by, step_up }, session)) => {
                let session = session.who();
                let visit = ruled.readable_visit();
                if let Some(step_up) = step_up {
                    return Decision::StepUp(step_up, visit);
                }
                let person = session.claims().shown_as();
                let (rule, by) = self.blame(ruled.rules(), session.claims(), head, now).unwrap_or((&rule.name, by));
                let denial = Denial::new(session.claims(), rule, by);
                Decision::Refuse(Rejection::Denied { person, denial }, visit)
            }
        }
    }

    /// Which of several rules denies, and which part of it.
    fn blame<'g>(
        &'g self,
        rules: &RuleMatch<'g>,
        claims: &Claims,
        head: &impl RequestHead,
        now: Timestamp,
    ) -> Option<(&'g str, String)> {
        let mut several = core::iter::once(rules.rule).chain(self.beside(rules)).filter(|_| !rules.beside.is_empty());
        several.find_map(|rule| match self.access(rule, now) {
            Access::SignedIn(policy) => Some((rule.name.as_str(), judge(policy, claims, head, now).err()?.by)),
            Access::Public | Access::Optional => None,
        })
    }

    /// What the rules in report mode find about a person who is signed in.
    fn watch<H: RequestHead>(&self, ruled: &RuledRequest<'_, '_, H>) -> Vec<Finding> {
        let arrival = ruled.arrival();
        let (head, now, site) = (arrival.head(), arrival.now(), arrival.site());
        let target = Target { host: site.host, method: head.method() };
        let watching = self.config.matcher().watching(arrival.path(), target);
        if watching.is_empty() {
            return Vec::new();
        }
        // Where a token decides, it is not the person who asks.
        let is_shown = |taken| !matches!(self.shown(head, taken, now), Ok(None));
        let asks = || matches!(self.demand(ruled.rules(), now), Demand::SignIn(_));
        let token_decides = self.accepted_tokens(ruled.rules()).is_some_and(is_shown) && asks();
        let session = self.session(head, site, now).filter(|_| !token_decides);
        let Some(session) = session else { return Vec::new() };
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
                denied_by: judge(policy, session.claims(), head, now).err().map(|denied| denied.by),
            })
            .collect()
    }

    /// What the provider has to be asked for when somebody signs in for this goal.
    pub(super) fn step_up_for(
        &self,
        goal: &Goal,
        head: &impl RequestHead,
        site: Site<'_>,
        session: Option<&Session>,
        now: Timestamp,
    ) -> StepUp {
        let path = RequestPath::parse(goal.needing().path()).ok();
        let rules = path.and_then(|path| self.rules_for(&path, goal.method(), site).ok());
        match rules.map(|rules| self.demand(&rules, now)) {
            Some(Demand::SignIn(policy)) => match session {
                Some(session) => judge(&policy, session.claims(), head, now)
                    .err()
                    .and_then(|denied| denied.step_up)
                    .unwrap_or_default(),
                None => policy.ask(None, &Facts { now, address: None, country: None }),
            },
            _ => StepUp::default(),
        }
    }
}

/// Admits by those facts alone that the policy asks about.
fn grant<W: AsRef<Claims>>(
    policy: &Policy,
    who: W,
    head: &impl RequestHead,
    now: Timestamp,
) -> Result<Granted<W>, (Denied, W)> {
    with_facts(policy, head, now, |facts| policy.grant(who, facts))
}

/// The same of claims alone, which admits nobody.
fn judge(policy: &Policy, claims: &Claims, head: &impl RequestHead, now: Timestamp) -> Result<(), Denied> {
    with_facts(policy, head, now, |facts| policy.judge(claims, facts))
}

fn with_facts<T>(policy: &Policy, head: &impl RequestHead, now: Timestamp, judge: impl FnOnce(&Facts<'_>) -> T) -> T {
    let address = policy.asks_address().then(|| head.client_address()).flatten();
    let country = policy.asks_country().then(|| head.country()).flatten();
    let facts = Facts { now, address: address.and_then(|text| address_of(&text)), country: country.as_deref() };
    judge(&facts)
}
