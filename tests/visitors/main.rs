//! What a request gets, by who sends it, how and where to.

mod endpoints;
#[path = "../support/mod.rs"]
mod support;
mod unauthenticated;

use portcullis::gate::{Cacheable, Outcome};
use portcullis::session::CookieEdit;
use serde_json::json;
use support::{
    browser::Browser,
    outcome::forwarded,
    world::{HOST, Head, World, settings},
};

#[test]
fn only_the_hosts_of_the_settings_are_served() {
    let isolate = World::new().isolate(&settings());
    for host in [
        "docs.example.com.",
        "evil.test",
        "docs.example.com.evil.test",
        "portcullis.workers.dev",
        "docs.example.com:8443",
        "docs.example.com@evil.test",
        "[::1]",
    ] {
        for path in ["/", "/open/x", "/.auth/health"] {
            let head = Head { url: format!("https://{host}{path}"), ..Head::new("GET", "/") };
            assert_eq!(isolate.answer(&head).status, 421, "{host}{path}");
        }
    }
}

#[test]
fn plain_http_is_sent_to_https_or_refused() {
    let isolate = World::new().isolate(&settings());
    let plain = |method: &str| Head { url: "http://docs.example.com/open/x?y".into(), ..Head::new(method, "/") };
    for method in ["GET", "HEAD"] {
        let answer = isolate.answer(&plain(method));
        assert_eq!((answer.status, answer.header("location")), (308, Some("https://docs.example.com/open/x?y")));
    }
    for method in ["POST", "OPTIONS", "PROPFIND"] {
        assert_eq!(isolate.answer(&plain(method)).status, 400, "{method}");
    }
}

#[test]
fn rules_see_the_path_alone_and_every_reading_of_it() {
    let isolate = World::new().isolate(&settings());
    for path in [
        "/open/x",
        "/open",
        "/open/",
        "/open/a%20b",
        "/open/a;b",
        "/open//x",
        "/open/x?y=../../admin",
        "/open/caf%C3%A9",
    ] {
        let forward = isolate.forward(&Head::new("GET", path));
        assert_eq!((forward.identity(), forward.cacheable()), (Vec::new(), Cacheable::AsTheOriginSays), "{path}");
    }
    for path in [
        "/open/../admin",
        "/open/..%2fadmin",
        "/open/%2e%2e/x",
        "/open;/../admin",
        "/open/..%5cadmin",
        "/open\\..\\admin",
        "/open/%00",
        "/open/%ff",
        "/open/%2525252e",
        "/o%70en/x",
        "//open/x",
        "/open/x%",
    ] {
        assert_eq!(isolate.answer(&Head::new("GET", path)).status, 400, "{path}");
    }
    for path in ["/page?/open/x", "/x/open/y", "/openx", "/OPEN/x"] {
        assert_eq!(isolate.answer(&Head::new("GET", path)).status, 401, "{path}");
    }
}

#[test]
fn a_change_or_a_websocket_admitted_by_cookie_must_come_from_us() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    ada.open(&isolate, "/page");
    let rows: [(&[(&str, &str)], bool); 10] = [
        (&[], false),
        (&[("origin", HOST)], true),
        (&[("origin", HOST), ("sec-fetch-site", "same-origin")], true),
        (&[("origin", "null"), ("sec-fetch-site", "same-origin")], true),
        (&[("sec-fetch-site", "same-origin")], true),
        (&[("origin", "null")], false),
        (&[("origin", "https://evil.test")], false),
        (&[("origin", "https://evil.test"), ("sec-fetch-site", "same-origin")], false),
        (&[("origin", HOST), ("sec-fetch-site", "cross-site")], false),
        (&[("sec-fetch-site", "same-site")], false),
    ];
    for (headers, passes) in rows {
        for method in ["POST", "PUT", "DELETE", "PATCH", "PROPFIND", "post"] {
            let head = headers.iter().fold(Head::new(method, "/page"), |head, (name, value)| head.with(name, value));
            let outcome = ada.send(&isolate, head);
            assert_eq!(matches!(outcome, Outcome::Forward(_)), passes, "{method} {headers:?}");
        }
        let head = Head::new("GET", "/page").with("upgrade", "websocket");
        let head = headers.iter().fold(head, |head, (name, value)| head.with(name, value));
        match ada.send(&isolate, head) {
            Outcome::Forward(_) => assert!(passes, "{headers:?}"),
            Outcome::Answer(answer) => assert_eq!((passes, answer.status), (false, 403), "{headers:?}"),
        }
    }
    for method in ["GET", "HEAD", "OPTIONS"] {
        forwarded(ada.send(&isolate, Head::new(method, "/page").with("origin", "https://evil.test")));
    }
    // Where nothing hangs on the cookie, nothing is asked.
    isolate.forward(&Head::new("POST", "/open/x").with("origin", "https://evil.test"));
}

