//! What providers answer: which answer belongs to which login, and what becomes of errors.

use portcullis::gate::Outcome;
use serde_json::json;

use crate::support::{
    browser::{Arrival, Browser},
    provider::{Authorization, Fault},
    world::{Head, World, settings, two_providers},
};

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
fn rfc9207_2_4_an_error_counts_only_where_it_is_known_whether_the_issuer_is_promised() {
    let world = World::new();
    world.fill_kv();
    let ada = Browser::new("ada");
    world.provider(|provider| {
        provider.authorization = Authorization::Error("access_denied");
        provider.response_edit = Some(Box::new(|response| response.retain(|(name, _)| name != "iss")));
    });
    let back = ada.answer_of_provider(&world.isolate(&settings()), &ada.start(&world.isolate(&settings()), "/page"));
    // An isolate that knows nothing of the provider, and cannot ask.
    let isolate = world.isolate(&settings());
    world.provider(|provider| provider.faults.insert("openid-configuration", Fault::Down));
    let arrival = ada.open(&isolate, &back);
    assert!(arrival.page().0 == 503 && arrival.page().1.contains("metadata_unavailable"), "{}", arrival.page().1);
    assert!(ada.cookie_names().iter().any(|name| name.contains("-login-")), "the login is still pending");
    world.provider(|provider| provider.faults.clear());
    world.pass(31);
    // It was promised: so nobody knows who says that.
    assert!(ada.open(&isolate, &back).page().1.contains("response_issuer"));
}

#[test]
fn the_line_of_a_login_that_fails_says_at_which_provider() {
    let world = World::new();
    let isolate = world.isolate(&two_providers());
    let ada = Browser::new("ada");
    let login = |provider: &str| format!("https://docs.example.com/.auth/login?return_to=/page&provider={provider}");
    let said = |code: &str| {
        let log = world.log();
        let line = log.lines().rfind(|line| line.contains(code)).unwrap_or_default().to_owned();
        serde_json::from_str::<serde_json::Value>(&line).unwrap()["provider"].clone()
    };
    // Before it is asked, by its answer, and by what its token endpoint says.
    assert_eq!(ada.open(&isolate, &login("other")).page().0, 503);
    assert_eq!(said("metadata_unavailable"), "other");
    world.provider(|provider| provider.authorization = Authorization::Error("access_denied"));
    assert_eq!(ada.open(&isolate, &login("work")).page().0, 403);
    assert_eq!(said("access_denied"), "work");
    world.provider(|provider| {
        provider.authorization = Authorization::Code;
        provider.faults.insert("token", Fault::Down);
    });
    assert_eq!(ada.open(&isolate, &login("work")).page().0, 503);
    assert_eq!(said("token_endpoint_unavailable"), "work");
    // A way on from there may lead to another.
    let arrival = ada.open(&isolate, &login("other"));
    assert!(!arrival.page().1.contains("provider=other"), "{}", arrival.page().1);
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
    let (isolate, ada) = (world.isolate(&two_providers()), Browser::new("ada"));
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
        ("user_canceled_request", 403, "access_denied"),
        ("unauthorized", 403, "access_denied"),
        ("temporarily_unavailable", 502, "provider_error"),
        ("server_error", 502, "provider_error"),
        ("login_required", 502, "provider_error"),
        ("invalid_scope", 502, "request_refused"),
        ("redirect_uri_mismatch", 502, "request_refused"),
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
        // JARM: the answer in a token, which was not asked for.
        format!("response={}", "a.b.c"),
        // RFC 9700, 2.1.2: tokens in the front channel are no answer.
        format!("{}&access_token=x&id_token=a.b.c", query.replace("code=", "not-the-code=")),
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
        let Arrival::Page(_, answer) = &arrival else { panic!("{arrival:?}") };
        assert_eq!(answer.header("retry-after").is_some(), expected == 503, "{endpoint} {fault:?}");
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
fn groups_that_the_id_token_has_in_no_form_to_read_are_not_those_of_the_userinfo_alone() {
    let mut settings = settings();
    settings["providers"][0]["userinfo"] = true.into();
    settings["rules"] = json!([{ "path": "/**", "deny": [{ "group": "contractors" }] }]);
    for (groups, more, status) in [
        (json!({ "contractors": {} }), json!(["staff"]), 403),
        (json!({ "contractors": {} }), json!("staff"), 403),
        (json!(["staff"]), json!(["staff"]), 200),
        (json!(null), json!("staff"), 200),
    ] {
        let world = World::new();
        let (isolate, ada) = (world.isolate(&settings), Browser::new("ada"));
        world.provider(|provider| {
            provider.userinfo = json!({ "sub": "ada", "groups": more });
            provider.edit_claims = Some(Box::new(move |claims| claims["groups"] = groups.clone()));
        });
        ada.open(&isolate, "/page");
        assert_eq!(crate::support::outcome::status(&ada.send(&isolate, Head::new("GET", "/page"))), status);
    }
}

#[test]
fn oidc_core_5_6_2_a_claim_that_is_to_be_had_elsewhere_is_not_known_and_a_null_says_nothing() {
    let mut settings = settings();
    settings["providers"][0]["userinfo"] = true.into();
    settings["rules"] = json!([{ "path": "/**", "deny": [{ "claim": "department", "equals": "sales" }] }]);
    for (token, userinfo, status) in [
        (json!({}), json!({}), 200),
        (json!({}), json!({ "department": "sales" }), 403),
        (json!({ "department": null }), json!({ "department": "sales" }), 403),
        (json!({ "department": null }), json!({ "department": "hr" }), 200),
        (json!({ "department": "hr" }), json!({ "department": "sales" }), 200),
        (json!({ "_claim_names": { "department": "src1" } }), json!({}), 403),
        (json!({ "_claim_names": { "office": "src1" } }), json!({}), 200),
        (json!({ "hasgroups": true }), json!({}), 200),
        (json!({ "_claim_names": { "department": "src1" } }), json!({ "department": "hr" }), 403),
    ] {
        let world = World::new();
        let (isolate, ada) = (world.isolate(&settings), Browser::new("ada"));
        let (said, more) = (token.as_object().unwrap().clone(), userinfo.as_object().unwrap().clone());
        world.provider(|provider| {
            provider.userinfo = json!({ "sub": "ada" });
            provider.userinfo.as_object_mut().unwrap().extend(more);
            provider.edit_claims = Some(Box::new(move |claims| claims.as_object_mut().unwrap().extend(said.clone())));
        });
        ada.open(&isolate, "/page");
        let met = crate::support::outcome::status(&ada.send(&isolate, Head::new("GET", "/page")));
        assert_eq!(met, status, "{token} {userinfo}");
    }
}

#[test]
fn rfc9207_2_4_another_issuer_costs_no_call_at_all() {
    let world = World::new();
    world.fill_kv();
    let ada = Browser::new("ada");
    let one = world.isolate(&settings());
    let start = ada.start(&one, "/page");
    world.provider(|provider| {
        provider.response_edit = Some(Box::new(|response| response[1].1 = "https://evil.test".to_owned()));
    });
    let back = ada.answer_of_provider(&one, &start);
    world.take_calls();
    // An isolate that knows nothing of the provider yet.
    assert!(ada.open(&world.isolate(&settings()), &back).page().1.contains("response_issuer"));
    assert_eq!(world.take_calls(), [""; 0]);
}
