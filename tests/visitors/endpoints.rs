//! What is under the gate's own prefix, and signing out.

use portcullis::gate::Outcome;
use serde_json::json;

use crate::support::{
    browser::Browser,
    outcome::answered,
    world::{HOST, Head, World, settings, two_providers},
};

#[test]
fn nothing_under_the_prefix_is_the_origins() {
    let mut open = settings();
    open["rules"] = json!([{ "path": "/**", "sso": false }]);
    let isolate = World::new().isolate(&open);
    isolate.forward(&Head::new("GET", "/x"));
    for path in [
        "/.auth",
        "/.auth/",
        "/.auth/x",
        "/.auth/login/",
        "/.auth/callback/x",
        "/.auth/me;x",
        "/%2eauth/me",
        "/.auth%2fme",
        "//.auth/me",
        "/x/..%2f.auth/me",
        "/./.auth/me",
        "/.auth//me",
        "/.auth\\me",
    ] {
        assert_eq!(isolate.answer(&Head::new("GET", path)).status, 404, "{path}");
    }
}

#[test]
fn own_endpoints_take_their_methods_and_tell_no_cache() {
    let mut settings = settings();
    settings["assertion"] = json!(true);
    let isolate = World::new().isolate(&settings);
    let rows = [
        ("login", "GET, HEAD"),
        ("callback", "GET"),
        ("logout", "GET, POST"),
        ("signed-out", "GET, HEAD"),
        ("signed-in", "GET, HEAD"),
        ("me", "GET, HEAD"),
        ("jwks.json", "GET, HEAD"),
        ("client.js", "GET, HEAD"),
        ("health", "GET, HEAD"),
    ];
    for (endpoint, methods) in rows {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND", "get", "HEAD"] {
            if methods.split(", ").any(|allowed| allowed == method) {
                continue;
            }
            let answer = isolate.answer(&Head::new(method, &format!("/.auth/{endpoint}")));
            assert_eq!((answer.status, answer.header("allow")), (405, Some(methods)), "{method} {endpoint}");
        }
    }
    let health = isolate.answer(&Head::new("GET", "/.auth/health"));
    assert_eq!((health.status, health.body.as_str(), health.header("cache-control")), (200, "ok\n", Some("no-store")));
    let me = isolate.answer(&Head::new("GET", "/.auth/me"));
    assert_eq!((me.status, me.header("content-type")), (401, Some("application/problem+json")));
}

/// A page of anybody's may send a browser there. The gate has its own providers, and its own parameters for where to go.
#[test]
fn oidc_core_4_a_login_that_a_third_party_initiates_is_an_ordinary_one() {
    for parameters in [
        "iss=https://evil.example",
        "target_link_uri=https://evil.example/",
        "target_link_uri=https%3A%2F%2Fdocs.example.com%2Fadmin%2Fdelete",
        "iss=https://evil.example&login_hint=mallory&target_link_uri=https://evil.example/",
    ] {
        let world = World::new();
        let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
        let login = format!("/.auth/login?{parameters}");
        let asked = ada.start(&isolate, &login);
        assert!(asked.starts_with("https://id.example/authorize?"), "{asked}");
        assert!(!asked.contains("evil") && !asked.contains("mallory"), "{asked}");
        assert_eq!(ada.open(&isolate, &login).at_origin(), "/", "{parameters}");
        let called = world.take_calls();
        assert!(called.iter().all(|call| call.contains(" https://id.example/")), "{called:?}");
    }
}

#[test]
fn me_says_who_and_never_a_token() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    ada.open(&isolate, "/page");
    let Outcome::Answer(answer) = ada.send(&isolate, Head::new("GET", "/.auth/me")) else { panic!("an answer") };
    let me: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(
        me,
        json!({
            "subject": "ada", "provider": "work", "email": "ada@example.com", "email_verified": true, "name": "ada",
            "groups": ["admins"], "expires": 1_800_000_000_u64 + 8 * 3_600,
        })
    );
}

