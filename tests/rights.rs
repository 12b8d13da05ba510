//! Rights never grow by themselves: not by a changed session, not by a claim less, not by a deny more,
//! not by what cannot be known.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a helper of a test may panic")]

mod support;

use std::{mem::discriminant, net::IpAddr};

use portcullis::{
    claims::Claims,
    config::Secrets,
    gate::Decision,
    keyring::KeyRing,
    policy::{Facts, Policy, Selector, StepUp},
    session::{Binding, Session},
    time::Timestamp,
};
use proptest::{collection, option, prelude::*, sample::select, test_runner::RngSeed};
use serde_json::{Value, json};
use support::{
    held::decide,
    world::{HOST, Head, Isolate, SECRET, World, settings},
};

const NAME: &str = "__Host-portcullis";
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=.~ ,;\"%";

/// The same cases at every run; `PROPTEST_CASES` asks for more of them.
fn config(cases: u32) -> ProptestConfig {
    let rng_seed = RngSeed::Fixed(0x706f_7274_6375_6c6c);
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

/// A gate with a rule for everything that can be asked of a person, and the sessions of two.
struct Site {
    isolate: Isolate,
    now: Timestamp,
    ada: String,
    bob: String,
}

const PATHS: [&str; 10] =
    ["/open/x", "/optional/x", "/x", "/group/x", "/role/x", "/claim/x", "/acr/x", "/age/x", "/email/x", "/not/x"];

impl Site {
    fn new() -> Self {
        let world = World::new();
        let mut settings = settings();
        settings["rules"] = json!([
            { "path": "/open/**", "sso": false },
            { "path": "/optional/**", "sso": "optional" },
            { "path": "/group/**", "allow": [{ "group": "admins" }] },
            { "path": "/role/**", "require": [{ "role": "editor" }] },
            { "path": "/claim/**", "allow": [{ "claim": "level", "equals": 7 }] },
            { "path": "/acr/**", "require": [{ "acr": "urn:mfa" }, { "amr": "otp" }] },
            { "path": "/age/**", "require": [{ "max_age": "5m" }] },
            { "path": "/email/**", "allow": [{ "email": "bob@example.com" }] },
            { "path": "/not/**", "deny": [{ "group": "interns" }] },
        ]);
        let isolate = world.isolate(&settings);
        let now = portcullis::edge::Edge::now(&world);
        let keys =
            KeyRing::derive(&Secrets::parse(|name| (name == "PORTCULLIS_SECRET").then(|| SECRET.to_owned())).unwrap());
        let token = |mut said: Value| {
            said["idp"] = json!("work");
            let claims = Claims::try_from(said).unwrap();
            let config = isolate.gate.config();
            let binding = Binding {
                host: "docs.example.com",
                selection: config.selection.fingerprint(),
                lifetime: config.session_lifetime,
            };
            Session::begin(claims, "https://id.example", binding, now, &world).sign(&keys).unwrap()
        };
        let ada = token(json!({
            "sub": "ada", "email": "ada@example.com", "ev": true, "groups": ["admins"], "roles": ["editor"], "acr": "urn:mfa",
            "amr": ["otp"], "auth_time": now.seconds() - 10, "more": { "level": [7] },
        }));
        let bob = token(json!({ "sub": "bob", "email": "bob@example.com", "ev": true, "groups": ["interns"] }));
        Self { isolate, now, ada, bob }
    }

    fn decide(&self, head: Head, cookie: Option<&str>) -> Decision {
        let head = head.with("origin", HOST);
        let head = match cookie {
            Some(value) => head.with("cookie", &format!("{NAME}={value}")),
            None => head,
        };
        decide(&self.isolate.gate, head, self.now)
    }

    /// Whether this value is one of the two sessions, whole: then it may be what it is.
    fn is_whole(&self, value: &str) -> bool {
        let first = value.split(';').next().unwrap().trim_matches([' ', '\t']);
        first == self.ada || first == self.bob
    }

    /// With `value` for a session, nobody else than `person` comes to the origin.
    fn is_at_most(&self, person: &str, value: &str) {
        for path in ["/optional/x", "/x"] {
            if let Decision::Forward(forward) = self.decide(Head::new("GET", path), Some(value)) {
                let subject = forward.identity().into_iter().find(|(name, _)| *name == "x-auth-subject");
                assert!(subject.is_none_or(|(_, subject)| subject == person), "{path} {value}: {forward:?}");
            }
        }
    }

    /// With `value` for a session, everything is as it is without one.
    fn is_nobody(&self, value: &str) {
        for path in PATHS {
            for method in ["GET", "POST"] {
                let with = self.decide(Head::new(method, path), Some(value));
                let without = self.decide(Head::new(method, path), None);
                assert_eq!(discriminant(&with), discriminant(&without), "{method} {path} {value}: {with:?}");
                if let Decision::Forward(forward) = with {
                    assert!(forward.identity().is_empty(), "{method} {path} {value}: {forward:?}");
                }
            }
        }
    }
}

#[test]
fn the_sessions_of_these_tests_open_what_they_should() {
    let site = Site::new();
    let admitted = |value: &str| -> Vec<&str> {
        let passes = |path: &&str| matches!(site.decide(Head::new("GET", path), Some(value)), Decision::Forward(_));
        PATHS.into_iter().filter(passes).collect()
    };
    assert_eq!(
        admitted(&site.ada),
        ["/open/x", "/optional/x", "/x", "/group/x", "/role/x", "/claim/x", "/acr/x", "/age/x", "/not/x"]
    );
    assert_eq!(admitted(&site.bob), ["/open/x", "/optional/x", "/x", "/email/x"]);
}

#[test]
fn every_byte_of_a_session_as_every_letter_is_nobodys() {
    let site = Site::new();
    for (token, path) in [(&site.ada, "/group/x"), (&site.bob, "/email/x")] {
        for position in 0..token.len() {
            for letter in LETTERS.chars().filter(|letter| !token[position..].starts_with(*letter)) {
                let changed = format!("{}{letter}{}", &token[..position], &token[position + 1..]);
                let decision = site.decide(Head::new("GET", path), Some(&changed));
                assert!(matches!(decision, Decision::SignIn(_)), "byte {position} as {letter:?}: {decision:?}");
            }
        }
    }
}

/// One change to a session cookie.
#[derive(Clone, Debug)]
enum Change {
    Replace(usize, char),
    Insert(usize, char),
    Remove(usize),
    Truncate(usize),
    /// A part of the other's token in the place of its own.
    Part(usize),
    /// The same bits, as other variants of base64 write them.
    Variant(usize),
    Append(&'static str),
    Prepend(&'static str),
    Case(usize),
}

fn change() -> impl Strategy<Value = Change> {
    let place = 0..2_000_usize;
    let letter = || select(LETTERS.chars().collect::<Vec<_>>());
    let around = || {
        select(vec![
            "=", "==", ".", "..", "A", " ", "\t", "\u{a0}", "\"", ",", ";", "; a=1", ",a", "%", "\u{0}", "\u{e9}",
            "Bearer ",
        ])
    };
    prop_oneof![
        (place.clone(), letter()).prop_map(|(at, letter)| Change::Replace(at, letter)),
        (place.clone(), letter()).prop_map(|(at, letter)| Change::Insert(at, letter)),
        place.clone().prop_map(Change::Remove),
        place.clone().prop_map(Change::Truncate),
        (0..3_usize).prop_map(Change::Part),
        (0..5_usize).prop_map(Change::Variant),
        around().prop_map(Change::Append),
        around().prop_map(Change::Prepend),
        place.prop_map(Change::Case),
    ]
}

fn apply(text: &str, other: &str, change: &Change) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let length = letters.len().max(1);
    match *change {
        Change::Replace(at, letter) if !letters.is_empty() => letters[at % length] = letter,
        Change::Insert(at, letter) => letters.insert(at % length, letter),
        Change::Remove(at) if !letters.is_empty() => _ = letters.remove(at % length),
        Change::Truncate(at) => letters.truncate(at % length),
        Change::Case(at) if !letters.is_empty() => {
            let letter = letters[at % length];
            letters[at % length] =
                if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
        }
        Change::Part(rank) => {
            let mut parts: Vec<&str> = text.split('.').collect();
            if let (Some(own), Some(theirs)) = (parts.get_mut(rank), other.split('.').nth(rank)) {
                *own = theirs;
            }
            return parts.join(".");
        }
        Change::Variant(rank) => {
            return match rank {
                0 => text.replace('-', "+").replace('_', "/"),
                1 => text.replace('.', "=."),
                2 => text.replace('.', "%2e"),
                3 => text.replace('-', "%2d"),
                _ => format!("{text}="),
            };
        }
        Change::Append(around) => return format!("{text}{around}"),
        Change::Prepend(around) => return format!("{around}{text}"),
        _ => {}
    }
    letters.into_iter().collect()
}

/// What a policy can be made of.
fn leaf() -> impl Strategy<Value = Value> {
    let one = select(vec![
        json!({ "group": "a" }),
        json!({ "group": ["b", "c"] }),
        json!({ "role": "r" }),
        json!({ "role": ["s", "r"] }),
        json!({ "email": "ada@example.com" }),
        json!({ "email_domain": "example.com" }),
        json!({ "provider": "work" }),
        json!({ "provider": ["home", "other"] }),
        json!({ "claim": "dep", "matches": "eng-*" }),
        json!({ "claim": "dep", "one_of": ["ops", "eng-1"] }),
        json!({ "claim": "level", "equals": 1 }),
        json!({ "claim": "level", "one_of": [2, true] }),
        json!({ "acr": "x" }),
        json!({ "acr": ["y", "x"] }),
        json!({ "amr": "otp" }),
        json!({ "amr": ["hwk", "pwd"] }),
        json!({ "max_age": "60s" }),
        json!({ "max_age": "1h" }),
    ]);
    prop_oneof![8 => one, 2 => from_somewhere()]
}

fn from_somewhere() -> impl Strategy<Value = Value> {
    select(vec![
        json!({ "ip": "192.0.2.0/24" }),
        json!({ "ip": ["2001:db8::/32", "192.0.2.1"] }),
        json!({ "country": "CH" }),
        json!({ "country": ["DE", "T1"] }),
    ])
}

fn selector(with_none: bool) -> impl Strategy<Value = Value> {
    leaf().prop_recursive(3, 12, 3, move |inner| {
        let names = if with_none { vec!["any", "all", "none"] } else { vec!["any", "all"] };
        (select(names), collection::vec(inner, 1..4)).prop_map(|(name, list)| json!({ name: list }))
    })
}

fn list(with_none: bool) -> impl Strategy<Value = Vec<Value>> {
    collection::vec(selector(with_none), 0..3)
}

/// `allow`, `require` and `deny`.
#[derive(Clone, Debug)]
struct Lists(Option<Vec<Value>>, Vec<Value>, Vec<Value>);

fn lists(with_none: bool) -> impl Strategy<Value = Lists> {
    let deny = if with_none { 3 } else { 1 };
    (option::of(list(with_none)), list(with_none), collection::vec(selector(with_none), 0..deny))
        .prop_map(|(allow, require, deny)| Lists(allow, require, deny))
}

impl Lists {
    fn policy(&self) -> Policy {
        let parse =
            |list: &Vec<Value>| -> Vec<Selector> { list.iter().map(|one| Selector::parse(one).unwrap()).collect() };
        Policy::new(self.0.as_ref().map(parse), parse(&self.1), parse(&self.2))
    }
}

fn some(names: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(names, 0..=names.len())
}

/// What a session says of somebody.
fn person() -> impl Strategy<Value = Value> {
    let said = (some(&["a", "b", "c"]), some(&["r", "s"]), some(&["otp", "pwd"]), some(&["eng-1", "ops"]));
    let how = (option::of(select(vec!["x", "y"])), option::of(0..5_000_u64), any::<bool>(), 0..4_u64);
    (said, how, select(vec!["work", "home"])).prop_map(
        |((groups, roles, amr, dep), (acr, age, verified, level), provider)| {
            let mut claims = json!({
                "sub": "ada", "idp": provider, "email": "ada@example.com", "ev": verified, "groups": groups, "roles": roles, "amr": amr,
                "more": { "dep": dep, "level": [level] },
            });
            if let Some(acr) = acr {
                claims["acr"] = json!(acr);
            }
            if let Some(age) = age {
                claims["auth_time"] = json!(NOW.seconds() - age);
            }
            claims
        },
    )
}

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn addresses() -> [Option<IpAddr>; 4] {
    [None, Some("192.0.2.1".parse().unwrap()), Some("192.0.2.9".parse().unwrap()), Some("2001:db8::1".parse().unwrap())]
}

fn facts<'f>(address: Option<IpAddr>, country: Option<&'f str>) -> Facts<'f> {
    Facts { now: NOW, address, country }
}

