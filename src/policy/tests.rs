use serde_json::{Value, json};

use super::*;
use crate::{
    claims::{Selection, tests::person},
    time::Lifetime,
};

fn policy(rule: &Value) -> Policy {
    let list = |name: &str| {
        rule.get(name)
            .map(|list| list.as_array().unwrap().iter().map(|one| Selector::parse(one).unwrap()).collect::<Vec<_>>())
    };
    Policy::new(list("allow"), list("require").unwrap_or_default(), list("deny").unwrap_or_default())
}

/// The policy's verdict on what a provider says about a person, in a request with `facts`.
fn judge(rule: &Value, said: &Value, facts: &Facts<'_>) -> Result<(), Denied> {
    let policy = policy(rule);
    let mut selectors = Vec::new();
    policy.walk(&mut |one| selectors.push(one));
    let selection: Selection = selectors.into_iter().flat_map(Selector::wanted).collect();
    policy.judge(&person(&selection, said), facts)
}

fn facts() -> Facts<'static> {
    Facts { now: Timestamp::from_seconds(10_000), address: Some("192.0.2.7".parse().unwrap()), country: Some("CH") }
}

fn ada() -> Value {
    json!({
        "idp": "work", "groups": ["staff", "admins"], "roles": ["editor"], "email": "ada@example.com", "email_verified": true,
        "acr": "urn:mfa", "amr": ["pwd", "otp"], "auth_time": 9_900, "department": "eng-core", "level": 7, "contractor": false,
        "org": { "units": ["a", "b"] },
    })
}

/// A selector, and whether it selects Ada.
type Row = (Value, bool);

fn rows() -> Vec<Row> {
    vec![
        (json!({ "group": "admins" }), true),
        (json!({ "group": ["x", "staff"] }), true),
        (json!({ "group": "Admins" }), false),
        (json!({ "group": "admin" }), false),
        (json!({ "role": "editor" }), true),
        (json!({ "role": "admins" }), false),
        (json!({ "email": "ADA@example.com" }), true),
        (json!({ "email": ["bob@example.com", "ada@example.com"] }), true),
        (json!({ "email": "ada@example.com.evil.test" }), false),
        (json!({ "email": "da@example.com" }), false),
        (json!({ "email_domain": "EXAMPLE.com" }), true),
        (json!({ "email_domain": "ample.com" }), false),
        (json!({ "email_domain": "com" }), false),
        (json!({ "email_domain": "sub.example.com" }), false),
        (json!({ "claim": "department", "equals": "eng-core" }), true),
        (json!({ "claim": "department", "equals": "eng" }), false),
        (json!({ "claim": "department", "matches": "eng-*" }), true),
        (json!({ "claim": "department", "matches": ["x*", "*-core"] }), true),
        (json!({ "claim": "department", "matches": "ng-*" }), false),
        (json!({ "claim": "level", "equals": 7 }), true),
        (json!({ "claim": "level", "equals": "7" }), false),
        (json!({ "claim": "level", "matches": "*" }), false),
        (json!({ "claim": "contractor", "equals": false }), true),
        (json!({ "claim": "contractor", "one_of": [true, 0, "false"] }), false),
        (json!({ "claim": "org.units", "one_of": ["x", "b"] }), true),
        (json!({ "claim": "missing", "matches": "*" }), false),
        (json!({ "provider": "work" }), true),
        (json!({ "provider": ["other", "work"] }), true),
        (json!({ "provider": "other" }), false),
        (json!({ "ip": "192.0.2.0/24" }), true),
        (json!({ "ip": ["10.0.0.0/8", "192.0.2.7"] }), true),
        (json!({ "ip": "2001:db8::/32" }), false),
        (json!({ "country": ["DE", "CH"] }), true),
        (json!({ "country": "DE" }), false),
        (json!({ "acr": ["urn:hw", "urn:mfa"] }), true),
        (json!({ "acr": "urn:hw" }), false),
        (json!({ "amr": "otp" }), true),
        (json!({ "amr": "hwk" }), false),
        (json!({ "max_age": "100s" }), true),
        (json!({ "max_age": "99s" }), false),
        (json!({ "any": [{ "group": "x" }, { "role": "editor" }] }), true),
        (json!({ "any": [{ "group": "x" }, { "role": "y" }] }), false),
        (json!({ "all": [{ "group": "staff" }, { "role": "editor" }] }), true),
        (json!({ "all": [{ "group": "staff" }, { "role": "y" }] }), false),
        (json!({ "none": [{ "group": "x" }, { "role": "y" }] }), true),
        (json!({ "none": [{ "group": "x" }, { "role": "editor" }] }), false),
        (json!({ "none": [{ "none": [{ "group": "staff" }] }] }), true),
        (json!({ "all": [{ "any": [{ "group": "staff" }] }, { "none": [{ "country": "US" }] }] }), true),
    ]
}

