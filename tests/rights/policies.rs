//! A deny more, a claim less, or what cannot be known: none admits anybody more.

use std::net::IpAddr;

use portcullis::{
    claims::Claims,
    policy::{Facts, Policy, Selector, StepUp},
    time::Timestamp,
};
use proptest::{collection, option, prelude::*, sample::select};
use serde_json::{Value, json};

use crate::config;

/// What a policy can be made of.
fn leaf() -> impl Strategy<Value = Value> {
    let one = select(vec![
        json!({ "group": "a" }),
        json!({ "group": ["b", "c"] }),
        json!({ "role": "r" }),
        json!({ "role": ["s", "r"] }),
        json!({ "email": "ada@example.com" }),
        json!({ "email_domain": "example.com" }),
        json!({ "provider": "work" }),
        json!({ "provider": ["home", "other"] }),
        json!({ "claim": "dep", "matches": "eng-*" }),
        json!({ "claim": "dep", "one_of": ["ops", "eng-1"] }),
        json!({ "claim": "level", "equals": 1 }),
        json!({ "claim": "level", "one_of": [2, true] }),
        json!({ "acr": "x" }),
        json!({ "acr": ["y", "x"] }),
        json!({ "amr": "otp" }),
        json!({ "amr": ["hwk", "pwd"] }),
        json!({ "max_age": "60s" }),
        json!({ "max_age": "1h" }),
    ]);
    prop_oneof![8 => one, 2 => from_somewhere()]
}

fn from_somewhere() -> impl Strategy<Value = Value> {
    select(vec![
        json!({ "ip": "192.0.2.0/24" }),
        json!({ "ip": ["2001:db8::/32", "192.0.2.1"] }),
        json!({ "country": "CH" }),
        json!({ "country": ["DE", "T1"] }),
    ])
}

fn selector(with_none: bool) -> impl Strategy<Value = Value> {
    leaf().prop_recursive(3, 12, 3, move |inner| {
        let names = if with_none { vec!["any", "all", "none"] } else { vec!["any", "all"] };
        (select(names), collection::vec(inner, 1..4)).prop_map(|(name, list)| json!({ name: list }))
    })
}

fn list(with_none: bool) -> impl Strategy<Value = Vec<Value>> {
    collection::vec(selector(with_none), 0..3)
}

/// `allow`, `require` and `deny`.
#[derive(Clone, Debug)]
struct Lists(Option<Vec<Value>>, Vec<Value>, Vec<Value>);

fn lists(with_none: bool) -> impl Strategy<Value = Lists> {
    let deny = if with_none { 3 } else { 1 };
    (option::of(list(with_none)), list(with_none), collection::vec(selector(with_none), 0..deny))
        .prop_map(|(allow, require, deny)| Lists(allow, require, deny))
}

impl Lists {
    fn policy(&self) -> Policy {
        let parse =
            |list: &Vec<Value>| -> Vec<Selector> { list.iter().map(|one| Selector::parse(one).unwrap()).collect() };
        Policy::new(self.0.as_ref().map(parse), parse(&self.1), parse(&self.2))
    }
}

fn some(names: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(names, 0..=names.len())
}

/// What a session says of somebody.
fn person() -> impl Strategy<Value = Value> {
    let said = (some(&["a", "b", "c"]), some(&["r", "s"]), some(&["otp", "pwd"]), some(&["eng-1", "ops"]));
    let how = (option::of(select(vec!["x", "y"])), option::of(0..5_000_u64), any::<bool>(), 0..4_u64);
    (said, how, select(vec!["work", "home"])).prop_map(
        |((groups, roles, amr, dep), (acr, age, verified, level), provider)| {
            let mut claims = json!({
                "sub": "ada", "idp": provider, "email": "ada@example.com", "ev": verified, "groups": groups, "roles": roles, "amr": amr,
                "more": { "dep": dep, "level": [level] },
            });
            if let Some(acr) = acr {
                claims["acr"] = json!(acr);
            }
            if let Some(age) = age {
                claims["auth_time"] = json!(NOW.seconds() - age);
            }
            claims
        },
    )
}

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn addresses() -> [Option<IpAddr>; 4] {
    [None, Some("192.0.2.1".parse().unwrap()), Some("192.0.2.9".parse().unwrap()), Some("2001:db8::1".parse().unwrap())]
}

fn facts<'f>(address: Option<IpAddr>, country: Option<&'f str>) -> Facts<'f> {
    Facts { now: NOW, address, country }
}

/// Whether a policy admits, and what it would ask for otherwise.
fn judge(lists: &Lists, person: &Value, facts: &Facts<'_>) -> Result<(), Option<StepUp>> {
    let claims = Claims::try_from(person.clone()).unwrap();
    lists.policy().judge(&claims, facts).map_err(|denied| denied.step_up)
}

