//! The form of an ID token: three parts of base64url, a header that asks for nothing unknown, a type
//! (RFC 7515, RFC 8725), through whole logins.

#![expect(clippy::unwrap_used, reason = "a helper of a test may panic")]

mod support;
#[path = "support/verdict.rs"]
mod verdict;

use base64::{
    Engine,
    engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD},
};
use portcullis::oidc::{IdTokenError, JwsError};
use serde_json::json;
use support::signature::Signer;
use verdict::{Verdict, forged, under, under_with};

const MALFORMED: IdTokenError = IdTokenError::Jws(JwsError::Malformed);
const EXTENSION: IdTokenError = IdTokenError::Jws(JwsError::Extension);
const TYPE: IdTokenError = IdTokenError::Jws(JwsError::Type);

#[test]
fn rfc7515_4_1_11_and_rfc8725_3_6_an_extension_is_refused() {
    let members = [
        r#""crit":["b64"],"b64":false"#,
        r#""crit":["http://example.com/UNDEFINED"],"http://example.com/UNDEFINED":true"#,
        r#""crit":["exp"],"exp":1"#,
        r#""crit":["alg"]"#,
        r#""crit":[]"#,
        r#""crit":"b64""#,
        r#""crit":null"#,
        r#""crit":{}"#,
        r#""crit":false"#,
        r#""zip":"DEF""#,
        r#""zip":"""#,
        r#""zip":null"#,
    ];
    for members in members {
        assert_eq!(under_with(members), Verdict::step(EXTENSION), "{members}");
    }
}

