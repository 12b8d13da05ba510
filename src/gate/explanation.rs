//! [`Gate::explain`]: a decision with its reasons, for the commands that explain and test rules. None of it is in the
//! Worker.
//!
//! [`Gate::decide`] decides, here as there. The reasons are looked up afterwards, by the steps that it took: the same
//! matcher, the same selectors, the same session.

use std::rc::Rc;

use super::{
    Decision, Finding, Forward, Gate, Goal, Rejection, ReturnTo, Visit, bearer::Shown, method::preflight_for,
    rule_match::Demand, visit::Address,
};
use crate::{
    claims::Claims,
    config::{Access, Site},
    edge::{Entropy, RequestHead},
    oidc::{AccessToken, AccessTokenError, IdToken, IdTokenError},
    policy::{Facts, Policy, StepUp, Verdict, address_of},
    rules::{PathError, RequestPath, Target},
    session::Session,
    time::Timestamp,
};

/// What stands for an assertion that was not signed.
const SIGNED_LATER: &str = "(signed when a request is sent)";

/// A decision, and why it was taken.
#[derive(Debug)]
pub struct Explanation {
    /// The decision. What rules in report mode found is in `watching`.
    pub decision: Decision,
    /// The rule; `None` where the decision needed none, or the readings choose different ones.
    pub rule: Option<Chosen>,
    /// Whether the rule lets it pass as a preflight.
    pub preflight: bool,
    /// Every reading of the path and the rule it chooses; empty where no rule was looked for.
    pub readings: Vec<Reading>,
    /// Who sent the request, if that is known.
    pub claims: Option<Claims>,
    /// Whether that is a machine, with a token that the rule takes.
    pub machine: bool,
    /// What the selectors of the rule's policy say, by list.
    pub policy: Vec<(&'static str, Vec<Verdict>)>,
    /// Which part of the policy denies: `deny[0]`, `require[1]` or `allow`.
    pub by: Option<String>,
    /// The other rules that have to admit as well, since what is at this address may be what they guard.
    pub beside: Vec<Beside>,
    /// What a sign-in for this page would ask the provider for.
    pub asks: StepUp,
    /// The rules in report mode, and what they would have done.
    pub watching: Vec<Watcher>,
}

/// The rule that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// The one of this rank.
    Rule(usize),
    /// None matches, so sign-in is needed.
    NoRule,
}

/// One way in which an origin could read the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The path as read.
    pub path: String,
    /// The rule that it chooses.
    pub rule: Chosen,
}

/// A rule that has to admit as well.
#[derive(Debug)]
pub struct Beside {
    /// Its rank.
    pub rank: usize,
    /// Which part of its policy denies.
    pub by: Option<String>,
    /// What the selectors of its policy say.
    pub policy: Vec<(&'static str, Vec<Verdict>)>,
}

/// A rule in report mode.
#[derive(Debug)]
pub struct Watcher {
    /// Its rank.
    pub rank: usize,
    /// What it reports.
    pub finding: Finding,
    /// What the selectors of its policy say.
    pub policy: Vec<(&'static str, Vec<Verdict>)>,
}

/// Why nobody can be supposed to have some claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSupposed {
    /// The settings do not have this provider.
    #[error("there is no provider of this id in the settings")]
    Provider,
    /// The settings do not have this issuer of access tokens.
    #[error("there is no issuer of access tokens of this id in the settings")]
    Issuer,
    /// An ID token would be refused for its payload.
    #[error(transparent)]
    IdToken(IdTokenError),
    /// An access token would be refused for its payload.
    #[error(transparent)]
    AccessToken(AccessTokenError),
    /// Production would refuse the sign-in for the same reason.
    #[error("the claims that rules name do not fit a cookie, so that a sign-in ends with claims_too_large")]
    TooLong,
}

impl Chosen {
    fn of(rank: Option<usize>) -> Self {
        rank.map_or(Self::NoRule, Self::Rule)
    }

