//! A rule asks for more than a session has: the person signs in anew (RFC 9470).

use portcullis::gate::Outcome;
use serde_json::{Value, json};

use crate::{
    signed_in,
    support::{
        browser::{Arrival, Browser},
        outcome::{answered, status},
        world::{HOST, Head, World},
    },
    with_rules,
};

#[test]
fn rfc9470_a_navigation_is_stepped_up_and_arrives() {
    let world = World::new();
    for (rule, asked) in [
        (json!({ "require": [{ "max_age": "5m" }] }), "max_age=300"),
        (json!({ "require": [{ "acr": ["urn:mfa", "urn:hw"] }] }), "acr_values=urn%3Amfa%20urn%3Ahw"),
        (json!({ "allow": [{ "all": [{ "group": "admins" }, { "max_age": "5m" }] }] }), "max_age=300"),
    ] {
        let mut rule = rule;
        rule["path"] = json!("/billing/**");
        let (isolate, ada) = signed_in(&world, json!([rule]));
        assert_eq!(status(&ada.send(&isolate, Head::new("GET", "/else"))), 200);
        let asked_of_provider = ada.start(&isolate, "/billing/x?y=1");
        assert!(asked_of_provider.contains(asked), "{asked_of_provider}");
        assert_eq!(ada.open(&isolate, "/billing/x?y=1").at_origin(), "/billing/x?y=1");
        assert_eq!(status(&ada.send(&isolate, Head::new("GET", "/billing"))), 200);
    }
    // Later it is too long ago again.
    let (isolate, ada) = signed_in(&world, json!([{ "path": "/billing/**", "require": [{ "max_age": "5m" }] }]));
    ada.open(&isolate, "/billing/");
    world.pass(301);
    assert_eq!(status(&ada.send(&isolate, Head::new("GET", "/billing"))), 401);
    assert_eq!(ada.open(&isolate, "/billing/").at_origin(), "/billing/");
}

#[test]
fn rfc9470_a_way_of_signing_in_that_cannot_be_asked_for_by_name_is_asked_for_by_signing_in_anew() {
    let (world, anew) = (World::new(), "prompt=login");
    let (isolate, ada) = signed_in(&world, json!([{ "path": "/billing/**", "require": [{ "amr": "hwk" }] }]));
    assert!(ada.start(&isolate, "/billing/x").contains(anew));
    // What the person asked for comes first, and what a session has already is not asked for.
    let chosen = ada.start(&isolate, "/.auth/login?return_to=/billing/x&prompt=select_account");
    assert!(chosen.contains("prompt=select_account") && !chosen.contains(anew), "{chosen}");
    world.provider(|provider| provider.edit_claims = Some(Box::new(|claims| claims["amr"] = json!(["hwk"]))));
    assert_eq!(ada.open(&isolate, "/billing/x").at_origin(), "/billing/x");
    let elsewhere = ada.start(&isolate, "/.auth/login?return_to=/billing/x");
    assert!(!elsewhere.contains(anew), "{elsewhere}");
}

#[test]
fn rfc9470_a_first_login_asks_for_what_everybody_needs_at_once() {
    let world = World::new();
    let isolate = world.isolate(&with_rules(json!([{ "path": "/billing/**", "require": [{ "max_age": "5m" }] }])));
    let ada = Browser::new("ada");
    assert_eq!(ada.open(&isolate, "/billing/").at_origin(), "/billing/");
    let logins = world.take_events().iter().filter(|event| event.starts_with("login_started")).count();
    assert_eq!(logins, 1);
}

#[test]
fn rfc9470_what_only_some_need_is_asked_for_once_it_is_known_who_came() {
    let world = World::new();
    let isolate = world.isolate(&with_rules(json!([{ "path": "/billing/**", "allow": [{ "acr": "urn:mfa" }] }])));
    let ada = Browser::new("ada");
    assert_eq!(ada.open(&isolate, "/billing/").at_origin(), "/billing/");
    let logins = world.take_events().iter().filter(|event| event.starts_with("login_started")).count();
    assert_eq!(logins, 2);
}

