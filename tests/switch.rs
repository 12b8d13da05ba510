//! The run-time switch: what it makes of each rule, when an isolate sees it, and what it says.

mod support;

use portcullis::{
    edge::Edge,
    gate::{Cacheable, Outcome},
    switch::KEY,
    time::Timestamp,
};
use serde_json::json;
use support::{
    browser::Browser,
    operator::{at, end, entry_for, lockdown, on, strangers, switch, switchable},
    world::{HOST, Head, Isolate, Reading, World},
};

/// A person with a session.
fn signed_in(isolate: &Isolate, person: &str) -> Browser {
    let browser = Browser::new(person);
    browser.open(isolate, "/page").at_origin();
    isolate.world.run_background();
    browser
}

#[test]
fn a_look_whose_request_went_away_is_taken_again() {
    let world = World::new();
    let isolate = world.isolate(&switchable());
    world.set_kv_reading(Reading::Slow);
    isolate.cut_off(&Head::new("GET", "/open/x"));
    switch(&world, &lockdown());
    world.pass(3);
    assert_eq!(isolate.answer(&Head::new("GET", "/open/x")).status, 503);
}

#[test]
fn a_host_that_is_added_ends_no_lock_down() {
    let world = World::new();
    switch(&world, &lockdown());
    for (hosts, status) in [
        (json!(["docs.example.com"]), 503),
        (json!(["new.example.com", "docs.example.com"]), 503),
        (json!(["docs.example.com", "new.example.com"]), 503),
    ] {
        let mut settings = switchable();
        settings["hosts"] = hosts.clone();
        assert_eq!(world.isolate(&settings).answer(&Head::new("GET", "/open/x")).status, status, "{hosts}");
    }
}

#[test]
fn an_entry_for_a_host_with_a_port_is_for_that_port() {
    let world = World::new();
    for (host, status) in [
        ("docs.example.com:8443", 503),
        ("docs.example.com", 200),
        ("docs.example.com:443", 200),
        ("wiki.example.com:8443", 200),
        ("8443", 200),
    ] {
        world.put_kv(KEY, Some(entry_for(&world, &[host], &lockdown())));
        let mut settings = switchable();
        settings["hosts"] = json!(["docs.example.com:8443"]);
        let head = Head { url: "https://docs.example.com:8443/open/x".to_owned(), ..Head::new("GET", "") };
        assert_eq!(world.isolate(&settings).status(&head), status, "{host}");
    }
}

#[test]
fn each_switch_on_each_rule() {
    // What a stranger, ada (of the admins) and bob get; `/page` matches no rule, so it has no switch.
    let rows = [
        ("none", "/open/x", ["anyone", "anyone", "anyone"]),
        ("none", "/admin/x", ["401", "ada", "403"]),
        ("off", "/open/x", ["anyone", "anyone", "anyone"]),
        ("off", "/admin/x", ["anyone", "anyone", "anyone"]),
        ("optional", "/open/x", ["anyone", "ada", "bob"]),
        ("optional", "/admin/x", ["anyone", "ada", "bob"]),
        ("on", "/open/x", ["401", "ada", "bob"]),
        ("on", "/admin/x", ["401", "ada", "403"]),
        ("off", "/page", ["401", "ada", "bob"]),
        ("optional", "/page", ["401", "ada", "bob"]),
        ("none", "/guests/x", ["anyone", "ada", "bob"]),
        ("off", "/guests/x", ["anyone", "anyone", "anyone"]),
        ("optional", "/guests/x", ["anyone", "ada", "bob"]),
        ("on", "/guests/x", ["401", "ada", "bob"]),
    ];
    for (mode, path, expected) in rows {
        let world = World::new();
        let isolate = world.isolate(&switchable());
        let (ada, bob) = (signed_in(&isolate, "ada"), signed_in(&isolate, "bob"));
        if mode != "none" {
            let until = at(&world, 600);
            let all = ["open", "admin", "guests"].map(|rule| json!({ "rule": rule, "sso": mode, "until": until }));
            switch(&world, &json!(all));
        }
        let fresh = world.isolate(&switchable());
        let ends = [strangers(&fresh, path), end(&fresh, &ada, path), end(&fresh, &bob, path)];
        assert_eq!(ends, expected, "{path} switched {mode}");
    }
}

