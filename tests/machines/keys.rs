//! What an isolate remembers of tokens, and what becomes of their issuers' keys.

use portcullis::gate::Outcome;
use serde_json::json;

use crate::{
    bearer, service,
    support::{
        browser::{Arrival, Browser},
        machine::{Machine, Verdict, identity},
        provider::Fault,
        signature::Signer,
    },
};

#[test]
fn a_known_token_takes_no_io_and_its_time_ends_all_the_same() {
    let machine = Machine::new();
    let good = machine.good();
    assert_eq!(machine.show(&good), Verdict::accepted());
    let (calls, kv) = (machine.world.take_calls().len(), machine.world.kv_counts());
    assert_eq!(calls, 2);
    let decided = |path: &str| {
        let decision = machine.isolate.gate.decide(&bearer(path, &good), portcullis::edge::Edge::now(&machine.world));
        matches!(decision, portcullis::gate::Decision::Forward(_))
    };
    for _ in 0..50 {
        assert!(decided("/api/x") && decided("/both/x"), "synchronously");
    }
    machine.world.pass(659);
    assert!(decided("/api/x"));
    machine.world.pass(1);
    assert!(!decided("/api/x"));
    assert_eq!(machine.show(&good), Verdict::step(portcullis::oidc::AccessTokenError::Expired));
    assert_eq!((machine.world.take_calls().len(), machine.world.kv_counts()), (0, kv));
}

#[test]
fn a_known_token_counts_for_the_rules_of_its_issuer_alone() {
    let machine = Machine::with(|settings| {
        let issuer = |id: &str, audience: &str| json!({ "id": id, "issuer": "https://id.example", "audiences": [audience], "algorithms": ["EdDSA"] });
        settings["tokens"] =
            json!([issuer("one", "one"), issuer("two", "two"), issuer("any", "one"), issuer("partner", "one")]);
        settings["tokens"][3]["issuer"] = json!("https://partner.example");
        settings["rules"] = json!([
            { "path": "/one/**", "tokens": ["one"] }, { "path": "/two/**", "tokens": ["two"] },
            { "path": "/any/**", "tokens": ["two", "any"] }, { "path": "/partner/**", "tokens": ["partner"] },
        ]);
    });
    let mut claims = machine.claims();
    claims["aud"] = json!("one");
    let token = machine.token(&claims);
    for _ in 0..2 {
        for (path, provider) in
            [("/one/x", Some("one")), ("/two/x", None), ("/any/x", Some("any")), ("/partner/x", None)]
        {
            let found = match machine.isolate.send(&bearer(path, &token)) {
                Outcome::Forward(forward) => identity(&forward, "x-auth-provider"),
                Outcome::Answer(_) => None,
            };
            assert_eq!(found.as_deref(), provider, "{path}");
        }
    }
}

#[test]
fn what_an_isolate_remembers_does_not_change_whose_a_token_is() {
    for first in [None, Some("/b/x")] {
        let machine = Machine::with(|settings| {
            let issuer = |id: &str, audience: &str| json!({ "id": id, "issuer": "https://id.example", "audiences": [audience], "algorithms": ["EdDSA"] });
            settings["tokens"] = json!([issuer("a", "one"), issuer("b", "two")]);
            settings["rules"] = json!([
                { "path": "/b/**", "tokens": ["b"] }, { "path": "/both/**", "tokens": ["a", "b"], "deny": [{ "provider": "a" }] },
            ]);
        });
        let mut claims = machine.claims();
        claims["aud"] = json!(["one", "two"]);
        let token = machine.token(&claims);
        if let Some(path) = first {
            assert!(matches!(machine.isolate.send(&bearer(path, &token)), Outcome::Forward(_)));
        }
        let Outcome::Answer(answer) = machine.isolate.send(&bearer("/both/x", &token)) else {
            panic!("it is a's: {first:?}")
        };
        assert_eq!(answer.status, 403, "{first:?}");
        // Nor the other way round: on the rule of b alone it is b's.
        assert!(matches!(machine.isolate.send(&bearer("/b/x", &token)), Outcome::Forward(_)));
    }
}