    /// The rank, counted as in the settings.
    pub fn rank(self) -> Option<usize> {
        match self {
            Self::Rule(rank) => Some(rank),
            Self::NoRule => None,
        }
    }
}

impl Explanation {
    fn new(decision: Decision) -> Self {
        Self {
            decision,
            rule: None,
            preflight: false,
            readings: Vec::new(),
            claims: None,
            machine: false,
            policy: Vec::new(),
            by: None,
            beside: Vec::new(),
            asks: StepUp::default(),
            watching: Vec::new(),
        }
    }
}

impl Gate {
    /// The value of the `Cookie` header that a person would send to `url` if the provider of this id had just vouched
    /// for them. `None` where the host is not in the settings.
    ///
    /// # Errors
    /// See [`NotSupposed`].
    pub fn suppose(
        &self,
        claims: &str,
        provider: &str,
        url: &str,
        now: Timestamp,
        entropy: &impl Entropy,
    ) -> Result<Option<String>, NotSupposed> {
        let provider = self.config.provider(provider).ok_or(NotSupposed::Provider)?;
        let address = Address::split(url);
        let Some((site, address)) =
            address.and_then(|address| Some((Site::find(&self.config.hosts, address.base)?, address)))
        else {
            return Ok(None);
        };
        let visit = Visit::new(site, address);
        let token = IdToken::supposed(claims, provider, now).map_err(NotSupposed::IdToken)?;
        let claims = token.claims(None, &self.config.selection);
        let session = Session::begin(claims, provider.issuer.as_str(), self.binding(visit.site()), now, entropy);
        let cookie = session.sign(&self.keys).map_err(|_| NotSupposed::TooLong)?;
        Ok(Some(format!("{}={cookie}", visit.cookie_names().session())))
    }

    /// The value of the `Authorization` header that a machine would send if the token issuer of this id had just
    /// vouched for it.
    ///
    /// # Errors
    /// See [`NotSupposed`].
    pub fn suppose_machine(&self, issuer: &str, claims: &str, now: Timestamp) -> Result<String, NotSupposed> {
        const TOKEN: &str = "supposed.access.token";
        let issuer = self.config.token_issuers.iter().find(|known| known.id == issuer).ok_or(NotSupposed::Issuer)?;
        let token = AccessToken::supposed(issuer, claims, now, &self.config.selection);
        // Just as after its signature was verified.
        self.tokens.borrow_mut().remember(TOKEN, Rc::new(token.map_err(NotSupposed::AccessToken)?));
        Ok(format!("Bearer {TOKEN}"))
    }

    /// Decides a request, and says why.
    pub fn explain(&self, head: &impl RequestHead, now: Timestamp) -> Explanation {
        let (decision, findings) = match self.decide(head, now) {
            Decision::Watched(decision, findings, _) => (*decision, findings),
            decision => (decision, Vec::new()),
        };
        // A request that needs an assertion signed goes on all the same: nothing more is judged.
        let decision = match decision {
            Decision::Sign(admitted, cookies, visit) => {
                let signed = Some(SIGNED_LATER.to_owned());
                match Forward::new(admitted, cookies, &self.config.headers, signed) {
                    Ok(forward) => Decision::Forward(forward),
                    Err((admitted, cookies)) => Decision::Sign(admitted, cookies, visit),
                }
            }
            decision => decision,
        };
        let mut explanation = Explanation::new(decision);
        match &explanation.decision {
            // Decided before any rule was looked for.
            Decision::Own(..)
            | Decision::Secure(_)
            | Decision::Refuse(
                Rejection::Host(_) | Rejection::Insecure | Rejection::NotFound | Rejection::LockedDown,
                _,
            ) => explanation,
            Decision::Refuse(Rejection::Path(error), _) if *error != PathError::Destination => explanation,
            _ => {
                self.add_rule(&mut explanation, findings, head, now);
                explanation
            }
        }
    }