/// Whether a policy admits, and what it would ask for otherwise.
fn judge(lists: &Lists, person: &Value, facts: &Facts<'_>) -> Result<(), Option<StepUp>> {
    let claims = Claims::try_from(person.clone()).unwrap();
    lists.policy().judge(&claims, facts).map(|_| ()).map_err(|denied| denied.step_up)
}

/// Everybody who has one thing less than `person`.
fn with_less(person: &Value) -> Vec<Value> {
    let mut lesser = Vec::new();
    for name in ["groups", "roles", "amr"] {
        for rank in 0..person[name].as_array().unwrap().len() {
            let mut other = person.clone();
            other[name].as_array_mut().unwrap().remove(rank);
            lesser.push(other);
        }
    }
    for name in ["acr", "auth_time", "email", "ev", "more"] {
        let mut other = person.clone();
        other.as_object_mut().unwrap().remove(name);
        lesser.push(other);
    }
    for claim in ["dep", "level"] {
        let mut other = person.clone();
        other["more"].as_object_mut().unwrap().remove(claim);
        lesser.push(other);
    }
    lesser
}

/// The same with every list in it the other way round.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Array(list) => list.iter().rev().map(reversed).collect(),
        Value::Object(table) => table.iter().map(|(name, value)| (name.clone(), reversed(value))).collect(),
        value => value.clone(),
    }
}

