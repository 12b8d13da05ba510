//! Rules on whole requests: hosts, methods, optional sign-in, step-up, reports, other origins.

mod support;

use portcullis::{
    gate::{Answer, Cacheable, Forward, Outcome},
    session::CookieEdit,
};
use serde_json::{Value, json};
use support::{
    browser::Browser,
    world::{HOST, Head, Isolate, World, settings},
};

const OTHER: &str = "https://app.example.com";

fn with_rules(rules: Value) -> Value {
    let mut settings = settings();
    settings["rules"] = rules;
    settings
}

/// An isolate with these rules, and a browser in which ada is signed in.
fn signed_in(world: &World, rules: Value) -> (Isolate, Browser) {
    let isolate = world.isolate(&with_rules(rules));
    let ada = Browser::new("ada");
    ada.open(&isolate, "/somewhere/else");
    world.take_events();
    world.take_calls();
    (isolate, ada)
}

fn answer(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Answer(answer) => answer,
        Outcome::Forward(forward) => panic!("forwarded: {forward:?}"),
    }
}

fn forward(outcome: Outcome) -> Forward {
    match outcome {
        Outcome::Forward(forward) => forward,
        Outcome::Answer(answer) => panic!("{} {}", answer.status, answer.body),
    }
}

fn status(outcome: &Outcome) -> u16 {
    match outcome {
        Outcome::Answer(answer) => answer.status,
        Outcome::Forward(_) => 200,
    }
}

#[test]
fn optional_passes_everybody_and_says_who_it_is_where_somebody_is() {
    let world = World::new();
    let (isolate, ada) = signed_in(&world, json!([{ "path": "/page/**", "sso": "optional" }]));
    let nobody = forward(isolate.send(&Head::navigation(&format!("{HOST}/page"))));
    assert_eq!((nobody.identity().len(), nobody.cacheable()), (0, Cacheable::Privately));
    let somebody = forward(ada.send(&isolate, Head::navigation(&format!("{HOST}/page"))));
    assert_eq!(somebody.cacheable(), Cacheable::Privately);
    assert!(somebody.identity().iter().any(|(name, value)| *name == "x-auth-subject" && value == "ada"));
    assert_eq!(somebody.cookies, CookieEdit::Remove);
    // A session that is over, or broken, is none.
    world.pass(9 * 3_600);
    assert!(forward(ada.send(&isolate, Head::new("GET", "/page"))).identity().is_empty());
    let broken = Head::new("GET", "/page").with("cookie", "__Host-portcullis=x");
    assert!(forward(isolate.send(&broken)).identity().is_empty());
}

#[test]
fn where_sign_in_is_optional_another_sites_post_passes_as_nobodys() {
    let world = World::new();
    let (isolate, ada) = signed_in(&world, json!([{ "path": "/page/**", "sso": "optional" }]));
    let post = || Head::new("POST", "/page");
    let foreign = forward(ada.send(&isolate, post().with("origin", OTHER).with("sec-fetch-site", "cross-site")));
    assert_eq!((foreign.identity().len(), foreign.cookies), (0, CookieEdit::Remove));
    let own = forward(ada.send(&isolate, post().with("origin", HOST).with("sec-fetch-site", "same-origin")));
    assert!(!own.identity().is_empty());
}

#[test]
fn a_rule_that_names_methods_meets_no_override() {
    let world = World::new();
    let rules = json!([
        { "path": "/api/**", "methods": ["POST", "DELETE"], "allow": [{ "group": "admins" }] },
        { "path": "/api/**", "methods": ["GET"], "sso": false },
        { "path": "/free/**", "sso": false },
    ]);
    let isolate = world.isolate(&with_rules(rules));
    let send = |head: Head| status(&isolate.send(&head));
    assert_eq!(send(Head::new("GET", "/api/x")), 200);
    assert_eq!(send(Head::new("HEAD", "/api/x")), 200);
    assert_eq!(send(Head::new("DELETE", "/api/x")), 401);
    assert_eq!(send(Head::new("PUT", "/api/x")), 401);
    for name in ["x-http-method-override", "x-http-method", "x-method-override", "x-original-method"] {
        assert_eq!(send(Head::new("GET", "/api/x").with(name, "DELETE")), 400, "{name}");
        assert_eq!(send(Head::new("GET", "/api/x").with(name, "")), 400, "{name}");
        assert_eq!(send(Head::new("GET", "/free/..%2Fapi/x").with(name, "DELETE")), 400, "{name}");
        assert_eq!(send(Head::new("GET", "/free/x").with(name, "DELETE")), 200, "{name}");
    }
    assert_eq!(send(Head::new("delete", "/api/x")), 400);
    assert_eq!(send(Head::new("Get", "/api/x")), 400);
    assert!(world.take_events().contains(&"refused method_doubtful".to_owned()));
}