#[test]
fn keys_that_rotate_are_fetched_once_and_then_known() {
    let machine = Machine::new();
    assert_eq!(machine.show(&machine.good()), Verdict::accepted());
    machine.world.provider(|provider| provider.rotate("key-2", true));
    machine.world.take_calls();
    let renewed = |machine: &Machine, serial: u64| {
        let mut claims = machine.claims();
        claims["jti"] = json!(serial);
        let header = json!({ "alg": "EdDSA", "kid": "key-2", "typ": "at+jwt" });
        machine.signer().sign(&header, &claims.to_string())
    };
    for serial in 0..5 {
        assert_eq!(machine.show(&renewed(&machine, serial)), Verdict::accepted());
    }
    assert_eq!(machine.world.take_calls(), ["GET https://id.example/jwks"]);
}

/// A machine at an issuer whose keys are fresh for ten minutes, and a token of two days that was taken.
fn with_a_long_token() -> (Machine, String) {
    let machine = Machine::issuer("freshness", json!("10m"));
    let token = long_token(&machine, "1");
    assert_eq!(machine.show(&token), Verdict::accepted());
    (machine, token)
}

fn long_token(machine: &Machine, id: &str) -> String {
    let mut claims = machine.claims();
    claims["exp"] = json!(machine.world.now_seconds() + 2 * 86_400);
    claims["jti"] = json!(id);
    machine.token(&claims)
}

#[test]
fn a_key_that_was_withdrawn_ends_the_tokens_it_signed_within_the_freshness() {
    let (machine, token) = with_a_long_token();
    machine.world.provider(|provider| provider.rotate("key-2", true));
    machine.world.pass(599);
    assert_eq!(machine.show(&token), Verdict::accepted());
    machine.world.pass(1);
    assert_eq!(machine.show(&token), Verdict::no_key());
}

#[test]
fn a_token_that_came_late_ends_with_the_keys_it_was_checked_with() {
    let (machine, _) = with_a_long_token();
    let late = long_token(&machine, "another");
    machine.world.provider(|provider| provider.rotate("key-2", true));
    machine.world.pass(599);
    assert_eq!(machine.show(&late), Verdict::accepted());
    machine.world.pass(1);
    assert_eq!(machine.show(&late), Verdict::no_key());
}

#[test]
fn keys_that_nobody_asked_for_in_a_day_are_not_believed_while_there_are_newer_ones() {
    let (machine, token) = with_a_long_token();
    machine.world.provider(|provider| provider.rotate("key-2", true));
    machine.world.pass(80_000);
    assert_eq!(machine.show(&token), Verdict::no_key());
}

#[test]
fn while_the_issuer_is_down_its_keys_are_believed_and_a_check_is_remembered() {
    let (machine, token) = with_a_long_token();
    for endpoint in ["openid-configuration", "jwks"] {
        machine.world.provider(|provider| provider.faults.insert(endpoint, Fault::Down));
    }
    machine.world.pass(80_000);
    assert_eq!(machine.show(&token), Verdict::accepted());
    machine.world.take_calls();
    assert_eq!(machine.show(&token), Verdict::accepted());
    assert_eq!(machine.world.take_calls(), [""; 0]);
}

#[test]
fn what_an_isolate_knows_of_an_issuer_that_is_down_it_keeps_without_kv_too() {
    let (machine, token) = with_a_long_token();
    let others = ["2", "3"].map(|id| long_token(&machine, id));
    for endpoint in ["openid-configuration", "jwks"] {
        machine.world.provider(|provider| provider.faults.insert(endpoint, Fault::Down));
    }
    machine.world.overwrite_kv(|_| "spoilt".to_owned());
    machine.world.pass(80_000);
    for token in others.iter().chain([&token]) {
        assert_eq!(machine.show(token), Verdict::accepted());
        machine.world.pass(60);
    }
}

