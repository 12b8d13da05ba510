//! The ID token and the userinfo answer: what counts from which.

use serde_json::{Value, json};

use crate::support::{
    browser::{Arrival, Browser},
    provider::Fault,
    world::{World, settings},
};

/// Where a login at a provider with userinfo ends that says this in the ID token, without an address of its own, and
/// this in the userinfo answer.
fn arrival(rule: &Value, token: &Value, userinfo: &Value) -> Arrival {
    let mut settings = settings();
    settings["providers"][0]["userinfo"] = true.into();
    settings["rules"] = json!([rule]);
    let world = World::new();
    let (said, more) = (token.as_object().unwrap().clone(), userinfo.as_object().unwrap().clone());
    world.provider(|provider| {
        provider.userinfo = json!({ "sub": "ada" });
        provider.userinfo.as_object_mut().unwrap().extend(more);
        provider.edit_claims = Some(Box::new(move |claims| {
            let claims = claims.as_object_mut().unwrap();
            claims.retain(|name, _| !["email", "email_verified", "amr", "acr", "groups"].contains(&name.as_str()));
            claims.extend(said.clone());
        }));
    });
    Browser::new("ada").open(&world.isolate(&settings), "/page")
}

#[test]
fn oidc_core_5_7_an_address_is_verified_by_whoever_names_it() {
    let ceo = json!({ "path": "/**", "allow": [{ "email": "ceo@example.com" }] });
    let (named, own) = (json!({ "email": "ceo@example.com" }), json!({ "email": "ada@example.com" }));
    let verified = |mut said: Value| {
        said["email_verified"] = true.into();
        said
    };
    for (token, userinfo, admitted) in [
        (verified(named.clone()), json!({}), true),
        (json!({}), verified(named.clone()), true),
        (verified(named.clone()), verified(own.clone()), true),
        (named.clone(), verified(own.clone()), false),
        (named.clone(), json!({ "email_verified": true }), false),
        (json!({ "email": "ceo@example.com", "email_verified": "true" }), json!({}), true),
        (json!({ "email": "ceo@example.com", "email_verified": "TRUE" }), json!({}), false),
        (json!({ "email": "ceo@example.com", "email_verified": "false" }), json!({}), false),
        (json!({ "email": "ceo@example.com", "email_verified": 1 }), json!({}), false),
        (json!({ "email": "ceo@example.com", "email_verified": ["true"] }), json!({}), false),
        (json!({ "email_verified": true }), named.clone(), false),
        // A null says nothing, and hides nothing.
        (json!({ "email": null }), verified(named.clone()), true),
        (json!({ "email": null, "email_verified": true }), named, false),
        (json!({ "email": "" }), verified(json!({ "email": "ceo@example.com" })), false),
        (verified(own), verified(json!({ "email": "ceo@example.com" })), false),
    ] {
        let arrived = matches!(arrival(&ceo, &token, &userinfo), Arrival::Origin(..));
        assert_eq!(arrived, admitted, "{token} {userinfo}");
    }
}

#[test]
fn oidc_core_2_how_somebody_signed_in_is_the_id_tokens_to_say() {
    for (name, value) in [("amr", json!(["hwk"])), ("acr", json!("urn:hw"))] {
        let asked = if name == "amr" { json!("hwk") } else { value.clone() };
        let rule = json!({ "path": "/**", "require": [{ name: asked }] });
        let said = json!({ name: value });
        assert!(matches!(arrival(&rule, &said, &json!({})), Arrival::Origin(..)), "{name}");
        assert!(matches!(arrival(&rule, &json!({}), &said), Arrival::Page(..)), "{name}");
    }
}

/// LemonLDAP writes several names into one text; Entra ID says in some tokens that there are groups, and not which.
#[test]
fn groups_that_cannot_be_told_apart_are_not_known() {
    let deny = json!({ "path": "/**", "deny": [{ "group": "contractors" }] });
    for (said, more, admitted) in [
        (json!({ "groups": "staff" }), json!({}), true),
        (json!({ "groups": "Domain Users, Zürich" }), json!({}), true),
        (json!({ "groups": "staff; contractors" }), json!({}), false),
        (json!({ "groups": "staff;contractors" }), json!({}), false),
        (json!({}), json!({ "groups": "staff;contractors" }), false),
        (json!({ "hasgroups": true }), json!({}), false),
        (json!({ "hasgroups": true }), json!({ "groups": ["staff"] }), false),
        (json!({ "hasgroups": false }), json!({}), true),
    ] {
        let arrived = matches!(arrival(&deny, &said, &more), Arrival::Origin(..));
        assert_eq!(arrived, admitted, "{said} {more}");
    }
}

