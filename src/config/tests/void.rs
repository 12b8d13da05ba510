//! What looks like a value but is none: a `null`, and an empty list.

use serde_json::json;

use super::{refusal, tokens};
use crate::config::reference;

#[test]
fn a_null_is_refused_wherever_it_stands() {
    for (place, name) in [
        ("", "session origin headers assertion fragment prefix check switch providers tokens rules hosts"),
        ("/session", "lifetime"),
        ("/origin", "assets service fetch secret_header"),
        ("/headers", "preset subject email name groups provider assertion"),
        (
            "/providers/0",
            "id title audiences scopes algorithms token_auth userinfo email groups_claim roles_claim logout freshness",
        ),
        ("/tokens/0", "issuer audiences types hash expires name groups"),
        ("/rules/1", "id host path methods sso allow require deny tokens mode origins preflight"),
        ("/rules/1/allow/0", "group"),
    ] {
        for name in name.split(' ') {
            let (setting, problem) = refusal(|s| {
                s["session"] = json!({});
                s["origin"] = json!({});
                s["headers"] = json!({});
                s["tokens"] = json!([tokens::issuer("api")]);
                s.pointer_mut(place).unwrap()[name] = json!(null);
            });
            let full = format!("{place}/{name}").replace("/0", "[0]").replace("/1", "[1]").replace('/', ".");
            assert_eq!((setting.as_str(), problem.contains("is null")), (&full[1..], true), "{problem}");
        }
    }
    let (setting, _) = refusal(|s| s["rules"][1]["allow"] = json!([{ "group": ["admins", null] }]));
    assert_eq!(setting, "rules[1].allow[0].group[1]");
}

#[test]
fn an_empty_list_is_refused_wherever_it_stands() {
    let lists = reference::SETTINGS.iter().filter_map(|entry| entry.name.strip_suffix("[]"));
    for name in lists.chain(["providers", "tokens", "rules"]) {
        let (setting, problem) = refusal(|s| {
            s["tokens"] = json!([tokens::service("ci", "0")]);
            match name.split_once("[].") {
                Some((table, name)) => s[table][0][name] = json!([]),
                None => s[name] = json!([]),
            }
        });
        assert_eq!((setting, problem.contains("is empty")), (name.replace("[]", "[0]"), true), "{name}: {problem}");
    }
    let (setting, _) = refusal(|s| s["rules"][1]["deny"] = json!([{ "all": [{ "group": "a" }, { "none": [] }] }]));
    assert_eq!(setting, "rules[1].deny[0].all[1].none");
}
