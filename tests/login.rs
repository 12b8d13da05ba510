//! Whole logins through the World: where they end, how they heal, and that none goes on for ever.

mod support;

use portcullis::gate::Outcome;
use serde_json::json;
use support::{
    browser::{Arrival, Browser},
    provider::{Authorization, Fault},
    world::{HOST, Head, OTHER_SECRET, SECRET, World, settings},
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
fn six_tabs_keep_five_logins_and_the_oldest_heals() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    let mut starts = Vec::new();
    for tab in 0..6 {
        world.pass(1);
        starts.push(ada.start(&isolate, &format!("/tab-{tab}")));
    }
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
fn the_same_callback_in_two_isolates_at_once_heals() {
    let world = World::new();
    let (one, other) = (world.isolate(&settings()), world.isolate(&settings()));
    let ada = Browser::new("ada");
    let start = ada.start(&one, "/page");
    let back = ada.answer_of_provider(&one, &start);
    let twin = Browser::new("ada");
    for name in ada.cookie_names() {
        twin.set_cookie(&name, &ada.cookie(&name).unwrap());
    }
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
    let forgetful = Browser::new("ada");
    for name in ada.cookie_names().iter().filter(|name| name.contains("-login-")) {
        forgetful.set_cookie(name, &ada.cookie(name).unwrap());
    }
    let arrival = forgetful.open(&isolate, "/page");
    let (status, body) = arrival.page();
    assert_eq!(status, 400);
    assert!(body.contains("session_not_kept"), "{body}");
    // The way on works: what the login left behind is gone.
    assert!(matches!(forgetful.open(&isolate, "/page"), Arrival::Origin(..)));
}

#[test]
fn rfc9700_4_7_another_browsers_state_makes_no_token_call() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    let (ada, mallory) = (Browser::new("ada"), Browser::new("mallory"));
    let start = mallory.start(&isolate, "/page");
    let back = mallory.answer_of_provider(&isolate, &start);
    world.take_calls();
    let Outcome::Answer(answer) = ada.send(&isolate, Head::navigation(&back)) else { panic!("an answer") };
    // A login of her own begins; mallory's code is left alone.
    assert_eq!(answer.status, 302);
    assert!(answer.header("location").unwrap().starts_with("https://id.example/authorize"));
    assert_eq!(world.take_calls(), [""; 0]);
    assert_eq!(ada.open(&isolate, &back).identity("x-auth-subject").as_deref(), Some("ada"));
}

#[test]
fn rfc9207_2_4_another_issuer_in_the_answer_is_refused_before_the_token_call() {
    for error in [false, true] {
        for issuer in ["https://evil.test", "https://id.example/", ""] {
            let world = World::new();
            let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
            if error {
                world.provider(|provider| provider.authorization = Authorization::Error("access_denied"));
            }
            world.provider(|provider| {
                provider.response_edit = Some(Box::new(move |response| response[1].1 = issuer.to_owned()));
            });
            let arrival = ada.open(&isolate, "/page");
            assert!(arrival.page().1.contains("response_issuer"), "{issuer}");
            assert!(!world.take_calls().iter().any(|call| call.contains("/token")));
        }
    }
}

#[test]
fn rfc9207_2_4_a_promised_issuer_must_be_there_and_an_unpromised_may_be_missing() {
    for promised in [true, false] {
        let world = World::new();
        let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
        world.provider(|provider| {
            provider.response_edit = Some(Box::new(|response| response.retain(|(name, _)| name != "iss")));
            if !promised {
                provider.edit_metadata = Some(Box::new(|metadata| {
                    metadata.as_object_mut().unwrap().remove("authorization_response_iss_parameter_supported");
                }));
            }
        });
        let arrival = ada.open(&isolate, "/page");
        match arrival {
            Arrival::Origin(..) => assert!(!promised),
            Arrival::Page(_, answer) => assert!(promised && answer.body.contains("response_issuer")),
        }
    }
}