/// What a service worker of the site passes on in Firefox has the worker's origin, whoever sent it, and the sender's
/// referrer.
#[test]
fn a_form_that_a_service_worker_passes_on_must_come_from_us_by_its_referrer() {
    let world = World::new();
    let mut settings = settings();
    settings["rules"] = json!([{ "path": "/shared", "origins": ["https://partner.test"] }]);
    let (isolate, ada) = (world.isolate(&settings), Browser::new("ada"));
    ada.open(&isolate, "/page").at_origin();
    let passed_on = [
        ("origin", HOST),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "same-origin"),
        ("sec-fetch-dest", "empty"),
        ("upgrade-insecure-requests", "1"),
    ];
    let page = format!("{HOST}/page");
    for (path, referer, passes) in [
        ("/page", Some(page.as_str()), true),
        ("/page", Some("https://evil.test/"), false),
        ("/page", Some("https://docs.example.com.evil.test/"), false),
        ("/page", Some("https://partner.test/"), false),
        ("/page", None, false),
        // Where a rule names others, theirs count.
        ("/shared", Some(page.as_str()), true),
        ("/shared", Some("https://partner.test/form"), true),
        ("/shared", Some("https://evil.test/"), false),
        ("/shared", None, false),
    ] {
        let head = passed_on.iter().fold(Head::new("POST", path), |head, (name, value)| head.with(name, value));
        let head = referer.into_iter().fold(head, |head, page| head.with("referer", page));
        assert_eq!(matches!(ada.send(&isolate, head), Outcome::Forward(_)), passes, "{path} {referer:?}");
    }
}

#[test]
fn our_cookies_stay_here_and_all_others_go_on() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    ada.open(&isolate, "/page");
    assert_eq!(forwarded(ada.send(&isolate, Head::new("GET", "/page"))).cookies, CookieEdit::Remove);
    ada.set_cookie("theme", "dark");
    ada.set_cookie("a", "\"1,2\"");
    for path in ["/page", "/open/x"] {
        let edit = forwarded(ada.send(&isolate, Head::new("GET", path))).cookies;
        assert_eq!(edit, CookieEdit::Replace("a=\"1,2\"; theme=dark".into()), "{path}");
    }
    assert_eq!(isolate.forward(&Head::new("GET", "/open/x").with("cookie", "a=1; b=2")).cookies, CookieEdit::Keep);
}

#[test]
fn a_mutated_session_never_raises_rights() {
    let world = World::new();
    let (isolate, bob) = (world.isolate(&settings()), Browser::new("bob"));
    bob.open(&isolate, "/page");
    let session = bob.cookie("__Host-portcullis").unwrap();
    for position in 0..session.len() {
        let mut mutated = session.clone().into_bytes();
        mutated[position] ^= 1;
        let mutated = String::from_utf8_lossy(&mutated).into_owned();
        let head = Head::new("GET", "/page").with("cookie", &format!("__Host-portcullis={mutated}"));
        assert!(matches!(isolate.send(&head), Outcome::Answer(_)), "byte {position}");
    }
}

