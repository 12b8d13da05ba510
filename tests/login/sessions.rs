//! What a login leaves: how long it lasts, what is kept, and who writes it.

use portcullis::gate::Outcome;
use serde_json::json;

use crate::support::{
    browser::{Arrival, Browser},
    world::{HOST, Head, OTHER_SECRET, SECRET, World, settings},
};

#[test]
fn a_person_in_500_groups_signs_in() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    world.provider(|provider| {
        provider.edit_claims = Some(Box::new(|claims| {
            let mut groups: Vec<String> = (0..500).map(|number| format!("group-with-a-long-name-{number}")).collect();
            groups.push("admins".to_owned());
            claims["groups"] = groups.into();
            claims["name"] = "n".repeat(10_000).into();
        }));
    });
    let arrival = ada.open(&isolate, "/admin");
    assert_eq!(arrival.identity("x-auth-groups").as_deref(), Some("admins"));
    assert!(ada.cookie("__Host-portcullis").unwrap().len() < 1_000);
}

#[test]
fn claims_that_rules_name_and_that_do_not_fit_refuse_the_login() {
    let world = World::new();
    let mut many = settings();
    let groups: Vec<String> = (0..200).map(|number| format!("group-with-a-long-name-{number}")).collect();
    many["rules"][1]["allow"] = groups.iter().map(|group| json!({ "group": group })).collect();
    let (isolate, ada) = (world.isolate(&many), Browser::new("ada"));
    world.provider(|provider| {
        provider.edit_claims = Some(Box::new(move |claims| claims["groups"] = groups.clone().into()));
    });
    assert!(ada.open(&isolate, "/page").page().1.contains("claims_too_large"));
    assert!(ada.cookie("__Host-portcullis").is_none());
    // Whose groups are too many is for the operator to know.
    let log = world.log();
    let line = log.lines().find(|line| line.contains("claims_too_large")).unwrap();
    assert!(line.contains(r#""provider":"work""#) && line.contains(r#""subject":"ada""#), "{line}");
}

#[test]
fn a_session_ends_with_its_lifetime_and_a_login_makes_a_new_one() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    ada.open(&isolate, "/page");
    let first = ada.cookie("__Host-portcullis").unwrap();
    world.pass(8 * 3_600 - 1);
    assert!(matches!(ada.send(&isolate, Head::new("GET", "/page")), Outcome::Forward(_)));
    world.pass(1);
    let Outcome::Answer(answer) = ada.send(&isolate, Head::new("GET", "/page")) else { panic!("an answer") };
    assert_eq!(answer.status, 401);
    ada.open(&isolate, "/page");
    assert_ne!(ada.cookie("__Host-portcullis").unwrap(), first);
}

#[test]
fn nothing_but_a_login_and_a_logout_writes_the_session() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    ada.open(&isolate, "/page");
    let session = ada.cookie("__Host-portcullis");
    for path in
        ["/page", "/open/x", "/admin", "/.auth/me", "/.auth/health", "/.auth/logout", "/.auth/signed-out", "/.auth/x"]
    {
        ada.send(&isolate, Head::navigation(&format!("{HOST}{path}")));
        assert_eq!(ada.cookie("__Host-portcullis"), session, "{path}");
    }
    ada.start(&isolate, "/.auth/login");
    assert_eq!(ada.cookie("__Host-portcullis"), session);
}

#[test]
fn other_rules_renew_a_session_by_a_login_and_keep_it_otherwise() {
    let world = World::new();
    let ada = Browser::new("ada");
    ada.open(&world.isolate(&settings()), "/page");
    let mut same_groups = settings();
    same_groups["rules"].as_array_mut().unwrap().push(json!({ "path": "/more/**" }));
    assert!(matches!(ada.send(&world.isolate(&same_groups), Head::new("GET", "/page")), Outcome::Forward(_)));
    let mut other_groups = settings();
    other_groups["rules"][1]["allow"][0]["group"] = "staff".into();
    let isolate = world.isolate(&other_groups);
    assert!(matches!(ada.send(&isolate, Head::new("GET", "/page")), Outcome::Answer(answer) if answer.status == 401));
    assert_eq!(ada.open(&isolate, "/admin").identity("x-auth-groups").as_deref(), Some("staff"));
}

