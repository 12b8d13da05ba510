//! [`Verdict`]: a decision in the words that expectations are written in.

use portcullis::{
    config::{Access, Config},
    gate::{Chosen, Decision, Explanation, Rejection},
};

/// The decisions that end at the origin.
pub(crate) const FORWARDED: [&str; 5] = ["public", "preflight", "anonymous", "identified", "admitted"];
/// Any of them, for an expectation that does not tell them apart.
pub(crate) const ANY_FORWARDED: &str = "forwarded";
/// The decisions that do not.
pub(crate) const HELD: [&str; 9] =
    ["sign-in", "step-up", "denied", "cross-site", "unproven", "refused", "https", "own-endpoint", "not-found"];

/// A decision, by which rule, and for which reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// One of [`FORWARDED`] or [`HELD`].
    pub(crate) decision: &'static str,
    /// The rule; `None` where none was looked for.
    pub(crate) rule: Option<Place>,
    /// The part of the policy that decided (`deny[0]`, `require[1]`, `allow`), the code of a refusal, or the name of
    /// one of the gate's own endpoints.
    pub(crate) reason: Option<String>,
    /// The status of a refusal.
    pub(crate) status: Option<u16>,
}

/// Where a rule is in the settings, and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) rank: Option<usize>,
    pub(crate) id: Option<String>,
}

impl Verdict {
    pub(crate) fn of(explanation: &Explanation, config: &Config) -> Self {
        let rule = explanation.rule.map(|chosen| Place::of(chosen, config));
        let access = explanation.rule.map(|chosen| &config.rule(chosen.rank()).access);
        let (decision, reason, status) = match &explanation.decision {
            Decision::Forward(_) if explanation.preflight => ("preflight", None, None),
            Decision::Forward(forward) => match access {
                Some(Access::SignedIn(_)) => ("admitted", None, None),
                Some(Access::Optional) if forward.is_somebodys() => ("identified", None, None),
                Some(Access::Optional) => ("anonymous", None, None),
                Some(Access::Public) | None => ("public", None, None),
            },
            Decision::Own(endpoint, _) => ("own-endpoint", Some(endpoint.name().to_owned()), None),
            Decision::SignIn(_) => ("sign-in", None, Some(401)),
            Decision::StepUp(..) => ("step-up", explanation.by.clone(), Some(401)),
            Decision::Verify(..) => ("unproven", None, None),
            Decision::Secure(_) => ("https", None, Some(308)),
            Decision::Refuse(rejection, _) => {
                let (decision, reason) = match rejection {
                    Rejection::Denied { denial, .. } => ("denied", denial.by.as_str()),
                    Rejection::Machine(machine) => match (machine.code(), explanation.by.as_deref()) {
                        ("token_step_up", Some(by)) => ("step-up", by),
                        ("token_not_allowed", Some(by)) => ("denied", by),
                        (code, _) => ("refused", code),
                    },
                    Rejection::CrossSite => ("cross-site", rejection.code()),
                    Rejection::NotFound => ("not-found", rejection.code()),
                    _ => ("refused", rejection.code()),
                };
                (decision, Some(reason.to_owned()), Some(rejection.status()))
            }
            // `Gate::explain` ends with neither.
            Decision::Watched(..) | Decision::Sign(..) => ("refused", None, None),
        };
        Self { decision, rule, reason, status }
    }

    pub(crate) fn is_forwarded(&self) -> bool {
        FORWARDED.contains(&self.decision)
    }

    /// Whether an expectation means this decision.
    pub(crate) fn is(&self, expected: &str) -> bool {
        self.decision == expected || expected == ANY_FORWARDED && self.is_forwarded()
    }
}

impl Place {
    pub(crate) fn of(chosen: Chosen, config: &Config) -> Self {
        let rank = chosen.rank();
        Self { rank, id: config.rule(rank).id.clone() }
    }

    /// Its place, as errors about the settings name it.
    pub(crate) fn setting(&self) -> String {
        self.rank.map_or_else(|| "(no rule)".to_owned(), |rank| format!("rules[{rank}]"))
    }

    /// Its place, and its id if it has one.
    pub(crate) fn name(&self) -> String {
        let id = self.id.as_ref().map(|id| format!(" \"{id}\"")).unwrap_or_default();
        format!("{}{id}", self.setting())
    }

    /// Whether an expectation means this rule: by its id or its place.
    pub(crate) fn is(&self, expected: &str) -> bool {
        self.id.as_deref() == Some(expected) || self.setting() == expected
    }

    /// The rule as it is written.
    pub(crate) fn written<'w>(&self, settings: &'w serde_json::Value) -> Option<&'w serde_json::Value> {
        settings.get("rules")?.get(self.rank?)
    }
}
