//! A login heals itself: tabs, callbacks twice, cookies that are gone, and no loop.

use portcullis::gate::Outcome;
use serde_json::json;

use crate::support::{
    browser::{Arrival, Browser},
    outcome::answered,
    provider::{Authorization, Fault},
    world::{Head, World, settings, two_providers},
};

#[test]
fn six_tabs_keep_five_logins_and_the_oldest_heals() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    let (mut starts, mut cookies): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for tab in 0..6 {
        world.pass(1);
        starts.push(ada.start(&isolate, &format!("/tab-{tab}")));
        cookies.extend(ada.cookie_names().into_iter().filter(|name| !cookies.contains(name)).collect::<Vec<_>>());
    }
    assert!(!ada.cookie_names().contains(&cookies[0]) && ada.cookie_names().contains(&cookies[1]));
    let logins = ada.cookie_names().iter().filter(|name| name.contains("-login-")).count();
    assert_eq!(logins, 5);
    for (tab, start) in starts.iter().enumerate() {
        let back = ada.answer_of_provider(&isolate, start);
        assert_eq!(ada.open(&isolate, &back).at_origin(), format!("/tab-{tab}"));
    }
}

#[test]
fn the_same_callback_twice_goes_on_to_the_page_and_spends_no_second_code() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    let start = ada.start(&isolate, "/page");
    let back = ada.answer_of_provider(&isolate, &start);
    ada.open(&isolate, &back);
    world.take_calls();
    assert_eq!(ada.open(&isolate, &back).at_origin(), "/page");
    assert_eq!(world.take_calls(), [""; 0]);
}

#[test]
fn one_token_call_per_pending_login_also_when_the_cookie_is_played_back() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    let start = ada.start(&isolate, "/page");
    let back = ada.answer_of_provider(&isolate, &start);
    let cookie = ada.cookie_names().remove(0);
    let value = ada.cookie(&cookie).unwrap();
    ada.open(&isolate, &back);
    for _ in 0..3 {
        let thief = Browser::new("ada");
        thief.set_cookie(&cookie, &value);
        world.take_calls();
        thief.send(&isolate, Head::navigation(&back));
        assert!(!world.take_calls().iter().any(|call| call.contains("/token")));
    }
}

#[test]
fn a_login_whose_cookie_is_gone_starts_over_once_without_a_question() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    let start = ada.start(&isolate, "/page?x=1");
    let back = ada.answer_of_provider(&isolate, &start);
    ada.forget("-login-");
    world.take_events();
    assert_eq!(ada.open(&isolate, &back).at_origin(), "/page?x=1");
    assert_eq!(world.take_events(), ["login_started restarted", "login_finished finished"]);
}

#[test]
fn a_callback_that_no_person_opened_spends_and_starts_nothing() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    let start = ada.start(&isolate, "/page");
    let back = ada.answer_of_provider(&isolate, &start);
    world.take_calls();
    let get = || Head { url: back.clone(), ..Head::new("GET", "") };
    let heads = [
        get(),
        get().with("sec-fetch-mode", "no-cors").with("sec-fetch-dest", "image"),
        get().with("sec-fetch-mode", "cors").with("sec-fetch-dest", "empty"),
        Head::navigation(&back).with("sec-purpose", "prefetch"),
    ];
    for browser in [&ada, &Browser::new("bob")] {
        for head in &heads {
            let Outcome::Answer(answer) = browser.send(&isolate, head.clone()) else { panic!("an answer") };
            assert_eq!((answer.status, answer.header("set-cookie")), (401, None), "{head:?}");
        }
    }
    assert_eq!(world.take_calls(), [""; 0]);
    assert_eq!(ada.open(&isolate, &back).at_origin(), "/page");
}

