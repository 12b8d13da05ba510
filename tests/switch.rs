//! The run-time switch: what it makes of each rule, when an isolate sees it, and what it believes.

mod support;

use portcullis::{
    config::Secrets,
    edge::Edge,
    gate::{Answer, Cacheable, Outcome},
    keyring::KeyRing,
    switch::{KEY, Mode, Switches},
    time::Timestamp,
};
use serde_json::{Value, json};
use support::{
    browser::Browser,
    operator::{entry, sealed, switch},
    world::{HOST, Head, Isolate, OTHER_SECRET, Reading, World, settings},
};

fn switchable() -> Value {
    let mut settings = settings();
    settings["switch"] = json!(true);
    settings["rules"][0]["id"] = json!("open");
    settings["rules"][1]["id"] = json!("admin");
    settings
}

fn at(world: &World, seconds: u64) -> u64 {
    world.now().seconds() + seconds
}

fn off(world: &World) -> Value {
    json!([{ "rule": "admin", "sso": "off", "until": at(world, 86_400) }])
}

fn on() -> Value {
    json!([{ "rule": "open", "sso": "on" }])
}

fn lockdown() -> Value {
    json!([{ "lockdown": true }])
}

/// How a request of a script ends: at the origin as somebody or as nobody, or with a status.
fn end(isolate: &Isolate, browser: &Browser, path: &str) -> String {
    let outcome = browser.send(isolate, Head::new("GET", path));
    isolate.world.run_background();
    match outcome {
        Outcome::Forward(forward) => {
            let subject = forward.identity.iter().find(|(name, _)| *name == "x-auth-subject");
            subject.map_or("anyone".to_owned(), |(_, value)| value.clone())
        }
        Outcome::Answer(answer) => answer.status.to_string(),
    }
}

/// How a stranger's request ends.
fn strangers(isolate: &Isolate, path: &str) -> String {
    end(isolate, &Browser::new("nobody"), path)
}

fn answer(isolate: &Isolate, head: &Head) -> Answer {
    match isolate.send(head) {
        Outcome::Answer(answer) => answer,
        Outcome::Forward(_) => panic!("at the origin"),
    }
}