#[test]
fn rfc9700_4_4_an_answer_of_one_provider_does_not_finish_a_login_at_the_other() {
    let world = World::new();
    world.add_provider("https://other.example");
    let mut two = settings();
    two["providers"].as_array_mut().unwrap().push(
        json!({ "id": "other", "title": "Other", "issuer": "https://other.example", "client_id": "client", "algorithms": ["EdDSA"] }),
    );
    let (isolate, ada) = (world.isolate(&two), Browser::new("ada"));
    let at_work = ada.start(&isolate, "/.auth/login?provider=work");
    let at_other = ada.start(&isolate, "/.auth/login?provider=other");
    let from_work = ada.answer_of_provider(&isolate, &at_work);
    let from_other = ada.answer_of_provider(&isolate, &at_other);
    let state = |url: &str| {
        let url = url::Url::parse(url).unwrap();
        url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned()
    };
    // The other provider's code and issuer under the state of the login at work.
    let swapped = from_other.replace(&state(&from_other), &state(&from_work));
    world.take_calls();
    assert!(ada.open(&isolate, &swapped).page().1.contains("response_issuer"));
    assert!(!world.take_calls().iter().any(|call| call.contains("/token")));
}

#[test]
fn several_providers_are_offered_and_one_is_taken_at_once() {
    let world = World::new();
    let mut two = settings();
    two["providers"].as_array_mut().unwrap().push(
        json!({ "id": "other", "title": "Other & Sons", "issuer": "https://other.example", "client_id": "client" }),
    );
    let (isolate, ada) = (world.isolate(&two), Browser::new("ada"));
    let arrival = ada.open(&isolate, "/page?x=1");
    let (status, body) = arrival.page();
    assert_eq!(status, 200);
    for part in ["Example Corp", "Other &amp; Sons", "return_to=%2Fpage%3Fx%3D1&amp;provider=other"] {
        assert!(body.contains(part), "{part} in {body}");
    }
    assert_eq!(world.take_calls(), [""; 0]);
    let arrival = ada.open(&isolate, "/.auth/login?provider=nobody");
    assert!(arrival.page().1.contains("provider_unknown"));
}

#[test]
fn every_error_of_the_provider_is_a_page_with_a_way_on() {
    let rows = [
        ("access_denied", 403, "access_denied"),
        ("temporarily_unavailable", 502, "provider_error"),
        ("server_error", 502, "provider_error"),
        ("login_required", 502, "provider_error"),
        ("invalid_scope", 502, "request_refused"),
        ("<script>alert(1)</script>", 502, "request_refused"),
    ];
    for (error, expected, code) in rows {
        let world = World::new();
        let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
        world.provider(|provider| {
            provider.authorization = Authorization::Error(error);
            provider.response_edit = Some(Box::new(|response| {
                response.push(("error_description".to_owned(), "<script>alert(2)</script>".to_owned()));
            }));
        });
        let arrival = ada.open(&isolate, "/page");
        let (status, body) = arrival.page();
        assert_eq!(status, expected, "{error}");
        assert!(body.contains(code) && !body.contains("alert"), "{body}");
        assert!(body.contains("/.auth/login?return_to=%2Fpage"), "a way on: {body}");
        assert!(!ada.cookie_names().iter().any(|name| name.contains("-login-")), "the login is over");
        assert!(!world.log().contains("alert"));
    }
}

#[test]
fn oidc_core_3_1_2_7_a_callback_that_is_none() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    let start = ada.start(&isolate, "/page");
    let back = ada.answer_of_provider(&isolate, &start);
    world.take_calls();
    let query = back.split_once('?').unwrap().1;
    for query in [
        String::new(),
        "code=x".to_owned(),
        "code=x&state=made-up".to_owned(),
        format!("{query}&code=again"),
        format!("{query}&error=access_denied"),
        format!("{query}&state=again"),
        query.replace("state=", "state=A"),
    ] {
        let arrival = ada.open(&isolate, &format!("/.auth/callback?{query}"));
        let (status, body) = arrival.page();
        assert_eq!(status, 400, "{query}");
        assert!(body.contains("response_malformed"), "{query}");
    }
    assert_eq!(world.take_calls(), [""; 0]);
    // None of it used the login up.
    assert_eq!(ada.open(&isolate, &back).at_origin(), "/page");
}