#[test]
fn a_code_that_was_exchanged_is_known_a_thousand_logins_later() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    let start = ada.start(&isolate, "/page");
    let back = ada.answer_of_provider(&isolate, &start);
    let twin = ada.twin("");
    assert_eq!(ada.open(&isolate, &back).at_origin(), "/page");
    for _ in 0..1_000 {
        Browser::new("bob").open(&isolate, "/page");
    }
    world.take_calls();
    // It starts over, and what is exchanged is the code of the new login.
    assert_eq!(twin.open(&isolate, &back).at_origin(), "/page");
    assert_eq!(world.take_calls(), ["POST https://id.example/token"]);
}

#[test]
fn the_same_callback_in_two_isolates_at_once_heals() {
    let world = World::new();
    let (one, other) = (world.isolate(&settings()), world.isolate(&settings()));
    let ada = Browser::new("ada");
    let start = ada.start(&one, "/page");
    let back = ada.answer_of_provider(&one, &start);
    let twin = ada.twin("");
    assert_eq!(ada.open(&one, &back).at_origin(), "/page");
    // The code is spent; the second attempt is a login of its own.
    assert_eq!(twin.open(&other, &back).at_origin(), "/page");
}

#[test]
fn a_restart_asks_the_provider_for_what_the_person_asked_for() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    let start = ada.start(&isolate, "/.auth/login?return_to=/page&prompt=select_account");
    assert!(start.contains("prompt=select_account"));
    let back = ada.answer_of_provider(&isolate, &start);
    ada.forget("-login-");
    let Outcome::Answer(again) = ada.send(&isolate, Head::navigation(&back)) else { panic!("a redirect") };
    assert!(again.header("location").unwrap().contains("prompt=select_account"));
}

#[test]
fn a_callback_while_the_provider_is_down_is_reloaded_and_signs_in_with_the_same_code() {
    for (endpoint, code) in [("openid-configuration", "metadata_unavailable"), ("jwks", "keys_unavailable")] {
        let world = World::new();
        world.fill_kv();
        let ada = Browser::new("ada");
        let start = ada.start(&world.isolate(&settings()), "/page");
        // An isolate that knows nothing of the provider yet.
        let isolate = world.isolate(&settings());
        let back = ada.answer_of_provider(&isolate, &start);
        world.provider(|provider| provider.faults.insert(endpoint, Fault::Down));
        world.take_events();
        world.take_calls();
        let arrival = ada.open(&isolate, &back);
        let (status, body) = arrival.page();
        assert!(status == 503 && body.contains(code), "{endpoint}: {status} {body}");
        assert!(!world.take_calls().iter().any(|call| call.contains("/token")), "{endpoint}");
        world.provider(|provider| provider.faults.clear());
        world.pass(31);
        assert_eq!(ada.open(&isolate, &back).at_origin(), "/page", "{endpoint}");
        let events = world.take_events();
        assert!(!events.iter().any(|event| event.starts_with("login_started")), "{endpoint}: {events:?}");
        assert_eq!(events.last().map(String::as_str), Some("login_finished finished"), "{endpoint}");
        assert_eq!(world.take_calls().iter().filter(|call| call.contains("/token")).count(), 1, "{endpoint}");
    }
}

#[test]
fn a_page_left_open_over_lunch_still_leads_to_where_it_was_meant_to() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    let start = ada.start(&isolate, "/page");
    world.pass(3_600);
    let back = ada.answer_of_provider(&isolate, &start);
    assert_eq!(ada.open(&isolate, &back).at_origin(), "/page");
}

#[test]
fn a_state_of_last_week_starts_nothing() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    let start = ada.start(&isolate, "/page");
    world.pass(7 * 86_400);
    let back = ada.answer_of_provider(&isolate, &start);
    assert_eq!(ada.open(&isolate, &back).page().0, 400);
}

#[test]
fn a_browser_without_cookies_is_told_so_and_not_sent_round() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    let mut ada = Browser::new("ada");
    ada.refuses_cookies = true;
    let arrival = ada.open(&isolate, "/page");
    let (status, body) = arrival.page();
    assert_eq!(status, 400);
    assert!(body.contains("does not keep cookies") && body.contains("login_not_kept"), "{body}");
    let logins = world.take_events().iter().filter(|event| event.starts_with("login_started")).count();
    assert_eq!(logins, 2);
}

