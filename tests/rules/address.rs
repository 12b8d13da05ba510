//! An address as a claim: whose it is, nobody knows until it is verified (OpenID Connect Core 1.0, 5.7).

use super::*;

/// What `email` asks for, asked for as a claim: an address that anybody may have written admits nobody.
#[test]
fn oidc_core_5_7_an_address_that_nobody_verified_admits_nobody_as_a_claim_either() {
    let rules = json!([
        { "path": "/equals", "allow": [{ "claim": "email", "equals": "ada@example.com" }] },
        { "path": "/one", "require": [{ "claim": "email", "one_of": ["ada@example.com"] }] },
        { "path": "/matches", "allow": [{ "claim": "email", "matches": "*@example.com" }] },
        { "path": "/not", "deny": [{ "claim": "email", "matches": "*@example.com" }] },
        { "path": "/none", "require": [{ "none": [{ "claim": "email", "matches": "*@example.com" }] }] },
        { "path": "/other", "deny": [{ "claim": "email", "matches": "*@evil.example" }] },
    ]);
    for (verified, trust, admitted) in [
        (json!(true), "demand", true),
        (json!("true"), "demand", true),
        (json!(false), "demand", false),
        (json!(null), "demand", false),
        (json!(false), "trust", true),
        (json!(true), "never", false),
    ] {
        let world = World::new();
        let what = format!("{verified} {trust}");
        world.provider(|provider| {
            provider.edit_claims = Some(Box::new(move |claims| claims["email_verified"] = verified.clone()));
        });
        let mut settings = with_rules(rules.clone());
        settings["providers"][0]["email"] = json!(trust);
        let (isolate, ada) = (world.isolate(&settings), Browser::new("ada"));
        ada.open(&isolate, "/else").at_origin();
        let met = |path: &str| status(&ada.send(&isolate, Head::new("GET", path)));
        for path in ["/equals", "/one", "/matches"] {
            assert_eq!(met(path), if admitted { 200 } else { 403 }, "{what} {path}");
        }
        assert_eq!([met("/not"), met("/none"), met("/other")], [403, 403, 200], "{what}");
    }
}
