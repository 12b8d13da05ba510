use super::*;

/// Claims as a login would select them.
pub(crate) fn claims(selection: &Selection, groups: &[&str], email: Option<(&str, bool)>) -> Claims {
    let said = Said {
        email: email.map(|(email, _)| email.to_owned()),
        email_verified: email.is_some_and(|(_, verified)| verified),
        name: Some("Ada".to_owned()),
        groups: groups.iter().map(|group| (*group).to_owned()).collect::<Vec<_>>().into(),
        ..Said::default()
    };
    Claims::select("work", "ada-1", said, selection)
}

/// Claims from what a provider says, as an ID token would give them.
pub(crate) fn person(selection: &Selection, said: &Value) -> Claims {
    let said_by_name = said.as_object().unwrap().clone().into_iter().collect();
    let names = |name: &str| crate::oidc::names_in(&[&said_by_name], name);
    let text = |name: &str| said.get(name).and_then(Value::as_str).map(str::to_owned);
    let person = Said {
        email: text("email"),
        email_unread: crate::oidc::is_unread(&said_by_name, "email"),
        email_verified: said.get("email_verified") == Some(&Value::Bool(true)),
        name: text("name"),
        groups: names("groups"),
        roles: names("roles"),
        acr: crate::oidc::class_in(&said_by_name),
        amr: names("amr"),
        auth_time: said.get("auth_time").and_then(Value::as_u64).map(Timestamp::from_seconds),
        more: crate::oidc::claims_at(selection, &[&said_by_name]),
    };
    Claims::select(said.get("idp").and_then(Value::as_str).unwrap_or("work"), "ada-1", person, selection)
}

#[test]
fn only_groups_that_a_rule_names_are_kept() {
    let selection = Selection::new(["admins", "staff"]);
    let kept = claims(&selection, &["x", "staff", "y", "staff"], None);
    assert_eq!(kept.groups(), ["staff"]);
}

#[test]
fn the_fingerprint_follows_the_selection_and_not_its_order() {
    let print = |groups: &[&str]| Selection::new(groups.iter().copied()).fingerprint().to_owned();
    assert_eq!(print(&["a", "b"]), print(&["b", "a", "a"]));
    let different = [print(&[]), print(&["ab"]), print(&["a", "b"]), print(&["a"])];
    for (rank, one) in different.iter().enumerate() {
        assert!(!different.iter().skip(rank + 1).any(|other| other == one));
    }
}

#[test]
fn oversized_values_for_showing_are_left_out() {
    let said =
        Said { email: Some("a".repeat(321)), email_verified: true, name: Some("n".repeat(257)), ..Said::default() };
    let kept = Claims::select("work", "ada-1", said, &Selection::default());
    assert_eq!((kept.email(), kept.verified_email(), kept.name()), (None, None, None));
    assert_eq!(kept.shown_as(), "ada-1");
}

#[test]
fn what_is_as_long_as_it_may_be_is_kept() {
    let (email, name) = ("a".repeat(EMAIL_BYTES), "n".repeat(NAME_BYTES));
    let said = Said { email: Some(email.clone()), name: Some(name.clone()), ..Said::default() };
    let kept = Claims::select("work", "ada-1", said, &Selection::default());
    assert_eq!((kept.email(), kept.name()), (Some(email.as_str()), Some(name.as_str())));
}

#[test]
fn what_no_rule_asks_for_takes_no_room() {
    let test = ClaimTest::OneOf(vec![Value::from("eng")]);
    let selection: Selection = [Wanted::Claim("dep", &test)].into_iter().collect();
    let everything = serde_json::json!({
        "groups": ["g"], "roles": ["r"], "acr": "urn:mfa", "amr": ["pwd"], "auth_time": 1, "dep": "sales", "x": "y",
    });
    assert_eq!(person(&selection, &everything), person(&selection, &serde_json::json!({})));
}

#[test]
fn whole_numbers_are_told_apart_to_the_last_digit() {
    let test = ClaimTest::OneOf(vec![Value::from(9_007_199_254_740_993_u64)]);
    assert!(test.passes(&Value::from(9_007_199_254_740_993_u64)));
    // As numbers with a fraction are stored, the two are the same.
    assert!(!test.passes(&Value::from(9_007_199_254_740_992_u64)));
}