#[test]
fn every_selector_in_every_list() {
    for (selector, selects) in rows() {
        let verdict = |rule: Value| judge(&rule, &ada(), &facts()).is_ok();
        assert_eq!(verdict(json!({ "allow": [selector] })), selects, "allow {selector}");
        assert_eq!(verdict(json!({ "require": [selector] })), selects, "require {selector}");
        assert_eq!(verdict(json!({ "deny": [selector] })), !selects, "deny {selector}");
        assert_eq!(verdict(json!({ "allow": [{ "group": "nobody" }, selector] })), selects, "one of allow {selector}");
        assert_eq!(
            verdict(json!({ "require": [{ "group": "staff" }, selector] })),
            selects,
            "each of require {selector}"
        );
        assert_eq!(
            verdict(json!({ "allow": [{ "group": "staff" }], "deny": [selector] })),
            !selects,
            "deny wins {selector}"
        );
        assert_eq!(verdict(json!({ "allow": [{ "all": [selector] }] })), selects, "all of {selector}");
        assert_eq!(verdict(json!({ "allow": [{ "any": [selector] }] })), selects, "any of {selector}");
        assert_eq!(verdict(json!({ "allow": [{ "none": [selector] }] })), !selects, "none of {selector}");
    }
}

#[test]
fn nobody_is_selected_by_a_claim_that_is_not_there() {
    let nobody = json!({ "idp": "elsewhere" });
    let nowhere = Facts { address: None, country: None, ..facts() };
    for (selector, _) in rows().into_iter().filter(|(selector, _)| !selector.to_string().contains("none")) {
        assert!(judge(&json!({ "allow": [selector] }), &nobody, &nowhere).is_err(), "{selector}");
    }
}

#[test]
fn claims_of_another_type_select_nobody() {
    let odd = json!({
        "idp": "work", "groups": [["admins"], { "admins": 1 }, 7], "roles": { "editor": true }, "email": ["ada@example.com"],
        "email_verified": "true", "acr": ["urn:mfa"], "amr": "otp2", "auth_time": "9900", "department": { "x": "eng-core" },
    });
    for selector in [
        json!({ "group": "admins" }),
        json!({ "role": "editor" }),
        json!({ "email": "ada@example.com" }),
        json!({ "email_domain": "example.com" }),
        json!({ "acr": "urn:mfa" }),
        json!({ "amr": "otp" }),
        json!({ "max_age": "1h" }),
        json!({ "claim": "department", "matches": "*" }),
    ] {
        assert!(judge(&json!({ "allow": [selector] }), &odd, &facts()).is_err(), "{selector}");
    }
}

#[test]
fn email_rules_see_verified_addresses_with_one_at_sign_only() {
    for (email, verified) in
        [("ada@example.com", false), ("x@evil.test@example.com", true), ("@example.com", true), ("example.com", true)]
    {
        let said = json!({ "idp": "work", "email": email, "email_verified": verified });
        for selector in [json!({ "email": "ada@example.com" }), json!({ "email_domain": "example.com" })] {
            assert!(judge(&json!({ "allow": [selector] }), &said, &facts()).is_err(), "{email} {selector}");
        }
    }
}

