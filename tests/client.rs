//! The client script as it is served, and the login that a pop-up makes.

mod support;

use serde_json::json;
use support::{
    browser::{Arrival, Browser},
    world::{HOST, Head, Isolate, World, settings},
};

const SCRIPT: &str = "/.auth/client.js";
/// A login as the script opens it in a window of its own.
const POP_UP: &str = "/.auth/login?return_to=%2F.auth%2Fsigned-in";

fn version(isolate: &Isolate) -> String {
    let answer = isolate.answer(&Head::new("GET", SCRIPT));
    answer.header("etag").unwrap().trim_matches('"').to_owned()
}

#[test]
fn the_script_is_a_script_for_everybody_and_says_its_version() {
    let isolate = World::new().isolate(&settings());
    for method in ["GET", "HEAD"] {
        let answer = isolate.answer(&Head::new(method, SCRIPT).with("cookie", "a=b"));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("text/javascript; charset=utf-8"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("public, max-age=3600"));
        assert_eq!(answer.header("set-cookie"), None);
        assert!(answer.body.contains(&format!("const VERSION = '{}';", version(&isolate))));
        assert!(answer.body.contains("const PREFIX = '/.auth';"));
    }
    let mut moved = settings();
    moved["prefix"] = json!("/sso");
    let moved = World::new().isolate(&moved);
    let script = moved.answer(&Head::new("GET", "/sso/client.js"));
    assert!(script.body.contains("const PREFIX = '/sso';"));
}

#[test]
fn rfc9110_15_4_5_who_has_the_script_gets_304() {
    let isolate = World::new().isolate(&settings());
    let tag = format!("\"{}\"", version(&isolate));
    let rows = [
        (tag.clone(), 304),
        (format!("W/{tag}"), 304),
        (format!("\"other\", {tag}"), 304),
        ("*".to_owned(), 304),
        ("\"other\"".to_owned(), 200),
        (tag.trim_matches('"').to_owned(), 200),
        (String::new(), 200),
    ];
    for (tags, status) in rows {
        let answer = isolate.answer(&Head::new("GET", SCRIPT).with("if-none-match", &tags));
        assert_eq!(answer.status, status, "{tags:?}");
        assert_eq!(answer.body.is_empty(), status == 304);
        assert_eq!(answer.header("etag"), Some(tag.as_str()));
        assert_eq!(answer.header("cache-control"), Some("public, max-age=3600"));
    }
}

#[test]
fn rfc8246_only_the_version_that_it_has_is_kept_for_ever() {
    let isolate = World::new().isolate(&settings());
    let version = version(&isolate);
    let rows = [
        (format!("?v={version}"), "public, max-age=31536000, immutable"),
        (format!("?x=y&v={version}"), "public, max-age=31536000, immutable"),
        (format!("?v={version}x"), "public, no-cache"),
        ("?v=".to_owned(), "public, no-cache"),
        (format!("?v=other&v={version}"), "public, no-cache"),
        (format!("?V={version}"), "public, max-age=3600"),
        ("?".to_owned(), "public, max-age=3600"),
    ];
    for (query, keep) in rows {
        let answer = isolate.answer(&Head::new("GET", &format!("{SCRIPT}{query}")));
        assert_eq!((answer.status, answer.header("cache-control")), (200, Some(keep)), "{query}");
    }
}

#[test]
fn a_pop_up_ends_at_the_gates_own_page_which_says_who_may_look() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    let Arrival::Page(url, answer) = ada.open(&isolate, POP_UP) else { panic!("a page of the gate's") };
    assert_eq!((url, answer.status), (format!("{HOST}/.auth/signed-in"), 200));
    assert!(answer.body.contains("You are signed in") && answer.body.contains("BroadcastChannel"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'sha256-") && policy.contains("frame-ancestors 'none'"), "{policy}");
    // Nothing that would cut the window off from the page that opened it.
    assert_eq!(answer.header("cross-origin-opener-policy"), None);
}

#[test]
fn a_pop_up_heals_like_any_login() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    let start = ada.start(&isolate, POP_UP);
    let back = ada.answer_of_provider(&isolate, &start);
    // In another browser the code is not redeemed; the login starts once more, and ends at the same page.
    let other = Browser::new("ada");
    let Arrival::Page(url, answer) = other.open(&isolate, &back) else { panic!("a page of the gate's") };
    assert_eq!((url, answer.status), (format!("{HOST}/.auth/signed-in"), 200));
}

