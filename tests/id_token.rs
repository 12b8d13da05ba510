//! The claims of an ID token, row by row: OpenID Connect Core 1.0, 3.1.3.7, through whole logins.
//!
//! The token's header and its signature are the matter of `forgeries.rs`.

#![expect(clippy::unwrap_used, reason = "a helper of a test may panic")]

mod support;
#[path = "support/verdict.rs"]
mod verdict;

use std::{cell::RefCell, rc::Rc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use portcullis::oidc::{Algorithm, IdTokenError};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha384, Sha512};
use support::signature::Signer;
use verdict::{Attempt, Verdict};

/// Signs in with the claims changed by `edit`.
fn edited(edit: impl Fn(&mut Value) + 'static) -> Verdict {
    Attempt::new(&[Algorithm::EdDsa]).provider(|provider| provider.edit_claims = Some(Box::new(edit))).verdict()
}

/// Signs in with one claim replaced; `Value::Null` inside `Some` is the JSON `null`, `None` takes it away.
fn with(name: &'static str, value: Option<Value>) -> Verdict {
    edited(move |claims| {
        let members = claims.as_object_mut().unwrap();
        match &value {
            Some(value) => members.insert(name.to_owned(), value.clone()),
            None => members.remove(name),
        };
    })
}

/// Every value is refused by the same step, and so is a token without the claim, unless it may be
/// left out.
fn refused(name: &'static str, step: IdTokenError, values: impl IntoIterator<Item = Value>) {
    for value in values {
        assert_eq!(with(name, Some(value.clone())), Verdict::step(step), "{name}: {value}");
    }
}

fn accepted(name: &'static str, values: impl IntoIterator<Item = Value>) {
    for value in values {
        assert_eq!(with(name, Some(value.clone())), Verdict::accepted(), "{name}: {value}");
    }
}

/// Signs in with a payload of exactly this text, in which `NONCE` and `NOW` are filled in.
fn with_payload(template: &str) -> Verdict {
    let template = template.to_owned();
    let attempt = Attempt::new(&[Algorithm::EdDsa]).provider(|provider| {
        let signer = provider.signer.clone();
        provider.forge = Some(Box::new(move |claims| {
            let text = template
                .replace("NONCE", claims.get("nonce").unwrap().as_str().unwrap())
                .replace("NOW", &claims.get("iat").unwrap().to_string())
                .replace("SOON", &claims.get("exp").unwrap().to_string());
            signer.sign(&json!({ "alg": "EdDSA", "kid": "key-1" }), &text)
        }));
    });
    attempt.verdict()
}

const WHOLE: &str = r#""iss":"https://id.example","aud":"client","sub":"ada","nonce":"NONCE","iat":NOW,"exp":SOON"#;

#[test]
fn oidc_core_3_1_3_7_2_iss_is_the_issuer_byte_for_byte() {
    assert_eq!(edited(|_| {}), Verdict::accepted());
    let others = [
        json!("https://id.example/"),
        json!("https://id.example1"),
        json!("https://id.exampl"),
        json!("https://ID.example"),
        json!("HTTPS://id.example"),
        json!("http://id.example"),
        json!("https://id.example:443"),
        json!("https://id.example "),
        json!(" https://id.example"),
        json!("https://\u{456}d.example"),
        json!("https://id.example\u{0}"),
        json!("id.example"),
        json!(""),
        json!(["https://id.example"]),
        json!({ "https://id.example": true }),
        json!(1),
        json!(true),
        json!(null),
    ];
    refused("iss", IdTokenError::Issuer, others);
    assert_eq!(with("iss", None), Verdict::step(IdTokenError::Issuer));
}

#[test]
fn oidc_core_3_1_3_7_3_aud_names_us_and_nobody_else() {
    accepted("aud", [json!("client"), json!(["client"]), json!(["client", "client"])]);
    let others = [
        json!("client1"),
        json!("clien"),
        json!("Client"),
        json!("client "),
        json!("client stranger"),
        json!("client,stranger"),
        json!(""),
        json!([]),
        json!([""]),
        json!(["stranger"]),
        json!(["client", "stranger"]),
        json!(["stranger", "client"]),
        json!(["client", 1]),
        json!(["client", null]),
        json!([["client"]]),
        json!({ "client": true }),
        json!({ "0": "client" }),
        json!(1),
        json!(true),
        json!(null),
    ];
    refused("aud", IdTokenError::Audience, others);
    assert_eq!(with("aud", None), Verdict::step(IdTokenError::Audience));
}

