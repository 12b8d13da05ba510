//! What a token says of its holder, and what policies make of it (RFC 9068, 2.2).

use serde_json::{Value, json};

use crate::support::{
    machine::{Machine, Verdict},
    world::Head,
};

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
        let head = Head::new("POST", "/deploy/x");
        machine.verdict(&head.with("authorization", &format!("Bearer {}", machine.token(&claims))))
    };
    let denied =
        Verdict::Refused(403, "token_not_allowed".to_owned(), "api robot rules[6] /deploy/** allow".to_owned());
    for (claim, name, value, allowed) in [
        ("groups", "groups", json!(["x", "deployers"]), true),
        ("groups", "groups", json!("deployers"), true),
        ("roles", "roles", json!(["deployers"]), true),
        ("realm.roles", "realm", json!({ "roles": ["deployers"] }), true),
        ("scope", "scope", json!("read deployers write"), true),
        ("scp", "scp", json!("deployers"), true),
        ("scp", "scp", json!("read deployers"), true),
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
