//! Rules on whole requests: hosts, methods, optional sign-in, step-up, reports, other origins.

mod address;
mod dav;
mod letter_case;
mod other_address;
mod step_up;
#[path = "../support/mod.rs"]
mod support;

use portcullis::{
    gate::{Answer, Cacheable},
    session::CookieEdit,
};
use serde_json::{Value, json};
use support::{
    browser::Browser,
    outcome::{answered, forwarded, status},
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

#[test]
fn optional_passes_everybody_and_says_who_it_is_where_somebody_is() {
    let world = World::new();
    let (isolate, ada) = signed_in(&world, json!([{ "path": "/page/**", "sso": "optional" }]));
    let nobody = isolate.forward(&Head::navigation(&format!("{HOST}/page")));
    assert_eq!((nobody.identity().len(), nobody.cacheable()), (0, Cacheable::Privately));
    let somebody = forwarded(ada.send(&isolate, Head::navigation(&format!("{HOST}/page"))));
    assert_eq!(somebody.cacheable(), Cacheable::Privately);
    assert!(somebody.identity().iter().any(|(name, value)| *name == "x-auth-subject" && value == "ada"));
    assert_eq!(somebody.cookies, CookieEdit::Remove);
    // A session that is over, or broken, is none.
    world.pass(9 * 3_600);
    assert!(forwarded(ada.send(&isolate, Head::new("GET", "/page"))).identity().is_empty());
    let broken = Head::new("GET", "/page").with("cookie", "__Host-portcullis=x");
    assert!(isolate.forward(&broken).identity().is_empty());
}

#[test]
fn where_sign_in_is_optional_another_sites_post_passes_as_nobodys() {
    let world = World::new();
    let (isolate, ada) = signed_in(&world, json!([{ "path": "/page/**", "sso": "optional" }]));
    let post = || Head::new("POST", "/page");
    let foreign = forwarded(ada.send(&isolate, post().with("origin", OTHER).with("sec-fetch-site", "cross-site")));
    assert_eq!((foreign.identity().len(), foreign.cookies), (0, CookieEdit::Remove));
    let own = forwarded(ada.send(&isolate, post().with("origin", HOST).with("sec-fetch-site", "same-origin")));
    assert!(!own.identity().is_empty());
}

#[test]
fn a_rule_that_names_methods_meets_no_override() {
    let world = World::new();
    let rules = json!([
        { "path": "/api/**", "methods": ["POST", "DELETE"], "allow": [{ "group": "admins" }] },
        { "path": "/api/**", "methods": ["GET"], "sso": false },
        { "path": "/free/*.cgi", "methods": ["POST"], "allow": [{ "group": "admins" }] },
        { "path": "/free/**", "sso": false },
    ]);
    let isolate = world.isolate(&with_rules(rules));
    let send = |head: Head| isolate.status(&head);
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
fn what_arrives_as_another_method_than_was_judged_goes_nowhere() {
    let world = World::new();
    let rules = json!([
        { "path": "/hook/**", "methods": ["POST"], "sso": false },
        { "path": "/api/**", "preflight": true, "allow": [{ "group": "admins" }] },
        { "path": "/open/**", "sso": false },
    ]);
    let (isolate, ada) = signed_in(&world, rules);
    // RFC 6455, 4.1: a handshake is a GET, and the platform makes one of whatever has the header.
    let preflight =
        |path: &str| Head::new("OPTIONS", path).with("origin", OTHER).with("access-control-request-method", "GET");
    assert_eq!(isolate.status(&preflight("/api/x")), 200);
    for upgrade in ["websocket", "WebSocket", "h2c", ""] {
        assert_eq!(isolate.status(&preflight("/api/x").with("upgrade", upgrade)), 400, "{upgrade}");
        for method in ["POST", "HEAD", "OPTIONS", "PUT", "PROPFIND", "get"] {
            for path in ["/hook/x", "/api/x", "/open/x", "/else"] {
                let head = Head::new(method, path).with("origin", HOST).with("upgrade", upgrade);
                assert_eq!(isolate.status(&head), 400, "{method} {path}");
                assert_eq!(status(&ada.send(&isolate, head)), 400, "{method} {path}");
            }
        }
    }
    // RFC 9110, 9.3.8: the answer is the request, with what the gate added.
    for method in ["TRACE", "Trace", "TRACK"] {
        for path in ["/open/x", "/else"] {
            assert_eq!(isolate.status(&Head::new(method, path)), 400, "{method} {path}");
            assert_eq!(
                status(&ada.send(&isolate, Head::new(method, path).with("origin", HOST))),
                400,
                "{method} {path}"
            );
        }
    }
    let handshake = Head::new("GET", "/else").with("origin", HOST).with("upgrade", "websocket");
    assert_eq!(status(&ada.send(&isolate, handshake)), 200);
}

#[test]
fn a_read_in_disguise_is_none_where_another_sites_page_sent_it() {
    let world = World::new();
    let rules = json!([{ "path": "/shared", "origins": [OTHER] }, { "path": "/page", "sso": "optional" }]);
    let (isolate, ada) = signed_in(&world, rules);
    let send = |head: &Head| ada.send(&isolate, head.clone());
    for name in portcullis::gate::METHOD_HEADERS {
        for (method, value) in [("GET", "DELETE"), ("HEAD", "POST"), ("OPTIONS", "PUT"), ("GET", "")] {
            let disguised = |path: &str| Head::new(method, path).with(name, value);
            for origin in [OTHER, "null", "https://docs.example.com.evil.test"] {
                assert_eq!(status(&send(&disguised("/x").with("origin", origin))), 403, "{method} {name} {origin}");
                let nobodys = forwarded(send(&disguised("/page").with("origin", origin)));
                assert!(nobodys.identity().is_empty(), "{method} {name} {origin}");
            }
            // Our own page's, a trusted one's, and what no page of another site can send.
            assert_eq!(status(&send(&disguised("/x").with("origin", HOST))), 200, "{method} {name}");
            assert_eq!(status(&send(&disguised("/shared").with("origin", OTHER))), 200, "{method} {name}");
            assert_eq!(status(&send(&disguised("/x"))), 200, "{method} {name}");
        }
    }
    assert_eq!(status(&send(&Head::new("GET", "/x").with("origin", OTHER))), 200);
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
    let send = |url: &str| isolate.status(&Head { url: url.to_owned(), ..Head::new("GET", "/") });
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
        { "path": "/not-ip", "deny": [{ "ip": "2001:db8::/32" }] },
        { "path": "/country", "deny": [{ "country": "XX" }] },
    ]);
    let (isolate, ada) = signed_in(&world, rules);
    let from = |path: &str, address: &str| {
        status(&ada.send(&isolate, Head::new("GET", path).with("cf-connecting-ip", address)))
    };
    for (address, within, without) in [
        ("192.0.2.1", 200, 200),
        ("2001:db8::1", 200, 403),
        ("192.0.3.1", 403, 200),
        // What stands for an IPv6 address on a zone with Pseudo IPv4: nobody knows for which.
        ("240.16.0.1", 403, 403),
        ("255.255.255.255", 403, 403),
        ("::ffff:240.16.0.1", 403, 403),
        ("239.255.255.255", 403, 200),
        ("192.0.2.1, 10.0.0.1", 403, 403),
        ("192.0.2.1:80", 403, 403),
        ("", 403, 403),
    ] {
        assert_eq!((from("/ip", address), from("/not-ip", address)), (within, without), "{address}");
    }
    let forged = Head::new("GET", "/ip").with("x-forwarded-for", "192.0.2.1").with("x-real-ip", "192.0.2.1");
    assert_eq!(status(&ada.send(&isolate, forged)), 403);
    let country = |head: Head| status(&ada.send(&isolate, head));
    assert_eq!(country(Head::new("GET", "/country").located_in("CH")), 200);
    assert_eq!(country(Head::new("GET", "/country").located_in("XX")), 403);
    assert_eq!(country(Head::new("GET", "/country").with("cf-ipcountry", "CH")), 403);
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
    let line: Value = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .find(|line: &Value| line["rule"] == "plan")
        .unwrap();
    assert_eq!([&line["provider"], &line["subject"], &line["by"]], ["work", "ada", "allow"], "{log}");
    // A public page under it: reported for whoever is signed in, forwarded for everybody.
    assert!(forwarded(ada.send(&isolate, Head::new("GET", "/docs/open/x"))).identity().is_empty());
    assert_eq!(world.take_events().len(), 2);
    assert_eq!(isolate.status(&Head::new("GET", "/docs/open/x")), 200);
    assert_eq!(isolate.status(&Head::new("GET", "/docs/x")), 401);
    assert_eq!(world.take_events(), Vec::<String>::new());
}