#[test]
fn keys_that_are_younger_than_the_request_do() {
    let machine = Machine::new();
    // Metadata and keys take more than a second each.
    machine.world.set_distance(60);
    assert_eq!(machine.show(&machine.good()), Verdict::accepted());
    machine.world.take_calls();
    assert_eq!(machine.show(&machine.good()), Verdict::accepted());
    assert_eq!(machine.world.take_calls(), [""; 0]);
}

#[test]
fn an_issuer_that_is_back_is_asked_for_its_keys_at_once() {
    let (machine, token) = with_a_long_token();
    machine.world.provider(|provider| provider.faults.insert("jwks", Fault::Down));
    machine.world.pass(700);
    assert_eq!(machine.show(&token), Verdict::accepted());
    machine.world.provider(|provider| {
        provider.faults.clear();
        provider.rotate("key-2", true);
    });
    machine.world.pass(31);
    assert_eq!(machine.show(&token), Verdict::no_key());
}

#[test]
fn an_issuer_that_hangs_keeps_a_machine_for_three_seconds() {
    let (machine, token) = with_a_long_token();
    machine.world.pass(80_000);
    machine.world.set_distance(10_000);
    machine.world.take_waited();
    assert_eq!(machine.show(&token), Verdict::accepted());
    let waited = machine.world.take_waited();
    assert!((2_500..=3_500).contains(&waited), "{waited} ms");
}

#[test]
fn invented_key_ids_cost_a_burst_of_three_and_starve_nobody() {
    let machine = Machine::new();
    let good = machine.good();
    assert_eq!(machine.show(&good), Verdict::accepted());
    machine.world.take_calls();
    // The first of the three calls brought the keys.
    for serial in 0..40 {
        let header = json!({ "alg": "EdDSA", "kid": format!("invented-{serial}"), "typ": "at+jwt" });
        let token =
            Signer::other(portcullis::oidc::Algorithm::EdDsa, None).sign(&header, &machine.claims().to_string());
        let expected = if serial < 2 { Verdict::no_key() } else { Verdict::keys_down("called too often just now") };
        assert_eq!(machine.show(&token), expected, "{serial}");
    }
    assert_eq!(machine.world.take_calls(), ["GET https://id.example/jwks"; 2]);
    // A forged signature under a known id is told from it, and known keys go on.
    let header = json!({ "alg": "EdDSA", "kid": "key-1", "typ": "at+jwt" });
    let forged = Signer::other(portcullis::oidc::Algorithm::EdDsa, None).sign(&header, &machine.claims().to_string());
    assert_eq!(machine.show(&forged), Verdict::no_key());
    assert_eq!(machine.show(&good), Verdict::accepted());
    let mut claims = machine.claims();
    claims["jti"] = json!("another");
    assert_eq!(machine.show(&machine.token(&claims)), Verdict::accepted());
    // Promise 4: logins have a budget of their own, at the very same issuer. A key that rotated now is
    // found by the login, and then by nobody who would have to wait for the tokens' budget.
    machine.world.provider(|provider| provider.rotate("key-9", true));
    assert!(matches!(Browser::new("ada").open(&machine.isolate, "/members"), Arrival::Origin(..)));
}

#[test]
fn logins_starve_no_machine_either() {
    let machine = Machine::new();
    let forge = |machine: &Machine| {
        machine.world.provider(|provider| {
            let rogue = Signer::other(portcullis::oidc::Algorithm::EdDsa, Some("rogue"));
            provider.forge = Some(Box::new(move |claims| rogue.token(claims)));
        });
    };
    forge(&machine);
    for _ in 0..8 {
        assert!(matches!(Browser::new("eve").open(&machine.isolate, "/members"), Arrival::Page(..)));
    }
    machine.world.provider(|provider| provider.rotate("key-2", true));
    let header = json!({ "alg": "EdDSA", "kid": "key-2", "typ": "at+jwt" });
    let token = machine.signer().sign(&header, &machine.claims().to_string());
    assert_eq!(machine.show(&token), Verdict::accepted());
}

