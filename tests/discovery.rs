//! Metadata and keys: when they are fetched, how long they are believed, what rotation and outage do.

mod support;

use std::{cell::RefCell, rc::Rc};

use portcullis::gate::Outcome;
use serde_json::json;
use support::{
    browser::{Arrival, Browser},
    kv::Reading,
    provider::Fault,
    world::{HOST, Head, Isolate, World, settings, two_providers},
};

fn sign_in(isolate: &Isolate) -> Result<(), String> {
    match Browser::new("ada").open(isolate, "/page") {
        Arrival::Origin(..) => Ok(()),
        Arrival::Page(_, answer) => {
            let code =
                answer.body.split("Code <code>").nth(1).unwrap_or_default().split('<').next().unwrap_or_default();
            Err(code.to_owned())
        }
    }
}

/// How often each document was called for since the last look: metadata, keys.
fn fetched(world: &World) -> (usize, usize) {
    let calls = world.take_calls();
    let count = |end: &str| calls.iter().filter(|call| call.ends_with(end)).count();
    (count("openid-configuration"), count("jwks"))
}

#[test]
fn nothing_is_fetched_before_it_is_needed_and_then_once() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    assert_eq!(fetched(&world), (0, 0));
    sign_in(&isolate).unwrap();
    assert_eq!(fetched(&world), (1, 1));
    for _ in 0..10 {
        sign_in(&isolate).unwrap();
    }
    assert_eq!(fetched(&world), (0, 0));
}

#[test]
fn logins_that_start_at_once_wait_for_the_one_call() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    let login = Head::navigation(&format!("{HOST}/.auth/login"));
    let outcomes = isolate.send_together(&vec![login; 10]);
    for outcome in outcomes {
        let Outcome::Answer(answer) = outcome else { panic!("a page") };
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    assert_eq!(fetched(&world), (1, 0));
}

#[test]
fn a_call_goes_on_when_who_began_it_hangs_up() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    isolate.hang_up(&Head::navigation(&format!("{HOST}/.auth/login")));
    sign_in(&isolate).unwrap();
    assert_eq!(fetched(&world), (1, 1));
}

#[test]
fn a_call_whose_client_went_away_is_waited_for_no_longer_than_it_could_take() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    let login = Head::navigation(&format!("{HOST}/.auth/login"));
    isolate.cut_off(&login);
    // Who comes in the meantime cannot know, and waits for the rest of that time.
    world.pass(7);
    world.take_pauses();
    world.take_waited();
    assert_eq!(sign_in(&isolate), Err("metadata_unavailable".into()));
    let waited = world.take_waited();
    assert!((1_000..=2_000).contains(&waited), "{waited} ms");
    // Each look costs some of the time that the platform gives a request.
    let looks = world.take_pauses();
    assert!(looks <= 65, "{looks}");
    world.pass(60);
    sign_in(&isolate).unwrap();
    assert!(world.take_pauses() < 20);
}

#[test]
fn a_call_has_its_whole_time_also_when_its_request_waited_for_another_before() {
    let world = World::new();
    world.fill_kv();
    let ada = Browser::new("ada");
    let one = world.isolate(&settings());
    let provider = ada.start(&one, "/page");
    let back = ada.answer_of_provider(&one, &provider);
    // The callback meets an isolate that knows nothing, and needs the metadata and then the keys: five seconds each, which
    // are fifty looks of ten milliseconds and forty-five of a hundred.
    world.set_distance(95);
    assert_eq!(ada.open(&world.isolate(&settings()), &back).at_origin(), "/page");
}

#[test]
fn another_isolate_reads_them_from_kv() {
    let world = World::new();
    sign_in(&world.isolate(&settings())).unwrap();
    fetched(&world);
    sign_in(&world.isolate(&settings())).unwrap();
    assert_eq!(fetched(&world), (0, 0));
}

#[test]
fn past_their_freshness_they_are_served_and_fetched_in_the_background() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    sign_in(&isolate).unwrap();
    fetched(&world);
    world.pass(3_601);
    sign_in(&isolate).unwrap();
    assert_eq!(fetched(&world), (0, 0), "the visitor does not wait");
    world.run_background();
    assert_eq!(fetched(&world), (1, 1));
    sign_in(&isolate).unwrap();
    world.run_background();
    assert_eq!(fetched(&world), (0, 0));
}

#[test]
fn while_the_provider_is_down_they_are_believed_for_a_day_more() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    sign_in(&isolate).unwrap();
    for endpoint in ["openid-configuration", "jwks"] {
        world.provider(|provider| provider.faults.insert(endpoint, Fault::Down));
    }
    world.pass(3_600 + 86_399);
    sign_in(&isolate).unwrap();
    world.run_background();
    sign_in(&isolate).unwrap();
    world.pass(31);
    assert_eq!(sign_in(&isolate), Err("metadata_unavailable".into()));
    // People who are signed in noticed nothing all the while, and others get in again at once.
    world.provider(|provider| provider.faults.clear());
    world.pass(31);
    sign_in(&isolate).unwrap();
}