fn sorted(step_up: Option<StepUp>) -> Option<StepUp> {
    step_up.map(|mut step_up| {
        step_up.classes.sort();
        step_up
    })
}

proptest! {
    #![proptest_config(config(1_500))]

    #[test]
    fn a_changed_session_is_nobodys(changes in collection::vec(change(), 1..5), bobs in any::<bool>()) {
        thread_local! { static SITE: Site = Site::new(); }
        SITE.with(|site| {
            let (own, other) = if bobs { (&site.bob, &site.ada) } else { (&site.ada, &site.bob) };
            let value = changes.iter().fold(own.clone(), |text, change| apply(&text, other, change));
            if !site.is_whole(&value) {
                site.is_nobody(&value);
            }
            // Beside a whole one there are two, and none counts; or it is not even a cookie of ours.
            site.is_at_most(if bobs { "bob" } else { "ada" }, &format!("{own}; {NAME}={value}"));
            site.is_at_most(if bobs { "bob" } else { "ada" }, &format!("{value}; {NAME}={own}"));
        });
    }
}

proptest! {
    #![proptest_config(config(6_000))]

    #[test]
    fn a_deny_or_a_requirement_more_admits_nobody_more(lists in lists(true), more in selector(true), person in person()) {
        for address in addresses() {
            let facts = facts(address, address.map(|_| "CH"));
            let mut denying = lists.clone();
            denying.2.insert(0, more.clone());
            let mut requiring = lists.clone();
            requiring.1.push(more.clone());
            if judge(&lists, &person, &facts).is_err() {
                prop_assert!(judge(&denying, &person, &facts).is_err(), "{:?}", denying);
                prop_assert!(judge(&requiring, &person, &facts).is_err(), "{:?}", requiring);
            }
            // And an alternative more keeps nobody out.
            let mut allowing = lists.clone();
            if let Some(allow) = &mut allowing.0 {
                allow.push(more.clone());
                prop_assert!(judge(&lists, &person, &facts).is_err() || judge(&allowing, &person, &facts).is_ok());
            }
        }
    }

    #[test]
    fn who_has_less_is_admitted_no_more(lists in lists(false), person in person(), address in select(addresses().to_vec())) {
        let facts = facts(address, Some("CH"));
        let lists = Lists(lists.0, lists.1, Vec::new());
        if judge(&lists, &person, &facts).is_err() {
            for other in with_less(&person) {
                prop_assert!(judge(&lists, &other, &facts).is_err(), "{:?} admits {} and not {}", lists, other, person);
            }
        }
    }

    #[test]
    fn the_order_of_a_list_decides_nothing(lists in lists(true), person in person(), address in select(addresses().to_vec())) {
        let facts = facts(address, None);
        let around = |list: &Vec<Value>| -> Vec<Value> { list.iter().rev().map(reversed).collect() };
        let other = Lists(lists.0.as_ref().map(around), around(&lists.1), around(&lists.2));
        let verdict = |lists: &Lists| judge(lists, &person, &facts).map_err(sorted);
        prop_assert_eq!(verdict(&lists), verdict(&other), "{:?} {}", lists, person);
    }

    #[test]
    fn what_cannot_be_known_admits_nobody_who_might_be_refused(lists in lists(true), person in person()) {
        // Whoever passes while address and country are not known passes with any.
        if judge(&lists, &person, &facts(None, None)).is_ok() {
            for address in addresses() {
                for country in [None, Some("CH"), Some("DE"), Some("US")] {
                    prop_assert!(judge(&lists, &person, &facts(address, country)).is_ok(), "{:?} {:?} {:?}", lists, address, country);
                }
            }
        }
    }

    #[test]
    fn rfc9470_whom_no_step_up_is_offered_none_would_help(lists in lists(false), person in person()) {
        let facts = facts(addresses()[1], Some("CH"));
        let lists = Lists(lists.0, lists.1, Vec::new());
        let verdict = judge(&lists, &person, &facts);
        let mut helped = false;
        for acr in ["x", "y"] {
            for auth_time in [0, NOW.seconds()] {
                let mut again = person.clone();
                again["acr"] = json!(acr);
                again["amr"] = json!(["hwk", "otp", "pwd"]);
                again["auth_time"] = json!(auth_time);
                helped |= judge(&lists, &again, &facts).is_ok();
            }
        }
        match verdict {
            Ok(()) => {}
            Err(None) => prop_assert!(!helped, "{:?} {}", lists, person),
            Err(Some(step_up)) => prop_assert!(!step_up.is_nothing()),
        }
    }
}