#[test]
fn an_issuer_that_is_down_is_an_honest_503_and_known_tokens_go_on() {
    for (endpoint, fault, detail) in [
        ("openid-configuration", Fault::Down, "network"),
        ("jwks", Fault::Slow, "deadline"),
        ("jwks", Fault::Status(500), "status 500"),
        ("jwks", Fault::Body("<html>".to_owned()), "not a key set"),
        ("jwks", Fault::Body(r#"{"keys":[]}"#.to_owned()), "no usable key in it"),
    ] {
        let machine = Machine::new();
        machine.world.provider(|provider| provider.faults.insert(endpoint, fault));
        assert_eq!(machine.show(&machine.good()), Verdict::keys_down(detail), "{endpoint}");
        machine.world.provider(|provider| provider.faults.clear());
        machine.world.pass(30);
        let good = machine.good();
        assert_eq!(machine.show(&good), Verdict::accepted(), "{endpoint}, up again");
        machine.world.provider(|provider| provider.faults.insert("jwks", Fault::Down));
        assert_eq!(machine.show(&good), Verdict::accepted(), "known");
        // Past their freshness, keys are believed for a day.
        machine.world.pass(7_200);
        assert_eq!(machine.show(&machine.good()), Verdict::accepted(), "stale keys");
        machine.world.pass(86_400);
        let kept = machine.show(&machine.good());
        assert!(matches!(kept, Verdict::Refused(503, ..)), "{kept}");
    }
}

#[test]
fn no_call_is_made_for_a_token_that_could_not_count() {
    let machine = Machine::new();
    for name in ["iss", "aud", "sub", "exp"] {
        machine.claim(name, None);
    }
    // Not current, under a key that nobody knows.
    for (name, moment) in [("exp", -61), ("nbf", 61), ("iat", 61)] {
        let mut claims = machine.claims();
        claims[name] = json!(machine.world.now_seconds() + moment);
        let header = json!({ "alg": "EdDSA", "kid": "invented", "typ": "at+jwt" });
        machine.show(&machine.signer().sign(&header, &claims.to_string()));
    }
    machine.show("nonsense");
    machine.show(&"A".repeat(5_000));
    machine.verdict(&service("/jobs/x", "ci.nonsense"));
    let plain = machine.signer().token(&machine.claims());
    machine.show(&plain);
    assert!(machine.world.take_calls().is_empty());
    assert_eq!(machine.world.kv_counts(), (0, 0));
}

#[test]
fn an_issuer_where_nobody_signs_in_needs_no_endpoints_for_that() {
    let machine = Machine::with(|settings| settings["tokens"][0]["issuer"] = json!("https://jobs.example"));
    machine.world.add_provider("https://jobs.example");
    machine.world.provider_of("https://jobs.example", |jobs| {
        jobs.edit_metadata = Some(Box::new(|metadata| {
            *metadata = json!({ "issuer": metadata["issuer"], "jwks_uri": metadata["jwks_uri"] });
        }));
    });
    let mut claims = machine.claims();
    claims["iss"] = json!("https://jobs.example");
    assert_eq!(machine.show(&machine.token(&claims)), Verdict::accepted());
    // The same metadata keeps people out.
    machine.world.provider(|provider| {
        provider.edit_metadata = Some(Box::new(|metadata| {
            *metadata = json!({ "issuer": metadata["issuer"], "jwks_uri": metadata["jwks_uri"] });
        }));
    });
    assert_eq!(Browser::new("ada").open(&machine.isolate, "/members").page().0, 503);
}