#[test]
fn groups_that_cannot_be_read_and_addresses_that_nobody_verified_are_not_known() {
    let overage = json!({ "groups": "src1" });
    for (said, selector) in [
        // Core 5.6.2; Entra ID, for somebody in more than 200 groups.
        (json!({ "_claim_names": overage }), json!({ "group": "contractors" })),
        (json!({ "groups": null, "_claim_names": overage }), json!({ "group": "contractors" })),
        (json!({ "groups": { "contractors": true } }), json!({ "group": "contractors" })),
        (json!({ "groups": ["staff", { "name": "contractors" }] }), json!({ "group": "contractors" })),
        (json!({ "roles": { "guest": {} } }), json!({ "role": "guest" })),
        (json!({ "department": { "name": "eng" } }), json!({ "claim": "department", "equals": "eng" })),
        (json!({ "department": ["hr", ["eng"]] }), json!({ "claim": "department", "matches": "en*" })),
        (json!({ "org": [{ "unit": "eng" }] }), json!({ "claim": "org.unit", "one_of": ["eng"] })),
        (json!({ "org": "eng" }), json!({ "claim": "org.unit", "one_of": ["eng"] })),
        (json!({ "_claim_names": { "department": "src1" } }), json!({ "claim": "department", "equals": "eng" })),
        (json!({ "_claim_names": { "org": "src1" } }), json!({ "claim": "org.unit", "one_of": ["eng"] })),
        (json!({ "_claim_names": { "org.unit": "src1" } }), json!({ "claim": "org.unit", "one_of": ["eng"] })),
        // Several names in one text, alone or in a list.
        (json!({ "groups": ["staff;contractors"] }), json!({ "group": "contractors" })),
        (json!({ "groups": "[\"contractors\"]" }), json!({ "group": "contractors" })),
        (json!({ "acr": ["weak"] }), json!({ "acr": "weak" })),
        (json!({ "acr": { "value": "weak" } }), json!({ "acr": "weak" })),
        (json!({ "_claim_names": { "acr": "src1" } }), json!({ "acr": "weak" })),
        (json!({ "amr": { "pwd": true } }), json!({ "amr": "pwd" })),
        (json!({ "amr": [["pwd"], 7] }), json!({ "amr": "pwd" })),
        (json!({ "amr": "pwd;otp" }), json!({ "amr": "pwd" })),
        (json!({ "_claim_names": { "amr": "src1" } }), json!({ "amr": "pwd" })),
        (json!({ "email": ["bob@example.com"], "email_verified": true }), json!({ "email": "bob@example.com" })),
        (json!({ "email": {}, "email_verified": true }), json!({ "email_domain": "example.com" })),
        (json!({ "_claim_names": { "email": "src1" } }), json!({ "email_domain": "example.com" })),
        // What is not a plain address, or is too long to be kept.
        (json!({ "email": "\"a@b\"@example.com", "email_verified": true }), json!({ "email_domain": "example.com" })),
        (json!({ "email": "Bob <bob@example.com>", "email_verified": true }), json!({ "email": "bob@example.com" })),
        (json!({ "email": "bob@example.com.", "email_verified": true }), json!({ "email_domain": "example.com" })),
        (json!({ "email": "@example.com", "email_verified": true }), json!({ "email_domain": "example.com" })),
        (json!({ "email": "bob @example.com", "email_verified": true }), json!({ "email_domain": "example.com" })),
        (
            json!({ "email": format!("{}@example.com", "a".repeat(320)), "email_verified": true }),
            json!({ "email_domain": "example.com" }),
        ),
        (json!({ "email": "bob@example.com" }), json!({ "email": "Bob@example.com" })),
        (json!({ "email": "bob@example.com", "email_verified": false }), json!({ "email_domain": "example.com" })),
    ] {
        let mut said = said;
        said["idp"] = json!("work");
        for rule in [
            json!({ "allow": [selector] }),
            json!({ "deny": [selector] }),
            json!({ "require": [{ "none": [selector] }] }),
        ] {
            assert!(judge(&rule, &said, &facts()).is_err(), "{rule} {said}");
        }
        // What is known decides, and a rule that does not ask is not affected.
        assert!(judge(&json!({ "deny": [{ "provider": "other" }] }), &said, &facts()).is_ok());
    }
    let staff = json!({ "idp": "work", "groups": ["staff", 7], "department": ["eng", {}] });
    assert!(judge(&json!({ "allow": [{ "group": "staff" }] }), &staff, &facts()).is_ok());
    assert!(judge(&json!({ "allow": [{ "claim": "department", "equals": "eng" }] }), &staff, &facts()).is_ok());
    // Silence is a no: many providers omit an empty list.
    for said in
        [json!({ "idp": "work" }), json!({ "idp": "work", "groups": null }), json!({ "idp": "work", "groups": [] })]
    {
        assert!(judge(&json!({ "deny": [{ "group": "contractors" }] }), &said, &facts()).is_ok(), "{said}");
    }
    for silent in [
        json!({ "acr": "weak" }),
        json!({ "amr": "pwd" }),
        json!({ "email_domain": "example.com" }),
        json!({ "claim": "org.unit", "equals": "eng" }),
    ] {
        let said = json!({ "idp": "work", "acr": null, "org": null });
        assert!(judge(&json!({ "deny": [silent] }), &said, &facts()).is_ok(), "{silent}");
    }
    for level in [json!(5), json!(5.0), json!(5e0)] {
        let said = json!({ "idp": "work", "level": level });
        assert!(judge(&json!({ "deny": [{ "claim": "level", "equals": 5 }] }), &said, &facts()).is_err(), "{level}");
        assert!(judge(&json!({ "deny": [{ "claim": "level", "equals": 6 }] }), &said, &facts()).is_ok(), "{level}");
    }
    let tagged = json!({ "idp": "work", "groups": ["[EU] Staff", "[x]", "a, b"] });
    assert!(judge(&json!({ "deny": [{ "group": "contractors" }] }), &tagged, &facts()).is_ok());
    let elsewhere = json!({ "idp": "work", "email": "jürgen@exämple.de", "email_verified": true });
    assert!(judge(&json!({ "deny": [{ "email_domain": "example.com" }] }), &elsewhere, &facts()).is_ok());
    let other = json!({ "idp": "work", "email": "ada@example.com" });
    assert!(judge(&json!({ "deny": [{ "email": "bob@example.com" }] }), &other, &facts()).is_ok());
}

