//! A changed session is nobody's, or at most its own person's.

use std::mem::discriminant;

use portcullis::{
    claims::Claims,
    config::Secrets,
    gate::Decision,
    keyring::KeyRing,
    session::{Binding, Session},
    time::Timestamp,
};
use proptest::{collection, prelude::*, sample::select};
use serde_json::{Value, json};

use crate::{
    config,
    support::{
        verified_cookies::decide,
        world::{HOST, Head, Isolate, SECRET, World, settings},
    },
};

const NAME: &str = "__Host-portcullis";
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=.~ ,;\"%";

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
            KeyRing::derive(&Secrets::parse(|name| (name == "PORTCULLIS_SECRET").then(|| SECRET.to_owned())).unwrap())
                .unwrap();
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