/// A person with a session.
fn signed_in(isolate: &Isolate, person: &str) -> Browser {
    let browser = Browser::new(person);
    browser.open(isolate, "/page").at_origin();
    isolate.world.run_background();
    browser
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
    ];
    for (mode, path, expected) in rows {
        let world = World::new();
        let isolate = world.isolate(&switchable());
        let (ada, bob) = (signed_in(&isolate, "ada"), signed_in(&isolate, "bob"));
        if mode != "none" {
            let until = at(&world, 600);
            let both = ["open", "admin"].map(|rule| json!({ "rule": rule, "sso": mode, "until": until }));
            switch(&world, &json!(both));
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
            Outcome::Forward(forward) => assert_eq!(forward.cacheable, cacheable, "{switches}"),
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
    assert_eq!(answer(&fresh, &Head::navigation(&callback)).status, 503);
    for (path, status) in
        [("/.auth/health", 200), ("/.auth/signed-out", 200), ("/.auth/logout", 200), ("/.auth/x", 404)]
    {
        assert_eq!(answer(&fresh, &Head::new("GET", path)).status, status, "{path}");
    }
    // What is refused anyhow is refused as ever.
    assert_eq!(answer(&fresh, &Head::new("GET", "/a%00b")).status, 400);
    let elsewhere = Head { url: "https://evil.example/".to_owned(), ..Head::new("GET", "/") };
    assert_eq!(answer(&fresh, &elsewhere).status, 421);
    for method in ["GET", "HEAD", "POST", "OPTIONS", "PROPFIND"] {
        assert_eq!(answer(&fresh, &Head::new(method, "/open/x")).status, 503, "{method}");
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
    let page = answer(&isolate, &Head::navigation(&format!("{HOST}/page")));
    assert_eq!(page.status, 503);
    assert_eq!((page.header("retry-after"), page.header("cache-control")), (Some("300"), Some("no-store")));
    assert!(page.body.contains("Closed for now") && page.body.contains("locked_down"), "{}", page.body);
    let problem = answer(&isolate, &Head::new("GET", "/page"));
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
fn an_outage_of_kv_keeps_the_last_good_switches() {
    let world = World::new();
    switch(&world, &json!([{ "lockdown": true, "until": at(&world, 1_000) }, off(&world)[0]]));
    let isolate = world.isolate(&switchable());
    assert_eq!(strangers(&isolate, "/open/x"), "503");
    world.set_kv_reading(Reading::Fails);
    for _ in 0..10 {
        world.pass(61);
        assert_eq!(strangers(&isolate, "/open/x"), "503");
    }
    // An end needs no KV.
    world.pass(400);
    assert_eq!((strangers(&isolate, "/open/x"), strangers(&isolate, "/admin/x")), ("anyone".into(), "anyone".into()));
    world.set_kv_reading(Reading::Works);
    world.pass(61);
    switch(&world, &json!([]));
    assert_eq!(strangers(&isolate, "/admin/x"), "401");
    assert_eq!(
        world.take_events(),
        [
            "switch switch_applied",
            "switch switch_applied",
            "switch_trouble switch_unreadable",
            "switch switch_ended",
            "switch switch_ended"
        ]
    );
}

#[test]
fn an_isolate_that_never_saw_an_entry_has_the_deployed_rules() {
    for (reading, trouble) in [
        (Reading::Works, &[][..]),
        (Reading::Fails, &["switch_trouble switch_unreadable"]),
        (Reading::Drags, &["switch_trouble switch_unreadable"]),
    ] {
        let world = World::new();
        world.set_kv_reading(reading);
        let isolate = world.isolate(&switchable());
        for _ in 0..3 {
            assert_eq!(strangers(&isolate, "/open/x"), "anyone", "{reading:?}");
            assert_eq!(strangers(&isolate, "/admin/x"), "401", "{reading:?}");
        }
        assert_eq!((world.take_events(), world.kv_counts().0), (trouble.iter().map(|&line| line.into()).collect(), 1));
    }
}

#[test]
fn an_answer_that_comes_late_counts_all_the_same() {
    let world = World::new();
    switch(&world, &lockdown());
    world.set_kv_reading(Reading::Drags);
    let isolate = world.isolate(&switchable());
    // Nobody waits longer than a second; what comes then is for the next one.
    assert_eq!(strangers(&isolate, "/open/x"), "anyone");
    assert_eq!(strangers(&isolate, "/open/x"), "503");
    assert_eq!(world.kv_counts().0, 1);
}

#[test]
fn who_can_write_kv_opens_nothing_and_ends_no_lock_down() {
    let world = World::new();
    let old = entry(&world, &off(&world));
    world.pass(1);
    let none_at_all = entry(&world, &json!([]));
    world.pass(1);
    let good = entry(&world, &json!([{ "lockdown": true }, { "rule": "open", "sso": "on" }]));
    let forged = sealed(OTHER_SECRET, good.split_once(' ').unwrap().1);
    let rows: [(&str, Option<String>, &str); 7] = [
        ("nothing", None, "switch_trouble switch_gone"),
        ("an empty text", Some(String::new()), "switch_trouble switch_refused"),
        ("another secret", Some(forged), "switch_trouble switch_refused"),
        ("a piece", Some(good[..good.len() - 1].to_owned()), "switch_trouble switch_refused"),
        ("more", Some(good.replace("[{", "[ {")), "switch_trouble switch_refused"),
        ("an older one", Some(old), "switch_trouble switch_older"),
        ("an older one without switches", Some(none_at_all), "switch_trouble switch_older"),
    ];
    for (what, text, line) in rows {
        world.put_kv(KEY, Some(good.clone()));
        let isolate = world.isolate(&switchable());
        assert_eq!(strangers(&isolate, "/open/x"), "503", "{what}");
        assert_eq!(world.take_events(), ["switch switch_applied"; 2]);
        world.put_kv(KEY, text);
        for _ in 0..3 {
            world.pass(61);
            assert_eq!(strangers(&isolate, "/open/x"), "503", "{what}");
        }
        assert_eq!(world.take_events(), [line], "{what}: said once");
        world.put_kv(KEY, Some(good.clone()));
        world.pass(61);
        assert_eq!(strangers(&isolate, "/open/x"), "503", "{what}");
        assert_eq!(world.take_events(), [""; 0]);
    }
}

#[test]
fn what_was_opened_closes_when_the_entry_is_spoilt() {
    for spoilt in [None, Some("x y".to_owned())] {
        let world = World::new();
        switch(&world, &off(&world));
        let isolate = world.isolate(&switchable());
        assert_eq!(strangers(&isolate, "/admin/x"), "anyone");
        world.put_kv(KEY, spoilt);
        world.pass(61);
        assert_eq!(strangers(&isolate, "/admin/x"), "401");
        let events = world.take_events();
        assert_eq!((events.len(), events[2].as_str()), (3, "switch switch_ended"), "{events:?}");
    }
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

#[test]
fn what_the_command_writes_is_what_the_gate_reads() {
    let vectors: Value = serde_json::from_str(include_str!("vectors/switch.json")).unwrap();
    let secrets =
        Secrets::parse(|name| (name == "PORTCULLIS_SECRET").then(|| vectors["secret"].as_str().unwrap().into()));
    let keys = KeyRing::derive(&secrets.unwrap());
    let hosts = vectors["hosts"].as_array().unwrap();
    for row in vectors["entries"].as_array().unwrap() {
        let read = Switches::read(row["entry"].as_str().unwrap(), &keys, |host| hosts.contains(&host.into())).unwrap();
        assert_eq!(row["written"], read.written, "{}", row["what"]);
        let switches = read.switches.iter().map(|switch| {
            let mut written = match switch.mode {
                Mode::LockedDown => json!({ "lockdown": true }),
                mode => json!({ "rule": switch.rule, "sso": mode.as_str() }),
            };
            if let Some(until) = switch.until {
                written["until"] = until.seconds().into();
            }
            written
        });
        assert_eq!(row["switches"], switches.collect::<Value>(), "{}", row["what"]);
        // And the entry that the tests write is the same, byte for byte.
        let (_, text) = row["entry"].as_str().unwrap().split_once(' ').unwrap();
        assert_eq!(row["entry"], sealed(vectors["secret"].as_str().unwrap(), text));
    }
}

#[test]
fn an_entry_for_other_hosts_counts_for_nothing() {
    let world = World::new();
    let entry = |hosts: Value| {
        sealed(
            support::world::SECRET,
            &json!({ "version": 1, "written": 1, "hosts": hosts, "switches": lockdown() }).to_string(),
        )
    };
    for (hosts, end) in [
        (json!(["staging.example.com"]), "anyone"),
        (json!(["docs.example.com:8443"]), "anyone"),
        (json!(["example.com", "*"]), "anyone"),
        (json!(["other.example.com", "docs.example.com"]), "503"),
    ] {
        world.put_kv(KEY, Some(entry(hosts.clone())));
        assert_eq!(strangers(&world.isolate(&switchable()), "/open/x"), end, "{hosts}");
    }
}

#[test]
fn a_secret_that_was_replaced_still_counts_while_it_is_the_previous_one() {
    let world = World::new();
    switch(&world, &lockdown());
    for (previous, end) in [(Some(support::world::SECRET), "503"), (None, "anyone")] {
        let isolate = world.try_isolate(&switchable(), OTHER_SECRET, previous).unwrap();
        assert_eq!(strangers(&isolate, "/open/x"), end);
    }
}
