//! An explanation for programs to read.

use portcullis::{gate::Decision, policy::Verdict as Said};
use serde_json::{Value, json};

use crate::{verdict::Place, words::Telling};

impl Telling<'_> {
    /// The whole explanation, as `--json` prints it.
    pub(crate) fn json(&self) -> Value {
        let (verdict, config) = (self.verdict(), self.bench.gate.config());
        let place = |place: &Place| json!({ "place": place.setting(), "id": place.id });
        let person = self.claims().map(|claims| {
            json!({
                "subject": claims.subject(),
                "provider": claims.provider(),
                "email": claims.email(),
                "email_verified": claims.verified_email().is_some(),
                "machine": self.explanation.machine,
                "claims": Value::from(claims),
            })
        });
        let identity = match &self.explanation.decision {
            Decision::Forward(forward) => {
                forward.identity().iter().map(|(name, value)| (name.as_ref().to_owned(), json!(value))).collect()
            }
            _ => serde_json::Map::new(),
        };
        let rule = verdict.rule.as_ref().map(
            |rule| json!({ "place": rule.setting(), "id": rule.id, "written": rule.written(&self.bench.written) }),
        );
        let readings = self
            .explanation
            .readings
            .iter()
            .map(|reading| json!({ "path": reading.path, "rule": place(&Place::of(reading.rule, config)) }));
        let watching = self.explanation.watching.iter().map(|watcher| {
            let own = Place { rank: Some(watcher.rank), id: config.rule(Some(watcher.rank)).id.clone() };
            json!({
                "rule": place(&own),
                "would": if watcher.finding.denied_by.is_some() { "deny" } else { "admit" },
                "reason": watcher.finding.denied_by,
                "policy": self.listed(&watcher.policy, &own),
            })
        });
        let beside = self.explanation.beside.iter().map(|beside| {
            let own = Place { rank: Some(beside.rank), id: config.rule(Some(beside.rank)).id.clone() };
            json!({ "rule": place(&own), "reason": beside.by, "policy": self.listed(&beside.policy, &own) })
        });
        let policy = verdict.rule.as_ref().map(|rule| self.listed(&self.explanation.policy, rule));
        json!({
            "request": { "method": self.supposed.method, "url": self.supposed.url, "browser": self.supposed.browsers_spelling() },
            "person": person,
            "decision": verdict.decision,
            "forwarded": verdict.is_forwarded(),
            "status": verdict.status,
            "reason": verdict.reason,
            "rule": rule,
            "policy": policy.unwrap_or_default(),
            "beside": beside.collect::<Vec<_>>(),
            "asks": crate::words::asks(&self.explanation.asks),
            "identity": identity,
            "readings": readings.collect::<Vec<_>>(),
            "watching": watching.collect::<Vec<_>>(),
        })
    }

    fn listed(&self, policy: &[(&'static str, Vec<Said>)], place: &Place) -> Vec<Value> {
        let rule = place.written(&self.bench.written);
        policy.iter().flat_map(|(list, said)| recorded(list, said, rule.and_then(|rule| rule.get(*list)))).collect()
    }
}

fn recorded(list: &str, said: &[Said], written: Option<&Value>) -> Vec<Value> {
    let one = |(rank, one): (usize, &Said)| {
        let selector = written.and_then(|list| list.get(rank));
        let within = ["any", "all", "none"]
            .into_iter()
            .find_map(|list| Some(recorded(list, &one.within, Some(selector?.get(list)?))));
        json!({
            "place": format!("{list}[{rank}]"),
            "selector": selector,
            "selects": one.selects,
            "mendable": one.mendable,
            "within": within.unwrap_or_default(),
        })
    };
    said.iter().enumerate().map(one).collect()
}