#[test]
fn sign_out_asks_first_and_leads_to_the_provider() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    ada.open(&isolate, "/page");
    let Outcome::Answer(page) = ada.send(&isolate, Head::navigation(&format!("{HOST}/.auth/logout"))) else {
        panic!("a page")
    };
    assert!(page.body.contains("ada@example.com") && page.body.contains("action=\"/.auth/logout?provider\""));
    assert!(page.header("content-security-policy").unwrap().contains("form-action 'self' https://id.example https:;"));
    assert!(ada.cookie("__Host-portcullis").is_some(), "asking ends nothing");
    let post = || Head::new("POST", "/.auth/logout?provider");
    for foreign in [
        post(),
        post().with("origin", "https://evil.test"),
        post().with("sec-fetch-site", "same-site"),
        post().with("origin", "null"),
    ] {
        let Outcome::Answer(answer) = ada.send(&isolate, foreign) else { panic!("an answer") };
        assert_eq!((answer.status, answer.header("set-cookie")), (403, None));
    }
    let Outcome::Answer(answer) = ada.send(&isolate, post().with("sec-fetch-site", "same-origin")) else {
        panic!("an answer")
    };
    let location = answer.header("location").unwrap();
    assert_eq!(answer.status, 303);
    assert!(
        location.starts_with("https://id.example/logout?id_token_hint=")
            && location.contains("post_logout_redirect_uri=https%3A%2F%2Fdocs.example.com%2F.auth%2Fsigned-out"),
        "{location}"
    );
    assert_eq!(ada.cookie_names(), [""; 0], "all of the gate's cookies are gone");
}

#[test]
fn sign_out_works_here_when_the_provider_is_down_or_has_none_or_the_session_is_broken() {
    let world = World::new();
    world.provider(|provider| {
        provider.edit_metadata = Some(Box::new(|metadata| {
            metadata.as_object_mut().unwrap().remove("end_session_endpoint");
        }));
    });
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    ada.open(&isolate, "/page");
    let broken = Browser::new("ada");
    broken.set_cookie("__Host-portcullis", "broken");
    for browser in [ada, broken] {
        let head = Head::new("POST", "/.auth/logout").with("origin", HOST);
        let Outcome::Answer(answer) = browser.send(&isolate, head) else { panic!("an answer") };
        assert_eq!(answer.header("location"), Some("https://docs.example.com/.auth/signed-out"));
        assert_eq!(browser.cookie_names(), [""; 0]);
    }
}

#[test]
fn sign_out_does_not_wait_for_a_provider_that_hangs() {
    let world = World::new();
    world.fill_kv();
    let ada = Browser::new("ada");
    ada.open(&world.isolate(&settings()), "/page");
    world.set_distance(10_000);
    // Asking and ending, each at an isolate that knows nothing.
    let asking = Head::navigation(&format!("{HOST}/.auth/logout"));
    let ending = Head::new("POST", "/.auth/logout?provider").with("origin", HOST);
    for (head, status) in [(asking, 200), (ending, 303)] {
        world.take_waited();
        let Outcome::Answer(answer) = ada.send(&world.isolate(&settings()), head) else { panic!("an answer") };
        assert_eq!(answer.status, status);
        let waited = world.take_waited();
        assert!((2_500..=3_500).contains(&waited), "{waited} ms");
    }
    assert_eq!(ada.cookie_names(), [""; 0]);
}

#[test]
fn a_hint_too_long_for_a_cookie_is_left_out_and_the_client_id_stands_in() {
    let world = World::new();
    world.provider(|provider| {
        provider.edit_claims = Some(Box::new(|claims| claims["bulk"] = "x".repeat(6_000).into()));
    });
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    ada.open(&isolate, "/page");
    assert!(ada.cookie("__Secure-portcullis-hint").is_none());
    let head = Head::new("POST", "/.auth/logout?provider").with("origin", HOST);
    let Outcome::Answer(answer) = ada.send(&isolate, head) else { panic!("an answer") };
    assert!(answer.header("location").unwrap().starts_with("https://id.example/logout?client_id=client&"));
}

