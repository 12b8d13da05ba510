//! The attack catalogue: headers, keys and signatures that somebody would like the gate to take
//! (RFC 7515, RFC 8725, and the CVEs that made them necessary), through whole logins.

#![expect(clippy::unwrap_used, reason = "a helper of a test may panic")]

mod support;
#[path = "support/verdict.rs"]
mod verdict;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hmac::{Hmac, Mac};
use portcullis::oidc::{Algorithm, IdTokenError, JwsError, KeySet, UntrustedIdToken};
use serde_json::{Value, json};
use sha2::Sha256;
use support::{signature, signature::Signer};
use verdict::{Attempt, Verdict, attempt, forged, under};

const MALFORMED: IdTokenError = IdTokenError::Jws(JwsError::Malformed);
const ALGORITHM: IdTokenError = IdTokenError::Jws(JwsError::Algorithm);

#[test]
fn every_algorithm_there_is_signs_in() {
    for algorithm in Algorithm::ALL {
        let verdict = attempt(algorithm, |signer, claims| signer.token(claims)).verdict();
        assert_eq!(verdict, Verdict::accepted(), "{algorithm:?}");
    }
}

#[test]
fn rfc9864_2_2_the_newer_name_of_one_algorithm_is_pinned_with_the_older() {
    let header = json!({ "alg": "Ed25519", "kid": "key-1" }).to_string();
    assert_eq!(under(&header), Verdict::accepted());
    let pinned =
        |algorithm| attempt(algorithm, move |signer, claims| signer.sign_text(&header, claims.to_string().as_bytes()));
    assert_eq!(pinned(Algorithm::Es256).verdict(), Verdict::step(ALGORITHM));
}

