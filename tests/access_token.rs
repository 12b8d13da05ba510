//! The access token of a machine, row by row: RFC 9068, 4, under RFC 8725, through whole requests.

#![expect(clippy::unwrap_used, reason = "a helper of a test may panic")]

mod support;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use portcullis::oidc::{AccessTokenError, Algorithm, JwsError};
use serde_json::{Value, json};
use sha2::Sha256;
use support::{
    machine::{AUDIENCE, Machine, Verdict},
    signature::Signer,
};

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

#[test]
fn rfc9068_2_2_1_how_a_person_authenticated_is_the_tokens_to_say() {
    let machine = Machine::with(|settings| {
        settings["rules"] = json!([{
            "path": "/api/**", "tokens": ["api"],
            "require": [{ "acr": "gold" }, { "amr": "otp" }, { "max_age": "5m" }],
        }]);
    });
    let now = machine.world.now_seconds();
    let show = |acr: Value, amr: Value, auth_time: Value| {
        machine.edited(|claims| {
            (claims["acr"], claims["amr"], claims["auth_time"]) = (acr, amr, auth_time);
        })
    };
    assert_eq!(show(json!("gold"), json!(["pwd", "otp"]), json!(now - 300)), Verdict::accepted());
    for (acr, amr, auth_time) in [
        (json!("silver"), json!(["otp"]), json!(now)),
        (json!(null), json!(["otp"]), json!(now)),
        (json!("gold"), json!(["pwd"]), json!(now)),
        (json!("gold"), json!(["otp"]), json!(now - 301)),
        (json!("gold"), json!(["otp"]), json!(null)),
        (json!("gold"), json!(["otp"]), json!(now + 61)),
        (json!("gold"), json!(["otp"]), json!("now")),
    ] {
        // RFC 9470, 3: the token is good, and another one is wanted.
        let verdict = show(acr.clone(), amr.clone(), auth_time.clone());
        assert!(
            matches!(&verdict, Verdict::Refused(401, code, _) if code == "token_step_up"),
            "{acr} {amr} {auth_time}: {verdict}"
        );
    }
}

#[test]
fn rfc9068_2_2_3_groups_are_the_claims_that_the_settings_name() {
    let deploy = |claim: &str, name: &str, value: Value| {
        let machine = Machine::issuer("groups_claim", json!(claim));
        let mut claims = machine.claims();
        claims[name] = value;
        let head = support::world::Head::new("POST", "/deploy/x");
        machine.verdict(&head.with("authorization", &format!("Bearer {}", machine.token(&claims))))
    };
    let denied = Verdict::Refused(
        403,
        "token_not_allowed".to_owned(),
        "subject robot, rule rules[6] /deploy/**, by allow".to_owned(),
    );
    for (claim, name, value, allowed) in [
        ("groups", "groups", json!(["x", "deployers"]), true),
        ("groups", "groups", json!("deployers"), true),
        ("roles", "roles", json!(["deployers"]), true),
        ("realm.roles", "realm", json!({ "roles": ["deployers"] }), true),
        ("scope", "scope", json!("read deployers write"), true),
        ("scp", "scp", json!("deployers"), true),
        ("groups", "groups", json!(["Deployers"]), false),
        ("groups", "groups", json!("read deployers"), false),
        ("groups", "roles", json!(["deployers"]), false),
        ("scope", "scope", json!("deployers2 xdeployers"), false),
        ("groups", "groups", json!([["deployers"]]), false),
        ("groups", "groups", json!({ "deployers": true }), false),
        ("groups", "groups", json!(null), false),
    ] {
        let expected = if allowed { Verdict::accepted() } else { denied.clone() };
        assert_eq!(deploy(claim, name, value.clone()), expected, "{claim}: {name} {value}");
    }
}

#[test]
fn policies_ask_for_roles_and_claims_of_a_token_by_path() {
    let machine = Machine::with(|settings| {
        settings["tokens"][0]["roles_claim"] = json!("realm.roles");
        settings["rules"] = json!([{
            "path": "/api/**", "tokens": ["api"],
            "allow": [{ "role": "deployer" }, { "claim": "repository", "matches": "octo/*" }],
            "deny": [{ "claim": "env.name", "equals": "fork" }],
        }]);
    });
    for (name, value, allowed) in [
        ("realm", json!({ "roles": ["deployer"] }), true),
        ("realm", json!({ "roles": ["reader"] }), false),
        ("roles", json!(["deployer"]), false),
        ("repository", json!("octo/site"), true),
        ("repository", json!("evil/octo/site"), false),
        ("repository", json!(null), false),
    ] {
        let verdict = machine.claim(name, Some(value.clone()));
        assert_eq!(verdict == Verdict::accepted(), allowed, "{name} {value}: {verdict}");
    }
    let denied = machine.edited(|claims| {
        claims["repository"] = json!("octo/site");
        claims["env"] = json!({ "name": "fork" });
    });
    assert!(matches!(denied, Verdict::Refused(403, ..)), "{denied}");
}

#[test]
fn a_refusal_repeats_nothing_of_the_token() {
    let machine = Machine::new();
    for name in ["iss", "sub", "aud", "client_id"] {
        machine.claim(name, Some(json!("\u{2603}marker")));
    }
    let signer = machine.signer();
    machine.show(
        &signer.sign(&json!({ "alg": "marker", "kid": "marker", "typ": "marker" }), &machine.claims().to_string()),
    );
    assert!(!machine.world.log().contains("marker"));
}
