//! `portcullis test`: a file of expectations, held against the settings. For a site owner's own CI.
//!
//! ```toml
//! at = 1800000000                       # the time of every test, in seconds since 1970
//!
//! [people.ada]
//! provider = "work"                     # if left out: the first in the settings
//! claims = { sub = "ada", groups = ["staff", "admins"] }
//!
//! [people.deployer]
//! machine = "ci"                        # a service token, or an issuer of access tokens with claims
//!
//! [[tests]]
//! url = ["/admin/", "/admin/keys"]      # each of them
//! as = ["ada", "nobody"]                # each of them; if left out: nobody
//! expect = "admitted"
//! rule = "admin"                        # its id, or its place: rules[2]
//! reason = "deny[0]"
//! ```

use std::{collections::BTreeMap, fs};

use portcullis::time::Timestamp;
use serde::{Deserialize, de::IntoDeserializer};
use serde_json::{Map, Value};

use crate::{
    arguments::{Arguments, Failure, given},
    deployment::Deployment,
    supposition::{Asker, Bench, Supposition},
    verdict::{ANY_FORWARDED, FORWARDED, HELD, Verdict},
    words::Telling,
};

/// The time of a test that gives none: always the same, so that the verdict is too.
const MOMENT: u64 = 1_800_000_000;
/// Nobody is signed in.
const NOBODY: &str = "nobody";

/// A file of expectations.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectations {
    at: Option<u64>,
    #[serde(default)]
    people: BTreeMap<String, Somebody>,
    tests: Vec<Expectation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Somebody {
    provider: Option<String>,
    machine: Option<String>,
    claims: Option<Map<String, Value>>,
}

/// Requests, and what is expected of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    name: Option<String>,
    url: OneOrMore,
    method: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    ip: Option<String>,
    country: Option<String>,
    at: Option<u64>,
    #[serde(rename = "as")]
    people: Option<OneOrMore>,
    /// In addition to the person's.
    #[serde(default)]
    claims: Map<String, Value>,
    expect: String,
    rule: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a text, or a list of texts")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

pub(crate) fn run(arguments: &[String]) -> Result<String, Failure> {
    let arguments = Arguments::parse(arguments, &["--config", "--env"], &[])?;
    let [file] = arguments.values(["policy.tests.toml"])?;
    let bench = Bench::new(&Deployment::read(arguments.option("--config"), arguments.option("--env"))?)?;
    let text = fs::read_to_string(&file).map_err(|error| given(format!("{file}: {error}")))?;
    let expectations = Expectations::parse(&text).map_err(|problem| given(format!("{file}: {problem}")))?;
    let mut tap = Tap::default();
    for (rank, expectation) in expectations.tests.iter().enumerate() {
        let told = expectations.hold(&bench, expectation, &mut tap);
        told.map_err(|failure| match failure {
            Failure::Given(problem) => given(format!("{file}: tests[{rank}]: {problem}")),
            failure => failure,
        })?;
    }
    tap.end()
}

impl Expectations {
    fn parse(text: &str) -> Result<Self, String> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
        let parsed: Self = serde_path_to_error::deserialize(table.into_deserializer()).map_err(|error| {
            let (path, problem) = (error.path().to_string(), error.inner().to_string());
            format!("{path}: {}", problem.trim_end())
        })?;
        if parsed.people.contains_key(NOBODY) {
            return Err(format!("people.{NOBODY}: that is what a request without a session is called"));
        }
        if parsed.tests.is_empty() {
            return Err("tests: is empty, so nothing would be tested".to_owned());
        }
        Ok(parsed)
    }

    /// Holds every request of an expectation against the gate.
    fn hold(&self, bench: &Bench, expectation: &Expectation, tap: &mut Tap) -> Result<(), Failure> {
        expectation.check(bench)?;
        let nobody = [NOBODY.to_owned()];
        let people = expectation.people.as_ref().map_or(nobody.as_slice(), OneOrMore::all);
        for url in expectation.url.all() {
            for name in people {
                let sent = bench.address(url)?;
                let mut supposed = Supposition {
                    method: expectation.method.clone().unwrap_or_else(|| "GET".to_owned()),
                    url: Bench::seen(&sent),
                    sent,
                    headers: Vec::new(),
                    address: expectation.ip.clone(),
                    country: expectation.country.clone(),
                    now: Timestamp::from_seconds(expectation.at.or(self.at).unwrap_or(MOMENT)),
                    asker: self.asker(name, &expectation.claims)?,
                };
                for (name, value) in &expectation.headers {
                    supposed.add_header(name, value)?;
                }
                supposed.check()?;
                let explanation = bench.explain(&mut supposed)?;
                let telling = Telling { bench, supposed: &supposed, explanation: &explanation };
                tap.add(
                    &expectation.title(&supposed.method, url, name),
                    &expectation.differences(&telling.verdict()),
                    &telling,
                );
            }
        }
        Ok(())
    }

    fn asker(&self, name: &str, more: &Map<String, Value>) -> Result<Option<Asker>, Failure> {
        if name == NOBODY {
            return if more.is_empty() { Ok(None) } else { Err(given("claims are somebody's: say whose, with as")) };
        }
        let Some(somebody) = self.people.get(name) else {
            let known: Vec<&str> = self.people.keys().map(String::as_str).chain([NOBODY]).collect();
            return Err(given(format!("there is nobody called {name:?} among people: there are {}", known.join(", "))));
        };
        let claims = match (&somebody.claims, more.is_empty()) {
            (None, true) => None,
            (own, _) => {
                let mut claims = own.clone().unwrap_or_default();
                claims.extend(more.clone());
                Some(Value::Object(claims).to_string())
            }
        };
        match (somebody.machine.clone(), somebody.provider.clone(), claims) {
            (Some(token), None, claims) => Ok(Some(Asker::Machine { token, claims })),
            (None, provider, Some(claims)) => Ok(Some(Asker::Person { claims, provider })),
            (None, _, None) => Err(given(format!("people.{name} has no claims: what would a provider say?"))),
            (Some(_), Some(_), _) => {
                Err(given(format!("people.{name} has both machine and provider: keep one of them")))
            }
        }
    }
}

