//! A `Cookie` header that was read is not read again, and everything else about a request is looked at
//! each time all the same.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use portcullis::{
    edge::Edge,
    gate::{Decision, Rejection},
    session::CookieEdit,
};
use serde_json::json;
use support::{
    browser::Browser,
    verified_cookies::{Again, decide},
    world::{HOST, Head, Isolate, World, settings},
};

const NAME: &str = "__Host-portcullis";

/// A site where ada signed in, and her cookie.
fn site() -> (Isolate, String) {
    let mut settings = settings();
    settings["hosts"] = json!(["docs.example.com", "wiki.example.com", "localhost"]);
    settings["rules"] = json!([
        { "path": "/open/**", "sso": false },
        { "path": "/optional/**", "sso": "optional" },
        { "path": "/admin/**", "allow": [{ "group": "admins" }] },
        { "path": "/boss/**", "allow": [{ "email": "ceo@example.com" }] },
    ]);
    let isolate = World::new().isolate(&settings);
    let ada = Browser::new("ada");
    ada.open(&isolate, "/x").at_origin();
    let session = ada.cookie(NAME).unwrap();
    (isolate, session)
}

fn get(address: &str, cookie: &str) -> Head {
    Head { url: address.to_owned(), ..Head::new("GET", "") }.with("cookie", cookie)
}

#[test]
fn every_rule_judges_a_header_that_was_read_as_one_that_was_not() {
    let (isolate, session) = site();
    let now = isolate.world.now();
    for path in ["/x", "/open/x", "/optional/x", "/admin/x", "/boss/x", "/open/%2e%2e/admin", "/.auth/me"] {
        for cookie in [
            format!("{NAME}={session}"),
            format!("a=1; {NAME}={session}; b=2"),
            format!("a=1,portcullis; {NAME}={session}"),
        ] {
            for method in ["GET", "POST", "OPTIONS"] {
                for site in [HOST, "https://evil.example"] {
                    let head = Head::new(method, path).with("cookie", &cookie).with("origin", site);
                    decide(&isolate.gate, head, now);
                }
            }
        }
    }
    let of_boss = decide(&isolate.gate, get(&format!("{HOST}/boss/x"), &format!("{NAME}={session}")), now);
    assert!(matches!(of_boss, Decision::Refuse(Rejection::Denied { .. }, _)), "{of_boss:?}");
    let Decision::Forward(at_home) =
        decide(&isolate.gate, get(&format!("{HOST}/x"), &format!("a=1; {NAME}={session}")), now)
    else {
        panic!("not admitted")
    };
    assert_eq!(at_home.cookies, CookieEdit::Replace("a=1".into()));
}

#[test]
fn a_session_that_was_remembered_ends_to_the_second_and_counts_at_its_host_alone() {
    let (isolate, session) = site();
    let (now, cookie) = (isolate.world.now(), format!("{NAME}={session}"));
    let admitted = |address: &str, seconds: u64| {
        let now = portcullis::time::Timestamp::from_seconds(now.seconds() + seconds);
        matches!(decide(&isolate.gate, get(address, &cookie), now), Decision::Forward(_))
    };
    let here = format!("{HOST}/x");
    let lifetime = isolate.gate.config().session_lifetime.seconds();
    assert!(admitted(&here, 0) && admitted(&here, lifetime - 60));
    assert!(!admitted(&here, lifetime) && !admitted(&here, lifetime * 2));
    assert!(!admitted("https://wiki.example.com/x", 0));
}

#[test]
fn a_header_that_was_read_for_one_kind_of_host_is_read_again_for_the_other() {
    let (isolate, session) = site();
    let now = isolate.world.now();
    let cookie = format!("{NAME}={session}");
    let held = isolate.gate.verify_cookies(cookie.clone(), false).unwrap();
    let head = Again::new(get("http://localhost:8787/open/x", &cookie), &held);
    // Nothing of ours reaches the origin here either.
    let Decision::Forward(forward) = isolate.gate.decide(&head, now) else { panic!("not admitted") };
    assert_eq!(forward.cookies, CookieEdit::Remove);
    assert!(head.is_reread());
    let head = Again::new(get("http://localhost:8787/x", &cookie), &held);
    assert!(matches!(isolate.gate.decide(&head, now), Decision::SignIn(_)));
}

#[test]
fn nothing_is_remembered_but_a_session_that_our_key_signed() {
    let (isolate, session) = site();
    for cookie in [
        String::new(),
        "a=1".into(),
        format!("{NAME}="),
        format!("{NAME}={session}A"),
        format!("{NAME}={session}; {NAME}={session}"),
        format!("portcullis={session}"),
        format!("a=1,{NAME}={session}"),
        format!("__HOST-portcullis={session}"),
    ] {
        assert!(isolate.gate.verify_cookies(cookie.clone(), false).is_none(), "{cookie}");
    }
    assert!(isolate.gate.verify_cookies(format!("{NAME}={session}"), true).is_none());
    assert!(isolate.gate.verify_cookies(format!("portcullis={session}"), true).is_some());
}