#[test]
fn oidc_core_3_1_3_7_3_and_4_who_else_it_is_for_is_the_settings_to_say_and_azp_is_us() {
    let verdict = |claims: Value| {
        let trusting = Attempt::new(&[Algorithm::EdDsa]).setting("audiences", json!(["project", "other"]));
        let edit = move |token: &mut Value| {
            token.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        };
        trusting.provider(|provider| provider.edit_claims = Some(Box::new(edit))).verdict()
    };
    for claims in [
        json!({ "aud": "client" }),
        json!({ "aud": ["client", "project"], "azp": "client" }),
        json!({ "aud": ["other", "client", "project"], "azp": "client" }),
    ] {
        assert_eq!(verdict(claims.clone()), Verdict::accepted(), "{claims}");
    }
    for (claims, step) in [
        (json!({ "aud": "project", "azp": "client" }), IdTokenError::Audience),
        (json!({ "aud": ["project", "other"], "azp": "client" }), IdTokenError::Audience),
        (json!({ "aud": ["client", "project", "stranger"], "azp": "client" }), IdTokenError::Audience),
        (json!({ "aud": ["client", "project"] }), IdTokenError::AuthorizedParty),
        (json!({ "aud": ["client", "project"], "azp": "project" }), IdTokenError::AuthorizedParty),
        (json!({ "aud": ["client", "project"], "azp": null }), IdTokenError::AuthorizedParty),
    ] {
        assert_eq!(verdict(claims.clone()), Verdict::step(step), "{claims}");
    }
}

#[test]
fn oidc_core_3_1_3_7_4_and_5_azp_is_us_if_it_is_there() {
    accepted("azp", [json!("client")]);
    let others = [json!("stranger"), json!("client1"), json!(""), json!(["client"]), json!(1), json!(null)];
    refused("azp", IdTokenError::AuthorizedParty, others);
}

#[test]
fn oidc_core_2_sub_is_1_to_255_characters_of_ascii_and_keeps_its_case() {
    for subject in ["Ada", "ADA", "a", "0", "a b|c/d", &"a".repeat(255)] {
        assert_eq!(with("sub", Some(json!(subject))), Verdict::Accepted(subject.to_owned()));
    }
    let others = [
        json!(""),
        json!("a".repeat(256)),
        json!("ad\u{e4}"),
        json!("ada\n"),
        json!("ada\u{0}"),
        json!("\u{7f}"),
        json!(1),
        json!(true),
        json!(["ada"]),
        json!({}),
        json!(null),
    ];
    refused("sub", IdTokenError::Subject, others);
    assert_eq!(with("sub", None), Verdict::step(IdTokenError::Subject));
}

/// A claim that holds the time of the login, moved by `seconds`; `iat` and `nbf` are both there, so that neither
/// stands in for the other.
fn moved(name: &'static str, seconds: i64) -> Verdict {
    edited(move |claims| {
        let now = claims.get("iat").unwrap().as_i64().unwrap();
        (claims["nbf"], claims[name]) = (json!(now), json!(now + seconds));
    })
}

#[test]
fn oidc_core_3_1_3_7_9_exp_lies_ahead_but_for_a_minute() {
    for seconds in [600, 86_400 * 365, 1, 0, -59] {
        assert_eq!(moved("exp", seconds), Verdict::accepted(), "{seconds}");
    }
    for seconds in [-60, -61, -86_400] {
        assert_eq!(moved("exp", seconds), Verdict::step(IdTokenError::Expired), "{seconds}");
    }
    refused("exp", IdTokenError::Expired, [json!(0), json!(-1), json!(i64::from(i32::MIN))]);
    assert_eq!(with("exp", None), Verdict::step(IdTokenError::Expired));
}

#[test]
fn oidc_core_3_1_3_7_10_iat_is_of_the_last_hour_and_nbf_has_passed() {
    for (name, seconds) in [("iat", 0), ("iat", 60), ("iat", -3_600), ("nbf", 0), ("nbf", 60), ("nbf", -86_400)] {
        assert_eq!(moved(name, seconds), Verdict::accepted(), "{name} {seconds}");
    }
    for (name, seconds) in [("iat", 61), ("iat", 3_600), ("iat", -3_601), ("iat", -86_400), ("nbf", 61)] {
        assert_eq!(moved(name, seconds), Verdict::step(IdTokenError::Issued), "{name} {seconds}");
    }
    refused("iat", IdTokenError::Issued, [json!(0), json!(-1)]);
    refused("nbf", IdTokenError::Issued, [json!(-1)]);
    assert_eq!(with("iat", None), Verdict::step(IdTokenError::Issued));
}

