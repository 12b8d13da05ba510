//! Who signed: algorithms and keys are the settings' to choose (RFC 8725, 3).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use portcullis::oidc::{AccessTokenError, Algorithm, JwsError};
use serde_json::json;
use sha2::Sha256;

use crate::{
    ALGORITHM, MALFORMED,
    support::{
        machine::{AUDIENCE, Machine, Verdict},
        signature::Signer,
    },
    under,
};

#[test]
fn every_algorithm_there_is_can_be_pinned() {
    for algorithm in Algorithm::ALL {
        let machine = Machine::signing_with(algorithm);
        let header = json!({ "alg": algorithm.as_str(), "kid": "key-1", "typ": "at+jwt" });
        let token = machine.signer().sign(&header, &machine.claims().to_string());
        assert_eq!(machine.show(&token), Verdict::accepted(), "{algorithm:?}");
    }
}

#[test]
fn rfc8725_3_1_the_algorithm_is_the_settings_and_not_the_tokens() {
    for other in Algorithm::ALL.into_iter().filter(|other| *other != Algorithm::Rs256) {
        let machine = Machine::signing_with(Algorithm::Rs256);
        let signer = Signer::new(other, Some("key-2"));
        machine.world.provider(|provider| provider.published.push(signer.jwk()));
        let header = json!({ "alg": other.as_str(), "kid": "key-2", "typ": "at+jwt" });
        let token = signer.sign(&header, &machine.claims().to_string());
        assert_eq!(machine.show(&token), Verdict::step(ALGORITHM), "{other:?}");
    }
    // What the login pins is nothing to the tokens of the same issuer.
    let machine = Machine::issuer("algorithms", json!(["RS256"]));
    assert_eq!(machine.show(&machine.good()), Verdict::step(ALGORITHM));
    for name in ["none", "None", "", "eddsa", "HS256"] {
        let machine = Machine::new();
        let header = json!({ "alg": name, "kid": "key-1", "typ": "at+jwt" });
        assert_eq!(under(&machine, &header.to_string()), Verdict::step(ALGORITHM), "{name}");
        let message = [header.to_string(), machine.claims().to_string()].map(|part| URL_SAFE_NO_PAD.encode(part));
        // An unsigned token is not even a word of RFC 6750's letters at its end, yet a dot is one.
        assert_eq!(machine.show(&format!("{}.", message.join("."))), Verdict::step(ALGORITHM), "{name} unsigned");
    }
}