#[test]
fn rfc8725_3_2_none_is_no_algorithm_however_it_is_spelled() {
    let names = ["none", "None", "NONE", "nOnE", "", " ", "none ", "null", "EdDSA ", "eddsa", "EDDSA", "ed25519"];
    for name in names {
        let expected = Verdict::step(ALGORITHM);
        assert_eq!(under(json!({ "alg": name, "kid": "key-1" }).to_string()), expected, "{name:?} signed");
        let stripped = forged(move |_, claims| unsigned(&json!({ "alg": name }), claims));
        assert_eq!(stripped, expected, "{name:?} without a signature");
    }
    for header in
        ["{}", r#"{"kid":"key-1"}"#, r#"{"alg":null}"#, r#"{"alg":["EdDSA"]}"#, r#"{"alg":0}"#, r#"{"ALG":"EdDSA"}"#]
    {
        assert_eq!(under(header), Verdict::step(MALFORMED), "{header}");
    }
}

/// Tokens with two faults each, of all that there are: told is the one of the earlier step. 7 and 8 stand with 1, so
/// that nothing of the claims is judged under an algorithm that is not pinned; and the signature is looked at before
/// everything that only a signed token is to be believed.
#[test]
fn oidc_core_3_1_3_7_the_steps_are_taken_in_order() {
    type Edit = fn(&mut Value, &mut Value);
    let faults: [(Verdict, Edit); 14] = [
        (Verdict::step(IdTokenError::Jws(JwsError::Encrypted)), |header, _| header["encrypted"] = true.into()),
        (Verdict::step(IdTokenError::Jws(JwsError::Extension)), |header, _| header["crit"] = json!(["exp"])),
        (Verdict::step(IdTokenError::Jws(JwsError::Type)), |header, _| header["typ"] = "at+jwt".into()),
        (Verdict::step(ALGORITHM), |header, _| header["alg"] = "RS256".into()),
        // A time that is a text; `exp` and `iat` have faults of their own below.
        (Verdict::step(IdTokenError::Payload), |_, claims| claims["nbf"] = "soon".into()),
        (Verdict::step(IdTokenError::Issuer), |_, claims| claims["iss"] = "https://evil.example".into()),
        (Verdict::step(IdTokenError::Audience), |_, claims| claims["aud"] = "another".into()),
        (Verdict::step(IdTokenError::AuthorizedParty), |_, claims| claims["azp"] = "another".into()),
        (Verdict::step(IdTokenError::Subject), |_, claims| claims["sub"] = "".into()),
        (Verdict::no_key(), |header, _| header["forged"] = true.into()),
        (Verdict::step(IdTokenError::Expired), |_, claims| claims["exp"] = 1.into()),
        (Verdict::step(IdTokenError::Issued), |_, claims| claims["iat"] = 1.into()),
        (Verdict::step(IdTokenError::Nonce), |_, claims| claims["nonce"] = "another".into()),
        (Verdict::step(IdTokenError::AccessTokenHash), |_, claims| claims["at_hash"] = "another".into()),
    ];
    for (rank, (earlier, edit)) in faults.iter().enumerate() {
        let edit = *edit;
        for (_, other) in faults.iter().skip(rank) {
            let other = *other;
            let verdict = forged(move |signer, claims| {
                let (mut header, mut claims) = (json!({ "alg": "EdDSA", "kid": "key-1" }), claims.clone());
                edit(&mut header, &mut claims);
                other(&mut header, &mut claims);
                let mut asks = |name: &str| header.as_object_mut().unwrap().remove(name).is_some();
                let (is_forged, is_encrypted) = (asks("forged"), asks("encrypted"));
                let other_key = Signer::other(Algorithm::EdDsa, Some("key-1"));
                let token = if is_forged { &other_key } else { signer }.sign(&header, &claims.to_string());
                if is_encrypted { format!("{token}.a.b") } else { token }
            });
            assert_eq!(verdict, *earlier);
        }
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}.", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

#[test]
fn rfc8725_3_1_the_algorithm_is_the_settings_and_not_the_tokens() {
    // Signed with a key that the provider publishes, by an algorithm that is sound, but not pinned.
    for other in Algorithm::ALL.into_iter().filter(|other| *other != Algorithm::Rs256) {
        let attempt = attempt(Algorithm::Rs256, move |_, claims| Signer::new(other, Some("key-2")).token(claims))
            .provider(|provider| provider.published.push(Signer::new(other, Some("key-2")).jwk()));
        assert_eq!(attempt.verdict(), Verdict::step(ALGORITHM), "{other:?}");
    }
    // Both pinned, and the same key: it is published for one of them.
    for (published, signed) in [(Algorithm::Rs256, Algorithm::Ps256), (Algorithm::Ps512, Algorithm::Rs512)] {
        let attempt = Attempt::new(&[published, signed]).provider(|provider| {
            provider.published = vec![Signer::new(published, Some("key-1")).jwk()];
            provider.signer = Signer::new(signed, Some("key-1"));
        });
        assert_eq!(attempt.verdict(), Verdict::no_key(), "{signed:?} with a key for {published:?}");
    }
}

/// HS256 with something that everybody knows for a key.
fn symmetric(secret: &[u8], claims: &Value) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT","kid":"key-1"}"#);
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// The DER of an RSA key (SubjectPublicKeyInfo), by hand.
fn der_of(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let tagged = |tag: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], length.as_slice(), content].concat()
    };
    let key = tagged(0x30, &[tagged(2, &[&[0], modulus].concat()), tagged(2, exponent)].concat());
    let algorithm = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1, 5, 0];
    tagged(0x30, &[algorithm.as_slice(), &tagged(3, &[&[0], key.as_slice()].concat())].concat())
}

#[test]
fn cve_2016_10555_a_public_key_is_no_shared_secret() {
    let jwk = Signer::new(Algorithm::Rs256, Some("key-1")).jwk();
    let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk.get(name).unwrap().as_str().unwrap()).unwrap();
    let der = der_of(&number("n"), &number("e"));
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(&der));
    let secrets: [Vec<u8>; 9] = [
        pem.trim_end().into(),
        pem.into(),
        der,
        number("n"),
        jwk.get("n").unwrap().as_str().unwrap().into(),
        jwk.to_string().into(),
        json!({ "keys": [jwk] }).to_string().into(),
        b"client-secret".to_vec(),
        Vec::new(),
    ];
    for (rank, secret) in secrets.into_iter().enumerate() {
        let verdict = attempt(Algorithm::Rs256, move |_, claims| symmetric(&secret, claims)).verdict();
        assert_eq!(verdict, Verdict::step(ALGORITHM), "secret {rank}");
    }
    // A symmetric key that the provider publishes is not heeded either.
    let attempt = attempt(Algorithm::Rs256, |_, claims| symmetric(b"published", claims)).provider(|provider| {
        provider.published.push(json!({ "kty": "oct", "kid": "key-1", "k": URL_SAFE_NO_PAD.encode("published") }));
    });
    assert_eq!(attempt.verdict(), Verdict::step(ALGORITHM));
}

