//! `/.auth/check`: a reverse proxy asks, proves itself, and is told what a request that came here would be.

mod support;

use std::borrow::Cow;

use portcullis::gate::{Answer, Outcome};
use serde_json::{Value, json};
use support::{
    browser::Browser,
    machine::{CI, Machine},
    operator::{lockdown, switch, switchable},
    world::{CHECK_SECRET, HOST, Head, Isolate, SECRET, World, settings},
};

const NGINX: [&str; 4] = ["portcullis-method", "portcullis-proto", "portcullis-host", "portcullis-uri"];
const FORWARDED: [&str; 4] = ["x-forwarded-method", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-uri"];

fn family(proxy: &str) -> [&'static str; 4] {
    if proxy == "nginx" { NGINX } else { FORWARDED }
}

fn isolate(world: &World, proxy: &str) -> Isolate {
    world.isolate(&with_check(proxy, settings()))
}

fn with_check(proxy: &str, mut settings: Value) -> Value {
    settings["check"] = json!(proxy);
    settings
}

/// A sub-request without a client's headers.
fn bare(proxy: &str, [method, scheme, host, path]: [&str; 4]) -> Head {
    let values = [method, scheme, host, path];
    let head = Head::new("GET", "/.auth/check").with("portcullis-check", CHECK_SECRET);
    family(proxy).into_iter().zip(values).fold(head, |head, (name, value)| head.with(name, value))
}

fn ask(proxy: &str, method: &str, path: &str) -> Head {
    bare(proxy, [method, "https", "docs.example.com", path])
}

/// As of a page that is opened in a tab.
fn navigation(head: Head) -> Head {
    head.with("sec-fetch-mode", "navigate").with("sec-fetch-dest", "document").with("accept", "text/html")
}

fn answer(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Answer(answer) => answer,
        Outcome::Forward(forward) => panic!("a check is never forwarded: {forward:?}"),
    }
}

fn send(isolate: &Isolate, head: &Head) -> Answer {
    let answer = answer(isolate.send(head));
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{head:?}");
    assert_eq!(answer.header("set-cookie"), None, "{head:?}");
    answer
}

fn status(isolate: &Isolate, head: &Head) -> u16 {
    send(isolate, head).status
}

/// Where a person with a session is, and the cookies of it.
fn cookies(isolate: &Isolate, person: &str) -> String {
    let browser = Browser::new(person);
    browser.open(isolate, "/somewhere");
    format!("__Host-portcullis={}", browser.cookie("__Host-portcullis").unwrap())
}

