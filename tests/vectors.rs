//! Other people's vectors: signatures that must be accepted, and the many that must not.
//!
//! `tests/vectors/README.md` says where they are from and how a row is read.

#![expect(clippy::unwrap_used, reason = "a helper of a test may panic")]

#[path = "support/signature.rs"]
mod signature;

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use portcullis::{
    config::{Config, SettingsText},
    oidc::{Algorithm, IdTokenError, KeySet, UntrustedIdToken},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wycheproof_ng_kdf_jose::json_web::{TestName, TestSet};

const WYCHEPROOF: &str = include_str!("vectors/wycheproof.json");
const RFC: &str = include_str!("vectors/rfc.json");
const EXCEPTIONS: &str = include_str!("vectors/exceptions.json");

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Group {
    set: String,
    comment: String,
    keys: Vec<Value>,
    tests: Vec<Row>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    id: usize,
    comment: String,
    jws: String,
    valid: bool,
}

/// Rows that the gate judges otherwise than their source, and why.
#[derive(Deserialize)]
struct Exception {
    set: String,
    ids: Vec<usize>,
    accepted: bool,
    why: String,
}

/// Whether a signature is one of `keys`', by the gate's own rules: the header is one it reads, the
/// algorithm pinned, the key one it would use, and for that algorithm.
fn accepts(config: &Config, keys: &[Value], jws: &str) -> bool {
    let provider = config.provider("work").unwrap();
    match UntrustedIdToken::parse(jws, provider) {
        // The payloads here are no claims; by then the header was judged.
        Ok(_) | Err(IdTokenError::Payload) => {}
        Err(_) => return false,
    }
    let (message, signature) = jws.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    let member = |name: &str| header.get(name).and_then(Value::as_str);
    let algorithm = Algorithm::named(member("alg").unwrap()).unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let keys = KeySet::parse(&json!({ "keys": keys }).to_string()).unwrap();
    keys.candidates(algorithm, member("kid"), &provider.algorithms)
        .any(|key| signature::verify(algorithm, key, message.as_bytes(), &signature))
}

/// Settings that pin every algorithm there is: the most a gate could be talked into.
fn config() -> Config {
    let settings = json!({
        "hosts": ["docs.example.com"],
        "providers": [{
            "id": "work", "title": "Example Corp", "issuer": "https://id.example", "client_id": "client",
            "algorithms": Algorithm::ALL.map(Algorithm::as_str),
        }],
    })
    .to_string();
    let text = SettingsText { variable: Some(&settings), module: Some("{}") };
    Config::parse(text, |name| {
        matches!(name, "PORTCULLIS_SECRET").then(|| "kX0b9S1u5pQ2v8YwR7tZ3mN6cJ4hL0aGdFeUiOyTrWs=".to_owned())
    })
    .unwrap()
}

/// The crate's data in the form of the file: the keys as a provider would publish them, which for
/// a symmetric one is what no provider may do, and no gate may heed.
fn from_the_crate() -> Vec<Group> {
    let mut groups = Vec::new();
    for (name, set) in [(TestName::JsonWebSignature, "json_web_signature"), (TestName::JsonWebKey, "json_web_key")] {
        for group in TestSet::load(name).unwrap().test_groups {
            let published = group.public_key.or(group.private_key).unwrap();
            let keys = published.get("keys").and_then(Value::as_array).cloned().unwrap_or_else(|| vec![published]);
            let row = |test: wycheproof_ng_kdf_jose::json_web::Test| Row {
                id: test.tc_id,
                comment: test.comment,
                jws: match test.jws.unwrap() {
                    Value::String(compact) => compact,
                    other => other.to_string(),
                },
                valid: !test.result.must_fail(),
            };
            groups.push(Group {
                set: set.to_owned(),
                comment: group.group_comment,
                keys,
                tests: group.tests.into_iter().map(row).collect(),
            });
        }
    }
    groups
}

/// Judges every row; answers how many were accepted and refused, by set.
fn judge(groups: &[Group]) -> BTreeMap<&str, (usize, usize)> {
    let config = config();
    let exceptions: Vec<Exception> = serde_json::from_str(EXCEPTIONS).unwrap();
    let mut counts = BTreeMap::<&str, (usize, usize)>::new();
    for group in groups {
        for row in &group.tests {
            let name = format!("{} {} {} {}", group.set, row.id, group.comment, row.comment);
            let exception = exceptions.iter().find(|entry| entry.set == group.set && entry.ids.contains(&row.id));
            let accepted = accepts(&config, &group.keys, &row.jws);
            match exception {
                Some(entry) => {
                    assert_eq!(accepted, entry.accepted, "{name}");
                    assert_ne!(accepted, row.valid, "{name} is no exception any more: {}", entry.why);
                }
                None => assert_eq!(accepted, row.valid, "{name}"),
            }
            let count = counts.entry(&group.set).or_default();
            if accepted { count.0 += 1 } else { count.1 += 1 }
        }
    }
    counts
}

#[test]
fn the_file_is_wycheproofs_data_and_nothing_is_left_out() {
    let expected = from_the_crate();
    let found: Vec<Group> = serde_json::from_str(WYCHEPROOF).unwrap_or_default();
    if found != expected {
        let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/wycheproof.json");
        let rows: Vec<String> = expected.iter().map(|group| serde_json::to_string(group).unwrap()).collect();
        std::fs::write(path, format!("[\n{}\n]\n", rows.join(",\n"))).unwrap();
        assert!(found == expected, "the file should be what is now in {path}");
    }
}

#[test]
fn wycheproof_every_forgery_is_refused_and_every_signature_that_counts_is_accepted() {
    let groups: Vec<Group> = serde_json::from_str(WYCHEPROOF).unwrap();
    let counts = judge(&groups);
    assert_eq!(counts, BTreeMap::from([("json_web_signature", (32, 369)), ("json_web_key", (2, 24))]));
}

#[test]
fn rfc7515_appendix_a_and_rfc8037_appendix_a() {
    let groups: Vec<Group> = serde_json::from_str(RFC).unwrap();
    let counts = judge(&groups);
    assert_eq!(counts, BTreeMap::from([("rfc7515", (2, 4)), ("rfc8037", (1, 0))]));
}

#[test]
fn every_exception_names_a_row() {
    let groups: Vec<Group> =
        [WYCHEPROOF, RFC].iter().flat_map(|text| serde_json::from_str::<Vec<Group>>(text).unwrap()).collect();
    for exception in serde_json::from_str::<Vec<Exception>>(EXCEPTIONS).unwrap() {
        assert!(!exception.why.is_empty());
        for id in exception.ids {
            let found =
                groups.iter().any(|group| group.set == exception.set && group.tests.iter().any(|row| row.id == id));
            assert!(found, "{} {id}", exception.set);
        }
    }
}