#[test]
fn a_name_on_a_page_is_what_can_be_seen_of_it() {
    let shown = |email: Option<&str>, name: Option<&str>| {
        let said = Said { email: email.map(str::to_owned), name: name.map(str::to_owned), ..Said::default() };
        Claims::select("work", "ada-1", said, &Selection::default()).shown_as()
    };
    assert_eq!(shown(Some("ada@skep.example"), Some("Ada")), "ada@skep.example");
    // What reverses the rest of the sentence, even after an end of what isolates it.
    assert_eq!(shown(Some("bob\u{202e}x\u{2069}\u{202e}@skep.example"), None), "bobx@skep.example");
    assert_eq!(shown(None, Some("\u{200f}\u{2067}Zoë \u{61c}O\u{2019}Neill\u{0}\n ")), "Zoë O\u{2019}Neill");
    // Joiners belong to letters (UAX #31, 2.3).
    assert_eq!(shown(None, Some("علی\u{200c}رضا")), "علی\u{200c}رضا");
    assert_eq!(shown(None, Some("\u{200d}Ada ❤\u{fe0f}")), "Ada ❤\u{fe0f}");
    let ignorable =
        ["\u{3164}", "\u{115f}\u{1160}", "\u{2800}", "\u{ad}\u{34f}", "\u{200d} \u{200c}", "\u{fe0f}", "\u{e0020}"];
    let ignorable =
        ignorable.into_iter().chain(["\u{17b4}\u{180b}\u{180f}", "\u{fffa}\u{1bca1}", "\u{1d159}\u{1d173}"]);
    for blank in ["", " ", "\u{200b}", "\u{a0}\u{feff}", "\u{2028}\u{202e}\t"].into_iter().chain(ignorable) {
        assert_eq!(shown(Some(blank), Some("Ada")), "Ada", "{blank:?}");
        assert_eq!(shown(Some(blank), Some(blank)), "ada-1", "{blank:?}");
    }
    // Somebody of whom nothing can be seen is not the same as nobody.
    let blank = Claims::select("work", "\u{3164}\u{202e}", Said::default(), &Selection::default());
    assert_eq!(blank.shown_as(), "%E3%85%A4%E2%80%AE");
}

#[test]
fn of_other_claims_only_values_that_a_rule_tests_are_kept() {
    let test = ClaimTest::OneOf(vec![Value::from("eng"), Value::from(7), Value::from(true)]);
    let pattern = ClaimTest::Matches(vec![crate::wildcard::Wildcard::parse("team-*").unwrap()]);
    let selection: Selection =
        [Wanted::Claim("dep", &test), Wanted::Claim("dep", &pattern), Wanted::Claim("org.unit", &test)]
            .into_iter()
            .collect();
    let kept = |path: &str, value: Value| {
        let said = Said { more: vec![(path.to_owned(), value)], ..Said::default() };
        Claims::select("work", "ada-1", said, &selection).values(path).to_vec()
    };
    for (path, value, expected) in [
        ("dep", serde_json::json!("eng"), serde_json::json!(["eng"])),
        ("dep", serde_json::json!(["x", "team-a", 7, 8, null, {}]), serde_json::json!(["team-a", 7, null])),
        ("dep", serde_json::json!([{ "eng": true }, ["eng"]]), serde_json::json!([null])),
        ("dep", serde_json::json!({ "eng": true }), serde_json::json!([null])),
        ("dep", serde_json::json!(null), serde_json::json!([])),
        ("dep", serde_json::json!("7"), serde_json::json!([])),
        ("org.unit", serde_json::json!(true), serde_json::json!([true])),
        ("org.unit", serde_json::json!("team-a"), serde_json::json!([])),
        ("other", serde_json::json!("eng"), serde_json::json!([])),
    ] {
        assert_eq!(Value::from(kept(path, value.clone())), expected, "{path} {value}");
    }
}

#[test]
fn names_behind_what_is_no_object_are_not_known() {
    for (said, is_unread) in [
        (serde_json::json!({ "realm_access": [{ "roles": ["admins"] }] }), true),
        (serde_json::json!({ "realm_access": "admins" }), true),
        (serde_json::json!({ "realm_access": { "roles": { "admins": {} } } }), true),
        (serde_json::json!({ "realm_access": {} }), false),
        (serde_json::json!({ "realm_access": null }), false),
        (serde_json::json!({ "realm_access": "x", "realm_access.roles": ["staff"] }), false),
        (serde_json::json!({}), false),
    ] {
        let claims = said.as_object().unwrap().clone().into_iter().collect();
        assert_eq!(crate::oidc::names_in(&[&claims], "realm_access.roles").and_unread, is_unread, "{said}");
    }
}