/// The same but for the request's id.
fn without_id(answer: &Answer) -> (u16, Vec<(Cow<'static, str>, String)>, String) {
    let (before, after) = answer.body.split_once("\"request\":\"").unwrap_or((&answer.body, ""));
    (answer.status, answer.headers.clone(), format!("{before}{}", after.get(12..).unwrap_or_default()))
}

#[test]
fn to_whom_does_not_prove_to_be_the_proxy_there_is_nothing() {
    let world = World::new();
    let off = world.isolate(&settings());
    let on = isolate(&world, "nginx");
    let nothing = send(&on, &Head::new("GET", "/.auth/nothing"));
    assert_eq!(nothing.status, 404);
    let with = |secret: &str| {
        let mut head = ask("nginx", "GET", "/open/x");
        head.headers[0].1 = secret.to_owned();
        head
    };
    let half = CHECK_SECRET.split_at(20).0;
    let heads = [
        Head::new("GET", "/.auth/check"),
        Head::new("POST", "/.auth/check"),
        with(""),
        with(half),
        with(&CHECK_SECRET.to_ascii_lowercase()),
        with(&format!("{CHECK_SECRET}=")),
        with(CHECK_SECRET.trim_end_matches('=')),
        with(SECRET),
        with(CHECK_SECRET).with("portcullis-check", CHECK_SECRET),
    ];
    for head in &heads {
        assert_eq!(without_id(&send(&on, head)), without_id(&nothing), "{head:?}");
    }
    assert_eq!(without_id(&send(&off, &with(CHECK_SECRET))), without_id(&nothing), "off");
    assert!(world.take_events().is_empty());
    assert_eq!(status(&on, &with(CHECK_SECRET)), 202);
    let post = Head { method: "POST".to_owned(), ..with(CHECK_SECRET) };
    assert_eq!((status(&on, &post), send(&on, &post).header("allow")), (405, Some("GET")));
}

#[test]
fn nginx_gets_202_401_and_403_and_nothing_else() {
    let world = World::new();
    let isolate = isolate(&world, "nginx");
    let (ada, bob) = (cookies(&isolate, "ada"), cookies(&isolate, "bob"));
    world.take_events();
    let with = |head: Head, cookie: &str| if cookie.is_empty() { head } else { head.with("cookie", cookie) };
    for (path, cookie, expected) in [
        ("/open/x", "", 202),
        ("/x", "", 401),
        ("/x", bob.as_str(), 202),
        ("/admin/x", ada.as_str(), 202),
        ("/admin/x", bob.as_str(), 403),
        ("/admin/%00", ada.as_str(), 403),
        ("/open/..%2fadmin", ada.as_str(), 403),
        ("/.auth/me", ada.as_str(), 403),
        ("/.auth/x", ada.as_str(), 403),
    ] {
        for head in [ask("nginx", "GET", path), navigation(ask("nginx", "GET", path))] {
            assert_eq!(status(&isolate, &with(head, cookie)), expected, "{path}");
        }
    }
    for (scheme, host) in
        [("https", "elsewhere.example.com"), ("https", "docs.example.com."), ("http", "docs.example.com")]
    {
        for method in ["GET", "POST"] {
            assert_eq!(status(&isolate, &bare("nginx", [method, scheme, host, "/open/x"])), 403, "{scheme}://{host}");
        }
    }
    let events = world.take_events();
    for event in ["denied not_allowed", "refused path_ambiguous", "refused host_unknown", "refused check_own_path"] {
        assert!(events.contains(&event.to_owned()), "{event}: {events:?}");
    }
}

#[test]
fn nginx_learns_where_a_navigation_signs_in_and_a_script_stays_where_it_is() {
    let world = World::new();
    let isolate = isolate(&world, "nginx");
    let page = send(&isolate, &navigation(ask("nginx", "GET", "/x?a=1&b=%2F")));
    let login = "https://docs.example.com/.auth/login?return_to=%2Fx%3Fa%3D1%26b%3D%252F";
    assert_eq!((page.status, page.header("portcullis-login"), page.header("location")), (401, Some(login), None));
    assert!(page.header("www-authenticate").is_some());
    for head in [ask("nginx", "GET", "/x"), navigation(ask("nginx", "POST", "/x"))] {
        let script = send(&isolate, &head);
        assert_eq!((script.status, script.header("portcullis-login")), (401, None), "{head:?}");
    }
}

#[test]
fn caddy_and_traefik_hand_on_the_answer_that_the_gate_itself_would_give() {
    let world = World::new();
    for proxy in ["caddy", "traefik"] {
        let isolate = isolate(&world, proxy);
        let bob = cookies(&isolate, "bob");
        let rows = [
            ("GET", "https", "docs.example.com", "/x?a=1", ""),
            ("POST", "https", "docs.example.com", "/x", ""),
            ("GET", "https", "docs.example.com", "/admin/x", bob.as_str()),
            ("GET", "https", "docs.example.com", "/open/..%2fadmin", ""),
            ("GET", "https", "docs.example.com", "/%", ""),
            ("GET", "http", "docs.example.com", "/x?y", ""),
            ("POST", "http", "docs.example.com", "/x", ""),
            ("GET", "https", "elsewhere.example.com", "/x", ""),
        ];
        for (method, scheme, host, path, cookie) in rows {
            let dress = |head: Head, page: bool| {
                let head = if page { navigation(head) } else { head };
                if cookie.is_empty() { head } else { head.with("cookie", cookie) }
            };
            for page in [false, true] {
                let asked = send(&isolate, &dress(bare(proxy, [method, scheme, host, path]), page));
                let direct = Head { url: format!("{scheme}://{host}{path}"), ..Head::new(method, "/") };
                let direct = answer(isolate.send(&dress(direct, page)));
                assert_eq!((asked.status, asked.headers), (direct.status, direct.headers), "{method} {host}{path}");
            }
        }
        let refused = send(&isolate, &navigation(ask(proxy, "GET", "/.auth/login")));
        assert_eq!((refused.status, refused.header("location")), (403, None));
    }
}

#[test]
fn who_is_admitted_is_said_with_the_cookies_that_are_not_ours() {
    let world = World::new();
    let mut settings = settings();
    settings["rules"].as_array_mut().unwrap().push(json!({ "path": "/page/**", "sso": "optional" }));
    let caddy = world.isolate(&with_check("caddy", settings.clone()));
    let isolate = world.isolate(&with_check("traefik", settings));
    let ada = cookies(&isolate, "ada");
    let said = |path: &str, cookie: &str| {
        let head = ask("traefik", "GET", path);
        let answer = send(&isolate, &if cookie.is_empty() { head } else { head.with("cookie", cookie) });
        assert_eq!((answer.status, answer.body.as_str()), (202, ""), "{path}");
        let said = |name| answer.header(name).map(str::to_owned);
        (said("x-auth-subject"), said("cookie"))
    };
    let both = format!("a=1; {ada}; b=2");
    let (somebody, rest) = (Some("ada".to_owned()), Some("a=1; b=2".to_owned()));
    assert_eq!(said("/x", &ada), (somebody.clone(), None));
    assert_eq!(said("/x", &both), (somebody.clone(), rest.clone()));
    assert_eq!(said("/admin/x", &ada), (somebody.clone(), None));
    assert_eq!(said("/page", &ada), (somebody, None));
    assert_eq!(said("/page", "a=1"), (None, Some("a=1".to_owned())));
    assert_eq!(said("/open/x", &both), (None, rest));
    assert_eq!(said("/open/x", ""), (None, None));
    // To Caddy what is not there is there and empty.
    let nobody = send(&caddy, &ask("caddy", "GET", "/open/x"));
    for name in
        ["x-auth-subject", "x-auth-email", "x-auth-name", "x-auth-groups", "x-auth-provider", "x-auth-assertion"]
            .into_iter()
            .chain(["portcullis-cookie"])
    {
        assert_eq!(nobody.headers.iter().filter(|(header, value)| *header == name && value.is_empty()).count(), 1);
    }
    let somebody = send(&caddy, &ask("caddy", "GET", "/x").with("cookie", &both));
    assert_eq!(
        (somebody.header("x-auth-subject"), somebody.header("portcullis-cookie")),
        (Some("ada"), Some("a=1; b=2"))
    );
    assert_eq!(somebody.headers.iter().filter(|(name, _)| *name == "portcullis-cookie").count(), 1);
}

#[test]
fn the_names_are_those_of_the_settings_and_an_assertion_comes_along() {
    let world = World::new();
    let mut settings = settings();
    settings["assertion"] = json!(true);
    settings["headers"] = json!({ "preset": "remote", "email": "X-WEBAUTH-EMAIL" });
    for proxy in ["nginx", "caddy", "traefik"] {
        let isolate = world.isolate(&with_check(proxy, settings.clone()));
        let ada = cookies(&isolate, "ada");
        let answer = send(&isolate, &ask(proxy, "GET", "/x").with("cookie", &ada));
        let said = |name| answer.header(name).filter(|value| !value.is_empty());
        assert_eq!((answer.status, said("remote-user"), said("x-auth-subject")), (202, Some("ada"), None));
        assert_eq!(said("x-webauth-email"), Some("ada@example.com"));
        assert_eq!(said("x-auth-assertion").map(|token| token.split('.').count()), Some(3));
        // To Caddy the whole family is there.
        assert_eq!(answer.header("remote-email").is_some(), proxy == "caddy");
        for forged in ["remote-user", "remote_email", "x_webauth.email", "x-auth-subject"] {
            let head = ask(proxy, "GET", "/x").with("cookie", &ada).with(forged, "forged");
            assert!(matches!(status(&isolate, &head), 400 | 403), "{proxy} {forged}");
        }
        assert_eq!(status(&isolate, &ask(proxy, "GET", "/x").with("cookie", &ada).with("x-forwarded-user", "a")), 202);
    }
}

#[test]
fn each_header_of_the_family_is_there_once_and_none_of_another() {
    let world = World::new();
    for (proxy, foreign) in [("nginx", FORWARDED), ("caddy", NGINX), ("traefik", NGINX)] {
        let isolate = isolate(&world, proxy);
        let right = ask(proxy, "GET", "/open/x");
        assert_eq!(status(&isolate, &right), 202);
        for name in family(proxy) {
            let value = right.headers.iter().find(|(header, _)| header == name).unwrap().1.clone();
            let mut missing = right.clone();
            missing.headers.retain(|(header, _)| header != name);
            assert_eq!(status(&isolate, &missing), 400, "{proxy} without {name}");
            for doubled in [&value, "", "/public", "GET", "https", "docs.example.com"] {
                assert_eq!(status(&isolate, &right.clone().with(name, doubled)), 400, "{proxy} {name}, {doubled}");
            }
        }
        for name in foreign {
            let expected = if name == "x-forwarded-proto" { 202 } else { 400 };
            assert_eq!(status(&isolate, &right.clone().with(name, "/open/x")), expected, "{proxy} with {name}");
        }
        assert!(world.take_events().iter().all(|event| event == "refused check_malformed"));
    }
}

#[test]
fn a_host_or_a_path_that_a_client_made_up_swallows_nothing() {
    let world = World::new();
    for (proxy, host, path) in [("nginx", 403, 403), ("caddy", 421, 400)] {
        let isolate = isolate(&world, proxy);
        let rows = [
            (host, ["GET", "https", "docs.example.com/open?", "/admin"]),
            (host, ["GET", "https", "docs.example.com?", "/admin"]),
            (host, ["GET", "https", "docs.example.com#", "/admin"]),
            (host, ["GET", "https", "docs.example.com\\open", "/admin"]),
            (host, ["GET", "https", "docs.example.com/open/", "/x"]),
            (host, ["GET", "https", "a@docs.example.com", "/open/x"]),
            (host, ["GET", "https", "docs%2eexample.com", "/open/x"]),
            (host, ["GET", "https", "docs.example.com:443.evil.example", "/open/x"]),
            (path, ["GET", "https", "docs.example.com", "open/x"]),
            (path, ["GET", "https", "docs.example.com", ".evil.example/open/x"]),
            (path, ["GET", "https", "docs.example.com", "https://docs.example.com/open/x"]),
            (path, ["OPTIONS", "https", "docs.example.com", "*"]),
            (path, ["GET", "https", "docs.example.com", "/open/\u{e9}"]),
            (path, ["GET", "https", "docs.example.com", "/open#/../admin"]),
            (400, ["GET", "https", "docs.example.com", "/open/x /admin"]),
            (400, ["GET", "https", "docs.example.com", "/open/x, /admin"]),
            (400, ["GET", "wss", "docs.example.com", "/open/x"]),
            (400, ["GET", "HTTPS", "docs.example.com", "/open/x"]),
            (400, ["GET, GET", "https", "docs.example.com", "/open/x"]),
            (400, ["G\u{a0}T", "https", "docs.example.com", "/open/x"]),
            (400, ["*", "https", "docs.example.com", "/open/x"]),
        ];
        for (expected, row) in rows {
            assert_eq!(status(&isolate, &bare(proxy, row)), expected, "{proxy} {row:?}");
        }
        // What a browser and the platform take for the same host is the same host here.
        assert_eq!(status(&isolate, &bare(proxy, ["GET", "https", "Docs.Example.COM", "/open/x"])), 202);
    }
}

#[test]
fn what_an_origin_could_take_for_an_identity_is_not_passed_on() {
    let world = World::new();
    for (proxy, expected) in [("nginx", 403), ("caddy", 400), ("traefik", 400)] {
        let isolate = isolate(&world, proxy);
        let ada = cookies(&isolate, "ada");
        for name in ["x-auth-email", "x_auth_email", "X-Auth-Email", "x.auth.groups", "X!Auth_Assertion"] {
            for path in ["/open/x", "/x", "/admin/x"] {
                let head = ask(proxy, "GET", path).with("cookie", &ada);
                assert_eq!(status(&isolate, &head.clone()), 202, "{path}");
                assert_eq!(status(&isolate, &head.with(name, "ceo@example.com")), expected, "{proxy} {name} {path}");
            }
        }
        // Nor for another path or method than the one that was judged.
        for name in [
            "x-original-url",
            "X_Original_URL",
            "x-rewrite-url",
            "x_http_method_override",
            "portcullis_token",
            // Nor for another host; the true one comes from proxies under the names as they are.
            "x-host",
            "X_Host",
            "x-original-host",
            "x-http-host-override",
            "X_HTTP_Host_Override",
            "x_forwarded_host",
            "X.Forwarded-Host",
            "X_Forwarded_Server",
        ] {
            assert_eq!(
                status(&isolate, &ask(proxy, "GET", "/open/x").with(name, "/admin")),
                expected,
                "{proxy} {name}"
            );
        }
        for name in [
            "forwarded",
            "x-forwarded-server",
            "x-author",
            "x-auth-emails",
            "xauthemail",
            "x-auth",
            "x-original-uri",
            "x-http-method-override",
        ] {
            assert_eq!(status(&isolate, &ask(proxy, "GET", "/open/x").with(name, "x")), 202, "{name}");
        }
        assert!(world.take_events().contains(&"refused check_identity".to_owned()));
    }
}

#[test]
fn what_traefik_sends_of_its_own_is_no_forgery() {
    let world = World::new();
    let isolate = isolate(&world, "traefik");
    let own = [
        ("x-real-ip", "192.0.2.1"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-server", "node-1"),
    ];
    let head = own.into_iter().fold(ask("traefik", "GET", "/open/x"), |head, (name, value)| head.with(name, value));
    assert_eq!(status(&isolate, &head), 202);
}

#[test]
fn what_another_site_does_in_a_visitors_name_is_refused_as_ever() {
    let world = World::new();
    for (proxy, other) in [("nginx", 403), ("traefik", 403)] {
        let isolate = isolate(&world, proxy);
        let ada = cookies(&isolate, "ada");
        let ask = |method: &str| ask(proxy, method, "/x").with("cookie", &ada);
        let from = |head: Head, site: &str| head.with("origin", site);
        assert_eq!(status(&isolate, &from(ask("GET"), "https://evil.example")), 202);
        assert_eq!(status(&isolate, &from(ask("POST"), "https://evil.example")), other);
        assert_eq!(status(&isolate, &from(ask("POST"), HOST)), 202);
        // A WebSocket's handshake, of which proxies hand on one part or another.
        for name in ["upgrade", "sec-websocket-key", "sec-websocket-version"] {
            let socket = |site: &str| from(ask("GET").with(name, "websocket"), site);
            assert_eq!(status(&isolate, &socket("https://evil.example")), other, "{name}");
            assert_eq!(status(&isolate, &socket(HOST)), 202, "{name}");
        }
    }
}

#[test]
fn a_request_that_others_asked_about_came_from_nowhere_that_is_known() {
    let world = World::new();
    let mut settings = settings();
    settings["rules"] = json!([
        { "path": "/ip", "require": [{ "ip": "192.0.2.0/24" }] },
        { "path": "/country", "require": [{ "country": "CH" }] },
        { "path": "/methods", "methods": ["POST"], "allow": [{ "group": "admins" }] },
        { "path": "/methods", "sso": false },
    ]);
    let isolate = world.isolate(&with_check("caddy", settings));
    let ada = cookies(&isolate, "ada");
    for path in ["/ip", "/country"] {
        let head = ask("caddy", "GET", path).with("cookie", &ada).located_in("CH");
        let head = head.with("cf-connecting-ip", "192.0.2.1").with("x-forwarded-for", "192.0.2.1");
        assert_eq!(status(&isolate, &head), 403, "{path}");
    }
    // The original's method counts, and what overrides it is refused.
    assert_eq!(status(&isolate, &ask("caddy", "GET", "/methods")), 202);
    assert_eq!(status(&isolate, &ask("caddy", "POST", "/methods")), 401);
    assert_eq!(status(&isolate, &ask("caddy", "post", "/methods")), 400);
    assert_eq!(status(&isolate, &ask("caddy", "GET", "/methods").with("x-original-method", "POST")), 400);
}

#[test]
fn a_preflight_passes_and_a_step_up_leads_to_the_login() {
    let world = World::new();
    let mut settings = settings();
    settings["rules"] = json!([
        { "path": "/api/**", "preflight": true },
        { "path": "/billing/**", "require": [{ "acr": "gold" }] },
    ]);
    let isolate = world.isolate(&with_check("nginx", settings));
    let preflight = |path: &str| {
        let head = ask("nginx", "OPTIONS", path).with("origin", "https://app.example.com");
        status(&isolate, &head.with("access-control-request-method", "GET"))
    };
    assert_eq!((preflight("/api/x"), preflight("/x")), (202, 401));
    let ada = cookies(&isolate, "ada");
    let page = send(&isolate, &navigation(ask("nginx", "GET", "/billing/x")).with("cookie", &ada));
    let login = "https://docs.example.com/.auth/login?return_to=%2Fbilling%2Fx";
    assert_eq!((page.status, page.header("portcullis-login")), (401, Some(login)));
    let script = send(&isolate, &ask("nginx", "GET", "/billing/x").with("cookie", &ada));
    assert!(script.header("www-authenticate").unwrap().contains("insufficient_user_authentication"));
}

#[test]
fn a_machines_token_is_judged_and_stays_here() {
    let machine = Machine::with(|settings| settings["check"] = json!("traefik"));
    let said = |head: Head| {
        let answer = send(&machine.isolate, &head);
        let said = |name| answer.header(name).map(str::to_owned);
        (answer.status, said("x-auth-subject"), said("authorization"))
    };
    let good = format!("Bearer {}", machine.good());
    let with = |path: &str, token: &str| ask("traefik", "GET", path).with("authorization", token);
    let robot = Some("robot".to_owned());
    assert_eq!(said(with("/api/x", &good)), (202, robot.clone(), None));
    assert_eq!(said(with("/seen/x", &good)), (202, robot, Some(good.clone())));
    assert_eq!(said(with("/api/x", "Bearer x")).0, 401);
    assert_eq!(said(ask("traefik", "GET", "/jobs/x").with("portcullis-token", CI)).0, 202);
    assert_eq!(said(ask("traefik", "GET", "/jobs/x").with("portcullis-token", &CI.replace('9', "8"))).0, 401);
    // Elsewhere it is the origin's.
    assert_eq!(said(with("/open/x", "Basic YTpi")), (202, None, Some("Basic YTpi".to_owned())));
}

#[test]
fn while_the_gate_is_locked_down_a_proxy_hears_that_nobody_passes() {
    for (proxy, expected) in [("nginx", 403), ("caddy", 503)] {
        let world = World::new();
        switch(&world, &lockdown());
        let isolate = world.isolate(&with_check(proxy, switchable()));
        for path in ["/", "/open/x"] {
            assert_eq!(status(&isolate, &ask(proxy, "GET", path)), expected, "{proxy} {path}");
        }
        assert_eq!(status(&isolate, &Head::new("GET", "/.auth/check")), 404);
    }
}