    fn add_rule(&self, explanation: &mut Explanation, findings: Vec<Finding>, head: &impl RequestHead, now: Timestamp) {
        let Some(address) = Address::split(head.url()) else { return };
        let Some(site) = Site::find(&self.config.hosts, address.base) else { return };
        let Ok(path) = RequestPath::parse(address.path) else { return };
        let matcher = self.config.matcher();
        let found = self.rules_of(&path, head, site);
        // A preflight that passes, or whose rule is ambiguous, was judged by the method it asks for.
        let asked = preflight_for(head).filter(|method| {
            let is_told = matcher.first_match(&path, Target { host: site.host, method }).is_ok();
            !is_told || matches!(&found, Ok(rules) if rules.preflight)
        });
        let target = Target { host: site.host, method: asked.as_deref().unwrap_or(head.method()) };
        let choices = matcher.choices(&path, target);
        explanation.readings =
            choices.map(|(reading, rank)| Reading { path: reading.to_owned(), rule: Chosen::of(rank) }).collect();
        let (Ok(rules), false) =
            (found, matches!(explanation.decision, Decision::Refuse(Rejection::DoubtfulMethod, _)))
        else {
            return;
        };
        let rank = rules.rank;
        (explanation.rule, explanation.preflight) = (Some(Chosen::of(rank)), rules.preflight);

        let visit = Visit::new(site, address);
        let session = self.session(head, visit.site(), now);
        let country = head.country();
        let client_address = head.client_address().and_then(|text| address_of(&text));
        let facts = Facts { now, address: client_address, country: country.as_deref() };
        let policy = policy_of(self.access(rules.rule, now)).filter(|_| !rules.preflight);
        // Where a token is shown, the cookie is not looked at.
        let shown = policy.and(self.accepted_tokens(&rules)).and_then(|taken| self.shown(head, taken, now).transpose());
        match shown {
            Some(Ok(Shown::Machine(machine))) => {
                (explanation.claims, explanation.machine) = (Some(machine.claims().as_ref().clone()), true);
            }
            Some(Ok(Shown::Unchecked(_)) | Err(_)) => {}
            None => explanation.claims = session.as_ref().map(|session| session.claims().clone()),
        }
        if let (Some(policy), Some(claims)) = (policy, &explanation.claims) {
            explanation.policy = policy.verdicts(claims, &facts);
            let judged = matches!(
                explanation.decision,
                Decision::StepUp(..) | Decision::Refuse(Rejection::Denied { .. } | Rejection::Machine(_), _)
            );
            if judged {
                explanation.by = policy.judge(claims, &facts).err().map(|denied| denied.by);
                if let Demand::SignIn(asked) = self.demand(&rules, now) {
                    let denied = asked.judge(claims, &facts).err();
                    explanation.asks = denied.and_then(|denied| denied.step_up).unwrap_or_default();
                }
            }
        }
        let claims = explanation.claims.clone();
        let beside = rules.beside.iter().zip(self.beside(&rules)).filter(|_| !rules.preflight);
        let beside = beside.filter_map(|(rank, rule)| {
            let policy = policy_of(self.access(rule, now))?;
            let by = claims.as_ref().and_then(|claims| policy.judge(claims, &facts).err()).map(|denied| denied.by);
            let verdicts = claims.as_ref().map(|claims| policy.verdicts(claims, &facts));
            Some(Beside { rank: *rank, by, policy: verdicts.unwrap_or_default() })
        });
        explanation.beside = beside.collect();
        if let (Decision::StepUp(asked, _), Some(_)) = (&explanation.decision, &claims) {
            explanation.asks = asked.clone();
        }
        if let Decision::SignIn(visit) = &explanation.decision
            && let Some(page) = ReturnTo::parse(&visit.address(), visit.site(), &self.config.prefix)
        {
            let goal = Goal::of(page, None, Some(head.method().to_owned()));
            explanation.asks = self.step_up_for(&goal, head, visit.site(), None, now);
        }
        let own = Target { host: visit.site().host, method: head.method() };
        let watching = matcher.watching(&path, own).into_iter();
        let policies = watching.filter_map(|rank| Some((rank, policy_of(&self.config.rule(Some(rank)).access)?)));
        explanation.watching = policies
            .zip(findings)
            .map(|((rank, policy), finding)| Watcher {
                rank,
                finding,
                policy: session.as_ref().map(|session| policy.verdicts(session.claims(), &facts)).unwrap_or_default(),
            })
            .collect();
    }
}

fn policy_of(access: &Access) -> Option<&Policy> {
    match access {
        Access::SignedIn(policy) => Some(policy),
        Access::Public | Access::Optional => None,
    }
}
