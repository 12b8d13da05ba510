//! The access token of a machine, row by row: RFC 9068, 4, under RFC 8725, through whole requests.

#![expect(clippy::unwrap_used, reason = "a helper of a test may panic")]

mod rights;
mod signature;
#[path = "../support/mod.rs"]
mod support;

use portcullis::oidc::{AccessTokenError, JwsError};
use serde_json::{Value, json};
use support::machine::{AUDIENCE, Machine, Verdict};

const MALFORMED: AccessTokenError = AccessTokenError::Jws(JwsError::Malformed);
const ALGORITHM: AccessTokenError = AccessTokenError::Jws(JwsError::Algorithm);
const EXTENSION: AccessTokenError = AccessTokenError::Jws(JwsError::Extension);

/// Every value of the claim is refused by the same step, and so is a token without it.
fn refused(name: &str, step: AccessTokenError, values: impl IntoIterator<Item = Value>) {
    let machine = Machine::new();
    for value in values {
        assert_eq!(machine.claim(name, Some(value.clone())), Verdict::step(step), "{name}: {value}");
    }
    assert_eq!(machine.claim(name, None), Verdict::step(step), "no {name}");
}

fn under(machine: &Machine, header: &str) -> Verdict {
    machine.show(&machine.signer().sign_text(header, machine.claims().to_string().as_bytes()))
}