#[test]
fn rfc8725_3_11_a_token_of_another_type_is_no_id_token() {
    for name in ["JWT", "jwt"] {
        assert_eq!(under_with(&format!(r#""typ":"{name}""#)), Verdict::accepted(), "{name}");
    }
    let others = ["at+jwt", "application/at+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt", "JOSE", "JWE", "JWT ", ""];
    for name in others {
        assert_eq!(under_with(&format!(r#""typ":"{name}""#)), Verdict::step(TYPE), "{name}");
    }
    for members in [r#""typ":["JWT"]"#, r#""typ":1"#] {
        assert_eq!(under_with(members), Verdict::step(MALFORMED), "{members}");
    }
}

#[test]
fn rfc7515_4_what_decides_nothing_in_a_header_is_ignored() {
    let members = [
        // A digest as it should be, and in hexadecimal, below base64url as WSO2 writes it and without.
        r#""x5t":"a_jhNus21KVuoFx65LmkW2O_l10""#,
        r#""x5t":"6bf8e136eb36d4a56ea05c7ae4b9a45b63bf975d""#,
        r#""x5t":"NmJmOGUxMzZlYjM2ZDRhNTZlYTA1YzdhZTRiOWE0NWI2M2JmOTc1ZA""#,
        r#""jku":"https://evil.example/keys","x5u":"https://evil.example/certificate""#,
        r#""jku":1,"x5u":null"#,
        r#""jwk":"none","x5c":{}"#,
        r#""cty":"JWT""#,
        r#""cty":["application/json"]"#,
        r#""nonce":["n"],"b64":false,"ver":"2.0""#,
    ];
    for members in members {
        assert_eq!(under_with(members), Verdict::accepted(), "{members}");
    }
}

#[test]
fn rfc7515_4_a_header_is_one_object_with_each_member_once() {
    for members in [
        r#""alg":"EdDSA""#,
        r#""alg":"none""#,
        r#""kid":"key-1""#,
        r#""typ":"JWT","typ":"JWT""#,
        r#""crit":[],"crit":[]"#,
    ] {
        assert_eq!(under_with(members), Verdict::step(MALFORMED), "{members}");
    }
    let others = [
        "",
        "{",
        "[]",
        "null",
        "\"EdDSA\"",
        r#"{"alg":"EdDSA"}x"#,
        r#"{"alg":"EdDSA"}{}"#,
        r#"{"alg":"EdDSA",}"#,
        "\u{feff}{\"alg\":\"EdDSA\"}",
        "{\"alg\":\"EdDSA\"}\u{0}",
        r#"{'alg':'EdDSA'}"#,
        r#"[{"alg":"EdDSA"}]"#,
    ];
    for header in others {
        assert_eq!(under(header), Verdict::step(MALFORMED), "{header:?}");
    }
    assert_eq!(under(" {\r\n \"\\u0061lg\" : \"EdDSA\" }\n"), Verdict::accepted());
}

#[test]
fn rfc7515_3_1_a_token_is_three_parts_of_base64url_and_nothing_else() {
    type Change = fn(&[&str; 3]) -> String;
    let changes: [(&str, Change); 27] = [
        ("no part", |_| String::new()),
        ("one part", |[header, ..]| (*header).to_owned()),
        ("two parts", |[header, payload, _]| format!("{header}.{payload}")),
        ("four parts", |[header, payload, signature]| format!("{header}.{payload}.{signature}.")),
        ("four parts, again", |[header, payload, signature]| format!("{header}.{payload}.{signature}.{signature}")),
        ("six parts", |[header, payload, signature]| format!("{header}.{payload}.{signature}...")),
        ("no header", |[_, payload, signature]| format!(".{payload}.{signature}")),
        ("JSON serialization", |[header, payload, signature]| {
            json!({ "protected": header, "payload": payload, "signature": signature }).to_string()
        }),
        ("a space in front", |parts| format!(" {}", parts.join("."))),
        ("a space behind", |parts| format!("{} ", parts.join("."))),
        ("a line break behind", |parts| format!("{}\n", parts.join("."))),
        ("a NUL behind", |parts| format!("{}\u{0}", parts.join("."))),
        ("a byte order mark", |parts| format!("\u{feff}{}", parts.join("."))),
        ("quotes", |parts| format!("\"{}\"", parts.join("."))),
        ("Bearer", |parts| format!("Bearer {}", parts.join("."))),
        ("padded header", |[header, payload, signature]| format!("{}.{payload}.{signature}", padded(header))),
        ("padded payload", |[header, payload, signature]| format!("{header}.{}.{signature}", padded(payload))),
        ("padded signature", |[header, payload, signature]| format!("{header}.{payload}.{}", padded(signature))),
        ("= behind the signature", |parts| format!("{}=", parts.join("."))),
        ("a space in the payload", |[header, payload, signature]| format!("{header}. {payload}.{signature}")),
        ("a ? in the payload", |[header, payload, signature]| format!("{header}.?{payload}.{signature}")),
        ("a line break in the header", |[header, payload, signature]| format!("{header}\n.{payload}.{signature}")),
        ("a % in the signature", |[header, payload, signature]| format!("{header}.{payload}.{signature}%3D")),
        ("unused bits of the signature", |[header, payload, signature]| {
            format!("{header}.{payload}.{}", with_unused_bits(signature))
        }),
        ("a stray letter", |parts| format!("{}AAA", parts.join("."))),
        ("letters outside ASCII", |[header, payload, signature]| format!("{header}.{payload}\u{e9}.{signature}")),
        ("too long", |parts| format!("{}{}", parts.join("."), "A".repeat(200_000))),
    ];
    for (name, change) in changes {
        let verdict = forged(move |signer, claims| {
            let token = signer.token(claims);
            let parts: Vec<&str> = token.split('.').collect();
            change(&parts.try_into().unwrap())
        });
        assert_eq!(verdict, Verdict::step(MALFORMED), "{name}");
    }
    // The same laxness where it would be signed for.
    type Sign = fn(&Signer, &str, &str) -> String;
    let signed: [(&str, Sign); 5] = [
        ("padded header", |signer, header, payload| signer.sign_parts(&padded(header), payload)),
        ("padded payload", |signer, header, payload| signer.sign_parts(header, &padded(payload))),
        ("a space", |signer, header, payload| signer.sign_parts(header, &format!(" {payload}"))),
        ("a line break", |signer, header, payload| signer.sign_parts(&format!("{header}\r\n"), payload)),
        ("unused bits", |signer, header, payload| signer.sign_parts(&with_unused_bits(header), payload)),
    ];
    for (name, sign) in signed {
        let verdict = forged(move |signer, claims| {
            let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","kid":"key-1"}  "#);
            let mut text = claims.to_string();
            text.push_str(if text.len() % 3 == 0 { " " } else { "" });
            sign(signer, &header, &URL_SAFE_NO_PAD.encode(text))
        });
        assert_eq!(verdict, Verdict::step(MALFORMED), "{name}, signed");
    }
}

/// With the `=` that base64url does without in a token.
fn padded(part: &str) -> String {
    let padded = URL_SAFE.encode(URL_SAFE_NO_PAD.decode(part).unwrap());
    if padded == part { format!("{padded}====") } else { padded }
}

/// The same bytes to a lax decoder: the bits of the last letter that stand for nothing are set.
fn with_unused_bits(part: &str) -> String {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    assert_ne!(part.len() % 4, 0, "there are no unused bits");
    let last = LETTERS.find(part.chars().next_back().unwrap()).unwrap();
    let letter = LETTERS.chars().nth(last + 1).unwrap();
    format!("{}{letter}", part.get(..part.len() - 1).unwrap())
}

#[test]
fn oidc_core_3_1_3_7_1_encrypted_and_nested_tokens_were_not_agreed_on() {
    let encrypted = forged(|signer, claims| format!("{}..", signer.token(claims)));
    assert_eq!(encrypted, Verdict::step(IdTokenError::Jws(JwsError::Encrypted)));
    let bomb = forged(|_, _| {
        let header = r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483648,"p2s":"AAAA"}"#;
        format!("{}.AAAA.AAAA.AAAA.AAAA", URL_SAFE_NO_PAD.encode(header))
    });
    assert_eq!(bomb, Verdict::step(IdTokenError::Jws(JwsError::Encrypted)));
    let nested =
        forged(|signer, claims| signer.sign(&json!({ "alg": "EdDSA", "kid": "key-1" }), &signer.token(claims)));
    assert_eq!(nested, Verdict::step(IdTokenError::Payload));
}

#[test]
fn tokens_that_were_made_for_something_else() {
    let opaque = forged(|_, _| "2YotnFZFEjr1zCsicMWpAA".to_owned());
    assert_eq!(opaque, Verdict::step(MALFORMED), "an access token");
    let access = forged(|signer, claims| signer.sign(&json!({ "alg": "EdDSA", "typ": "at+jwt" }), &claims.to_string()));
    assert_eq!(access, Verdict::step(TYPE), "an access token that is a JWT");
    let logout = forged(|signer, claims| {
        let mut claims = claims.clone();
        let members = claims.as_object_mut().unwrap();
        members.remove("nonce");
        members.insert("events".to_owned(), json!({ "http://schemas.openid.net/event/backchannel-logout": {} }));
        signer.token(&claims)
    });
    assert_eq!(logout, Verdict::step(IdTokenError::Nonce), "a logout token without a type");
}