#[test]
fn cve_2018_0114_and_rfc8725_3_10_keys_come_from_the_issuers_metadata_alone() {
    let rogue = Signer::other(Algorithm::EdDsa, Some("key-1"));
    let baits = [
        json!({ "jwk": rogue.jwk() }),
        json!({ "jku": "https://evil.example/jwks" }),
        json!({ "jku": "http://169.254.169.254/latest/meta-data" }),
        json!({ "jku": "https://id.example/jwks@evil.example" }),
        json!({ "x5u": "https://evil.example/cert" }),
        json!({ "x5u": "file:///etc/passwd" }),
        json!({ "x5c": [STANDARD.encode("a certificate signed by itself")] }),
        json!({ "jwk": rogue.jwk(), "jku": "https://evil.example/jwks", "x5u": "https://evil.example/cert" }),
    ];
    for bait in baits {
        let (mine, name) = (rogue.clone(), bait.to_string());
        let header = move |kid: bool| {
            let mut header = bait.clone();
            let members = header.as_object_mut().unwrap();
            members.insert("alg".to_owned(), json!("EdDSA"));
            if kid {
                members.insert("kid".to_owned(), json!("key-1"));
            }
            header
        };
        for kid in [true, false] {
            let (mine, header) = (mine.clone(), header(kid));
            let theirs = header.clone();
            let attempt = attempt(Algorithm::EdDsa, move |_, claims| mine.sign(&header, &claims.to_string()));
            assert_eq!(attempt.verdict(), Verdict::no_key(), "{name}");
            let calls = attempt.world.take_calls();
            assert!(
                calls.iter().all(|call| call.contains(" https://id.example/") && !call.contains("evil")),
                "{calls:?}"
            );
            // With the provider's own signature the bait means nothing, and does no harm.
            let honest = forged(move |signer, claims| signer.sign(&theirs, &claims.to_string()));
            assert_eq!(honest, Verdict::accepted(), "{name}");
        }
    }
}