#[test]
fn what_cannot_be_known_admits_nobody_on_either_side() {
    let nowhere = Facts { address: None, country: None, ..facts() };
    for selector in [json!({ "ip": "192.0.2.0/24" }), json!({ "country": "CH" })] {
        for rule in [
            json!({ "allow": [selector] }),
            json!({ "require": [selector] }),
            json!({ "deny": [selector] }),
            json!({ "require": [{ "none": [selector] }] }),
            json!({ "deny": [{ "none": [selector] }] }),
            json!({ "require": [{ "none": [{ "all": [selector, { "group": "staff" }] }] }] }),
        ] {
            assert!(judge(&rule, &ada(), &nowhere).is_err(), "{rule}");
        }
        // Where the rest decides, it does so.
        assert!(judge(&json!({ "allow": [selector, { "group": "staff" }] }), &ada(), &nowhere).is_ok());
        assert!(judge(&json!({ "deny": [{ "all": [selector, { "group": "x" }] }] }), &ada(), &nowhere).is_ok());
    }
}

#[test]
fn a_denial_names_what_denied() {
    let by = |rule: Value| judge(&rule, &ada(), &facts()).unwrap_err().by;
    assert_eq!(by(json!({ "deny": [{ "group": "x" }, { "group": "staff" }] })), "deny[1]");
    assert_eq!(by(json!({ "require": [{ "group": "staff" }, { "group": "x" }] })), "require[1]");
    assert_eq!(by(json!({ "allow": [{ "group": "x" }] })), "allow");
    assert_eq!(by(json!({ "allow": [] })), "allow");
}

