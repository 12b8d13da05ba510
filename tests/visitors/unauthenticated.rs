//! Who has no session, and what each kind of request gets then.

use std::collections::BTreeSet;

use crate::support::world::{HOST, Head, World, settings};

#[test]
fn without_a_session_by_the_kind_of_request() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    let get = || Head::new("GET", "/page?x=1");
    let fetch_metadata =
        |head: Head, mode: &str, dest: &str| head.with("sec-fetch-mode", mode).with("sec-fetch-dest", dest);
    let passed_on = |head: Head, mode: &str| {
        fetch_metadata(head, mode, "empty")
            .with("sec-fetch-site", "same-origin")
            .with("accept", "text/html,application/xhtml+xml")
            .with("upgrade-insecure-requests", "1")
    };
    let rows = [
        ("navigation", fetch_metadata(get(), "navigate", "document"), 302, ""),
        ("HEAD navigation", fetch_metadata(Head::new("HEAD", "/page"), "navigate", "document"), 302, ""),
        ("old browser", get().with("accept", "text/html"), 302, ""),
        ("frame", fetch_metadata(get(), "navigate", "iframe"), 401, "text/html"),
        ("passed on by a service worker", passed_on(get(), "navigate"), 302, ""),
        ("the same in Firefox", passed_on(get(), "same-origin"), 302, ""),
        ("a form, passed on", passed_on(Head::new("POST", "/page"), "navigate"), 401, "text/html"),
        ("the same in Firefox", passed_on(Head::new("POST", "/page"), "same-origin"), 401, "text/html"),
        (
            "passed on ahead of time",
            passed_on(get(), "navigate").with("sec-purpose", "prefetch"),
            401,
            "application/problem+json",
        ),
        ("a download", fetch_metadata(get(), "navigate", "empty"), 401, "application/problem+json"),
        (
            "same-origin fetch that wants html",
            fetch_metadata(get().with("accept", "text/html"), "same-origin", "empty")
                .with("sec-fetch-site", "same-origin"),
            401,
            "application/problem+json",
        ),
        ("embed", fetch_metadata(get(), "navigate", "embed"), 401, "text/html"),
        ("object", fetch_metadata(get(), "navigate", "object"), 401, "text/html"),
        ("form", fetch_metadata(Head::new("POST", "/page"), "navigate", "document"), 401, "text/html"),
        (
            "old form",
            Head::new("POST", "/page")
                .with("accept", "text/html")
                .with("content-type", "application/x-www-form-urlencoded"),
            401,
            "text/html",
        ),
        (
            "a program that takes pages",
            Head::new("POST", "/page").with("accept", "text/html").with("content-type", "application/json"),
            401,
            "application/problem+json",
        ),
        (
            "a program that says half of what a browser does",
            fetch_metadata(get(), "cors", "document"),
            401,
            "application/problem+json",
        ),
        ("fetch", fetch_metadata(get(), "cors", "empty"), 401, "application/problem+json"),
        ("same-origin fetch", fetch_metadata(get(), "same-origin", "empty"), 401, "application/problem+json"),
        (
            "fetch that wants html",
            fetch_metadata(get().with("accept", "text/html"), "cors", "empty"),
            401,
            "application/problem+json",
        ),
        ("image", fetch_metadata(get(), "no-cors", "image"), 401, "application/problem+json"),
        (
            "websocket",
            fetch_metadata(get(), "websocket", "websocket").with("upgrade", "websocket"),
            401,
            "application/problem+json",
        ),
        (
            "old websocket",
            get().with("accept", "text/html").with("upgrade", "websocket"),
            401,
            "application/problem+json",
        ),
        (
            "event source",
            fetch_metadata(get(), "cors", "empty").with("accept", "text/event-stream"),
            401,
            "application/problem+json",
        ),
        (
            "prefetch",
            fetch_metadata(get(), "navigate", "document").with("sec-purpose", "prefetch"),
            401,
            "application/problem+json",
        ),
        ("curl", get().with("accept", "*/*"), 401, "application/problem+json"),
        ("PUT", Head::new("PUT", "/page"), 401, "application/problem+json"),
        ("preflight", fetch_metadata(Head::new("OPTIONS", "/page"), "cors", "empty"), 401, "application/problem+json"),
    ];
    let mut requests = BTreeSet::new();
    for (name, head, status, kind) in rows {
        let answer = isolate.answer(&head);
        assert_eq!(answer.status, status, "{name}");
        assert!(answer.header("content-type").unwrap_or_default().starts_with(kind), "{name}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{name}");
        assert!(answer.header("set-cookie").is_none(), "{name} starts no login");
        match status {
            302 => assert!(
                answer.header("location").unwrap().starts_with(&format!("{HOST}/.auth/login?return_to=%2Fpage"))
            ),
            _ => assert!(answer.header("www-authenticate").is_some(), "RFC 9110, 15.5.2"),
        }
        if kind.ends_with("json") {
            let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
            let login = problem["login_url"].as_str().unwrap();
            assert!(requests.insert(problem["request"].as_str().unwrap().to_owned()), "{name}: an id for each request");
            // No rule here turns on the method, so none is named.
            assert!(login.starts_with(HOST) && !login.contains("method="), "{name}: {login}");
        } else if status == 401 {
            assert!(answer.body.contains("target=\"_top\""), "{name}");
            assert_eq!(answer.header("x-frame-options"), Some("SAMEORIGIN"), "{name}");
        }
    }
    assert!(world.take_events().is_empty());
}

#[test]
fn a_login_starts_by_opening_a_page_alone() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    let login = || Head::new("GET", "/.auth/login");
    let heads = [
        login(),
        login().with("sec-fetch-mode", "no-cors").with("sec-fetch-dest", "image"),
        login().with("sec-fetch-mode", "navigate").with("sec-fetch-dest", "iframe"),
        login()
            .with("sec-fetch-mode", "navigate")
            .with("sec-fetch-dest", "document")
            .with("sec-purpose", "prefetch;prerender"),
        login()
            .with("accept", "text/html")
            .with("purpose", "prefetch")
            .with("sec-fetch-mode", "navigate")
            .with("sec-fetch-dest", "document"),
        login().with("accept", "text/html").with("purpose", "prefetch"),
        login().with("accept", "text/html").with("x-moz", "prefetch"),
        login().with("accept", "text/html").with("sec-purpose", "prerender"),
    ];
    for head in heads {
        let answer = isolate.answer(&head);
        assert_eq!((answer.status, answer.header("set-cookie")), (401, None), "{head:?}");
        assert!(answer.header("www-authenticate").is_some(), "RFC 9110, 15.5.2: {head:?}");
    }
    assert_eq!(world.take_calls(), [""; 0]);
}

#[test]
fn rfc9110_9_3_2_who_only_asks_whether_there_is_a_page_starts_no_login() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    let head = |address: &str| isolate.answer(&Head { method: "HEAD".to_owned(), ..Head::navigation(address) });
    let sent = head("https://docs.example.com/page");
    let login = sent.header("location").unwrap();
    let answer = head(login);
    assert_eq!((answer.status, answer.body.as_str(), answer.header("set-cookie")), (200, "", None));
    assert_eq!((world.take_calls(), world.take_events()), (vec![], vec![]));
}
