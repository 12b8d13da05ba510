//! What the gate believes of the run-time switch: outages of KV, entries of others, what it keeps then.

mod support;

use portcullis::{
    config::Secrets,
    keyring::KeyRing,
    switch::{KEY, Mode, Switches},
};
use serde_json::{Value, json};
use support::{
    operator::{at, entry, lockdown, off, sealed, strangers, switch, switchable},
    world::{OTHER_SECRET, Reading, World},
};

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
fn what_the_command_writes_is_what_the_gate_reads() {
    let vectors: Value = serde_json::from_str(include_str!("vectors/switch.json")).unwrap();
    let secrets =
        Secrets::parse(|name| (name == "PORTCULLIS_SECRET").then(|| vectors["secret"].as_str().unwrap().into()));
    let keys = KeyRing::derive(&secrets.unwrap()).unwrap();
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