#[test]
fn rfc9470_a_step_up_is_asked_for_exactly_where_it_would_help() {
    let step_up = |rule: Value| judge(&rule, &ada(), &facts()).unwrap_err().step_up;
    let age = |seconds| Some(Lifetime::from_seconds(seconds));
    let helps = [
        (json!({ "require": [{ "acr": "urn:hw" }] }), vec!["urn:hw"], None, false),
        (
            json!({ "require": [{ "acr": ["urn:hw", "urn:x"] }, { "max_age": "60s" }] }),
            vec!["urn:hw", "urn:x"],
            age(60),
            false,
        ),
        (json!({ "require": [{ "max_age": "60s" }, { "max_age": "90s" }] }), vec![], age(60), false),
        (json!({ "require": [{ "amr": "hwk" }] }), vec![], None, true),
        (json!({ "allow": [{ "group": "x" }, { "acr": "urn:hw" }] }), vec!["urn:hw"], None, false),
        (json!({ "allow": [{ "all": [{ "group": "staff" }, { "max_age": "60s" }] }] }), vec![], age(60), false),
        (json!({ "require": [{ "any": [{ "acr": "urn:hw" }, { "amr": "hwk" }] }] }), vec!["urn:hw"], None, true),
        // What is already there is not asked for.
        (json!({ "require": [{ "acr": "urn:mfa" }, { "max_age": "60s" }] }), vec![], age(60), false),
        (
            json!({ "allow": [{ "acr": "urn:hw" }, { "group": "staff" }], "require": [{ "max_age": "60s" }] }),
            vec![],
            age(60),
            false,
        ),
        // What must not hold is not mended by a newer sign-in.
        (json!({ "require": [{ "max_age": "60s" }, { "none": [{ "acr": "pwd" }] }] }), vec![], age(60), false),
        // Only the ways open to this person are asked for.
        (
            json!({ "allow": [
                { "all": [{ "group": "x" }, { "acr": "urn:gold" }, { "max_age": "60s" }] },
                { "all": [{ "group": "staff" }, { "acr": "urn:silver" }] },
            ] }),
            vec!["urn:silver"],
            None,
            false,
        ),
    ];
    for (rule, classes, max_age, anew) in helps {
        let classes = classes.into_iter().map(str::to_owned).collect();
        assert_eq!(step_up(rule.clone()), Some(StepUp { classes, max_age, anew }), "{rule}");
    }
    for rule in [
        json!({ "require": [{ "acr": "urn:hw" }, { "group": "x" }] }),
        json!({ "allow": [{ "group": "x" }], "require": [{ "max_age": "60s" }] }),
        json!({ "deny": [{ "amr": "pwd" }] }),
        json!({ "require": [{ "none": [{ "acr": "urn:mfa" }] }] }),
        json!({ "deny": [{ "group": "staff" }], "require": [{ "max_age": "60s" }] }),
    ] {
        assert_eq!(step_up(rule.clone()), None, "{rule}");
    }
}

#[test]
fn rfc9470_3_the_challenge() {
    let step_up =
        StepUp { classes: vec!["a".into(), "b".into()], max_age: Some(Lifetime::from_seconds(300)), anew: true };
    assert_eq!(
        step_up.challenge(),
        ", error=\"insufficient_user_authentication\", acr_values=\"a b\", max_age=\"300\""
    );
}