#[test]
fn rfc7515_4_1_4_kid_chooses_among_the_issuers_keys_and_nothing_else() {
    let strange = [
        json!("../../../../dev/null"),
        json!("' OR 1=1--"),
        json!("key-1\u{0}"),
        json!("KEY-1"),
        json!(" key-1"),
        json!("https://evil.example/key"),
        json!(""),
        json!("k".repeat(65_536)),
    ];
    for kid in strange {
        let attempt = attempt(Algorithm::EdDsa, move |signer, claims| {
            signer.sign(&json!({ "alg": "EdDSA", "kid": kid }), &claims.to_string())
        });
        assert_eq!(attempt.verdict(), Verdict::no_key());
        let calls = attempt.world.take_calls();
        assert!(calls.iter().filter(|call| call.contains("/jwks")).count() <= 2, "{calls:?}");
        assert!(calls.iter().all(|call| call.contains(" https://id.example/")), "{calls:?}");
    }
    for kid in ["[\"key-1\"]", "{}", "1", "true"] {
        assert_eq!(under(format!(r#"{{"alg":"EdDSA","kid":{kid}}}"#)), Verdict::step(MALFORMED), "{kid}");
    }
    // None at all: the issuer's keys are tried.
    assert_eq!(under(r#"{"alg":"EdDSA"}"#), Verdict::accepted());
}

#[test]
fn rfc8725_3_8_a_key_of_another_issuer_proves_nothing() {
    for kid in [Some("key-1"), None] {
        let other = Signer::other(Algorithm::EdDsa, kid);
        let attempt = attempt(Algorithm::EdDsa, move |_, claims| other.token(claims))
            .and_provider("other", "https://other.example");
        assert_eq!(attempt.verdict(), Verdict::no_key(), "{kid:?}");
    }
}

#[test]
fn oidc_core_3_1_3_7_6_a_signature_is_the_keys_or_it_is_none() {
    type Change = fn(Vec<u8>) -> Vec<u8>;
    let changes: [(Algorithm, &str, Change); 12] = [
        (Algorithm::EdDsa, "none", |_| Vec::new()),
        (Algorithm::EdDsa, "zeros", |signature| vec![0; signature.len()]),
        (Algorithm::EdDsa, "one more byte", |signature| [signature, vec![0]].concat()),
        (Algorithm::EdDsa, "one less", |signature| signature.split_last().unwrap().1.to_vec()),
        (Algorithm::EdDsa, "halves swapped", |signature| {
            [signature.get(32..).unwrap(), signature.get(..32).unwrap()].concat()
        }),
        (Algorithm::EdDsa, "twice", |signature| [signature.clone(), signature].concat()),
        (Algorithm::Es256, "r = s = 0 (CVE-2022-21449)", |_| vec![0; 64]),
        (Algorithm::Es256, "DER", |_| {
            let number = [&[2, 32, 1], [7; 31].as_slice()].concat();
            [vec![0x30, 68], number.clone(), number].concat()
        }),
        (Algorithm::Es256, "none", |_| Vec::new()),
        (Algorithm::Rs256, "none", |_| Vec::new()),
        (Algorithm::Rs256, "zeros", |signature| vec![0; signature.len()]),
        (Algorithm::Rs256, "zero in front", |signature| [vec![0], signature].concat()),
    ];
    for (algorithm, name, change) in changes {
        let attempt = attempt(algorithm, move |signer, claims| {
            let token = signer.token(claims);
            let (message, _) = token.rsplit_once('.').unwrap();
            format!("{message}.{}", URL_SAFE_NO_PAD.encode(change(signer.signature(message.as_bytes()))))
        });
        assert_eq!(attempt.verdict(), Verdict::no_key(), "{algorithm:?} {name}");
    }
}

#[test]
fn no_letter_of_a_token_can_be_another() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256, Algorithm::Ps256] {
        let signer = Signer::new(algorithm, Some("key-1"));
        let keys = KeySet::parse(&json!({ "keys": [signer.jwk()] }).to_string()).unwrap();
        let claims =
            json!({ "iss": "https://id.example", "aud": "client", "sub": "ada", "nonce": "n", "iat": 1, "exp": 2 });
        let token = signer.token(&claims);
        let isolate = Attempt::new(&[algorithm]).isolate();
        let provider = isolate.gate.config().provider("work").unwrap();
        let proven = |text: &str| {
            let Ok(addressed) = UntrustedIdToken::parse(text, provider).and_then(UntrustedIdToken::addressed_to_us)
            else {
                return false;
            };
            let signed = addressed.signed();
            keys.candidates(signed.algorithm, signed.key_id, &provider.algorithms)
                .any(|key| signature::verify(signed.algorithm, key, signed.message, signed.signature))
        };
        assert!(proven(&token), "{algorithm:?}");
        for (at, letter) in token.char_indices() {
            for other in ['A', 'B', '_', '.'] {
                let text = format!("{}{other}{}", token.get(..at).unwrap(), token.get(at + 1..).unwrap());
                assert!(other == letter || !proven(&text), "{algorithm:?} {at}: {letter} -> {other}");
            }
        }
    }
}

#[test]
fn rfc8725_3_5_with_an_exponent_of_one_every_message_signs_itself() {
    let mut key = Signer::new(Algorithm::Rs256, None).jwk();
    for exponent in ["AQ", "AAE", "AAAB", "AAAAAQ", "AA", "AAAA", "Ag", "AAI", ""] {
        key.as_object_mut().unwrap().insert("e".to_owned(), json!(exponent));
        assert!(KeySet::parse(&json!({ "keys": [key] }).to_string()).unwrap().is_empty(), "{exponent}");
    }
    for exponent in ["AQAB", "AAEAAQ", "Aw"] {
        key.as_object_mut().unwrap().insert("e".to_owned(), json!(exponent));
        assert_eq!(KeySet::parse(&json!({ "keys": [key] }).to_string()).unwrap().len(), 1, "{exponent}");
    }
}