#[test]
fn cve_2016_10555_a_public_key_is_no_shared_secret() {
    let machine = Machine::signing_with(Algorithm::Rs256);
    let jwk = machine.signer().jwk();
    let modulus = jwk.get("n").unwrap().as_str().unwrap();
    let secrets = [jwk.to_string().into_bytes(), modulus.into(), URL_SAFE_NO_PAD.decode(modulus).unwrap(), Vec::new()];
    for secret in secrets {
        let parts = [r#"{"alg":"HS256","kid":"key-1","typ":"at+jwt"}"#.to_owned(), machine.claims().to_string()];
        let message = parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
        mac.update(message.as_bytes());
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
        assert_eq!(machine.show(&token), Verdict::step(ALGORITHM));
    }
}

#[test]
fn rfc8725_3_8_a_key_of_another_issuer_verifies_nothing_here() {
    let machine = Machine::with(|settings| {
        let other = json!({ "id": "partner", "issuer": "https://partner.example", "audiences": [AUDIENCE], "algorithms": ["EdDSA"] });
        settings["tokens"].as_array_mut().unwrap().push(other);
        settings["rules"][2]["tokens"] = json!(["api", "partner"]);
    });
    machine.world.add_provider("https://partner.example");
    machine.world.provider_of("https://partner.example", |partner| partner.rotate("key-1", true));
    let partner = machine.world.provider_of("https://partner.example", |partner| partner.signer.clone());
    let header = json!({ "alg": "EdDSA", "kid": "key-1", "typ": "at+jwt" });
    assert_eq!(machine.show(&partner.sign(&header, &machine.claims().to_string())), Verdict::no_key());
    let mut claims = machine.claims();
    claims["iss"] = json!("https://partner.example");
    assert_eq!(machine.show(&machine.token(&claims)), Verdict::no_key());
    assert_eq!(machine.show(&partner.sign(&header, &claims.to_string())), Verdict::accepted());
}

#[test]
fn rfc8725_3_10_keys_come_from_the_issuers_metadata_alone() {
    let machine = Machine::new();
    let rogue = Signer::other(Algorithm::EdDsa, Some("rogue"));
    let jwk = rogue.jwk();
    let headers = [
        json!({ "jwk": jwk }),
        json!({ "jku": "https://evil.example/jwks" }),
        json!({ "jku": "http://169.254.169.254/" }),
        json!({ "x5u": "https://evil.example/cert" }),
        json!({ "x5c": ["AAAA"] }),
        json!({ "kid": "../../dev/null" }),
        json!({ "kid": "' OR 1=1--" }),
        json!({ "kid": "" }),
        json!({ "kid": "k".repeat(4_096) }),
    ];
    for more in headers {
        let mut header = json!({ "alg": "EdDSA", "kid": "key-1", "typ": "at+jwt" });
        header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        machine.world.pass(90);
        assert_eq!(machine.show(&rogue.sign(&header, &machine.claims().to_string())), Verdict::no_key(), "{header}");
    }
    assert!(machine.world.take_calls().iter().all(|call| call.starts_with("GET https://id.example/")));
}

#[test]
fn a_change_of_any_byte_is_refused() {
    let machine = Machine::new();
    let token = machine.good();
    // Known by now: what is changed must not be found by its end, nor by its beginning.
    assert_eq!(machine.show(&token), Verdict::accepted());
    for position in 0..token.len() {
        for flip in [1, 2, 32] {
            let mut changed = token.clone().into_bytes();
            changed[position] ^= flip;
            let changed = String::from_utf8(changed).unwrap();
            let verdict = machine.show(&changed);
            assert!(matches!(verdict, Verdict::Refused(400 | 401 | 503, ..)), "{position} {flip}: {verdict}");
        }
        let cut = format!("{}{}", &token[..position], &token[position + 1..]);
        assert!(matches!(machine.show(&cut), Verdict::Refused(..)), "without {position}");
    }
    for changed in
        [format!("{token}A"), format!("A{token}"), format!("{token}."), format!("{token}="), format!("{token}.{token}")]
    {
        assert!(matches!(machine.show(&changed), Verdict::Refused(..)), "{changed}");
    }
    assert_eq!(machine.show(&token), Verdict::accepted());
}

#[test]
fn a_token_without_any_one_claim_has_no_more_rights() {
    let machine = Machine::new();
    for name in ["iss", "aud", "sub", "exp"] {
        assert!(matches!(machine.claim(name, None), Verdict::Refused(401, ..)), "{name}");
    }
    for name in ["iat", "jti", "client_id"] {
        assert_eq!(machine.claim(name, None), Verdict::accepted(), "{name}");
    }
}

#[test]
fn a_token_has_a_longest_length() {
    let machine = Machine::new();
    assert_eq!(machine.claim("padding", Some(json!("x".repeat(10_000)))), Verdict::accepted());
    assert_eq!(machine.claim("padding", Some(json!("x".repeat(16_000)))), Verdict::step(MALFORMED));
    assert_eq!(machine.show(&"A".repeat(100_000)), Verdict::step(MALFORMED));
    assert_eq!(machine.show("2YotnFZFEjr1zCsicMWpAA"), Verdict::step(MALFORMED), "an opaque token");
    let encrypted = format!("{}..", machine.good());
    assert_eq!(machine.show(&encrypted), Verdict::step(AccessTokenError::Jws(JwsError::Encrypted)));
}