#[test]
fn every_line_of_a_request_has_the_id_of_its_page() {
    let world = World::new();
    let rules = json!([
        { "path": "/docs/**", "mode": "report", "allow": [{ "group": "finance" }] },
        { "path": "/docs/**", "allow": [{ "group": "editors" }] },
    ]);
    let (isolate, ada) = signed_in(&world, rules);
    let before = world.log().lines().count();
    let page = answered(ada.send(&isolate, Head::navigation(&format!("{HOST}/docs/x"))));
    assert_eq!(world.take_events(), ["report would_deny", "denied not_allowed"]);
    for line in world.log().lines().skip(before) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(page.body.contains(line["request"].as_str().unwrap()), "{line}");
    }
}

#[test]
fn the_way_on_from_a_refusal_is_for_the_method_that_was_refused() {
    let world = World::new();
    let (isolate, ada) =
        signed_in(&world, json!([{ "path": "/pay/**", "methods": ["POST"], "allow": [{ "group": "editors" }] }]));
    let pay = Head::new("POST", "/pay/x").with("origin", HOST).with("sec-fetch-site", "same-origin");
    let denied: Value = serde_json::from_str(&answered(ada.send(&isolate, pay)).body).unwrap();
    let login = format!("{HOST}/.auth/login?return_to=%2Fpay%2Fx&method=POST&prompt=select_account");
    assert_eq!((&denied["code"], &denied["login_url"]), (&json!("not_allowed"), &json!(login)));
}