#[test]
fn rfc9470_4_a_rule_for_other_methods_than_get_is_stepped_up_too() {
    let world = World::new();
    let rules = json!([{ "path": "/pay/**", "methods": ["POST"], "require": [{ "max_age": "5m" }] }]);
    let (isolate, ada) = signed_in(&world, rules);
    world.pass(600);
    let pay = || Head::new("POST", "/pay/x").with("origin", HOST).with("sec-fetch-site", "same-origin");
    let Outcome::Answer(answer) = ada.send(&isolate, pay()) else { panic!("too old") };
    let problem: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, &problem["code"]), (401, &json!("step_up_required")));
    // As a page does, and as the client script does with it.
    let login = problem["login_url"].as_str().unwrap().strip_prefix(HOST).unwrap().to_owned();
    let in_a_window = login.replace("return_to=", "return_to=%2F.auth%2Fsigned-in&for=");
    for address in [login.as_str(), in_a_window.as_str()] {
        assert!(ada.start(&isolate, address).contains("max_age=300"), "{address}");
    }
    for method in ["", "&method=", "&method=GET", "&method=post", "&method=PO%20ST", "&method=POST%26max_age=1"] {
        let asked = ada.start(&isolate, &format!("/.auth/login?return_to=%2Fpay%2Fx{method}"));
        assert!(!asked.contains("max_age"), "{method}: {asked}");
    }
    ada.open(&isolate, &login);
    assert_eq!(status(&ada.send(&isolate, pay())), 200);
    // A form that was posted leads to a page, with the same behind its link.
    world.pass(600);
    let form = pay().with("sec-fetch-mode", "navigate").with("sec-fetch-dest", "document");
    let Outcome::Answer(page) = ada.send(&isolate, form) else { panic!("too old") };
    assert!(page.status == 401 && page.body.contains("&amp;method=POST"), "{}", page.body);
}

/// What a page does with a 401, and what the client script does with it; each leads elsewhere than to what needs it.
const ELSEWHERE: [&str; 3] = [
    "/.auth/login?return_to=%2Fpay%2Fx&method=POST",
    "/.auth/login?return_to=%2F.auth%2Fsigned-in&for=%2Fpay%2Fx&method=POST",
    "/.auth/login?return_to=%2Fapp&for=%2Fbilling%2Fx%3Fy%3D1",
];

fn asks_elsewhere() -> Value {
    json!([
        { "path": "/pay/**", "methods": ["POST"], "require": [{ "max_age": "5m" }] },
        { "path": "/billing/**", "require": [{ "max_age": "5m" }] },
    ])
}

#[test]
fn rfc9470_4_a_login_that_starts_over_asks_for_the_same_again() {
    let world = World::new();
    let (isolate, ada) = signed_in(&world, asks_elsewhere());
    for address in ELSEWHERE {
        world.pass(600);
        let asked = ada.start(&isolate, address);
        let back = ada.answer_of_provider(&isolate, &asked);
        ada.forget("-login-");
        let again = ada.start(&isolate, back.strip_prefix(HOST).unwrap());
        assert!(again.starts_with("https://id.example/") && again.contains("max_age=300"), "{address}: {again}");
    }
}

/// In another tab somebody signed in meanwhile, and the provider did not ask.
#[test]
fn rfc9470_4_a_newer_session_that_still_lacks_it_does_not_stand_in_for_a_lost_step_up() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&with_rules(asks_elsewhere())), Browser::new("ada"));
    for address in ELSEWHERE {
        ada.open(&isolate, "/page");
        world.pass(600);
        let back = ada.answer_of_provider(&isolate, &ada.start(&isolate, address));
        world.provider(|provider| provider.steps_up = false);
        ada.open(&isolate, "/.auth/login?return_to=/page");
        world.provider(|provider| provider.steps_up = true);
        ada.forget("-login-");
        world.take_events();
        let again = ada.start(&isolate, back.strip_prefix(HOST).unwrap());
        assert!(again.contains("max_age=300"), "{address}: {again}");
        // Lost once more, it ends.
        let back = ada.answer_of_provider(&isolate, &again);
        world.provider(|provider| provider.steps_up = false);
        ada.open(&isolate, "/.auth/login?return_to=/page");
        world.provider(|provider| provider.steps_up = true);
        ada.forget("-login-");
        let ended = ada.open(&isolate, &back);
        assert!(ended.page().0 == 403 && ended.page().1.contains("step_up_unmet"), "{address}: {}", ended.page().1);
    }
}