#[test]
fn oidc_core_10_1_1_an_unknown_kid_is_fetched_for_at_once() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    sign_in(&isolate).unwrap();
    world.provider(|provider| provider.rotate("key-2", true));
    fetched(&world);
    sign_in(&isolate).unwrap();
    assert_eq!(fetched(&world), (0, 1));
    sign_in(&isolate).unwrap();
    assert_eq!(fetched(&world), (0, 0));
}

#[test]
fn a_key_without_a_kid_is_fetched_for_when_it_changes() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    let without_kid = |kid: &str| {
        world.provider(|provider| {
            provider.rotate(kid, true);
            provider.published[0].as_object_mut().unwrap().remove("kid");
            let signer = support::signature::Signer::other(portcullis::oidc::Algorithm::EdDsa, None);
            let first = support::signature::Signer::new(portcullis::oidc::Algorithm::EdDsa, None);
            provider.signer = if kid == "first" { first } else { signer };
            provider.published = vec![provider.signer.jwk()];
        });
    };
    without_kid("first");
    sign_in(&isolate).unwrap();
    without_kid("second");
    fetched(&world);
    sign_in(&isolate).unwrap();
    assert_eq!(fetched(&world), (0, 1));
}

#[test]
fn keys_that_cannot_be_had_anew_are_not_the_ones_that_were_read_a_moment_ago() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    // All within one second: what is kept is as young as the call that fails.
    sign_in(&isolate).unwrap();
    world.provider(|provider| {
        provider.rotate("key-2", false);
        provider.faults.insert("jwks", Fault::Down);
    });
    assert_eq!(sign_in(&isolate), Err("keys_unavailable".into()));
}

#[test]
fn invented_kids_cost_a_burst_of_three_calls_and_then_one_per_half_minute() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    sign_in(&isolate).unwrap();
    // One of the burst went for the first fetch.
    world.pass(3_000);
    world.provider(|provider| provider.rotate("invented", false));
    fetched(&world);
    for _ in 0..20 {
        assert_eq!(sign_in(&isolate), Err("key_unknown".into()));
    }
    assert_eq!(fetched(&world), (0, 3));
    world.pass(30);
    for _ in 0..20 {
        assert_eq!(sign_in(&isolate), Err("key_unknown".into()));
    }
    assert_eq!(fetched(&world), (0, 1));
}

