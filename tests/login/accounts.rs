//! Another account: who may not pass signs in as somebody else, whatever the provider knows of that.

use serde_json::json;

use crate::support::{
    browser::Browser,
    outcome::answered,
    provider::{Authorization, Fault},
    world::{Head, World, settings},
};

const ANOTHER: &str = "/.auth/login?return_to=/admin&prompt=select_account";

/// The address behind the page's link to the login.
fn way_on(body: &str) -> String {
    body.split('"').find(|part| part.starts_with("/.auth/login?")).expect("a way on").replace("&amp;", "&")
}

#[test]
fn a_provider_that_lists_its_prompts_is_asked_for_one_of_them() {
    for (prompts, asked) in [
        (json!(null), "select_account"),
        (json!(["none", "login", "select_account"]), "select_account"),
        (json!(["none", "login", "consent"]), "login"),
        (json!("login"), "select_account"),
    ] {
        let world = World::new();
        let listed = prompts.clone();
        world.provider(|provider| {
            provider.edit_metadata =
                Some(Box::new(move |metadata| metadata["prompt_values_supported"] = listed.clone()));
        });
        let start = Browser::new("bob").start(&world.isolate(&settings()), ANOTHER);
        assert!(start.contains(&format!("&prompt={asked}")), "{prompts}: {start}");
    }
}

#[test]
fn oidc_core_3_1_2_6_a_provider_that_cannot_let_people_choose_lets_them_sign_in() {
    for (error, is_asked_again) in [
        ("account_selection_required", true),
        ("interaction_required", true),
        ("invalid_request", true),
        ("server_error", false),
        ("access_denied", false),
    ] {
        let world = World::new();
        let (isolate, mut somebody) = (world.isolate(&settings()), Browser::new("bob"));
        somebody.open(&isolate, "/page");
        world.pass(5);
        for (address, next) in [
            (ANOTHER, Some("&prompt=login")),
            ("/.auth/login?return_to=/admin&prompt=login", Some("")),
            ("/.auth/login?return_to=/admin", None),
        ] {
            let start = somebody.start(&isolate, address);
            world.provider(|provider| provider.authorization = Authorization::Error(error));
            let back = somebody.answer_of_provider(&isolate, &start);
            world.provider(|provider| provider.authorization = Authorization::Code);
            let answer = answered(somebody.send(&isolate, Head::navigation(&back)));
            let again = answer.header("location").unwrap_or_default();
            let next = next.filter(|_| is_asked_again);
            let prompt = again.find("&prompt=").map_or("", |place| again.get(place..).unwrap().trim_end_matches('#'));
            assert_eq!((!again.is_empty()).then_some(prompt), next, "{error} {address}");
            if next.is_some() {
                somebody.person = "ada".to_owned();
                assert_eq!(somebody.open(&isolate, again).at_origin(), "/admin", "{error}");
            }
        }
    }
}

#[test]
fn a_provider_that_takes_no_prompt_at_all_is_not_asked_a_third_time() {
    let world = World::new();
    let (isolate, bob) = (world.isolate(&settings()), Browser::new("bob"));
    world.provider(|provider| provider.authorization = Authorization::Error("invalid_request"));
    let arrival = bob.open(&isolate, ANOTHER);
    let (status, body) = arrival.page();
    assert!(status == 502 && body.contains("request_refused"), "{body}");
    assert_eq!(
        world.take_events(),
        ["login_started started", "login_started restarted", "login_failed request_refused"]
    );
    assert!(way_on(body).contains("prompt=login"), "{body}");
}

#[test]
fn what_a_provider_says_to_a_login_that_started_over_is_shown() {
    let world = World::new();
    let (isolate, bob) = (world.isolate(&settings()), Browser::new("bob"));
    let lost = bob.answer_of_provider(&isolate, &bob.start(&isolate, ANOTHER));
    bob.forget("-login-");
    let again = answered(bob.send(&isolate, Head::navigation(&lost))).header("location").unwrap().to_owned();
    world.provider(|provider| provider.authorization = Authorization::Error("invalid_request"));
    let arrival = bob.open(&isolate, &again);
    assert!(arrival.page().0 == 502 && arrival.page().1.contains("request_refused"), "{}", arrival.page().1);
}

#[test]
fn to_try_again_is_to_ask_for_another_account_again() {
    let world = World::new();
    let (isolate, bob) = (world.isolate(&settings()), Browser::new("bob"));
    let refused = bob.open(&isolate, "/admin");
    let another = way_on(refused.page().1);
    world.provider(|provider| {
        provider.faults.insert("token", Fault::Down);
    });
    let failed = bob.open(&isolate, &another);
    let again = way_on(failed.page().1);
    assert!(bob.start(&isolate, &again).contains("&prompt=select_account"), "{again}");
}

/// Core 3.1.2.1 wants `select_account` heeded or answered with an error. There are providers that come back with the
/// same account, or never: whoever is denied can leave it.
#[test]
fn who_is_denied_can_sign_out_where_the_provider_lets_nobody_choose() {
    let world = World::new();
    let (isolate, bob) = (world.isolate(&settings()), Browser::new("bob"));
    let logout = r#"href="/.auth/logout""#;
    for address in ["/admin", ANOTHER] {
        let arrival = bob.open(&isolate, address);
        let (status, body) = arrival.page();
        assert!(status == 403 && body.contains("not_allowed") && body.contains(logout), "{address}: {body}");
    }
    // Who is not signed in has nothing to sign out of.
    world.provider(|provider| provider.authorization = Authorization::Error("access_denied"));
    let arrival = Browser::new("carol").open(&isolate, "/admin");
    let (status, body) = arrival.page();
    assert!(status == 403 && body.contains("access_denied") && !body.contains(logout), "{body}");
}