#[test]
fn a_rule_of_one_host_is_about_no_other() {
    let world = World::new();
    let mut settings = with_rules(json!([
        { "path": "/**", "host": "open.example.com", "sso": false },
        { "path": "/x", "host": "*.team.example.com", "sso": false },
    ]));
    settings["hosts"] = json!(["docs.example.com", "open.example.com", "a.team.example.com"]);
    let isolate = world.isolate(&settings);
    let send = |url: &str| status(&isolate.send(&Head { url: url.to_owned(), ..Head::new("GET", "/") }));
    for (url, expected) in [
        ("https://open.example.com/x", 200),
        ("https://docs.example.com/x", 401),
        ("https://a.team.example.com/x", 200),
        ("https://a.team.example.com/y", 401),
        ("https://b.team.example.com/x", 421),
        ("https://team.example.com/x", 421),
    ] {
        assert_eq!(send(url), expected, "{url}");
    }
}

#[test]
fn where_a_request_comes_from_is_the_platforms_to_say() {
    let world = World::new();
    let rules = json!([
        { "path": "/ip", "require": [{ "ip": ["192.0.2.0/24", "2001:db8::/32"] }] },
        { "path": "/country", "deny": [{ "country": "XX" }] },
    ]);
    let (isolate, ada) = signed_in(&world, rules);
    let from = |address: &str| status(&ada.send(&isolate, Head::new("GET", "/ip").with("cf-connecting-ip", address)));
    for (address, expected) in [
        ("192.0.2.1", 200),
        ("2001:db8::1", 200),
        ("192.0.3.1", 403),
        ("192.0.2.1, 10.0.0.1", 403),
        ("192.0.2.1:80", 403),
        ("", 403),
    ] {
        assert_eq!(from(address), expected, "{address}");
    }
    let forged = Head::new("GET", "/ip").with("x-forwarded-for", "192.0.2.1").with("x-real-ip", "192.0.2.1");
    assert_eq!(status(&ada.send(&isolate, forged)), 403);
    let country = |head: Head| status(&ada.send(&isolate, head));
    assert_eq!(country(Head::new("GET", "/country").located_in("CH")), 200);
    assert_eq!(country(Head::new("GET", "/country").located_in("XX")), 403);
    assert_eq!(country(Head::new("GET", "/country").with("cf-ipcountry", "CH")), 403);
}

