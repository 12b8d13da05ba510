//! `/.auth/check`: a reverse proxy asks, proves itself, and is told what a request that came here would be.

mod forgeries;
mod proxy;
#[path = "../support/mod.rs"]
mod support;

use proxy::{ask, bare, cookies, isolate, navigation, send, status, with_check, without_id};
use serde_json::json;
use support::{
    machine::{CI, Machine},
    operator::{lockdown, switch, switchable},
    world::{CHECK_SECRET, Head, SECRET, World, settings},
};

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
    for host in ["elsewhere.example.com", "docs.example.com."] {
        for method in ["GET", "POST"] {
            assert_eq!(status(&isolate, &bare("nginx", [method, "https", host, "/open/x"])), 403, "{host}");
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
fn nginx_learns_that_what_is_read_over_plain_http_stands_at_https_and_all_else_is_refused() {
    let world = World::new();
    let isolate = isolate(&world, "nginx");
    let over_http = |method: &str| bare("nginx", [method, "http", "docs.example.com", "/open/x"]);
    let secure = "https://docs.example.com/open/x";
    for method in ["GET", "HEAD"] {
        for head in [over_http(method), navigation(over_http(method))] {
            let answer = send(&isolate, &head);
            let said = (answer.status, answer.header("portcullis-login"), answer.header("location"));
            assert_eq!(said, (401, Some(secure), None), "{head:?}");
            assert!(answer.header("www-authenticate").is_some());
        }
    }
    assert!(world.take_events().is_empty());
    for head in [over_http("POST"), navigation(over_http("POST"))] {
        let answer = send(&isolate, &head);
        assert_eq!((answer.status, answer.header("portcullis-login")), (403, None), "{head:?}");
    }
    assert_eq!(world.take_events(), ["refused plain_http"; 2]);
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
                let direct = isolate.answer(&dress(direct, page));
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