#[test]
fn without_a_session_nobody_reads_that_there_is_one() {
    let isolate = World::new().isolate(&settings());
    let answer = isolate.answer(&Head::navigation(&format!("{HOST}/.auth/signed-in")));
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("You are signed out") && !answer.body.contains("You are signed in"));
    assert!(!answer.body.contains("<script"));
}

#[test]
fn rfc9700_4_11_1_a_login_leads_to_no_other_address_of_the_gates() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    for end in [
        "/.auth/signed-in?next=/x",
        "/.auth/signed-in#x",
        "/.auth/signed-in/",
        "/.auth/signed-in/../logout",
        "/.auth/logout",
        "/.auth/me",
        "/.auth/client.js",
        "https://evil.example/.auth/signed-in",
        "//evil.example/.auth/signed-in",
    ] {
        let ada = Browser::new("ada");
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("return_to", end).finish();
        assert_eq!(ada.open(&isolate, &format!("/.auth/login?{query}")).at_origin(), "/", "{end}");
    }
}

#[test]
fn rfc9470_4_the_page_that_needs_the_login_says_what_is_asked_and_not_where_it_leads() {
    let world = World::new();
    let mut strict = settings();
    strict["rules"] = json!([{ "path": "/billing/**", "require": [{ "max_age": "5m" }] }]);
    let isolate = world.isolate(&strict);
    let rows = [
        ("&for=%2Fbilling%2Fx", true),
        ("&for=https%3A%2F%2Fdocs.example.com%2Fbilling%2F", true),
        ("", false),
        ("&for=%2Fmembers", false),
        ("&for=%2F%2Fevil.example%2Fbilling%2F", false),
        ("&for=%2F.auth%2Fbilling", false),
        ("&for=", false),
    ];
    for (query, asks) in rows {
        let ada = Browser::new("ada");
        let address = ada.start(&isolate, &format!("{POP_UP}{query}"));
        assert_eq!(address.contains("max_age=300"), asks, "{query}: {address}");
        let back = ada.answer_of_provider(&isolate, &address);
        let Arrival::Page(url, _) = ada.open(&isolate, &back) else { panic!("a page of the gate's") };
        assert_eq!(url, format!("{HOST}/.auth/signed-in"), "{query}");
    }
}

#[test]
fn the_chooser_knows_what_needs_the_login_and_where_it_leads() {
    let world = World::new();
    world.add_provider("https://other.example");
    let mut two = settings();
    let mut other = two["providers"][0].clone();
    other["id"] = json!("other");
    other["issuer"] = json!("https://other.example");
    two["providers"].as_array_mut().unwrap().push(other);
    let page = world.isolate(&two).answer(&Head::navigation(&format!("{HOST}{POP_UP}&for=%2Fbilling%2Fx")));
    let link = "/.auth/login?return_to=%2F.auth%2Fsigned-in&amp;for=%2Fbilling%2Fx&amp;provider=other";
    assert!(page.body.contains(link), "{}", page.body);
}

/// A channel of one's own origin is no message to a window (HTML, 9.6): no other origin can send to it or listen.
#[test]
fn rfc9700_4_17_no_script_sends_a_message_to_a_window_or_takes_one() {
    let pages = include_str!("../src/pages/script.rs");
    let client = World::new().isolate(&settings()).answer(&Head::new("GET", SCRIPT)).body;
    let code = |text: &str| -> String {
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    };
    for script in [code(pages), code(&client)] {
        for (what, allowed) in [
            ("postMessage", &["c.postMessage('signed-in')"][..]),
            ("onmessage", &["channel.onmessage = look"]),
            ("opener", &["popup.opener = null"]),
            ("BroadcastChannel", &["new BroadcastChannel('portcullis')"]),
            ("'message'", &[]),
            ("\"message\"", &[]),
            ("MessageChannel", &[]),
            ("parent.", &[]),
            ("window.top", &[]),
        ] {
            let uses = script.matches(what).count();
            let known: usize = allowed.iter().map(|known| script.matches(known).count()).sum();
            assert_eq!(uses, known, "{what}");
        }
    }
    // Each is there once, so that this test looks at the scripts that are served.
    assert!(pages.contains("c=new BroadcastChannel('portcullis')") && client.contains("channel.onmessage = look"));
}