#[test]
fn rfc7519_2_a_time_is_a_number_that_a_clock_can_show() {
    for name in ["exp", "iat", "nbf"] {
        let others = [
            json!("1800000600"),
            json!("0x6b49d200"),
            json!(""),
            json!(null),
            json!(true),
            json!([]),
            json!([1_800_000_600]),
            json!({}),
            json!(1e308),
            json!(i64::MAX),
            json!(u64::MAX),
        ];
        refused(name, IdTokenError::Payload, others);
    }
    for number in ["1e400", "-1e400", "NaN", "Infinity", "0x10", "01", "1_000"] {
        let payload = format!("{{{}}}", WHOLE.replace("SOON", number));
        assert_eq!(with_payload(&payload), Verdict::step(IdTokenError::Payload), "{number}");
    }
    // A NumericDate may have a fraction; what is behind the point does not count.
    assert_eq!(with_payload(&format!("{{{}}}", WHOLE.replace("SOON", "SOON.9"))), Verdict::accepted());
}

#[test]
fn oidc_core_3_1_3_7_11_nonce_is_this_logins() {
    let changes: [fn(&str) -> Value; 9] = [
        |nonce| json!(format!("{nonce}1")),
        |nonce| json!(nonce.to_lowercase()),
        |nonce| json!(format!("{nonce}=")),
        |nonce| json!(format!(" {nonce}")),
        |nonce| json!(nonce.get(1..)),
        |nonce| json!([nonce]),
        |_| json!(""),
        |_| json!(0),
        |_| json!(null),
    ];
    for (rank, change) in changes.into_iter().enumerate() {
        let verdict = edited(move |claims| {
            let nonce = change(claims.get("nonce").unwrap().as_str().unwrap());
            claims.as_object_mut().unwrap().insert("nonce".to_owned(), nonce);
        });
        assert_eq!(verdict, Verdict::step(IdTokenError::Nonce), "change {rank}");
    }
    assert_eq!(with("nonce", None), Verdict::step(IdTokenError::Nonce));
}

#[test]
fn oidc_core_3_1_3_7_11_the_token_of_an_earlier_login_is_no_token_of_this_one() {
    let first = Rc::new(RefCell::new(None::<String>));
    let attempt = Attempt::new(&[Algorithm::EdDsa]).provider(|provider| {
        let signer = provider.signer.clone();
        provider.forge =
            Some(Box::new(move |claims| first.borrow_mut().get_or_insert_with(|| signer.token(claims)).clone()));
    });
    assert_eq!(attempt.verdict(), Verdict::accepted());
    assert_eq!(attempt.verdict(), Verdict::step(IdTokenError::Nonce));
}

#[test]
fn oidc_core_3_1_3_7_12_and_13_what_was_not_asked_for_decides_nothing() {
    accepted("acr", [json!("0"), json!("urn:mace:incommon:iap:silver")]);
    accepted("auth_time", [json!(0), json!("yesterday")]);
    accepted("a claim nobody knows", [json!({ "deep": [1, 2, { "er": null }] })]);
}

/// The left half of the hash of the access token that the World's provider gives.
fn half(hash: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(hash.get(..hash.len() / 2).unwrap())
}

#[test]
fn oidc_core_3_1_3_8_at_hash_is_the_access_tokens_if_it_is_there() {
    let token = "access-token";
    for algorithm in Algorithm::ALL {
        let hashes = [half(&Sha256::digest(token)), half(&Sha384::digest(token)), half(&Sha512::digest(token))];
        let right = match algorithm.as_str() {
            "EdDSA" => 2,
            name => ["256", "384", "512"].into_iter().position(|size| name.ends_with(size)).unwrap(),
        };
        for (rank, hash) in hashes.into_iter().enumerate() {
            let attempt = Attempt::new(&[algorithm]).provider(|provider| {
                provider.signer = Signer::new(algorithm, Some("key-1"));
                provider.published = vec![provider.signer.jwk()];
                provider.edit_claims = Some(Box::new(move |claims| {
                    claims.as_object_mut().unwrap().insert("at_hash".to_owned(), json!(hash));
                }));
            });
            let expected =
                if rank == right { Verdict::accepted() } else { Verdict::step(IdTokenError::AccessTokenHash) };
            assert_eq!(attempt.verdict(), expected, "{algorithm:?} {rank}");
        }
    }
    let whole = URL_SAFE_NO_PAD.encode(Sha512::digest(token));
    let others = [json!(whole), json!(half(&Sha512::digest("another"))), json!(""), json!(1), json!(null)];
    refused("at_hash", IdTokenError::AccessTokenHash, others);
}