#[test]
fn a_session_that_does_not_stay_is_said_so_and_not_sent_round() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    let ada = Browser::new("ada");
    let start = ada.start(&isolate, "/page");
    let back = ada.answer_of_provider(&isolate, &start);
    ada.send(&isolate, Head::navigation(&back));
    // Another browser has what this one has, but for the session.
    let (forgetful, late) = (ada.twin("-login-"), ada.twin("-login-"));
    let arrival = forgetful.open(&isolate, "/page");
    let (status, body) = arrival.page();
    assert_eq!(status, 400);
    assert!(body.contains("session_not_kept"), "{body}");
    // The way on works: what the login left behind is gone.
    assert!(matches!(forgetful.open(&isolate, "/page"), Arrival::Origin(..)));
    // A minute later a session may be gone for any reason.
    world.pass(61);
    assert!(matches!(late.open(&isolate, "/page"), Arrival::Origin(..)));
}

#[test]
fn a_step_up_that_ends_in_nothing_is_tried_once_more_and_then_said() {
    let world = World::new();
    let mut settings = settings();
    settings["rules"] = json!([{ "path": "/billing/**", "require": [{ "acr": "urn:mfa" }] }]);
    let (isolate, ada) = (world.isolate(&settings), Browser::new("ada"));
    assert_eq!(ada.open(&isolate, "/else").at_origin(), "/else");
    world.pass(5);
    // A provider that does not find its own codes: machines of one cluster that do not share them.
    world.provider(|provider| provider.response_edit = Some(Box::new(with("code", "of-another-machine"))));
    world.take_events();
    assert_eq!(ada.open(&isolate, "/billing/x").page().0, 502);
    assert_eq!(world.take_events(), ["login_started started", "login_started restarted", "login_failed token_refused"]);
    assert_eq!(ada.open(&isolate, "/else").at_origin(), "/else", "the session from before is left alone");
}

#[test]
fn who_wants_another_account_is_not_sent_back_as_who_they_were() {
    let world = World::new();
    let (isolate, mut somebody) = (world.isolate(&settings()), Browser::new("bob"));
    somebody.open(&isolate, "/page");
    world.pass(5);
    let start = somebody.start(&isolate, "/.auth/login?return_to=/admin/x&prompt=select_account");
    somebody.person = "ada".to_owned();
    let back = somebody.answer_of_provider(&isolate, &start);
    somebody.forget("-login-");
    let arrival = somebody.open(&isolate, &back);
    assert_eq!((arrival.at_origin(), arrival.identity("x-auth-subject").as_deref()), ("/admin/x", Some("ada")));
}

#[test]
fn who_wants_to_sign_in_elsewhere_is_not_sent_back_as_who_they_were() {
    for (wanted, kept) in [("work", true), ("other", false)] {
        let world = World::new();
        world.add_provider("https://other.example");
        let (isolate, ada) = (world.isolate(&two_providers()), Browser::new("ada"));
        ada.open(&isolate, "/.auth/login?provider=work&return_to=/page");
        world.pass(5);
        let start = ada.start(&isolate, &format!("/.auth/login?provider={wanted}&return_to=/page"));
        let back = ada.answer_of_provider(&isolate, &start);
        ada.forget("-login-");
        let Outcome::Answer(answer) = ada.send(&isolate, Head::navigation(&back)) else { panic!("an answer") };
        let to = answer.header("location").unwrap();
        assert!(to.starts_with(if kept { "https://docs.example.com/page" } else { "https://other.example/" }), "{to}");
    }
}

