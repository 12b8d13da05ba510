//! Where "at least", "at most" and "either" begin and end.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{parse, refusal, settings, tokens};

#[test]
fn a_bound_is_within_its_bounds() {
    for (setting, table, name, within, beyond) in [
        ("session.lifetime", "/session", "lifetime", ["5m", "30d"], ["299s", "2592001s"]),
        ("providers[0].freshness", "/providers/0", "freshness", ["1m", "24h"], ["59s", "86401s"]),
    ] {
        let change = |s: &mut Value, value: &str| {
            s["session"] = json!({});
            s.pointer_mut(table).unwrap()[name] = json!(value);
        };
        for value in within {
            let mut settings = settings();
            change(&mut settings, value);
            assert!(parse(&settings, &[]).is_ok(), "{setting} = {value}");
        }
        for value in beyond {
            let (found, problem) = refusal(|s| change(s, value));
            assert!(found == setting && problem.contains("out of bounds"), "{value}: {found}: {problem}");
        }
    }
}

#[test]
fn a_header_has_a_name_of_64_characters_at_most() {
    let named = |length: usize| {
        let mut settings = settings();
        settings["headers"] = json!({ "email": "x".repeat(length) });
        settings
    };
    assert!(parse(&named(64), &[]).is_ok());
    assert_eq!(parse(&named(65), &[]).unwrap_err().setting, "headers.email");
}

#[test]
fn selectors_stand_within_selectors_eight_deep() {
    let nested = |depth: usize| {
        let selector = (1..depth).fold(json!({ "group": "admins" }), |inner, _| json!({ "any": [inner] }));
        let mut settings = settings();
        settings["rules"][1]["allow"] = json!([selector]);
        settings
    };
    assert!(parse(&nested(8), &[]).is_ok());
    let refused = parse(&nested(9), &[]).unwrap_err();
    assert!(refused.problem.contains("8 deep"), "{refused:?}");
}

#[test]
fn a_secret_has_32_bytes_at_least() {
    let random: Vec<u8> = (0..32_u8).map(|byte| byte.wrapping_mul(73) ^ 0x5a).collect();
    let error = |bytes: &[u8]| {
        let text = STANDARD.encode(bytes);
        crate::config::Secrets::parse(|name| (name == "PORTCULLIS_SECRET").then(|| text.clone())).err()
    };
    assert!(error(&random).is_none());
    let problem = error(random.get(..31).unwrap()).unwrap().problem;
    assert!(problem.contains("has 31 bytes"), "{problem}");
}

/// OpenID Connect Core 1.0, 5.7.
#[test]
fn a_subject_needs_its_provider_with_two_of_them_or_with_tokens() {
    let other = json!({ "id": "other", "title": "Other", "issuer": "https://other.example", "client_id": "o" });
    let mut alone = settings();
    alone["headers"] = json!({ "provider": false });
    assert!(parse(&alone, &[]).is_ok());
    let mut two = alone.clone();
    two["providers"].as_array_mut().unwrap().push(other);
    let mut machines = alone;
    machines["tokens"] = json!([tokens::service("ci", "0")]);
    for settings in [two, machines] {
        let error = parse(&settings, &[]).unwrap_err();
        assert!(error.setting == "headers.provider" && error.problem.contains("two people"), "{error:?}");
    }
}

#[test]
fn a_token_without_an_issuer_has_nothing_of_one() {
    for (name, value) in [
        ("audiences", json!(["https://docs.example.com"])),
        ("algorithms", json!(["RS256"])),
        ("types", json!(["JWT"])),
        ("groups_claim", json!("groups")),
        ("roles_claim", json!("roles")),
        ("freshness", json!("1h")),
    ] {
        let (setting, problem) = refusal(|s| {
            s["tokens"] = json!([tokens::service("ci", "0")]);
            s["tokens"][0][name] = value;
        });
        assert!(setting == "tokens[0].issuer" && problem.contains("is missing"), "{name}: {setting}: {problem}");
    }
}