#[test]
fn rfc9470_a_navigation_is_stepped_up_and_arrives() {
    let world = World::new();
    for (rule, asked) in [
        (json!({ "require": [{ "max_age": "5m" }] }), "max_age=300"),
        (json!({ "require": [{ "acr": ["urn:mfa", "urn:hw"] }] }), "acr_values=urn%3Amfa+urn%3Ahw"),
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

#[test]
fn rfc9470_a_provider_that_does_not_step_up_ends_in_a_refusal_and_never_in_a_loop() {
    let world = World::new();
    world.provider(|provider| provider.steps_up = false);
    for selector in [json!({ "max_age": "5m" }), json!({ "acr": "urn:mfa" }), json!({ "amr": "hwk" })] {
        let (isolate, ada) = signed_in(&world, json!([{ "path": "/billing/**", "require": [selector] }]));
        let arrival = ada.open(&isolate, "/billing/");
        let (status_of_page, body) = arrival.page();
        assert!(status_of_page == 403 && body.contains("step_up_unmet"), "{selector}: {body}");
        assert!(world.take_events().contains(&"denied step_up_unmet".to_owned()));
        // The sign-in itself was one.
        assert_eq!(status(&ada.send(&isolate, Head::new("GET", "/else"))), 200);
    }
}

#[test]
fn core_2_an_auth_time_ahead_of_its_token_is_none() {
    let world = World::new();
    world.provider(|provider| {
        provider.edit_claims =
            Some(Box::new(|claims| claims["auth_time"] = json!(claims["iat"].as_u64().unwrap() + 90_000)));
    });
    let (isolate, ada) = signed_in(&world, json!([{ "path": "/billing/**", "require": [{ "max_age": "5m" }] }]));
    assert_eq!(ada.open(&isolate, "/billing/").page().0, 403);
}

#[test]
fn rfc9470_3_what_is_no_navigation_gets_a_challenge_and_no_redirect() {
    let world = World::new();
    let rules = json!([{ "path": "/billing/**", "require": [{ "max_age": "5m" }, { "acr": "urn:mfa" }] }]);
    let (isolate, ada) = signed_in(&world, rules);
    let script = answer(ada.send(&isolate, Head::new("GET", "/billing/x")));
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
    assert_eq!(answer(ada.send(&isolate, frame)).status, 401);
    assert!(world.take_calls().is_empty());
}

#[test]
fn who_would_not_be_admitted_anyway_is_not_stepped_up() {
    let world = World::new();
    let rules = json!([{ "path": "/billing/**", "allow": [{ "group": "finance" }], "require": [{ "max_age": "5m" }] }]);
    let (isolate, ada) = signed_in(&world, rules);
    let arrival = ada.open(&isolate, "/billing/");
    assert!(arrival.page().0 == 403 && arrival.page().1.contains("not_allowed"));
    assert!(world.log().contains("rule rules[0] /billing/**, by require[0]"), "{}", world.log());
}

#[test]
fn a_rule_that_watches_reports_and_never_decides() {
    let world = World::new();
    let rules = json!([
        { "id": "plan", "path": "/docs/**", "mode": "report", "allow": [{ "group": "finance" }] },
        { "path": "/docs/**", "mode": "report", "deny": [{ "group": "finance" }] },
        { "path": "/docs/open/**", "sso": false },
        { "path": "/docs/**", "mode": "report", "allow": [{ "group": "staff" }] },
    ]);
    let (isolate, ada) = signed_in(&world, rules);
    assert_eq!(status(&ada.send(&isolate, Head::new("GET", "/docs/x"))), 200);
    let log = world.log();
    assert_eq!(world.take_events(), ["report would_deny", "report would_admit", "report would_admit"]);
    assert!(
        log.contains("\"rule\":\"plan\"")
            && log.contains("\"subject\":\"ada\"")
            && log.contains("\"detail\":\"allow\""),
        "{log}"
    );
    // A public page under it: reported for whoever is signed in, forwarded for everybody.
    assert!(forward(ada.send(&isolate, Head::new("GET", "/docs/open/x"))).identity().is_empty());
    assert_eq!(world.take_events().len(), 2);
    assert_eq!(status(&isolate.send(&Head::new("GET", "/docs/open/x"))), 200);
    assert_eq!(status(&isolate.send(&Head::new("GET", "/docs/x"))), 401);
    assert_eq!(world.take_events(), Vec::<String>::new());
}

#[test]
fn a_preflight_passes_without_identity_where_the_rule_says_so() {
    let world = World::new();
    let rules = json!([
        { "path": "/api/**", "methods": ["POST"], "preflight": true, "origins": [OTHER] },
        { "path": "/api/**" },
    ]);
    let (isolate, ada) = signed_in(&world, rules);
    let preflight = |method: &str| {
        Head::new("OPTIONS", "/api/x").with("origin", OTHER).with("access-control-request-method", method)
    };
    let passed = forward(ada.send(&isolate, preflight("POST")));
    assert_eq!((passed.identity().len(), passed.cookies), (0, CookieEdit::Remove));
    assert_eq!(status(&isolate.send(&preflight("POST"))), 200);
    // Another method's rule does not let it pass, nor does anything that is no preflight.
    assert_eq!(status(&isolate.send(&preflight("PUT"))), 401);
    assert_eq!(status(&isolate.send(&Head::new("OPTIONS", "/api/x").with("origin", OTHER))), 401);
    assert_eq!(
        status(&isolate.send(&Head::new("OPTIONS", "/api/x").with("access-control-request-method", "POST"))),
        401
    );
    let disguised = Head { method: "POST".into(), ..preflight("POST") };
    assert_eq!(status(&isolate.send(&disguised)), 401);
}

#[test]
fn fetch_3_2_3_pages_of_an_origin_that_the_rule_names_may_read_the_refusal_and_no_others() {
    let world = World::new();
    let rules =
        json!([{ "path": "/api/**", "origins": [OTHER], "allow": [{ "group": "finance" }] }, { "path": "/else" }]);
    let (isolate, ada) = signed_in(&world, rules);
    let cors = |answer: &Answer| {
        let header = |name: &str| answer.header(name).map(str::to_owned);
        (header("access-control-allow-origin"), header("access-control-allow-credentials"), header("vary"))
    };
    let allowed = (Some(OTHER.to_owned()), Some("true".to_owned()), Some("origin".to_owned()));
    let get = |path: &str, origin: &str| Head::new("GET", path).with("origin", origin);
    let anonymous = answer(isolate.send(&get("/api/x", OTHER)));
    assert_eq!((anonymous.status, cors(&anonymous)), (401, allowed.clone()));
    let denied = answer(ada.send(&isolate, get("/api/x", OTHER)));
    assert_eq!((denied.status, cors(&denied)), (403, allowed));
    for (path, origin) in [
        ("/else", OTHER),
        ("/api/x", "https://evil.test"),
        ("/api/x", "null"),
        ("/api/x", HOST),
        ("/api/x", "https://app.example.com.evil.test"),
    ] {
        let answer = answer(isolate.send(&get(path, origin)));
        assert_eq!((answer.status, cors(&answer)), (401, (None, None, None)), "{path} {origin}");
    }
}

#[test]
fn a_change_or_a_websocket_may_come_from_an_origin_that_the_rule_names() {
    let world = World::new();
    let (isolate, ada) = signed_in(&world, json!([{ "path": "/api/**", "origins": [OTHER] }]));
    let rows = [
        (Head::new("POST", "/api/x").with("origin", OTHER).with("sec-fetch-site", "same-site"), 200),
        (Head::new("GET", "/api/x").with("origin", OTHER).with("upgrade", "websocket"), 200),
        (Head::new("POST", "/else").with("origin", OTHER).with("sec-fetch-site", "same-site"), 403),
        (Head::new("POST", "/api/x").with("origin", "https://evil.test"), 403),
        (Head::new("POST", "/api/x").with("origin", "null"), 403),
        (Head::new("POST", "/api/x"), 403),
    ];
    for (head, expected) in rows {
        assert_eq!(status(&ada.send(&isolate, head.clone())), expected, "{head:?}");
    }
}

#[test]
fn a_session_that_kept_other_claims_is_renewed_when_a_rule_asks_for_more() {
    let world = World::new();
    let (_, ada) = signed_in(&world, json!([]));
    let richer =
        world.isolate(&with_rules(json!([{ "path": "/x", "require": [{ "claim": "name", "equals": "ada" }] }])));
    assert_eq!(status(&ada.send(&richer, Head::new("GET", "/x"))), 401);
    assert_eq!(ada.open(&richer, "/x").at_origin(), "/x");
}

#[test]
fn a_preflight_that_passes_carries_no_other_method() {
    let world = World::new();
    let isolate = world.isolate(&with_rules(json!([{ "path": "/api/**", "preflight": true }])));
    let preflight =
        || Head::new("OPTIONS", "/api/x").with("origin", OTHER).with("access-control-request-method", "DELETE");
    assert_eq!(status(&isolate.send(&preflight())), 200);
    for name in portcullis::gate::METHOD_HEADERS {
        assert_eq!(status(&isolate.send(&preflight().with(name, "DELETE"))), 400, "{name}");
    }
    // Where it does not pass, the header decides nothing.
    let other = Head::new("OPTIONS", "/else").with("origin", OTHER).with("access-control-request-method", "GET");
    assert_eq!(status(&isolate.send(&other.with("x-http-method-override", "DELETE"))), 401);
}

#[test]
fn a_session_made_by_another_reading_of_its_provider_is_renewed() {
    let world = World::new();
    world.provider(|provider| {
        provider.edit_claims = Some(Box::new(|claims| claims["email_verified"] = json!(false)));
    });
    let rules = json!([{ "path": "/x", "allow": [{ "email": "ada@example.com" }] }]);
    let reading = |name: &str, value: &str| {
        let mut settings = with_rules(rules.clone());
        settings["providers"][0][name] = json!(value);
        world.isolate(&settings)
    };
    let ada = Browser::new("ada");
    let trusting = reading("email", "trust");
    assert_eq!(ada.open(&trusting, "/x").at_origin(), "/x");
    for isolate in [reading("email", "never"), reading("email", "demand"), reading("groups_claim", "teams")] {
        assert_eq!(status(&ada.send(&isolate, Head::new("GET", "/x"))), 401);
        assert_eq!(status(&ada.send(&isolate, Head::new("GET", "/else"))), 401);
    }
    assert_eq!(status(&ada.send(&trusting, Head::new("GET", "/x"))), 200);
}