#[test]
fn a_tab_that_keycloak_gave_up_starts_over_once() {
    let expired = |response: &mut Vec<(String, String)>| {
        with("code", "")(response);
        response.push(("error".to_owned(), "temporarily_unavailable".to_owned()));
        response.push(("error_description".to_owned(), "authentication_expired".to_owned()));
    };
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    let [one, two] = ["/one", "/two"].map(|page| ada.start(&isolate, page));
    world.provider(|provider| provider.response_edit = Some(Box::new(expired)));
    let given_up = ada.answer_of_provider(&isolate, &two);
    world.provider(|provider| provider.response_edit = None);
    // Where the first tab signed in, there is a session.
    let back = ada.answer_of_provider(&isolate, &one);
    ada.open(&isolate, &back);
    world.take_events();
    assert_eq!(ada.open(&isolate, &given_up).at_origin(), "/two");
    assert_eq!(world.take_events(), [""; 0]);
    // Where there is none, the login starts over; not a second time.
    let bob = Browser::new("bob");
    let start = bob.start(&isolate, "/page");
    world.provider(|provider| provider.response_edit = Some(Box::new(expired)));
    let given_up = bob.answer_of_provider(&isolate, &start);
    world.provider(|provider| provider.response_edit = None);
    assert_eq!(bob.open(&isolate, &given_up).at_origin(), "/page");
    world.provider(|provider| provider.response_edit = Some(Box::new(expired)));
    world.take_events();
    assert_eq!(Browser::new("bob").open(&isolate, "/page").page().0, 502);
    assert_eq!(
        world.take_events(),
        ["login_started started", "login_started restarted", "login_failed provider_error"]
    );
}

#[test]
fn who_was_declined_is_not_sent_to_the_provider_again() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    let start = ada.start(&isolate, "/page");
    world.provider(|provider| provider.authorization = Authorization::Error("access_denied"));
    let declined = ada.answer_of_provider(&isolate, &start);
    ada.forget("-login-");
    world.take_events();
    assert_eq!(ada.open(&isolate, &declined).page().0, 403);
    assert_eq!(world.take_events(), ["login_failed access_denied"]);
}

#[test]
fn a_login_that_ran_out_twice_does_not_blame_the_browser() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    let mut start = ada.start(&isolate, "/page");
    for _ in 0..2 {
        let back = ada.answer_of_provider(&isolate, &start);
        world.pass(601);
        ada.forget("-login-");
        match ada.send(&isolate, Head::navigation(&back)) {
            Outcome::Answer(answer) if answer.status == 302 => start = answer.header("location").unwrap().to_owned(),
            outcome => assert!(answered(outcome).body.contains("response_malformed")),
        }
    }
}

/// Another value in the provider's answer; none where it is empty.
fn with(name: &'static str, value: &'static str) -> impl Fn(&mut Vec<(String, String)>) {
    move |response| {
        response.retain(|(other, _)| other != name);
        if !value.is_empty() {
            response.push((name.to_owned(), value.to_owned()));
        }
    }
}

#[test]
fn rfc9700_4_4_2_an_answer_to_a_question_at_another_issuer_is_not_exchanged() {
    let world = World::new();
    world.add_provider("https://new.example");
    let ada = Browser::new("ada");
    let start = ada.start(&world.isolate(&settings()), "/page");
    let back = ada.answer_of_provider(&world.isolate(&settings()), &start);
    // Meanwhile the provider of that name is another one.
    let mut moved = settings();
    moved["providers"][0]["issuer"] = json!("https://new.example");
    world.provider(|provider| provider.response_edit = None);
    world.take_calls();
    let isolate = world.isolate(&moved);
    let Outcome::Answer(answer) = ada.send(&isolate, Head::navigation(&back)) else { panic!("an answer") };
    // The login starts over, there.
    assert!(answer.header("location").is_some_and(|to| to.starts_with("https://new.example/")), "{answer:?}");
    assert!(!world.take_calls().iter().any(|call| call.contains("/token")));
}

#[test]
fn a_login_that_was_left_for_a_day_does_not_start_over_by_itself() {
    for (seconds, restarted) in [(86_400, true), (86_401, false)] {
        let world = World::new();
        let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
        let start = ada.start(&isolate, "/page");
        let back = ada.answer_of_provider(&isolate, &start);
        world.pass(seconds);
        let Outcome::Answer(answer) = ada.send(&isolate, Head::navigation(&back)) else { panic!("an answer") };
        assert_eq!(answer.status == 302, restarted, "{seconds}: {}", answer.body);
    }
}