/// Opening a sealed value costs what a whole request does, and a header has room for a thousand of them.
#[test]
fn no_more_login_cookies_are_opened_than_a_browser_has() {
    let world = World::new();
    let (isolate, ada) = (world.isolate(&settings()), Browser::new("ada"));
    for page in ["/a", "/b", "/c", "/d", "/e"] {
        ada.start(&isolate, page);
    }
    let names = ada.cookie_names();
    let own: Vec<String> = names.iter().map(|name| format!("{name}={}", ada.cookie(name).unwrap())).collect();
    let made_up: Vec<String> = (0..20).map(|number| format!("__Host-portcullis-login-{number}=x")).collect();
    let deleted = |cookies: &[&[String]]| {
        let head =
            Head::navigation(&format!("{HOST}/.auth/login?return_to=/f")).with("cookie", &cookies.concat().join("; "));
        let answer = isolate.answer(&head);
        let deleted = |line: &&(_, String)| line.1.contains("Max-Age=0");
        let lines = answer.headers.iter().filter(deleted).map(|(_, line)| line.split('=').next().unwrap().to_owned());
        lines.collect::<Vec<_>>()
    };
    // One makes room, beside what is nobody's.
    assert_eq!(deleted(&[&own, &made_up[..15]]).iter().filter(|name| names.contains(name)).count(), 1);
    // No name is repeated that the gate would not give.
    let odd = ["a b", "a\"b", "a,b", "é", &"a".repeat(65)].map(|id| format!("__Host-portcullis-login-{id}=x"));
    assert_eq!(deleted(&[&odd]), [""; 0]);
    let logout = Head::new("POST", "/.auth/logout").with("origin", HOST).with("cookie", &odd.join("; "));
    assert!(!isolate.answer(&logout).headers.iter().any(|(_, line)| line.contains("-login-")));
    // Behind the twentieth nothing is looked at, and all twenty go.
    let deleted = deleted(&[&made_up, &own]);
    assert_eq!((deleted.len(), deleted.iter().filter(|name| names.contains(name)).count()), (20, 0));
}

#[test]
fn hostile_heads_never_panic() {
    let isolate = World::new().isolate(&settings());
    let long = "x".repeat(16_384);
    let cookies: String = (0..100).map(|number| format!("__Host-portcullis-login-{number}=x; ")).collect();
    let values = [
        "",
        " ",
        ",",
        ";",
        "=",
        "\u{fffd}",
        "é",
        "a\tb",
        &long,
        &cookies,
        "__Host-portcullis=",
        "__Host-portcullis=..",
        "__Host-portcullis=a.b.c",
    ];
    for name in [
        "cookie",
        "origin",
        "sec-fetch-mode",
        "sec-fetch-dest",
        "sec-fetch-site",
        "accept",
        "upgrade",
        "content-type",
        "sec-purpose",
        "upgrade-insecure-requests",
        "referer",
    ] {
        for value in values {
            for path in
                ["/page", "/open/x", "/.auth/login", "/.auth/callback?code=x&state=y", "/.auth/logout", "/.auth/me"]
            {
                for method in ["GET", "POST", "\u{fffd}"] {
                    isolate.send(&Head::new(method, path).with(name, value));
                }
            }
        }
    }
    for url in [
        "",
        "x",
        "https://",
        "https:///",
        "https://docs.example.com",
        "https://docs.example.com?",
        "https://docs.example.com\\x",
        "https://docs.example.com/\u{fffd}",
        "://",
        "https://docs.example.com/%",
        "https://docs.example.com/.auth/callback?%ff=%00&state=%ff&code=%f0%28",
    ] {
        isolate.send(&Head { url: url.to_owned(), ..Head::navigation("") });
    }
}

#[test]
fn rfc1035_2_3_4_a_log_shows_no_more_of_a_host_than_the_longest_has() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    let (longest, endless) = ("h".repeat(270 - "https://".len()), "h".repeat(4_000));
    for host in [&longest, &endless] {
        isolate.send(&Head { url: format!("https://{host}/"), ..Head::new("GET", "/") });
        let log = world.log();
        let line: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
        assert_eq!(line["code"], "host_unknown");
        assert_eq!(line["detail"], format!("https://{longest}"));
    }
}

#[test]
fn a_log_shows_no_more_of_a_path_than_it_needs() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    let path = format!("/{}", "x".repeat(4_000));
    let head = Head::new("GET", &path).with("x-http-method-override", "DELETE").with("upgrade", "h2c");
    isolate.send(&Head { method: "POST".into(), ..head });
    let log = world.log();
    assert!(log.contains("method_doubtful") && log.contains(&"x".repeat(1_023)), "{log}");
    assert!(!log.contains(&"x".repeat(1_024)), "{log}");
}