#[test]
fn what_is_switched_to_sign_in_is_not_for_shared_caches() {
    let world = World::new();
    let isolate = world.isolate(&switchable());
    let ada = signed_in(&isolate, "ada");
    for (switches, cacheable) in [
        (json!([]), Cacheable::AsTheOriginSays),
        (json!([{ "rule": "open", "sso": "on" }]), Cacheable::Privately),
        (json!([{ "rule": "open", "sso": "optional", "until": at(&world, 60) }]), Cacheable::Privately),
    ] {
        world.pass(1);
        switch(&world, &switches);
        let fresh = world.isolate(&switchable());
        match ada.send(&fresh, Head::new("GET", "/open/x")) {
            Outcome::Forward(forward) => assert_eq!(forward.cacheable(), cacheable, "{switches}"),
            Outcome::Answer(answer) => panic!("{}", answer.status),
        }
    }
}

#[test]
fn locked_down_nothing_reaches_the_origin() {
    let world = World::new();
    let isolate = world.isolate(&switchable());
    let ada = signed_in(&isolate, "ada");
    let callback = ada.answer_of_provider(&isolate, &Browser::new("ada").start(&isolate, "/page"));
    switch(&world, &lockdown());
    let fresh = world.isolate(&switchable());
    for path in ["/", "/open/x", "/admin/x", "/page", "/.auth/login", "/.auth/me", "/.auth/callback?code=c&state=s"] {
        assert_eq!([end(&fresh, &ada, path), strangers(&fresh, path)], ["503", "503"], "{path}");
    }
    assert_eq!(fresh.answer(&Head::navigation(&callback)).status, 503);
    for (path, status) in
        [("/.auth/health", 200), ("/.auth/signed-out", 200), ("/.auth/logout", 200), ("/.auth/x", 404)]
    {
        assert_eq!(fresh.answer(&Head::new("GET", path)).status, status, "{path}");
    }
    // What an origin was given before can be checked.
    let mut signing = switchable();
    signing["assertion"] = json!(true);
    assert_eq!(world.isolate(&signing).answer(&Head::new("GET", "/.auth/jwks.json")).status, 200);
    // What is refused anyhow is refused as ever.
    assert_eq!(fresh.answer(&Head::new("GET", "/a%00b")).status, 400);
    let elsewhere = Head { url: "https://evil.example/".to_owned(), ..Head::new("GET", "/") };
    assert_eq!(fresh.answer(&elsewhere).status, 421);
    for method in ["GET", "HEAD", "POST", "OPTIONS", "PROPFIND"] {
        assert_eq!(fresh.answer(&Head::new(method, "/open/x")).status, 503, "{method}");
    }
    // The way out is open.
    let logout = Head::new("POST", "/.auth/logout").with("origin", HOST).with("sec-fetch-site", "same-origin");
    assert!(matches!(ada.send(&fresh, logout), Outcome::Answer(answer) if answer.status == 303));
    assert_eq!(ada.cookie("__Host-portcullis"), None);
}

