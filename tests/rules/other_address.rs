//! The static-assets binding serves `/docs/page.html` at `/docs/page`: what is there is a page of the one rule, or a
//! file of the other.

use serde_json::{Value, json};

use crate::{
    OTHER,
    support::{
        browser::Browser,
        outcome::status,
        world::{HOST, Head, World},
    },
    with_rules,
};

fn of_assets(rules: Value) -> Value {
    let mut settings = with_rules(rules);
    settings["origin"] = json!({ "assets": "ASSETS" });
    settings
}

#[test]
fn its_rule_and_that_of_the_address_both_have_to_admit() {
    let world = World::new();
    let isolate = world.isolate(&of_assets(json!([
        { "path": "/docs/*.html" },
        { "path": "/docs/**", "allow": [{ "group": "admins" }] },
        { "path": "/team/secret.html", "allow": [{ "group": "admins" }], "preflight": true },
        { "path": "/team/**", "allow": [{ "group": "staff" }] },
        { "path": "/pay/form.html", "require": [{ "max_age": "5m" }] },
        { "path": "/pay/**", "require": [{ "acr": "urn:mfa" }] },
        { "path": "/open/secret.html", "allow": [{ "group": "admins" }] },
        { "path": "/open/**", "sso": false },
        // Both may be at /page: page/index.html, and page.html.
        { "path": "/page/*" },
        { "path": "/page.html", "allow": [{ "group": "admins" }] },
        { "path": "/news/*.html", "allow": [{ "group": "admins" }] },
        { "path": "/asked/page.html", "preflight": true },
        { "path": "/asked/**", "preflight": true },
    ])));
    let (ada, bob) = (Browser::new("ada"), Browser::new("bob"));
    for browser in [&ada, &bob] {
        browser.open(&isolate, "/docs/page.html");
    }
    // The log names the rule that did not admit.
    assert_eq!(status(&bob.send(&isolate, Head::new("GET", "/docs/page"))), 403);
    assert!(world.log().contains(r#""rule":"rules[1] /docs/**","subject":"bob""#), "{}", world.log());
    for (path, for_bob) in [
        ("/docs/page.html", 200),
        ("/docs/page", 403),
        ("/docs/data.json", 403),
        ("/docs/", 403),
        ("/docs/deep/x", 403),
        ("/team/x", 200),
        ("/team/secret", 403),
        ("/team/secret.html", 403),
        ("/open/secret", 403),
        ("/open/x", 200),
        ("/page/x", 200),
        ("/page", 403),
        ("/page/", 403),
        ("/news/page", 403),
        ("/news/deep/page", 200),
    ] {
        assert_eq!(status(&bob.send(&isolate, Head::new("GET", path))), for_bob, "{path}");
        assert_eq!(status(&ada.send(&isolate, Head::new("GET", path))), 200, "{path}");
        let nobody = if path == "/open/x" { 200 } else { 401 };
        assert_eq!(isolate.status(&Head::new("GET", path)), nobody, "{path}");
    }
    // A preflight passes only where both let it.
    let preflight =
        |path: &str| Head::new("OPTIONS", path).with("origin", OTHER).with("access-control-request-method", "GET");
    assert_eq!(isolate.status(&preflight("/team/secret.html")), 200);
    assert_eq!(isolate.status(&preflight("/team/secret")), 401);
    assert_eq!(isolate.status(&preflight("/asked/page")), 200);
    // What either asks for beyond a sign-in is asked for at once.
    let asked = ada.start(&isolate, "/pay/form");
    assert!(asked.contains("max_age=300") && asked.contains("acr_values=urn%3Amfa"), "{asked}");
    assert_eq!(ada.open(&isolate, "/pay/form").at_origin(), "/pay/form");
}

#[test]
fn only_a_rule_that_is_about_the_request_has_to_admit_too() {
    let mut settings = of_assets(json!([
        { "path": "/docs/*.html" },
        { "path": "/docs/page", "methods": ["POST"], "allow": [{ "group": "admins" }] },
        { "path": "/docs/page", "host": "other.example", "allow": [{ "group": "admins" }] },
        { "path": "/docs/page", "allow": [{ "group": "admins" }], "mode": "report" },
        { "path": "/docs/*/deep", "allow": [{ "group": "admins" }] },
    ]));
    settings["hosts"] = json!(["docs.example.com", "other.example"]);
    let isolate = World::new().isolate(&settings);
    let bob = Browser::new("bob");
    bob.open(&isolate, "/docs/page.html");
    assert_eq!(status(&bob.send(&isolate, Head::new("GET", "/docs/page"))), 200);
    assert_eq!(status(&bob.send(&isolate, Head::new("POST", "/docs/page").with("origin", HOST))), 403);
}

/// To the one reading it is a file that everybody may see, to the other the page of the admins.
#[test]
fn where_readings_lead_to_different_second_rules_all_of_them_have_to_admit() {
    let isolate = World::new().isolate(&of_assets(json!([
        { "path": "/docs/*.html" },
        { "path": "/docs/page", "allow": [{ "group": "admins" }] },
        { "path": "/docs/**" },
    ])));
    for (name, of_page) in [("ada", 200), ("bob", 403)] {
        let browser = Browser::new(name);
        browser.open(&isolate, "/docs/page.html");
        for (path, expected) in [("/docs/page", of_page), ("/docs/other;x", 200), ("/docs/page;x", of_page)] {
            assert_eq!(status(&browser.send(&isolate, Head::new("GET", path))), expected, "{name} {path}");
        }
    }
}

#[test]
fn another_site_is_trusted_where_no_second_rule_has_to_admit() {
    let world = World::new();
    let isolate = world.isolate(&of_assets(json!([
        { "path": "/app/*.html", "origins": [OTHER] },
        { "path": "/app/**" },
    ])));
    let ada = Browser::new("ada");
    ada.open(&isolate, "/app/page.html");
    for (path, of_other) in [("/app/page.html", 200), ("/app/page", 403), ("/app/data.json", 403)] {
        let write = |origin: &str| Head::new("POST", path).with("origin", origin);
        assert_eq!(status(&ada.send(&isolate, write(OTHER))), of_other, "{path}");
        assert_eq!(status(&ada.send(&isolate, write(HOST))), 200, "{path}");
        // Nor does its page read why nobody is let in.
        let refused = isolate.answer(&Head::new("GET", path).with("origin", OTHER));
        let readable = refused.headers.iter().any(|(name, _)| *name == "access-control-allow-origin");
        assert_eq!((refused.status, readable), (401, of_other == 200), "{path}");
    }
}

#[test]
fn nothing_is_copied_to_where_a_second_rule_has_to_admit() {
    let world = World::new();
    let isolate = world.isolate(&of_assets(json!([
        { "path": "/docs/*.html" },
        { "path": "/docs/**", "allow": [{ "group": "admins" }] },
    ])));
    let ada = Browser::new("ada");
    ada.open(&isolate, "/docs/page.html");
    for (destination, expected) in [("/docs/other.html", 200), ("/docs/other", 400), ("/docs/data.json", 400)] {
        let copy = Head::new("COPY", "/docs/page.html").with("origin", HOST).with("destination", destination);
        assert_eq!(status(&ada.send(&isolate, copy)), expected, "{destination}");
    }
}