/// In another tab the same person did what was asked for.
#[test]
fn rfc9470_4_a_newer_session_that_has_it_stands_in_for_a_lost_step_up() {
    let world = World::new();
    let (isolate, ada) = signed_in(&world, asks_elsewhere());
    world.pass(600);
    let back = ada.answer_of_provider(&isolate, &ada.start(&isolate, ELSEWHERE[2]));
    assert_eq!(ada.open(&isolate, ELSEWHERE[2]).at_origin(), "/app");
    ada.forget("-login-");
    world.take_events();
    assert_eq!(ada.open(&isolate, &back).at_origin(), "/app");
    assert_eq!(world.take_events(), [""; 0]);
}

#[test]
fn rfc9470_a_step_up_that_did_not_come_is_told_wherever_the_login_leads() {
    let world = World::new();
    let (isolate, ada) = signed_in(&world, asks_elsewhere());
    world.provider(|provider| provider.steps_up = false);
    for address in ELSEWHERE {
        world.pass(600);
        let arrival = ada.open(&isolate, address);
        let (status_of_page, body) = arrival.page();
        assert!(status_of_page == 403 && body.contains("step_up_unmet"), "{address}: {body}");
        // The way on is the same login.
        let again = body.split('"').find(|part| part.starts_with("/.auth/login?")).unwrap().replace("&amp;", "&");
        assert!(ada.start(&isolate, &again).contains("max_age=300"), "{address}: {again}");
    }
    world.provider(|provider| provider.steps_up = true);
    assert_eq!(ada.open(&isolate, ELSEWHERE[0]).at_origin(), "/pay/x");
    assert_eq!(ada.open(&isolate, ELSEWHERE[1]).page().0, 200);
    assert_eq!(ada.open(&isolate, ELSEWHERE[2]).at_origin(), "/app");
}