#[test]
fn without_a_session_what_everybody_needs_is_asked_for() {
    let ask = |rule: Value| policy(&rule).ask(None, &facts());
    let rule = json!({ "allow": [{ "acr": "urn:hw" }], "require": [{ "max_age": "60s" }, { "any": [{ "group": "x" }, { "acr": "urn:y" }] }] });
    assert_eq!(ask(rule), StepUp { max_age: Some(Lifetime::from_seconds(60)), ..StepUp::default() });
    let all = json!({ "require": [{ "all": [{ "group": "x" }, { "max_age": "60s" }] }] });
    assert_eq!(ask(all), StepUp { max_age: Some(Lifetime::from_seconds(60)), ..StepUp::default() });
    assert!(ask(json!({ "allow": [{ "group": "x" }] })).is_nothing());
}

#[test]
fn what_is_no_selector() {
    for (selector, problem) in [
        (json!({}), "names nobody"),
        (json!("admins"), "not a selector"),
        (json!({ "grup": "a" }), "unknown selector \"grup\""),
        (json!({ "group": "a", "email": "a@b" }), "names two things"),
        (json!({ "group": "" }), "group is empty"),
        (json!({ "group": [] }), "group is empty"),
        (json!({ "group": [1] }), "1 is not a name"),
        (json!({ "email": "a@b@c" }), "not an email address"),
        (json!({ "email": "@b" }), "not an email address"),
        (json!({ "email": "*@b" }), "not an email address"),
        (json!({ "email": "a b@c" }), "not an email address"),
        (json!({ "email_domain": "@example.com" }), "not a domain"),
        (json!({ "email_domain": "*.example.com" }), "not a domain"),
        (json!({ "email_domain": ".example.com" }), "not a domain"),
        (json!({ "email_domain": "example.com." }), "not a domain"),
        (json!({ "email_domain": "a,b" }), "not a domain"),
        (json!({ "email": "ad\u{e4}@b" }), "not an email address"),
        (json!({ "ip": "10.0.0.0/+8" }), "not a network"),
        (json!({ "country": "CHE" }), "not a country"),
        (json!({ "country": "Ch" }), "not a country"),
        (json!({ "ip": "192.0.2.1/24" }), "behind its prefix"),
        (json!({ "ip": "localhost" }), "not a network"),
        (json!({ "country": "ch" }), "not a country"),
        (json!({ "acr": "a b" }), "not a class"),
        (json!({ "acr": "a\"b" }), "not a class"),
        (json!({ "acr": "a\\" }), "not a class"),
        (json!({ "max_age": "5" }), "not a length of time"),
        (json!({ "max_age": 5 }), "5, expected a text of a whole number and a unit, as in \"8h\""),
        (json!({ "max_age": "59s" }), "would be over"),
        (json!({ "any": [] }), "or is empty"),
        (json!({ "any": { "group": "a" } }), "not a list"),
        (json!({ "all": [{ "x": 1 }] }), "unknown selector \"x\""),
        (json!({ "claim": "" , "equals": "x" }), "not the name of a claim"),
        (json!({ "claim": "x" }), "needs one of"),
        (json!({ "claim": "x", "equals": "a", "matches": "b*" }), "needs one of"),
        (json!({ "claim": "x", "equals": 1.5 }), "takes texts"),
        (json!({ "claim": "x", "one_of": [] }), "takes texts"),
        (json!({ "claim": "x", "one_of": ["a", 1.5] }), "takes texts"),
        (json!({ "claim": "x", "matches": "no star" }), "has no \"*\""),
        (json!({ "claim": "x", "like": "y" }), "unknown test"),
    ] {
        let error = Selector::parse(&selector).unwrap_err();
        assert!(error.contains(problem), "{selector}: {error}");
    }
    let mut deep = json!({ "group": "a" });
    for _ in 0..8 {
        deep = json!({ "any": [deep] });
    }
    assert!(Selector::parse(&deep).unwrap_err().contains("deep"));
}