#[test]
fn a_provider_that_fails_is_an_honest_page_and_the_next_attempt_works() {
    let rows = [
        ("token", Fault::Down, 503, "token_endpoint_unavailable"),
        ("token", Fault::Slow, 503, "token_endpoint_unavailable"),
        ("token", Fault::Status(500), 502, "token_refused"),
        ("token", Fault::Body("<html>".into()), 502, "token_refused"),
        ("token", Fault::Body(r#"{"error":"invalid_client"}"#.into()), 502, "token_refused"),
        ("jwks", Fault::Down, 503, "keys_unavailable"),
        ("jwks", Fault::Status(302), 503, "keys_unavailable"),
        ("jwks", Fault::Body(r#"{"keys":[]}"#.into()), 503, "keys_unavailable"),
        ("openid-configuration", Fault::Down, 503, "metadata_unavailable"),
        ("openid-configuration", Fault::Body(r#"{"issuer":"https://evil.test"}"#.into()), 503, "metadata_unavailable"),
    ];
    for (endpoint, fault, expected, code) in rows {
        let world = World::new();
        let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
        world.provider(|provider| provider.faults.insert(endpoint, fault.clone()));
        let arrival = ada.open(&isolate, "/page");
        let (status, body) = arrival.page();
        assert_eq!((status, body.contains(code)), (expected, true), "{endpoint} {fault:?}: {status} {body}");
        assert!(ada.cookie("__Host-portcullis").is_none());
        world.provider(|provider| provider.faults.clear());
        world.pass(31);
        assert_eq!(ada.open(&isolate, "/page").at_origin(), "/page", "{endpoint}");
    }
}

#[test]
fn oidc_core_5_3_2_userinfo_of_somebody_else_is_refused_and_of_the_same_is_used() {
    let mut with_userinfo = settings();
    with_userinfo["providers"][0]["userinfo"] = true.into();
    let run = |userinfo: serde_json::Value| {
        let world = World::new();
        let (isolate, ada) = (world.isolate(&with_userinfo), Browser::new("ada"));
        world.provider(|provider| {
            provider.userinfo = userinfo.clone();
            provider.edit_claims = Some(Box::new(|claims| {
                for name in ["email", "email_verified", "groups"] {
                    claims.as_object_mut().unwrap().remove(name);
                }
            }));
        });
        ada.open(&isolate, "/admin")
    };
    let said = json!({ "sub": "ada", "email": "ada@corp.example", "email_verified": true, "groups": ["admins"] });
    assert_eq!(run(said).identity("x-auth-email").as_deref(), Some("ada@corp.example"));
    for other in [json!({ "sub": "foobar" }), json!({}), json!([]), json!({ "sub": null })] {
        assert!(run(other).page().1.contains("userinfo_invalid"));
    }
}

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
fn a_fragment_is_announced_in_the_state_and_restored_by_a_page() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    let login = format!("{HOST}/.auth/login?return_to=%2Fpage");
    let Outcome::Answer(page) = ada.send(&isolate, Head::navigation(&login)) else { panic!("a page") };
    let with_fragment = page.body.split("data-with-fragment=\"").nth(1).unwrap().split('"').next().unwrap();
    let back = ada.answer_of_provider(&isolate, &with_fragment.replace("&amp;", "&"));
    let Outcome::Answer(arrive) = ada.send(&isolate, Head::navigation(&back)) else { panic!("a page") };
    assert_eq!(arrive.status, 200);
    assert!(arrive.body.contains("https://docs.example.com/page") && arrive.body.contains("data-key="));
    let mut without = settings();
    without["fragment"] = false.into();
    let Outcome::Answer(plain) = ada.send(&world.isolate(&without), Head::navigation(&login)) else {
        panic!("a redirect")
    };
    assert_eq!(plain.status, 302);
    assert!(plain.header("location").unwrap().ends_with('#'));
}

#[test]
fn thousands_of_logins_a_second_keep_their_secrets_apart() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    let mut seen = std::collections::HashSet::new();
    for _ in 0..1_000 {
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