/// A rule that keeps out must not take what it cannot read for a no.
#[test]
fn an_address_or_a_way_of_signing_in_that_cannot_be_read_is_not_known() {
    let deny = |selector: Value| json!({ "path": "/**", "deny": [selector] });
    let by_domain = deny(json!({ "email_domain": "evil.example" }));
    for (rule, said, more, admitted) in [
        (&by_domain, json!({ "email": "ada@example.com" }), json!({}), true),
        (&by_domain, json!({ "email": ["ada@evil.example"] }), json!({}), false),
        (&by_domain, json!({ "email": null }), json!({ "email": ["ada@evil.example"] }), false),
        (&by_domain, json!({ "email": null, "_claim_names": { "email": "src1" } }), json!({}), false),
        (&by_domain, json!({ "email": null }), json!({}), true),
        (&deny(json!({ "acr": "weak" })), json!({ "acr": "strong" }), json!({}), true),
        (&deny(json!({ "acr": "weak" })), json!({ "acr": ["weak"] }), json!({}), false),
        (&deny(json!({ "amr": "pwd" })), json!({ "amr": ["hwk"] }), json!({}), true),
        (&deny(json!({ "amr": "pwd" })), json!({ "amr": { "pwd": true } }), json!({}), false),
    ] {
        let arrived = matches!(arrival(rule, &said, &more), Arrival::Origin(..));
        assert_eq!(arrived, admitted, "{rule} {said} {more}");
    }
}

#[test]
fn rfc7519_2_a_moment_need_not_be_a_whole_second() {
    let world = World::new();
    let mut settings = settings();
    settings["rules"] = json!([{ "path": "/**", "require": [{ "max_age": "5m" }] }]);
    for (fraction, admitted) in [(json!(0.5), true), (json!(-0.25), true), (json!(-1000.5), false)] {
        let behind = fraction.as_f64().unwrap();
        world.provider(|provider| {
            provider.edit_claims = Some(Box::new(move |claims| {
                claims["auth_time"] = json!(claims["iat"].as_f64().unwrap() + behind);
            }));
        });
        let arrival = Browser::new("ada").open(&world.isolate(&settings), "/page");
        assert_eq!(matches!(arrival, Arrival::Origin(..)), admitted, "{fraction}");
    }
}

#[test]
fn a_login_that_cannot_ask_userinfo_leaves_the_code_alone_and_says_so() {
    let mut with_userinfo = settings();
    with_userinfo["providers"][0]["userinfo"] = true.into();
    let world = World::new();
    world.provider(|provider| {
        provider.edit_metadata = Some(Box::new(|metadata| {
            metadata.as_object_mut().unwrap().remove("userinfo_endpoint");
        }));
    });
    let arrival = Browser::new("ada").open(&world.isolate(&with_userinfo), "/page");
    assert!(arrival.page().1.contains("userinfo_invalid"), "{}", arrival.page().1);
    assert!(!world.take_calls().iter().any(|call| call.ends_with("/token")));
    assert!(world.log().contains("the metadata has no userinfo_endpoint"));
    // Where nobody asks for it, nothing is missing.
    assert_eq!(Browser::new("ada").open(&world.isolate(&settings()), "/page").at_origin(), "/page");
}

#[test]
fn documents_with_another_status_than_200_are_none() {
    let mut with_userinfo = settings();
    with_userinfo["providers"][0]["userinfo"] = true.into();
    for (endpoint, code) in [
        ("openid-configuration", "metadata_unavailable"),
        ("jwks", "keys_unavailable"),
        ("token", "token_refused"),
        ("userinfo", "userinfo_invalid"),
    ] {
        for status in [201, 203, 206] {
            let world = World::new();
            world.provider(|provider| {
                provider.userinfo = json!({ "sub": "ada" });
                provider.faults.insert(endpoint, Fault::As(status))
            });
            let arrival = Browser::new("ada").open(&world.isolate(&with_userinfo), "/page");
            assert!(arrival.page().1.contains(code), "{endpoint} {status}: {}", arrival.page().1);
        }
    }
}