#[test]
fn rfc9068_4_typ_is_at_jwt() {
    let machine = Machine::new();
    let under = |kind: &str| under(&machine, &format!(r#"{{"alg":"EdDSA","kid":"key-1"{kind}}}"#));
    for kind in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        assert_eq!(under(&format!(r#","typ":"{kind}""#)), Verdict::accepted(), "{kind}");
    }
    assert_eq!(under(""), Verdict::step(AccessTokenError::Type));
    for kind in [
        "JWT",
        "jwt",
        "logout+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "portcullis-session+jwt",
        "at+jwt ",
        "at",
        "",
        "text/at+jwt",
    ] {
        assert_eq!(under(&format!(r#","typ":"{kind}""#)), Verdict::step(AccessTokenError::Type), "{kind}");
    }
    for kind in [r#","typ":1"#, r#","typ":["at+jwt"]"#, r#","typ":"at+jwt","typ":"at+jwt""#] {
        assert_eq!(under(kind), Verdict::step(MALFORMED), "{kind}");
    }
}

#[test]
fn the_settings_can_take_the_plain_type_and_no_other() {
    let plain = Machine::issuer("types", json!(["at+jwt", "JWT"]));
    for kind in [r#","typ":"JWT""#, r#","typ":"jwt""#, "", r#","typ":"at+jwt""#] {
        assert_eq!(under(&plain, &format!(r#"{{"alg":"EdDSA","kid":"key-1"{kind}}}"#)), Verdict::accepted(), "{kind}");
    }
    for kind in ["logout+jwt", "dpop+jwt", "portcullis-session+jwt", "JOSE", ""] {
        let header = format!(r#"{{"alg":"EdDSA","kid":"key-1","typ":"{kind}"}}"#);
        assert_eq!(under(&plain, &header), Verdict::step(AccessTokenError::Type), "{kind}");
    }
    let only = Machine::issuer("types", json!(["JWT"]));
    assert_eq!(only.show(&only.good()), Verdict::step(AccessTokenError::Type));
}

#[test]
fn rfc8725_3_12_a_token_of_another_kind_is_no_access_token() {
    // Also where the type does not tell, and the audience is right.
    for machine in [Machine::new(), Machine::issuer("types", json!(["at+jwt", "JWT"]))] {
        for name in ["nonce", "at_hash", "c_hash", "events"] {
            for value in [json!("x"), json!(null), json!({})] {
                assert_eq!(machine.claim(name, Some(value)), Verdict::step(AccessTokenError::Type), "{name}");
            }
        }
    }
    let machine = Machine::new();
    // An ID token as the provider makes it: for the client, and of the plain type.
    let mut claims = machine.claims();
    claims["aud"] = json!("client");
    assert_eq!(machine.show(&machine.signer().token(&claims)), Verdict::step(AccessTokenError::Type));
    let plain = Machine::issuer("types", json!(["JWT"]));
    assert_eq!(plain.show(&plain.signer().token(&claims)), Verdict::step(AccessTokenError::Audience));
}

#[test]
fn rfc9068_4_iss_is_an_issuer_of_the_rule_byte_for_byte() {
    let others = [
        json!("https://id.example/"),
        json!("https://id.example1"),
        json!("https://id.exampl"),
        json!("https://ID.example"),
        json!("http://id.example"),
        json!("https://id.example:443"),
        json!("https://id.example "),
        json!("https://evil.example"),
        json!("api"),
        json!(""),
        json!(["https://id.example"]),
        json!({}),
        json!(1),
        json!(null),
    ];
    refused("iss", AccessTokenError::Issuer, others);
}

#[test]
fn rfc9068_4_aud_names_us_among_others() {
    let machine = Machine::new();
    for audience in
        [json!(AUDIENCE), json!("docs"), json!([AUDIENCE]), json!(["other", "docs"]), json!([AUDIENCE, "docs"])]
    {
        assert_eq!(machine.claim("aud", Some(audience.clone())), Verdict::accepted(), "{audience}");
    }
    let others = [
        json!("https://docs.example.com/"),
        json!("https://docs.example.co"),
        json!("doc"),
        json!("Docs"),
        json!("docs other"),
        json!("docs,other"),
        json!("other"),
        json!("client"),
        json!(""),
        json!([]),
        json!([""]),
        json!(["other"]),
        json!(["docs", 1]),
        json!(["docs", null]),
        json!([["docs"]]),
        json!({ "docs": true }),
        json!(1),
        json!(null),
    ];
    refused("aud", AccessTokenError::Audience, others);
}

#[test]
fn rfc9068_2_2_sub_is_1_to_255_characters_of_ascii() {
    let machine = Machine::new();
    for subject in ["robot", "Robot", "repo:octo/site:ref:refs/heads/main", &"a".repeat(255)] {
        assert_eq!(machine.claim("sub", Some(json!(subject))), Verdict::Accepted(subject.to_owned()));
    }
    let others = [
        json!(""),
        json!("a".repeat(256)),
        json!("rob\u{f6}t"),
        json!("robot\n"),
        json!(1),
        json!(["robot"]),
        json!(null),
    ];
    refused("sub", AccessTokenError::Subject, others);
}

#[test]
fn rfc9068_4_exp_lies_ahead_but_for_a_minute() {
    let machine = Machine::new();
    let now = machine.world.now_seconds();
    for seconds in [1, 600, -59, 86_400 * 365] {
        assert_eq!(machine.claim("exp", Some(json!(now + seconds))), Verdict::accepted(), "{seconds}");
    }
    let others = [json!(now - 60), json!(now - 61), json!(now - 86_400), json!(0), json!(-1)];
    refused("exp", AccessTokenError::Expired, others);
    for value in [json!("1800000600"), json!(null), json!(true), json!([]), json!(1e308), json!(u64::MAX)] {
        assert_eq!(machine.claim("exp", Some(value.clone())), Verdict::step(AccessTokenError::Payload), "{value}");
    }
}

#[test]
fn rfc7519_4_1_5_nbf_and_iat_have_passed_but_for_a_minute() {
    let machine = Machine::new();
    let now = machine.world.now_seconds();
    for name in ["nbf", "iat"] {
        assert_eq!(machine.claim(name, None), Verdict::accepted(), "no {name}");
        for seconds in [0, 60, -86_400 * 30] {
            assert_eq!(machine.claim(name, Some(json!(now + seconds))), Verdict::accepted(), "{name} {seconds}");
        }
        for value in [json!(now + 61), json!(now + 3_600), json!(-1)] {
            let verdict = machine.claim(name, Some(value.clone()));
            assert_eq!(verdict, Verdict::step(AccessTokenError::Future), "{name} {value}");
        }
        for value in [json!("1800000600"), json!(null), json!({}), json!(1e308)] {
            let verdict = machine.claim(name, Some(value.clone()));
            assert_eq!(verdict, Verdict::step(AccessTokenError::Payload), "{name} {value}");
        }
    }
}

#[test]
fn rfc7800_3_1_a_token_that_is_bound_to_a_key_is_no_bearer_token() {
    let machine = Machine::new();
    for value in [json!({ "jkt": "x" }), json!({ "x5t#S256": "x" }), json!({}), json!(null)] {
        assert_eq!(machine.claim("cnf", Some(value.clone())), Verdict::step(AccessTokenError::Bound), "{value}");
    }
}

#[test]
fn rfc7515_4_1_11_an_extension_is_refused() {
    let machine = Machine::new();
    for members in [
        r#""crit":["b64"],"b64":false"#,
        r#""crit":["exp"],"exp":1"#,
        r#""crit":[]"#,
        r#""crit":null"#,
        r#""zip":"DEF""#,
    ] {
        let header = format!(r#"{{"alg":"EdDSA","kid":"key-1","typ":"at+jwt",{members}}}"#);
        assert_eq!(under(&machine, &header), Verdict::step(EXTENSION), "{members}");
    }
}

#[test]
fn rfc7519_4_a_member_that_is_there_twice_is_refused() {
    let machine = Machine::new();
    let payload = machine.claims().to_string();
    let show = |payload: &str| {
        let header = r#"{"alg":"EdDSA","kid":"key-1","typ":"at+jwt"}"#;
        machine.show(&machine.signer().sign_text(header, payload.as_bytes()))
    };
    assert_eq!(show(&payload), Verdict::accepted());
    for member in [
        r#""iss":"https://id.example""#,
        r#""aud":"docs""#,
        r#""sub":"root""#,
        r#""exp":4000000000"#,
        r#""iat":1"#,
        r#""jti":"2""#,
        r#""\u0073ub":"root""#,
    ] {
        for payload in
            [payload.replacen('{', &format!("{{{member},"), 1), payload.replace('}', &format!(",{member}}}"))]
        {
            assert_eq!(show(&payload), Verdict::step(AccessTokenError::Payload), "{payload}");
        }
    }
    for payload in [
        "",
        "null",
        "[]",
        "\"x\"",
        "{",
        "{}}",
        &format!("[{payload}]"),
        &format!("{payload}x"),
        &format!("\u{feff}{payload}"),
    ] {
        assert_eq!(show(payload), Verdict::step(AccessTokenError::Payload), "{payload}");
    }
}