/// Everybody who has one thing less than `person`.
fn with_less(person: &Value) -> Vec<Value> {
    let mut lesser = Vec::new();
    for name in ["groups", "roles", "amr"] {
        for rank in 0..person[name].as_array().unwrap().len() {
            let mut other = person.clone();
            other[name].as_array_mut().unwrap().remove(rank);
            lesser.push(other);
        }
    }
    for name in ["acr", "auth_time", "email", "ev", "more"] {
        let mut other = person.clone();
        other.as_object_mut().unwrap().remove(name);
        lesser.push(other);
    }
    for claim in ["dep", "level"] {
        let mut other = person.clone();
        other["more"].as_object_mut().unwrap().remove(claim);
        lesser.push(other);
    }
    lesser
}

/// The same with every list in it the other way round.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Array(list) => list.iter().rev().map(reversed).collect(),
        Value::Object(table) => table.iter().map(|(name, value)| (name.clone(), reversed(value))).collect(),
        value => value.clone(),
    }
}

fn sorted(step_up: Option<StepUp>) -> Option<StepUp> {
    step_up.map(|mut step_up| {
        step_up.classes.sort();
        step_up
    })
}

proptest! {
    #![proptest_config(config(6_000))]

    #[test]
    fn a_deny_or_a_requirement_more_admits_nobody_more(lists in lists(true), more in selector(true), person in person()) {
        for address in addresses() {
            let facts = facts(address, address.map(|_| "CH"));
            let mut denying = lists.clone();
            denying.2.insert(0, more.clone());
            let mut requiring = lists.clone();
            requiring.1.push(more.clone());
            if judge(&lists, &person, &facts).is_err() {
                prop_assert!(judge(&denying, &person, &facts).is_err(), "{:?}", denying);
                prop_assert!(judge(&requiring, &person, &facts).is_err(), "{:?}", requiring);
            }
            // And an alternative more keeps nobody out.
            let mut allowing = lists.clone();
            if let Some(allow) = &mut allowing.0 {
                allow.push(more.clone());
                prop_assert!(judge(&lists, &person, &facts).is_err() || judge(&allowing, &person, &facts).is_ok());
            }
        }
    }

    #[test]
    fn who_has_less_is_admitted_no_more(lists in lists(false), person in person(), address in select(addresses().to_vec())) {
        let facts = facts(address, Some("CH"));
        let lists = Lists(lists.0, lists.1, Vec::new());
        if judge(&lists, &person, &facts).is_err() {
            for other in with_less(&person) {
                prop_assert!(judge(&lists, &other, &facts).is_err(), "{:?} admits {} and not {}", lists, other, person);
            }
        }
    }

    #[test]
    fn the_order_of_a_list_decides_nothing(lists in lists(true), person in person(), address in select(addresses().to_vec())) {
        let facts = facts(address, None);
        let around = |list: &Vec<Value>| -> Vec<Value> { list.iter().rev().map(reversed).collect() };
        let other = Lists(lists.0.as_ref().map(around), around(&lists.1), around(&lists.2));
        let verdict = |lists: &Lists| judge(lists, &person, &facts).map_err(sorted);
        prop_assert_eq!(verdict(&lists), verdict(&other), "{:?} {}", lists, person);
    }

    #[test]
    fn what_cannot_be_known_admits_nobody_who_might_be_refused(lists in lists(true), person in person()) {
        // Whoever passes while address and country are not known passes with any.
        if judge(&lists, &person, &facts(None, None)).is_ok() {
            for address in addresses() {
                for country in [None, Some("CH"), Some("DE"), Some("US")] {
                    prop_assert!(judge(&lists, &person, &facts(address, country)).is_ok(), "{:?} {:?} {:?}", lists, address, country);
                }
            }
        }
    }

    #[test]
    fn rfc9470_whom_no_step_up_is_offered_none_would_help(lists in lists(false), person in person()) {
        let facts = facts(addresses()[1], Some("CH"));
        let lists = Lists(lists.0, lists.1, Vec::new());
        let verdict = judge(&lists, &person, &facts);
        let mut helped = false;
        for acr in ["x", "y"] {
            for auth_time in [0, NOW.seconds()] {
                let mut again = person.clone();
                again["acr"] = json!(acr);
                again["amr"] = json!(["hwk", "otp", "pwd"]);
                again["auth_time"] = json!(auth_time);
                helped |= judge(&lists, &again, &facts).is_ok();
            }
        }
        match verdict {
            Ok(()) => {}
            Err(None) => prop_assert!(!helped, "{:?} {}", lists, person),
            Err(Some(step_up)) => prop_assert!(!step_up.is_nothing()),
        }
    }
}
