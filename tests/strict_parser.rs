//! Whole requests against a strict URL parser and a second implementation of the rules: whatever is
//! forwarded is what was judged, host and method included.

#![expect(clippy::unwrap_used, reason = "a helper of a test may panic")]

#[path = "support/readings.rs"]
mod readings;
mod support;

use portcullis::{
    gate::{Decision, path_and_query},
    rules::Pattern,
    time::Timestamp,
};
use proptest::{collection, option, prelude::*, sample::select, test_runner::RngSeed};
use readings::readings;
use serde_json::{Value, json};
use support::world::{Head, World, settings};
use url::Url;

const HOSTS: [&str; 3] = ["docs.example.com", "api.example.com", "a.team.example.com"];
const PIECES: &str = r"/ / / // \ %2f %2F %5c %252f . .. /.. /../ /./ %2e %2E%2e /%2e%2e/ %252e%252e ; ;x %3b ..;/ a b x.js
    public/ admin /.auth %61 %2561 %70ublic %C3%A9 %20 %25 a%2fb/ a/b";
const QUERIES: &str = "? ?a=b ?/../admin ?x=%2e%2e&y=; ?a?b";
const PATTERNS: &str = "/public/** /admin/** /a/** /*/b /**/admin / /a/b /public*/** /* /**/x.js";