impl Expectation {
    /// Refuses an expectation that nothing could fulfil: it is a mistake in the file.
    fn check(&self, bench: &Bench) -> Result<(), Failure> {
        let lists = [("url", Some(&self.url)), ("as", self.people.as_ref())];
        if let Some((name, _)) = lists.iter().find(|(_, list)| list.is_some_and(|list| list.all().is_empty())) {
            return Err(given(format!("{name} is empty, so nothing would be tested")));
        }
        let mut known = FORWARDED.iter().chain(&HELD).chain([&ANY_FORWARDED]);
        if !known.any(|word| *word == self.expect) {
            let words: Vec<&str> = FORWARDED.iter().chain(&HELD).copied().collect();
            return Err(given(format!(
                "expect {:?} is no decision: there are {}; {ANY_FORWARDED} means any of the first {}",
                self.expect,
                words.join(", "),
                FORWARDED.len()
            )));
        }
        let rules = bench.written.get("rules").and_then(Value::as_array).map_or(0, Vec::len);
        let config = bench.gate.config();
        let mut names = (0..rules).flat_map(|rank| {
            [Some(format!("rules[{rank}]")), config.rule(Some(rank)).id.clone()].into_iter().flatten()
        });
        match self.rule.as_ref().filter(|rule| *rule != "(no rule)" && !names.any(|name| name == **rule)) {
            Some(rule) => Err(given(format!(
                "there is no rule {rule:?} in the settings: write its id, its place as in \"rules[2]\", or \"(no rule)\""
            ))),
            None => Ok(()),
        }
    }

    fn title(&self, method: &str, url: &str, person: &str) -> String {
        let request = format!("{method} {url} as {person}");
        self.name.as_ref().map_or_else(|| format!("{request}: {}", self.expect), |name| format!("{name} ({request})"))
    }

    /// What was expected and what came instead, where they differ.
    fn differences(&self, verdict: &Verdict) -> Vec<(&'static str, String, String)> {
        let mut differences = Vec::new();
        if !verdict.is(&self.expect) {
            differences.push(("decision", self.expect.clone(), verdict.decision.to_owned()));
        }
        if let Some(rule) = self.rule.as_ref().filter(|rule| !verdict.rule.as_ref().is_some_and(|place| place.is(rule)))
        {
            let got = verdict.rule.as_ref().map_or_else(|| "none was looked for".to_owned(), |place| place.name());
            differences.push(("rule", rule.clone(), got));
        }
        if let Some(reason) = self.reason.as_ref().filter(|reason| verdict.reason.as_ref() != Some(reason)) {
            differences.push(("reason", reason.clone(), verdict.reason.clone().unwrap_or_else(|| "none".to_owned())));
        }
        differences
    }
}

impl OneOrMore {
    fn all(&self) -> &[String] {
        match self {
            Self::One(one) => core::slice::from_ref(one),
            Self::More(more) => more,
        }
    }
}

/// The results, in the Test Anything Protocol.
#[derive(Default)]
struct Tap {
    text: String,
    passed: usize,
    failed: usize,
}

impl Tap {
    fn add(&mut self, title: &str, differences: &[(&str, String, String)], telling: &Telling<'_>) {
        let number = self.passed.saturating_add(self.failed).saturating_add(1);
        // A number sign would begin a directive, and a line break another result.
        let on_a_line = |text: &str| text.replace(char::is_control, " ");
        let title = on_a_line(title).replace('#', "\\#");
        if differences.is_empty() {
            self.passed = self.passed.saturating_add(1);
            self.text.push_str(&format!("ok {number} - {title}\n"));
            return;
        }
        self.failed = self.failed.saturating_add(1);
        self.text.push_str(&format!("not ok {number} - {title}\n  ---\n"));
        for (what, expected, got) in differences {
            let (expected, got) = (on_a_line(expected), on_a_line(got));
            self.text.push_str(&format!("  {what}:\n    expected: {expected}\n    got:      {got}\n"));
        }
        self.text.push_str("  why: |\n");
        for line in telling.text().lines() {
            self.text.push_str(format!("    {line}").trim_end());
            self.text.push('\n');
        }
        self.text.push_str("  ...\n");
    }

    fn end(self) -> Result<String, Failure> {
        let Self { text, passed, failed } = self;
        let all = passed.saturating_add(failed);
        let text = format!("TAP version 13\n{text}1..{all}\n# {passed} passed, {failed} failed\n");
        if failed == 0 { Ok(text) } else { Err(Failure::Told(text)) }
    }
}