#[test]
fn the_providers_logout_is_as_the_settings_say() {
    for (logout, page, location) in [
        ("standard", true, "https://id.example/logout?id_token_hint="),
        (
            "logout_uri",
            true,
            "https://id.example/logout?client_id=client&logout_uri=https%3A%2F%2Fdocs.example.com%2F.auth%2Fsigned-out#",
        ),
        ("none", false, "https://docs.example.com/.auth/signed-out"),
    ] {
        let mut settings = settings();
        settings["providers"][0]["logout"] = json!(logout);
        let (isolate, ada) = (World::new().isolate(&settings), Browser::new("ada"));
        ada.open(&isolate, "/page");
        let asks = answered(ada.send(&isolate, Head::navigation(&format!("{HOST}/.auth/logout"))));
        assert_eq!(asks.body.contains("logout?provider"), page, "{logout}");
        let head = Head::new("POST", "/.auth/logout?provider").with("origin", HOST);
        let answer = answered(ada.send(&isolate, head));
        assert!(answer.header("location").unwrap().starts_with(location), "{logout}: {:?}", answer.header("location"));
    }
}

/// A browser holds what follows a form to the policy of the form's page, and only ours is known to let it go on.
#[test]
fn a_logout_whose_form_does_not_say_so_stays_here() {
    let here = "https://docs.example.com/.auth/signed-out";
    for (query, expected) in
        [("?provider", "https://id.example/logout?"), ("", here), ("?", here), ("?provider=work", here)]
    {
        let (isolate, ada) = (World::new().isolate(&settings()), Browser::new("ada"));
        ada.open(&isolate, "/page");
        let head = Head::new("POST", &format!("/.auth/logout{query}")).with("origin", HOST);
        let answer = answered(ada.send(&isolate, head));
        let location = answer.header("location").unwrap();
        assert!(answer.status == 303 && location.starts_with(expected), "{query}: {location}");
        assert_eq!(ada.cookie_names(), [""; 0], "{query}");
    }
}

#[test]
fn a_hint_of_another_provider_goes_to_neither() {
    let world = World::new();
    world.add_provider("https://other.example");
    let (isolate, ada) = (world.isolate(&two_providers()), Browser::new("ada"));
    ada.open(&isolate, "/.auth/login?provider=work&return_to=/page");
    let hint = ada.cookie("__Secure-portcullis-hint").unwrap();
    ada.open(&isolate, "/.auth/login?provider=other&return_to=/page");
    ada.set_cookie("__Secure-portcullis-hint", &hint);
    let head = Head::new("POST", "/.auth/logout?provider").with("origin", HOST);
    let answer = answered(ada.send(&isolate, head));
    assert!(answer.header("location").unwrap().starts_with("https://other.example/logout?client_id=client&"));
}

#[test]
fn rp_initiated_logout_2_the_provider_is_told_who_it_was_when_the_session_is_over() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    ada.open(&isolate, "/page");
    ada.forget("__Host-portcullis");
    let head = Head::new("POST", "/.auth/logout?provider").with("origin", HOST);
    let answer = answered(ada.send(&isolate, head));
    assert!(answer.header("location").unwrap().starts_with("https://id.example/logout?id_token_hint="), "{answer:?}");
}

/// A sibling host can set cookies for this one (RFC 6265, 8.6), though none named `__Host-`.
#[test]
fn a_planted_hint_signs_nobody_else_out_in_the_place_of_the_visitor() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    let (ada, mallory) = (Browser::new("ada"), Browser::new("mallory"));
    for browser in [&ada, &mallory] {
        browser.open(&isolate, "/page");
    }
    let hint = |browser: &Browser| browser.cookie("__Secure-portcullis-hint").unwrap();
    let session = ada.cookie("__Host-portcullis").unwrap();
    let leads_to = |hints: &[String]| {
        let hints: String = hints.iter().map(|hint| format!("; __Secure-portcullis-hint={hint}")).collect();
        let cookies = format!("__Host-portcullis={session}{hints}");
        let head = Head::new("POST", "/.auth/logout?provider").with("origin", HOST).with("cookie", &cookies);
        isolate.answer(&head).header("location").unwrap().to_owned()
    };
    assert!(leads_to(&[hint(&ada)]).contains("id_token_hint"));
    for planted in [vec![hint(&mallory)], vec![hint(&ada), hint(&mallory)], vec![hint(&mallory), hint(&ada)]] {
        assert!(leads_to(&planted).starts_with("https://id.example/logout?client_id=client&"), "{planted:?}");
    }
}
