//! What a client may try through a proxy: headers of another one, hosts and paths made up, an identity of its own.

use serde_json::json;

use crate::{
    proxy::{FORWARDED, NGINX, ask, bare, cookies, family, isolate, status, with_check},
    support::world::{HOST, Head, World, settings},
};

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
            (400, ["GET", "https", "docs.example.com", "/open/x\t/admin"]),
            (400, ["GET", "https", "docs.example.com", ""]),
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
        // A name outside ASCII is none, whatever a server makes of it.
        for name in ["x\u{ad}auth-subject", "X\u{c2}\u{ad}Auth-Subject", "x-original\u{a0}url", "\u{e9}"] {
            assert_eq!(status(&isolate, &ask(proxy, "GET", "/open/x").with(name, "x")), expected, "{proxy} {name}");
        }
        // Nor for another path or method than the one that was judged.
        for name in [
            "x-original-url",
            "X_Original_URL",
            "x-rewrite-url",
            "x-override-url",
            "x-original-path",
            "X_Original_URI",
            "X_Forwarded_Uri",
            "x-forwarded-path",
            "x-forwarded-prefix",
            "x-envoy-original-path",
            "x-ingress-path",
            "X-Script-Name",
            "SCRIPT_NAME",
            "script-name",
            "Path_Info",
            "x-astro-path",
            "X_Matched_Path",
            "x-now-route-matches",
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
            "X_Forwarded_Port",
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
            "x-forwarded-port",
            "x-author",
            "x-auth-emails",
            "xauthemail",
            "x-auth",
            "x-original-uri",
            "x-http-method-override",
            "expect",
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
