//! [`Telling`]: an explanation as a site owner reads it.

use portcullis::{
    claims::Claims,
    gate::{Decision, Rejection},
    policy::{StepUp, Verdict as Said},
};
use serde_json::Value;

use crate::{
    supposition::{Bench, Supposition},
    verdict::{Place, Verdict},
};

/// An explanation, with what it is about.
pub(crate) struct Telling<'t> {
    pub(crate) bench: &'t Bench,
    pub(crate) supposed: &'t Supposition,
    pub(crate) explanation: &'t portcullis::gate::Explanation,
}

/// The lists of a policy, in the order in which they are looked at.
const LISTS: [&str; 3] = ["deny", "require", "allow"];

/// A list of a policy, with what its selectors say.
type List = (&'static str, Vec<Said>);

impl Telling<'_> {
    pub(crate) fn verdict(&self) -> Verdict {
        Verdict::of(self.explanation, self.bench.gate.config())
    }

    /// Who is asking, according to the session or the token.
    pub(crate) fn claims(&self) -> Option<&Claims> {
        self.explanation.claims.as_ref()
    }

    fn person(&self) -> String {
        self.claims().map_or_else(|| "nobody".to_owned(), Claims::shown_as)
    }

    /// The whole explanation.
    pub(crate) fn text(&self) -> String {
        let verdict = self.verdict();
        let mut text = format!("{} {}\n", self.supposed.method, self.supposed.url);
        if self.supposed.sent != self.supposed.url {
            text.push_str(&format!("  It was sent as {}: the platform resolves plain dots.\n", self.supposed.sent));
        }
        if let Some(spelling) = self.supposed.browsers_spelling() {
            text.push_str(&format!("  A browser would ask for {spelling} instead.\n"));
        }
        text.push_str(&self.who());
        text.push_str(&format!("\n{}: {}\n", verdict.decision, self.meaning(&verdict)));
        if let Decision::Forward(forward) = &self.explanation.decision {
            for (name, value) in forward.identity() {
                text.push_str(&format!("  {}: {value}\n", name.as_ref()));
            }
        }
        let asks = asks(&self.explanation.asks);
        if !asks.is_empty() {
            let who = if self.explanation.machine { "What is missing is" } else { "The provider is asked for" };
            text.push_str(&format!("  {who} {}.\n", asks.join(", ")));
        }
        if let Some(rule) = &verdict.rule {
            text.push_str(&format!("\n{}\n", self.rule(rule)));
            self.policy(&mut text, &self.explanation.policy, rule);
            if let Some(by) = &self.explanation.by {
                text.push_str(&format!("  {}\n", self.denies(by)));
            }
        }
        self.beside(&mut text);
        self.readings(&mut text);
        self.watching(&mut text);
        text
    }

    fn who(&self) -> String {
        let mut text = match (self.claims(), &self.supposed.asker) {
            (Some(claims), _) => self.kept(claims),
            (None, Some(_)) => "  as somebody, whom nothing here looks at\n".to_owned(),
            (None, None) => "  as nobody: without a session\n".to_owned(),
        };
        let place = [&self.supposed.address, &self.supposed.country];
        let place: Vec<&str> = place.into_iter().flatten().map(String::as_str).collect();
        if !place.is_empty() {
            text.push_str(&format!("  from {}\n", place.join(", ")));
        }
        text
    }

    /// What a session knows about a person: what rules name, and no more.
    fn kept(&self, claims: &Claims) -> String {
        let mut kept = Vec::new();
        match (claims.email(), claims.verified_email()) {
            (_, Some(email)) => kept.push(format!("email {email}")),
            (Some(email), None) => {
                kept.push(format!(
                    "email {email}, which is not verified: it admits nowhere, and the origin does not see it"
                ));
            }
            (None, None) => {}
        }
        for (name, values) in [("groups", claims.groups()), ("roles", claims.roles()), ("amr", claims.amr())] {
            if !values.is_empty() {
                kept.push(format!("{name} {}", values.join(", ")));
            }
        }
        kept.extend(claims.acr().map(|acr| format!("acr {acr}")));
        kept.extend(
            claims
                .auth_time()
                .map(|time| format!("auth_time {} ({} ago)", time.seconds(), self.supposed.now.since(time))),
        );
        for path in self.bench.gate.config().selection.paths() {
            let values: Vec<String> = claims.values(path).iter().map(Value::to_string).collect();
            if !values.is_empty() {
                kept.push(format!("{path} {}", values.join(", ")));
            }
        }
        let (how, what) =
            if self.explanation.machine { ("a machine with a token of", "token") } else { ("signed in at", "session") };
        let mut text = format!("  as {}, {how} {}\n", claims.subject(), claims.provider());
        let kept = if kept.is_empty() { "nothing that rules ask about".to_owned() } else { kept.join("; ") };
        text.push_str(&format!("  the {what} says: {kept}\n"));
        text
    }

    /// What a decision means, in words.
    fn meaning(&self, verdict: &Verdict) -> String {
        let person = self.person();
        match (verdict.decision, &self.explanation.decision) {
            ("public", _) => "it goes to the origin, and nobody looks who it is.".to_owned(),
            ("preflight", _) => {
                "it goes to the origin without identity: the rule lets CORS preflights pass.".to_owned()
            }
            ("anonymous", _) if self.claims().is_some() => format!(
                "it goes to the origin as nobody's. Sign-in is optional, and the request does not say that a page of this site sent it, so it does not count that {person} is signed in. {}",
                self.hint()
            ),
            ("anonymous", _) => "it goes to the origin as nobody's. Sign-in is optional here.".to_owned(),
            ("identified", _) => {
                format!("it goes to the origin, which learns that it is {person}. Sign-in is optional here.")
            }
            ("admitted", _) => format!("it goes to the origin, which learns that it is {person}."),
            ("sign-in", _) => {
                "nobody is signed in. A page that a person opens is sent to sign in, anything else gets 401.".to_owned()
            }
            ("step-up", _) if self.explanation.machine => format!("the token of {person} stands for a sign-in of another kind than this asks for. The answer is 401, with what is missing."),
            ("denied", _) if self.explanation.machine => format!("{person} shows a token, and is not let in. The answer is 403."),
            ("unproven", _) => "it shows an access token, whose signature is checked with the issuer's keys before anything is decided. Suppose one that is right with --machine.".to_owned(),
            ("step-up", _) => format!(
                "{person} is signed in, and has to sign in in another way for this. A page that a person opens is sent to the provider, once; anything else gets 401."
            ),
            ("denied", _) => format!("{person} is signed in, and is not let in. The answer is 403, never a redirect."),
            ("cross-site", _) => format!(
                "it would change something, or open a WebSocket, with the cookie of {person}, and does not say that a page of this site sent it. The answer is 403. {}",
                self.hint()
            ),
            ("https", _) => "it came over http, and is asked to come again over https.".to_owned(),
            ("own-endpoint", Decision::Own(endpoint, _)) => {
                format!("the gate answers it itself, with its endpoint {:?}.", endpoint.name())
            }
            ("not-found", _) => {
                format!(
                    "it lies under {}, and is nothing of the gate's. The answer is 404.",
                    self.bench.gate.config().prefix
                )
            }
            (_, Decision::Refuse(rejection, _)) => self.refused(rejection),
            (decision, _) => decision.to_owned(),
        }
    }

    fn refused(&self, rejection: &Rejection) -> String {
        let why = match rejection {
            Rejection::Host(_) => {
                let hosts = self.bench.written.get("hosts").map(inline).unwrap_or_default();
                format!("the host is none of hosts, {hosts}")
            }
            Rejection::Insecure => "something other than a read came over http".to_owned(),
            Rejection::Path(error) => format!("the path {error}"),
            Rejection::Ambiguous(_) => "servers read the path in ways that choose different rules".to_owned(),
            Rejection::DoubtfulMethod => {
                "the origin could take another method than this: by a header that overrides it, by small letters where a rule asks for the method, or since Upgrade makes a GET of it; and TRACE goes nowhere".to_owned()
            }
            Rejection::Machine(_) => "the token that it shows does not count here".to_owned(),
            _ => "it goes nowhere".to_owned(),
        };
        format!("{why}. The answer is {} ({}).", rejection.status(), rejection.code())
    }

    fn hint(&self) -> String {
        let home = self.supposed.url.split('/').take(3).collect::<Vec<_>>().join("/");
        format!("To suppose that one did, add the header Origin: {home}")
    }

    /// A rule: where it is and what it asks for.
    fn rule(&self, place: &Place) -> String {
        let Some(rule) = place.written(&self.bench.written) else {
            return "No rule matches: sign-in is needed, and enough.".to_owned();
        };
        let text = |name: &str| rule.get(name).and_then(Value::as_str).unwrap_or_default();
        let methods = rule.get("methods").and_then(Value::as_array).into_iter().flatten();
        let methods = methods.filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
        let methods = if methods.is_empty() { methods } else { format!("{methods} ") };
        let has_policy = LISTS.iter().any(|list| rule.get(*list).is_some());
        let mut asks = match rule.get("sso") {
            Some(Value::Bool(false)) => "is public (sso = false)",
            Some(Value::String(_)) => "takes everybody, and identity where there is one (sso = \"optional\")",
            _ if has_policy => "asks for sign-in, and has a policy",
            _ => "asks for sign-in, which is enough",
        }
        .to_owned();
        if text("mode") == "report" {
            asks = "only watches (mode = \"report\")".to_owned();
        }
        if rule.get("preflight") == Some(&Value::Bool(true)) {
            asks.push_str("; lets preflights pass");
        }
        if let Some(tokens) = rule.get("tokens") {
            asks.push_str(&format!("; takes tokens of {}", inline(tokens)));
        }
        if let Some(origins) = rule.get("origins") {
            asks.push_str(&format!("; trusts pages of {}", inline(origins)));
        }
        format!("{} ({methods}{}{}) {asks}", place.name(), text("host"), text("path"))
    }

    /// The policy's selectors: what they say about somebody, or how they are written.
    fn policy(&self, text: &mut String, policy: &[List], place: &Place) {
        let written = place.written(&self.bench.written);
        for list in LISTS {
            let selectors = written.and_then(|rule| rule.get(list));
            match policy.iter().find(|(name, _)| *name == list) {
                Some((_, said)) => said_of(text, list, said, selectors, 1),
                None => {
                    for (rank, selector) in selectors.and_then(Value::as_array).into_iter().flatten().enumerate() {
                        let place = format!("  {list}[{rank}]");
                        text.push_str(&format!("{place:25} {}\n", inline(selector)));
                    }
                }
            }
        }
    }

    fn denies(&self, by: &str) -> String {
        let person = self.person();
        let unknown = || {
            let lists = self.explanation.policy.iter();
            let mut said =
                lists.flat_map(|(list, said)| said.iter().enumerate().map(move |(rank, one)| (list, rank, one)));
            said.any(|(list, rank, one)| format!("{list}[{rank}]") == by && one.selects.is_none())
        };
        if by == "allow" {
            return format!("allow decides: nothing in it selects {person}.");
        }
        if unknown() {
            return format!(
                "{by} decides: what it asks about is not known, and that admits nobody. An ip or a country can be supposed; an address has to be verified, and groups and roles to be lists of texts."
            );
        }
        let does = if by.starts_with("deny") { "selects" } else { "does not select" };
        format!("{by} decides: it {does} {person}.")
    }

    /// The rules that have to admit as well.
    fn beside(&self, text: &mut String) {
        let config = self.bench.gate.config();
        for beside in &self.explanation.beside {
            let place = Place { rank: Some(beside.rank), id: config.rule(Some(beside.rank)).id.clone() };
            let word = beside.by.as_ref().map_or_else(String::new, |by| format!(", and does not: {by}"));
            text.push_str(&format!(
                "\n{}\n  has to admit as well{word}. Servers differ in endings and in case: what is served here may be what this rule is about.\n",
                self.rule(&place)
            ));
            self.policy(text, &beside.policy, &place);
        }
    }

    fn readings(&self, text: &mut String) {
        let readings = &self.explanation.readings;
        if readings.len() < 2 {
            return;
        }
        text.push_str("\nServers could read the path as\n");
        let width = readings.iter().map(|reading| reading.path.chars().count()).max().unwrap_or_default();
        for reading in readings {
            let place = Place::of(reading.rule, self.bench.gate.config());
            let pattern = place.written(&self.bench.written).and_then(|rule| rule.get("path")?.as_str());
            let pattern = pattern.map(|path| format!(", {path}")).unwrap_or_default();
            text.push_str(&format!("  {:width$}  {}{pattern}\n", reading.path, place.name()));
        }
    }

    fn watching(&self, text: &mut String) {
        for watcher in &self.explanation.watching {
            let place =
                Place { rank: Some(watcher.rank), id: self.bench.gate.config().rule(Some(watcher.rank)).id.clone() };
            let would = match &watcher.finding.denied_by {
                Some(by) => format!("would deny, by {by}"),
                None => "would admit".to_owned(),
            };
            text.push_str(&format!("\n{}: {would}\n", self.rule(&place)));
            self.policy(text, &watcher.policy, &place);
        }
    }
}