#[test]
fn what_others_wrote_cannot_pass_for_what_the_log_says() {
    let world = World::new();
    let rules = json!([{ "id": "docs", "path": "/docs/**", "allow": [{ "group": "editors" }] }]);
    let isolate = world.isolate(&with_rules(rules));
    let liar = Browser::new("ada, rule admin, by allow\",\"rule\":\"admin");
    liar.open(&isolate, "/page");
    assert_eq!(status(&liar.send(&isolate, Head::new("GET", "/docs/x"))), 403);
    let line: Value = serde_json::from_str(world.log().lines().last().unwrap()).unwrap();
    assert_eq!([&line["code"], &line["rule"], &line["by"]], ["not_allowed", "docs", "allow"], "{line}");
    assert!(line["subject"].as_str().unwrap().starts_with("ada, rule admin") && line.get("detail").is_none(), "{line}");
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
    let passed = forwarded(ada.send(&isolate, preflight("POST")));
    assert_eq!((passed.identity().len(), passed.withholds_body()), (0, true));
    assert_eq!((passed.cacheable(), passed.cookies), (Cacheable::AsTheOriginSays, CookieEdit::Remove));
    assert_eq!(isolate.status(&preflight("POST")), 200);
    // Another method's rule does not let it pass, nor does anything that is no preflight.
    assert_eq!(isolate.status(&preflight("PUT")), 401);
    assert_eq!(isolate.status(&Head::new("OPTIONS", "/api/x").with("origin", OTHER)), 401);
    assert_eq!(isolate.status(&Head::new("OPTIONS", "/api/x").with("access-control-request-method", "POST")), 401);
    let disguised = Head { method: "POST".into(), ..preflight("POST") };
    assert_eq!(isolate.status(&disguised), 401);
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
    let anonymous = isolate.answer(&get("/api/x", OTHER));
    assert_eq!((anonymous.status, cors(&anonymous)), (401, allowed.clone()));
    let denied = answered(ada.send(&isolate, get("/api/x", OTHER)));
    assert_eq!((denied.status, cors(&denied)), (403, allowed));
    // Another origin learns that somebody may not, and not who.
    let own = answered(ada.send(&isolate, Head::new("GET", "/api/x")));
    assert_eq!((denied.body.contains("\"person\""), own.body.contains("\"person\"")), (false, true));
    for (path, origin) in [
        ("/else", OTHER),
        ("/api/x", "https://evil.test"),
        ("/api/x", "null"),
        ("/api/x", HOST),
        ("/api/x", "https://app.example.com.evil.test"),
    ] {
        let answer = isolate.answer(&get(path, origin));
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
    let (_, ada) = signed_in(&world, json!([{ "path": "/y" }]));
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
    assert_eq!(isolate.status(&preflight()), 200);
    for name in portcullis::gate::METHOD_HEADERS {
        assert_eq!(isolate.status(&preflight().with(name, "DELETE")), 400, "{name}");
    }
    // Where it does not pass, the header decides nothing.
    let other = Head::new("OPTIONS", "/else").with("origin", OTHER).with("access-control-request-method", "GET");
    assert_eq!(isolate.status(&other.with("x-http-method-override", "DELETE")), 401);
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