#[test]
fn rfc9470_a_provider_that_does_not_step_up_ends_in_a_refusal_and_never_in_a_loop() {
    let world = World::new();
    world.provider(|provider| provider.steps_up = false);
    for selector in [json!({ "max_age": "5m" }), json!({ "acr": "urn:mfa" }), json!({ "amr": "hwk" })] {
        let (isolate, ada) = signed_in(&world, json!([{ "path": "/billing/**", "require": [selector] }]));
        let arrival = ada.open(&isolate, "/billing/");
        let (status_of_page, body) = arrival.page();
        assert!(status_of_page == 403 && body.contains("step_up_unmet"), "{selector}: {body}");
        let log = world.log();
        let line = log.lines().find(|line| line.contains("step_up_unmet")).unwrap();
        assert!(line.contains(r#""provider":"work""#) && line.contains(r#""subject":"ada""#), "{line}");
        assert!(world.take_events().contains(&"denied step_up_unmet".to_owned()));
        // To choose an account is not to sign in anew, which may bring what was missing.
        let chosen = Browser::new("ada");
        let unmet = chosen.open(&isolate, "/.auth/login?return_to=/billing/&prompt=select_account");
        let again = unmet.page().1.split('"').find(|part| part.starts_with("/.auth/login?")).unwrap();
        assert!(unmet.page().1.contains("step_up_unmet") && again.contains("prompt=login"), "{selector}: {again}");
        // The sign-in itself was one.
        assert_eq!(status(&ada.send(&isolate, Head::new("GET", "/else"))), 200);
    }
}

/// Core 3.1.2.1 wants `max_age` heeded, and there are providers that pass over it.
#[test]
fn rfc9470_4_where_max_age_did_not_help_to_try_again_is_to_sign_in_anew() {
    let world = World::new();
    let (isolate, ada) = signed_in(&world, asks_elsewhere());
    world.provider(|provider| provider.heeds_max_age = false);
    for (address, end) in ELSEWHERE.into_iter().zip(["/pay/x", "", "/app"]) {
        world.pass(600);
        let unmet = ada.open(&isolate, address);
        let (status_of_page, body) = unmet.page();
        assert!(status_of_page == 403 && body.contains("step_up_unmet"), "{address}: {body}");
        let again = body.split('"').find(|part| part.starts_with("/.auth/login?")).unwrap().replace("&amp;", "&");
        let asked = ada.start(&isolate, &again);
        assert!(asked.contains("prompt=login") && asked.contains("max_age=300"), "{address}: {asked}");
        match ada.open(&isolate, &again) {
            arrival if end.is_empty() => assert_eq!(arrival.page().0, 200, "{address}"),
            arrival => assert_eq!(arrival.at_origin(), end, "{address}"),
        }
    }
}

#[test]
fn oidc_core_2_an_auth_time_ahead_of_its_token_is_none() {
    for (ahead, counts) in [(60, true), (61, false), (90_000, false)] {
        let world = World::new();
        world.provider(|provider| {
            provider.edit_claims =
                Some(Box::new(move |claims| claims["auth_time"] = json!(claims["iat"].as_u64().unwrap() + ahead)));
        });
        let (isolate, ada) = signed_in(&world, json!([{ "path": "/billing/**", "require": [{ "max_age": "5m" }] }]));
        assert_eq!(matches!(ada.open(&isolate, "/billing/"), Arrival::Origin(..)), counts, "{ahead}");
    }
}

#[test]
fn rfc9470_3_what_is_no_navigation_gets_a_challenge_and_no_redirect() {
    let world = World::new();
    let rules = json!([{ "path": "/billing/**", "require": [{ "max_age": "5m" }, { "acr": "urn:mfa" }] }]);
    let (isolate, ada) = signed_in(&world, rules);
    let script = answered(ada.send(&isolate, Head::new("GET", "/billing/x")));
    assert_eq!(script.status, 401);
    assert_eq!(
        script.header("www-authenticate"),
        Some(
            "Cookie realm=\"docs.example.com\", error=\"insufficient_user_authentication\", acr_values=\"urn:mfa\", max_age=\"300\""
        )
    );
    assert!(
        script.body.contains("\"code\":\"step_up_required\"") && script.body.contains("login_url"),
        "{}",
        script.body
    );
    let frame = Head::navigation(&format!("{HOST}/billing/x"));
    let frame = Head {
        headers: vec![("sec-fetch-mode".into(), "navigate".into()), ("sec-fetch-dest".into(), "iframe".into())],
        ..frame
    };
    assert_eq!(answered(ada.send(&isolate, frame)).status, 401);
    assert!(world.take_calls().is_empty());
}

#[test]
fn rfc9470_3_a_challenge_names_what_is_asked_for_and_nothing_else() {
    for (require, asked) in [
        (json!([{ "max_age": "5m" }]), ", max_age=\"300\""),
        (json!([{ "acr": "urn:mfa" }, { "acr": ["urn:hw", "urn:mfa"] }]), ", acr_values=\"urn:mfa urn:hw\""),
        (json!([{ "amr": "hwk" }]), ""),
    ] {
        let world = World::new();
        let (isolate, ada) = signed_in(&world, json!([{ "path": "/billing/**", "require": require }]));
        let challenge = answered(ada.send(&isolate, Head::new("GET", "/billing/x")));
        let expected = format!("Cookie realm=\"docs.example.com\", error=\"insufficient_user_authentication\"{asked}");
        assert_eq!(challenge.header("www-authenticate"), Some(expected.as_str()));
    }
}

#[test]
fn who_would_not_be_admitted_anyway_is_not_stepped_up() {
    let world = World::new();
    let rules = json!([{ "path": "/billing/**", "allow": [{ "group": "finance" }], "require": [{ "max_age": "5m" }] }]);
    let (isolate, ada) = signed_in(&world, rules);
    let arrival = ada.open(&isolate, "/billing/");
    assert!(arrival.page().0 == 403 && arrival.page().1.contains("not_allowed"));
    assert!(world.log().contains(r#""by":"require[0]""#), "{}", world.log());
}
