//! Tokens that decide nothing, and still are not the origin's.

use serde_json::json;

use crate::{
    bearer,
    support::{
        browser::Browser,
        machine::{Machine, identity},
        operator::{at, switch},
        outcome::forwarded,
        world::Head,
    },
};

#[test]
fn a_rule_that_lets_everybody_pass_for_a_while_withholds_its_tokens() {
    for mode in ["off", "optional"] {
        let machine = Machine::with(|settings| {
            settings["switch"] = json!(true);
            let ids = ["open", "admin", "api", "seen", "both", "jobs", "deploy"];
            for (rule, id) in settings["rules"].as_array_mut().expect("rules").iter_mut().zip(ids) {
                rule["id"] = json!(id);
            }
            settings["rules"].as_array_mut().expect("rules").push(json!({ "path": "/**", "sso": false }));
        });
        let until = at(&machine.world, 600);
        let all = ["api", "seen", "jobs"].map(|rule| json!({ "rule": rule, "sso": mode, "until": until }));
        switch(&machine.world, &json!(all));
        // Good or bad, nobody asks; and it is not for the origin.
        for (path, value, withheld) in [
            ("/api/x", format!("Bearer {}", machine.good()), true),
            ("/api/x", "Bearer nonsense".to_owned(), true),
            ("/api/x", "Basic Zm9v, Bearer nonsense".to_owned(), true),
            ("/api/x", "Basic Zm9v".to_owned(), false),
            // Many servers ignore case: there it is the same rule's.
            ("/API/x", format!("Bearer {}", machine.good()), true),
            ("/seen/x", format!("Bearer {}", machine.good()), false),
            ("/jobs/x", "Bearer for-the-origin".to_owned(), false),
        ] {
            let arrived = machine.isolate.forward(&Head::new("GET", path).with("authorization", &value));
            assert_eq!((arrived.withholds_token(), arrived.identity().len()), (withheld, 0), "{mode} {path} {value}");
        }
    }
    // So it is with preflights, which no browser sends with a token.
    let machine = Machine::with(|settings| settings["rules"][2]["preflight"] = json!(true));
    let preflight = Head { method: "OPTIONS".to_owned(), ..bearer("/api/x", &machine.good()) };
    let preflight = preflight.with("origin", "https://app.example.com").with("access-control-request-method", "GET");
    assert!(machine.isolate.forward(&preflight).withholds_token());
}

/// Many servers ignore case. Where only one of the rules takes the token, a session decides, and the token still is not
/// the origin's.
#[test]
fn a_token_that_does_not_decide_is_withheld_where_one_of_several_rules_takes_it() {
    for (rank, path) in [(0, "/api/x"), (7, "/API/x")] {
        let machine = Machine::with(|settings| {
            settings["rules"].as_array_mut().expect("rules").insert(rank, json!({ "path": "/API/**" }));
        });
        let ada = Browser::new("ada");
        ada.open(&machine.isolate, "/");
        for (value, withheld) in [(format!("Bearer {}", machine.good()), true), ("Basic Zm9v".to_owned(), false)] {
            let arrived = forwarded(ada.send(&machine.isolate, Head::new("GET", path).with("authorization", &value)));
            assert_eq!(identity(&arrived, "x-auth-subject").as_deref(), Some("ada"), "{path}");
            assert_eq!(arrived.withholds_token(), withheld, "{path} {value}");
        }
    }
}

/// A rule in report mode is silent where a machine's token decides, and nowhere else.
#[test]
fn a_token_that_does_not_decide_hides_no_finding() {
    let machine = Machine::with(|settings| {
        settings["switch"] = json!(true);
        let rules = settings["rules"].as_array_mut().expect("rules");
        rules[2]["id"] = json!("api");
        rules.insert(0, json!({ "path": "/api/**", "mode": "report", "allow": [{ "group": "nobody" }] }));
    });
    let ada = Browser::new("ada");
    ada.open(&machine.isolate, "/");
    let until = at(&machine.world, 600);
    for (mode, findings) in [("on", 0), ("optional", 1), ("off", 1)] {
        switch(&machine.world, &json!([{ "rule": "api", "sso": mode, "until": until }]));
        machine.world.pass(65);
        ada.send(&machine.isolate, Head::new("GET", "/x"));
        machine.world.run_background();
        machine.world.take_events();
        ada.send(&machine.isolate, Head::new("GET", "/api/x").with("authorization", "Bearer nonsense"));
        let events = machine.world.take_events();
        let found = events.iter().filter(|event| event.contains("would_deny")).count();
        assert_eq!(found, findings, "{mode}: {events:?}");
    }
}
