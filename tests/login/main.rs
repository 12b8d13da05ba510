//! Whole logins through the World: where they end, and that none goes on for ever.

mod accounts;
mod answers;
mod healing;
mod pending;
mod sessions;
mod sources;
#[path = "../support/mod.rs"]
mod support;
mod walks;

use portcullis::gate::Outcome;
use support::{
    browser::{Arrival, Browser},
    provider::Authorization,
    world::{HOST, Head, World, settings},
};

#[test]
fn a_login_ends_at_the_page_asked_for_and_names_the_person() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    let arrival = ada.open(&isolate, "/members/page?a=b&c=d%20e");
    assert_eq!(arrival.at_origin(), "/members/page?a=b&c=d%20e");
    assert_eq!(arrival.identity("x-auth-subject").as_deref(), Some("ada"));
    assert_eq!(arrival.identity("x-auth-email").as_deref(), Some("ada@example.com"));
    assert_eq!(arrival.identity("x-auth-provider").as_deref(), Some("work"));
    // Of the two groups a rule names one.
    assert_eq!(arrival.identity("x-auth-groups").as_deref(), Some("admins"));
    assert_eq!(world.take_events(), ["login_started started", "login_finished finished"]);
    assert_eq!(
        world.take_calls(),
        [
            "GET https://id.example/.well-known/openid-configuration",
            "GET https://id.example/jwks",
            "POST https://id.example/token",
        ]
    );
}

#[test]
fn a_signed_in_request_touches_nothing() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    ada.open(&isolate, "/");
    let (calls, kv) = (world.take_calls().len(), world.kv_counts());
    assert!(calls > 0);
    for _ in 0..100 {
        assert!(matches!(ada.open(&isolate, "/members"), Arrival::Origin(..)));
    }
    assert_eq!((world.take_calls().len(), world.kv_counts()), (0, kv));
}

#[test]
fn an_anonymous_request_writes_nothing_per_visitor() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    Browser::new("ada").start(&isolate, "/members");
    let (_, writes) = world.kv_counts();
    for _ in 0..50 {
        Browser::new("ada").start(&isolate, "/members");
        isolate.send(&Head::new("GET", "/members"));
        isolate.send(&Head::new("GET", "/.auth/me"));
    }
    assert_eq!(world.kv_counts().1, writes);
}

#[test]
fn a_person_without_the_group_is_refused_and_offered_another_account() {
    let world = World::new();
    let (isolate, bob) = (world.isolate(&settings()), Browser::new("bob"));
    let arrival = bob.open(&isolate, "/admin");
    let (status, body) = arrival.page();
    assert_eq!(status, 403);
    assert!(body.contains("bob@example.com") && body.contains("prompt=select_account"), "{body}");
    assert!(world.take_events().contains(&"denied not_allowed".to_owned()));
}

#[test]
fn two_tabs_at_once_end_where_each_wanted() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    let first = ada.start(&isolate, "/one");
    let second = ada.start(&isolate, "/two");
    let (first, second) = (ada.answer_of_provider(&isolate, &first), ada.answer_of_provider(&isolate, &second));
    assert_eq!(ada.open(&isolate, &second).at_origin(), "/two");
    assert_eq!(ada.open(&isolate, &first).at_origin(), "/one");
}

#[test]
fn a_fragment_is_announced_in_the_state_and_restored_by_a_page() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    let login = format!("{HOST}/.auth/login?return_to=%2Fpage");
    let Outcome::Answer(page) = ada.send(&isolate, Head::navigation(&login)) else { panic!("a page") };
    let with_fragment = attribute(&page.body, "data-with-fragment");
    let key = format!("data-key=\"{}\"", attribute(&page.body, "data-key"));
    let back = ada.answer_of_provider(&isolate, &with_fragment.replace("&amp;", "&"));
    let Outcome::Answer(arrive) = ada.send(&isolate, Head::navigation(&back)) else { panic!("a page") };
    assert_eq!(arrive.status, 200);
    assert!(arrive.body.contains("https://docs.example.com/page") && arrive.body.contains(&key));
    let mut without = settings();
    without["fragment"] = false.into();
    let Outcome::Answer(plain) = ada.send(&world.isolate(&without), Head::navigation(&login)) else {
        panic!("a redirect")
    };
    assert_eq!(plain.status, 302);
    assert!(plain.header("location").unwrap().ends_with('#'));
}

#[test]
fn a_login_that_ends_in_a_refusal_leads_to_another_with_the_same_fragment() {
    for (error, way_on) in [("access_denied", "Use another account"), ("server_error", "Try again")] {
        for (start, is_kept) in [("data-with-fragment", true), ("href", false)] {
            let world = World::new();
            let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
            world.provider(|provider| provider.authorization = Authorization::Error(error));
            let login = format!("{HOST}/.auth/login?return_to=%2Fpage");
            let Outcome::Answer(page) = ada.send(&isolate, Head::navigation(&login)) else { panic!("a page") };
            let key = format!("data-key=\"{}\"", attribute(&page.body, "data-key"));
            let back = ada.answer_of_provider(&isolate, &attribute(&page.body, start).replace("&amp;", "&"));
            let Outcome::Answer(refusal) = ada.send(&isolate, Head::navigation(&back)) else { panic!("a page") };
            let link = refusal.body.split("<a ").find(|link| link.contains(way_on)).unwrap();
            assert_eq!((link.contains(&key), link.contains("data-key")), (is_kept, is_kept), "{link}");
        }
    }
}

/// The value of the first attribute of this name in what a page shows.
fn attribute<'p>(page: &'p str, name: &str) -> &'p str {
    let shown = page.split("<body").nth(1).unwrap();
    shown.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap()
}

#[test]
fn three_thousand_logins_keep_their_secrets_apart() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    let mut seen = std::collections::HashSet::new();
    for _ in 0..3_000 {
        let ada = Browser::new("ada");
        let start = ada.start(&isolate, "/page");
        let url = url::Url::parse(&start).unwrap();
        for (name, value) in
            url.query_pairs().filter(|(name, _)| matches!(name.as_ref(), "state" | "nonce" | "code_challenge"))
        {
            assert!(value.len() >= 43, "{name}: 256 bits");
            assert!(seen.insert(value.into_owned()), "{name} is used twice");
        }
        let back = ada.answer_of_provider(&isolate, &start);
        assert!(matches!(ada.open(&isolate, &back), Arrival::Origin(..)));
        assert!(seen.insert(ada.cookie("__Host-portcullis").unwrap()));
    }
}

#[test]
fn the_log_holds_no_token_code_cookie_or_query() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    let start = ada.start(&isolate, "/page?secret-query");
    let back = ada.answer_of_provider(&isolate, &start);
    ada.open(&isolate, &back);
    ada.open(&isolate, "/admin?secret-query");
    world.provider(|provider| provider.authorization = Authorization::Error("access_denied"));
    ada.open(&isolate, "/.auth/login?return_to=/x%3Fsecret-query");
    let log = world.log();
    let session = ada.cookie("__Host-portcullis").unwrap();
    for secret in [
        "secret-query",
        "code-",
        "access-token",
        "client-secret",
        "state=",
        &session,
        back.split("state=").nth(1).unwrap(),
    ] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
    assert!(log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
}