#[test]
fn rfc7519_4_a_member_that_is_there_twice_is_refused() {
    assert_eq!(with_payload(&format!("{{{WHOLE}}}")), Verdict::accepted());
    let twice = [
        r#""iss":"https://evil.example""#,
        r#""iss":"https://id.example""#,
        r#""aud":"stranger""#,
        r#""sub":"eve""#,
        r#""nonce":"x""#,
        r#""exp":SOON"#,
        r#""iat":NOW"#,
        r#""\u0073ub":"eve""#,
    ];
    for member in twice {
        for payload in [format!("{{{WHOLE},{member}}}"), format!("{{{member},{WHOLE}}}")] {
            assert_eq!(with_payload(&payload), Verdict::step(IdTokenError::Payload), "{payload}");
        }
    }
    // However deep it stands.
    let nested = format!(r#"{{{WHOLE},"realm_access":{{"roles":["a"],"roles":["admins"]}}}}"#);
    assert_eq!(with_payload(&nested), Verdict::step(IdTokenError::Payload));
    for name in ["email", "groups", "azp", "nbf", "at_hash"] {
        let payload = format!(r#"{{{WHOLE},"{name}":1,"{name}":1}}"#);
        assert_eq!(with_payload(&payload), Verdict::step(IdTokenError::Payload), "{name}");
    }
}

#[test]
fn rfc7519_7_2_a_payload_is_one_json_object_and_nothing_else() {
    let deep = format!(r#"{{{WHOLE},"deep":{}1{}}}"#, "[".repeat(2_000), "]".repeat(2_000));
    let others = [
        "",
        "null",
        "1",
        "\"text\"",
        "[]",
        "{",
        "}",
        "{]",
        "{WHOLE",
        "{WHOLE}}",
        "{WHOLE}x",
        "{WHOLE}{}",
        "{WHOLE},",
        "\u{feff}{WHOLE}",
        "{WHOLE}\u{0}",
        "\u{0}{WHOLE}",
        "[{WHOLE}]",
        "{WHOLE,}",
        "{'sub':'ada',WHOLE}",
        "//\n{WHOLE}",
        "{WHOLE,\"a\":\"\u{1}\"}",
        r#"{WHOLE,"a":"\ud800"}"#,
        r#"{WHOLE,"a":"\x41"}"#,
        &deep,
    ];
    for payload in others {
        let text = payload.replace("WHOLE", WHOLE);
        assert_eq!(with_payload(&text), Verdict::step(IdTokenError::Payload), "{payload:?}");
    }
    assert_eq!(with_payload(&format!(" \r\n\t{{{WHOLE}}}\n ")), Verdict::accepted());
    let attempt = Attempt::new(&[Algorithm::EdDsa]).provider(|provider| {
        let signer = provider.signer.clone();
        provider.forge = Some(Box::new(move |claims| {
            let text = claims.to_string().replace("\"ada\"", "\"ad\u{7f}\"").into_bytes();
            let bytes: Vec<u8> = text.into_iter().map(|byte| if byte == 0x7f { 0xff } else { byte }).collect();
            signer.sign_text(r#"{"alg":"EdDSA","kid":"key-1"}"#, &bytes)
        }));
    });
    assert_eq!(attempt.verdict(), Verdict::step(IdTokenError::Payload), "bytes that are not UTF-8");
}

#[test]
fn a_refusal_repeats_nothing_of_the_token() {
    let marker = "<script>marker</script>";
    let attempt = Attempt::new(&[Algorithm::EdDsa]).provider(|provider| {
        provider.edit_claims = Some(Box::new(move |claims| {
            let members = claims.as_object_mut().unwrap();
            for name in ["iss", "sub", "email", "name", "azp"] {
                members.insert(name.to_owned(), json!(marker));
            }
        }));
    });
    assert_eq!(attempt.verdict(), Verdict::step(IdTokenError::Issuer));
    assert!(!attempt.world.log().contains("marker"));
}