fn one_of(list: &'static str) -> impl Strategy<Value = &'static str> {
    select(list.split_whitespace().collect::<Vec<_>>())
}

fn path() -> impl Strategy<Value = String> {
    (one_of("/ /public/ /admin/ /a/"), collection::vec(one_of(PIECES), 0..6))
        .prop_map(|(start, pieces)| format!("{start}{}", pieces.concat()))
}

/// One rule: as it is written, and what a second look at it needs.
#[derive(Clone, Debug)]
struct Rule {
    pattern: &'static str,
    host: Option<&'static str>,
    methods: Option<Vec<&'static str>>,
    open: bool,
}

fn rule() -> impl Strategy<Value = Rule> {
    let host = option::of(select(vec!["docs.example.com", "*.example.com", "*.team.example.com"]));
    let methods = option::of(select(vec![vec!["GET"], vec!["POST", "PUT"], vec!["HEAD"], vec!["OPTIONS"]]));
    (one_of(PATTERNS), host, methods, any::<bool>()).prop_map(|(pattern, host, methods, open)| Rule {
        pattern,
        host,
        methods,
        open,
    })
}

impl Rule {
    fn written(&self, optional: bool) -> Value {
        let sso = match (self.open, optional) {
            (true, true) => json!("optional"),
            (open, _) => json!(!open),
        };
        let mut rule = json!({ "path": self.pattern, "sso": sso });
        if let Some(host) = self.host {
            rule["host"] = json!(host);
        }
        if let Some(methods) = &self.methods {
            rule["methods"] = json!(methods);
        }
        rule
    }

    fn is_about(&self, host: &str, method: &str, reading: &str) -> bool {
        let host_fits = self.host.is_none_or(|own| match own.strip_prefix('*') {
            Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
            None => own == host,
        });
        let method_fits = self
            .methods
            .as_ref()
            .is_none_or(|methods| methods.contains(&method) || method == "HEAD" && methods.contains(&"GET"));
        host_fits && method_fits && Pattern::parse(self.pattern).unwrap().matches(reading)
    }
}

/// Whether a reading needs nobody: by the first rule about it, one after the other.
fn is_open(rules: &[Rule], host: &str, method: &str, reading: &str) -> bool {
    rules.iter().find(|rule| rule.is_about(host, method, reading)).is_some_and(|rule| rule.open)
}

#[test]
fn a_path_that_the_platform_would_write_anew_is_not_fetched_by_its_address() {
    let verdict = |origin: Value, path: &str| {
        let mut settings = settings();
        settings["origin"] = origin;
        settings["rules"] = json!([{ "path": "/**", "sso": false }]);
        let isolate = World::new().isolate(&settings);
        let decision = isolate.gate.decide(&Head::new("GET", path), Timestamp::from_seconds(1_800_000_000));
        matches!(decision, Decision::Forward(_))
    };
    for path in ["/a^b", "/a`b", "/a{b}", "/a\"b", "/a<b>", "/a/%2e/b", "/a/%2E%2e/b", "/a\\b"] {
        assert!(!verdict(json!({ "fetch": "https://origin.example" }), path), "{path}");
        assert!(verdict(json!({ "fetch": "zone" }), path), "{path}");
    }
    for path in ["/a|b", "/a[b]", "/a%5Eb", "/a;b", "/a%20b", "/a//b"] {
        assert!(verdict(json!({ "fetch": "https://origin.example" }), path), "{path}");
    }
}

/// The characters of which docs/settings.md says so are those of which it is so.
#[test]
fn the_manual_names_every_character_that_the_platform_would_escape() {
    let manual = include_str!("../docs/settings.md");
    let (_, rest) = manual.split_once("that it would write differently").unwrap();
    let (named, _) = rest.split_once("is answered with 400").unwrap();
    // In Markdown a backquote stands between two pairs of them.
    let named = named.replace("`` ` ``", "backquote");
    let is_named = |letter: char| match letter {
        '`' => named.contains("backquote"),
        letter => named.contains(&format!("`{letter}`")),
    };
    let mut settings = settings();
    settings["origin"] = json!({ "fetch": "https://origin.example" });
    settings["rules"] = json!([{ "path": "/**", "sso": false }]);
    let isolate = World::new().isolate(&settings);
    // Of the others, these are no part of a path, or begin an escape.
    for letter in ('!'..='~').filter(|letter| !matches!(letter, '#' | '?' | '%')) {
        let head = Head::new("GET", &format!("/a{letter}b"));
        let forwarded =
            matches!(isolate.gate.decide(&head, Timestamp::from_seconds(1_800_000_000)), Decision::Forward(_));
        assert_eq!(forwarded, !is_named(letter), "{letter}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 6_000, rng_seed: RngSeed::Fixed(0x706f_7274_6375_6c6c), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_forwarded_is_open_to_every_reader_for_this_host_and_method(
        rules in collection::vec(rule(), 1..5),
        optional in any::<bool>(),
        path in path(),
        query in option::of(one_of(QUERIES)),
        host in select(HOSTS.to_vec()),
        method in select(vec!["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "get", "Post"]),
        address in any::<bool>(),
    ) {
        let mut settings = settings();
        settings["hosts"] = json!(HOSTS);
        settings["origin"] = if address { json!({ "fetch": "https://origin.example" }) } else { json!({ "fetch": "zone" }) };
        settings["rules"] = rules.iter().map(|rule| rule.written(optional)).collect();
        // Rules of which one can never match are refused.
        let Ok(isolate) = World::new().try_isolate(&settings, support::world::SECRET, None) else { return Ok(()) };
        let sent = format!("{path}{}", query.unwrap_or_default());
        let head = Head { url: format!("https://{host}{sent}"), ..Head::new(method, "/") };
        let decision = isolate.gate.decide(&head, Timestamp::from_seconds(1_800_000_000));
        prop_assert_eq!(path_and_query(&head.url), &sent);
        let strict = Url::parse(&head.url).unwrap();
        let mut all = readings(&path);
        all.insert(strict.path().to_owned());
        let own = |reading: &String| reading == "/.auth" || reading.starts_with("/.auth/");
        let open = |reading: &String| is_open(&rules, host, method, reading);
        match decision {
            Decision::Forward(forward) => {
                prop_assert!(forward.identity().is_empty());
                if let Some(other) = all.iter().find(|reading| own(reading) || !open(reading)) {
                    prop_assert!(false, "{method} {} is forwarded, and reads as {}: {:?}", head.url, other, rules);
                }
                // What is fetched by its address is written as a parser writes it.
                if address {
                    let fetched = Url::parse(&format!("https://origin.example{sent}")).unwrap();
                    prop_assert_eq!(fetched.path(), &path);
                }
            }
            Decision::SignIn(_) => {
                if let Some(other) = all.iter().find(|reading| own(reading) || open(reading)) {
                    prop_assert!(false, "{method} {} asks for sign-in, and reads as {}: {:?}", head.url, other, rules);
                }
            }
            Decision::Refuse(rejection, _) => {
                let plain = all.len() == 1 && !matches!(method, "get" | "Post");
                prop_assert!(!plain || all.iter().any(own), "{method} {} {:?}", head.url, rejection);
            }
            Decision::Own(..) => prop_assert!(all.iter().all(own)),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