#[test]
fn logins_cost_a_provider_that_is_down_one_call_per_half_minute() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    world.provider(|provider| provider.faults.insert("openid-configuration", Fault::Down));
    for _ in 0..50 {
        assert_eq!(sign_in(&isolate), Err("metadata_unavailable".into()));
    }
    assert_eq!(fetched(&world), (1, 0));
    world.pass(30);
    for _ in 0..50 {
        assert_eq!(sign_in(&isolate), Err("metadata_unavailable".into()));
    }
    assert_eq!(fetched(&world), (1, 0));
    assert_eq!(world.log().matches(r#""event":"provider_trouble""#).count(), 2);
}

#[test]
fn kv_is_written_when_a_document_changed_or_is_half_through_its_time() {
    let world = World::new();
    let writes = || world.kv_counts().1;
    sign_in(&world.isolate(&settings())).unwrap();
    assert_eq!(writes(), 2);
    // Keys that are fetched again for an unknown kid, and are the same.
    let isolate = world.isolate(&settings());
    world.pass(100);
    world.provider(|provider| provider.rotate("invented", false));
    assert_eq!(sign_in(&isolate), Err("key_unknown".into()));
    assert_eq!(writes(), 2);
    // Changed.
    world.provider(|provider| provider.rotate("key-2", true));
    sign_in(&isolate).unwrap();
    assert_eq!(writes(), 3);
    // The same keys, a second before they are half through their time, and then.
    let isolate = world.isolate(&settings());
    world.provider(|provider| provider.rotate("unknown", false));
    world.pass(1_700);
    for (seconds, written) in [(99, 3), (30, 4)] {
        world.pass(seconds);
        assert_eq!(sign_in(&isolate), Err("key_unknown".into()));
        assert_eq!(writes(), written);
    }
    world.provider(|provider| provider.rotate("key-3", true));
    sign_in(&isolate).unwrap();
    assert_eq!(writes(), 5);
    // Both old enough: each written anew, once, whoever fetches.
    world.pass(3_601);
    for _ in 0..5 {
        sign_in(&isolate).unwrap();
        world.run_background();
    }
    assert_eq!(writes(), 7);
}

#[test]
fn a_full_or_lagging_or_missing_kv_keeps_nobody_out() {
    let full = |world: &World| world.fill_kv();
    let lagging = |world: &World| world.set_kv_lag(60);
    let missing = |world: &World| (world.fill_kv(), world.set_kv_reading(Reading::Fails)).1;
    for trouble in [full, lagging, missing] {
        let world = World::new();
        trouble(&world);
        let isolates = [world.isolate(&settings()), world.isolate(&settings())];
        isolates.iter().for_each(|isolate| sign_in(isolate).unwrap());
        world.provider(|provider| provider.rotate("key-2", true));
        isolates.iter().for_each(|isolate| sign_in(isolate).unwrap());
    }
}

#[test]
fn an_entry_of_kv_without_our_mac_is_as_good_as_none() {
    let forged = json!({ "keys": [] }).to_string();
    let changes: [Box<dyn Fn(&str) -> String>; 6] = [
        Box::new(|_| String::new()),
        Box::new(|_| "x".to_owned()),
        Box::new(move |entry| {
            let mut parts = entry.splitn(3, ' ');
            format!("{} {} {forged}", parts.next().unwrap(), parts.next().unwrap())
        }),
        Box::new(|entry| entry.replacen(' ', " 9", 1)),
        Box::new(|entry| entry.replace("https://id.example/token", "https://evil.test/token")),
        Box::new(|entry| format!("A{entry}")),
    ];
    for (row, change) in changes.iter().enumerate() {
        let world = World::new();
        sign_in(&world.isolate(&settings())).unwrap();
        world.overwrite_kv(change);
        fetched(&world);
        sign_in(&world.isolate(&settings())).unwrap();
        let (metadata, keys) = fetched(&world);
        // The fifth change leaves the keys as they are.
        assert_eq!((metadata, keys.max(usize::from(row == 4))), (1, 1), "row {row}");
    }
}

#[test]
fn rfc8725_3_8_the_keys_of_one_issuer_never_speak_for_another() {
    let world = World::new();
    world.add_provider("https://other.example");
    // `work` signs with a key that only `other` publishes, under the kid they share.
    world.provider(|provider| {
        provider.published.clear();
        provider
            .published
            .push(support::signature::Signer::other(portcullis::oidc::Algorithm::EdDsa, Some("key-1")).jwk());
    });
    let isolate = world.isolate(&two_providers());
    let ada = Browser::new("ada");
    let Arrival::Page(_, answer) = ada.open(&isolate, "/.auth/login?provider=work&return_to=/page") else {
        panic!("refused")
    };
    assert!(answer.body.contains("key_unknown"), "{}", answer.body);
    // An entry of KV for the one is none for the other.
    let Arrival::Origin(..) = ada.open(&isolate, "/.auth/login?provider=other&return_to=/page") else {
        panic!("signed in")
    };
    assert_eq!(world.kv_entries(), 4);
}

#[test]
fn an_entry_of_kv_counts_for_the_address_it_was_fetched_from() {
    let world = World::new();
    sign_in(&world.isolate(&settings())).unwrap();
    let before = Rc::new(RefCell::new(String::new()));
    let noted = Rc::clone(&before);
    world.overwrite_kv(move |entry| {
        if entry.contains("\"keys\":") {
            entry.clone_into(&mut noted.borrow_mut());
        }
        String::new()
    });
    // The provider moves its keys, and somebody puts the entry of the address of before in the place of the new one.
    world.provider(|provider| {
        provider.edit_metadata = Some(Box::new(|metadata| metadata["jwks_uri"] = json!("https://id.example/new/jwks")));
    });
    sign_in(&world.isolate(&settings())).unwrap();
    fetched(&world);
    sign_in(&world.isolate(&settings())).unwrap();
    assert_eq!(fetched(&world), (0, 0));
    world.overwrite_kv(|entry| if entry.contains("\"keys\":") { before.borrow().clone() } else { entry.to_owned() });
    sign_in(&world.isolate(&settings())).unwrap();
    assert_eq!(fetched(&world), (0, 1));
}

#[test]
fn an_entry_of_kv_is_as_old_as_it_was_written() {
    let world = World::new();
    sign_in(&world.isolate(&settings())).unwrap();
    world.pass(3_000);
    // Made younger by somebody who would keep withdrawn keys in use.
    world.overwrite_kv(|entry| entry.replacen(" 1800000", " 1800003", 1));
    fetched(&world);
    sign_in(&world.isolate(&settings())).unwrap();
    assert_eq!(fetched(&world), (1, 1));
}

#[test]
fn an_older_entry_of_kv_does_not_take_the_place_of_what_is_remembered() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    sign_in(&isolate).unwrap();
    // From now on KV stays as it is, and the keys of before are withdrawn.
    world.fill_kv();
    world.pass(1_800);
    let withdrawn = world.provider(|provider| provider.signer.clone());
    world.provider(|provider| provider.rotate("key-2", true));
    sign_in(&isolate).unwrap();
    world.provider(|provider| {
        provider.signer = withdrawn;
        provider.faults.insert("jwks", Fault::Down);
    });
    world.pass(3_601);
    assert_eq!(sign_in(&isolate), Err("keys_unavailable".into()));
}

#[test]
fn what_an_isolate_knows_and_is_fresh_is_not_looked_for_in_kv() {
    let world = World::new();
    let isolate = world.isolate(&settings());
    Browser::new("ada").open(&isolate, "/page").at_origin();
    let before = world.kv_counts();
    Browser::new("bob").open(&isolate, "/page").at_origin();
    assert_eq!(world.kv_counts(), before);
}