/// What a provider is asked for, as parameters.
pub(crate) fn asks(step_up: &StepUp) -> Vec<String> {
    let mut asks = Vec::new();
    if !step_up.classes.is_empty() {
        asks.push(format!("acr_values={}", step_up.classes.join(" ")));
    }
    asks.extend(step_up.max_age.map(|age| format!("max_age={}", age.seconds())));
    if step_up.anew {
        asks.push("prompt=login".to_owned());
    }
    asks
}

/// A line for each selector: where it is, whether it selects, and how it is written.
fn said_of(text: &mut String, list: &str, said: &[Said], written: Option<&Value>, depth: usize) {
    for (rank, one) in said.iter().enumerate() {
        let selector = written.and_then(|list| list.get(rank));
        let place = format!("{}{list}[{rank}]", "  ".repeat(depth));
        let selects = match one.selects {
            Some(true) => "yes",
            Some(false) => "no",
            None => "unknown",
        };
        let mends = if one.mendable && one.within.is_empty() { "  (a new sign-in could bring it)" } else { "" };
        text.push_str(&format!("{place:16} {selects:8} {}{mends}\n", selector.map(inline).unwrap_or_default()));
        for list in ["any", "all", "none"] {
            if let Some(within) = selector.and_then(|selector| selector.get(list)) {
                said_of(text, list, &one.within, Some(within), depth.saturating_add(1));
            }
        }
    }
}

/// A value as TOML writes it on one line.
pub(crate) fn inline(value: &Value) -> String {
    match value {
        Value::Array(values) => format!("[{}]", values.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(name, value)| format!("{name} = {}", inline(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        value => value.to_string(),
    }
}