#[test]
fn the_lock_down_says_what_it_is() {
    let world = World::new();
    switch(&world, &lockdown());
    let isolate = world.isolate(&switchable());
    let page = isolate.answer(&Head::navigation(&format!("{HOST}/page")));
    assert_eq!(page.status, 503);
    assert_eq!((page.header("retry-after"), page.header("cache-control")), (Some("300"), Some("no-store")));
    assert!(page.body.contains("Closed for now") && page.body.contains("locked_down"), "{}", page.body);
    let problem = isolate.answer(&Head::new("GET", "/page"));
    assert_eq!(problem.header("content-type"), Some("application/problem+json"));
    assert!(problem.body.contains(r#""code":"locked_down""#), "{}", problem.body);
    // It is logged once, when it begins, and not for each request.
    assert_eq!(world.take_events(), ["switch switch_applied"]);
}

#[test]
fn without_the_setting_nothing_is_read() {
    let world = World::new();
    switch(&world, &lockdown());
    let mut settings = switchable();
    settings["switch"] = json!(false);
    let isolate = world.isolate(&settings);
    for _ in 0..10 {
        world.pass(60);
        assert_eq!(strangers(&isolate, "/open/x"), "anyone");
    }
    assert_eq!(world.kv_counts(), (0, 0));
    assert!(isolate.gate.knows_switches(Timestamp::from_seconds(u64::MAX)));
}

#[test]
fn a_busy_isolate_looks_every_thirty_seconds_and_nobody_waits() {
    let world = World::new();
    let isolate = world.isolate(&switchable());
    assert_eq!(strangers(&isolate, "/open/x"), "anyone");
    assert_eq!(world.kv_counts(), (1, 0));
    for second in 1..=300 {
        world.pass(1);
        let due = second % 30 == 0;
        assert_eq!(isolate.gate.knows_switches(world.now()), !due, "{second}");
        let before = world.kv_counts().0;
        for _ in 0..5 {
            isolate.send(&Head::new("GET", "/open/x"));
        }
        assert_eq!(world.kv_counts().0, before, "a request read KV itself");
        world.run_background();
        assert_eq!(world.kv_counts().0 - before, usize::from(due), "{second}");
    }
}

#[test]
fn a_change_is_seen_after_a_look_and_no_later_than_kv_shows_it() {
    let world = World::new();
    world.set_kv_lag(60);
    let isolate = world.isolate(&switchable());
    assert_eq!(strangers(&isolate, "/open/x"), "anyone");
    world.pass(1);
    switch(&world, &on());
    let seen = (0..200).find(|_| {
        world.pass(1);
        strangers(&isolate, "/open/x") == "401"
    });
    assert!(seen.is_some_and(|seconds| seconds <= 90), "{seen:?}");
    assert_eq!(world.take_events(), ["switch switch_applied"]);
}

#[test]
fn the_first_request_after_a_quiet_while_waits_for_a_look() {
    for quiet in [60, 61, 3_600] {
        let world = World::new();
        let isolate = world.isolate(&switchable());
        assert_eq!(strangers(&isolate, "/open/x"), "anyone");
        switch(&world, &on());
        world.pass(quiet);
        assert_eq!(strangers(&isolate, "/open/x"), "401", "{quiet}");
    }
    // Within the minute it does not, and the next one knows.
    let world = World::new();
    let isolate = world.isolate(&switchable());
    assert_eq!(strangers(&isolate, "/open/x"), "anyone");
    switch(&world, &on());
    world.pass(59);
    assert_eq!(strangers(&isolate, "/open/x"), "anyone");
    assert_eq!(strangers(&isolate, "/open/x"), "401");
}

#[test]
fn the_first_requests_of_an_isolate_look_once() {
    let world = World::new();
    switch(&world, &on());
    world.set_kv_reading(Reading::Slow);
    let isolate = world.isolate(&switchable());
    for outcome in isolate.send_together(&vec![Head::new("GET", "/open/x"); 8]) {
        assert!(matches!(outcome, Outcome::Answer(answer) if answer.status == 401));
    }
    assert_eq!(world.kv_counts(), (1, 0));
}

#[test]
fn an_end_needs_no_look_and_is_logged_by_the_next() {
    let world = World::new();
    switch(&world, &json!([{ "rule": "admin", "sso": "off", "until": at(&world, 10) }]));
    let isolate = world.isolate(&switchable());
    world.pass(9);
    assert_eq!(strangers(&isolate, "/admin/x"), "anyone");
    world.pass(1);
    assert_eq!(strangers(&isolate, "/admin/x"), "401");
    assert_eq!(world.take_events(), ["switch switch_applied"]);
    for _ in 0..5 {
        world.pass(30);
        assert_eq!(strangers(&isolate, "/admin/x"), "401");
    }
    assert_eq!(world.take_events(), ["switch switch_ended"]);
}

#[test]
fn a_rule_that_is_not_there_is_named_and_the_others_count() {
    let world = World::new();
    switch(&world, &json!([{ "rule": "blog", "sso": "on" }, { "rule": "open", "sso": "on" }]));
    let isolate = world.isolate(&switchable());
    assert_eq!(strangers(&isolate, "/open/x"), "401");
    let log = world.log();
    let mut lines = log.lines();
    let unknown = lines.next().unwrap();
    for part in [r#""event":"switch_trouble""#, r#""code":"switch_rule_unknown""#, r#""rule":"blog""#, r#""request":""#]
    {
        assert!(unknown.contains(part), "{unknown}");
    }
    let applied = lines.next().unwrap();
    for part in [r#""event":"switch""#, r#""rule":"open""#, r#""switch":"on""#] {
        assert!(applied.contains(part), "{applied}");
    }
}