#[test]
fn settings_that_change_to_and_fro_send_nobody_round_for_ever() {
    let world = World::new();
    let ada = Browser::new("ada");
    let mut other = settings();
    other["rules"][1]["allow"][0]["group"] = "staff".into();
    let (old, new) = (world.isolate(&settings()), world.isolate(&other));
    let outcomes: Vec<bool> = (0..5)
        .map(|turn| matches!(ada.open(if turn % 2 == 0 { &old } else { &new }, "/page"), Arrival::Origin(..)))
        .collect();
    assert_eq!(outcomes[..4], [true, true, true, false], "the fourth login within a minute is not started");
}

#[test]
fn a_rotation_of_the_secret_signs_nobody_out() {
    let world = World::new();
    let ada = Browser::new("ada");
    let before = world.isolate(&settings());
    ada.open(&before, "/page");
    let start = ada.start(&before, "/.auth/login?return_to=/other");
    let back = ada.answer_of_provider(&before, &start);
    let rotated = world.try_isolate(&settings(), OTHER_SECRET, Some(SECRET)).unwrap();
    assert!(matches!(ada.send(&rotated, Head::new("GET", "/page")), Outcome::Forward(_)));
    assert_eq!(ada.open(&rotated, &back).at_origin(), "/other", "a login that was pending");
    let after = world.try_isolate(&settings(), OTHER_SECRET, None).unwrap();
    assert!(matches!(ada.send(&after, Head::new("GET", "/page")), Outcome::Forward(_)), "renewed by that login");
}

#[test]
fn a_session_ends_when_it_was_to_end_and_earlier_where_the_settings_say_so_by_now() {
    let with_lifetime = |lifetime: &str| {
        let mut settings = settings();
        settings["session"] = json!({ "lifetime": lifetime });
        settings
    };
    for (begun, now, seconds) in [("1h", "1h", 3_600), ("1h", "8h", 3_600), ("8h", "1h", 3_600)] {
        let world = World::new();
        let ada = Browser::new("ada");
        ada.open(&world.isolate(&with_lifetime(begun)), "/page");
        let isolate = world.isolate(&with_lifetime(now));
        world.pass(seconds - 1);
        assert!(matches!(ada.send(&isolate, Head::new("GET", "/page")), Outcome::Forward(_)), "{begun} {now}");
        world.pass(1);
        assert!(matches!(ada.send(&isolate, Head::new("GET", "/page")), Outcome::Answer(_)), "{begun} {now}");
    }
}

/// Who vouches is the issuer, not the id that the settings give it.
#[test]
fn rfc7519_4_1_1_a_session_of_a_provider_that_is_another_issuer_by_now_is_nobodys() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    ada.open(&isolate, "/page").at_origin();
    let mut moved = settings();
    moved["providers"][0]["issuer"] = json!("https://new.example");
    let mut renamed = settings();
    renamed["providers"][0]["id"] = json!("other");
    for (settings, expected) in [(settings(), 200), (moved, 401), (renamed, 401)] {
        let met = ada.send(&world.isolate(&settings), Head::new("GET", "/page"));
        assert_eq!(crate::support::outcome::status(&met), expected);
    }
}

#[test]
fn rfc6265bis_5_5_no_cookie_asks_for_more_than_400_days() {
    let (world, mut longest) = (World::new(), settings());
    longest["session"] = json!({ "lifetime": "30d" });
    let (isolate, ada) = (world.isolate(&longest), Browser::new("ada"));
    ada.open(&isolate, "/page");
    // The browser of these tests takes none that would.
    world.pass(30 * 86_400 - 1);
    assert!(matches!(ada.send(&isolate, Head::new("GET", "/page")), Outcome::Forward(_)));
    for lifetime in ["31d", "400d", "401d"] {
        longest["session"] = json!({ "lifetime": lifetime });
        assert_eq!(world.try_isolate(&longest, SECRET, None).err().unwrap().setting, "session.lifetime");
    }
}
