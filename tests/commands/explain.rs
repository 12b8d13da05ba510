//! `explain`: what it says of a request is what the gate does with it.

use std::{cell::RefCell, rc::Rc};

use portcullis::{edge::Edge, gate::Outcome};
use serde_json::{Map, Value, json};

use crate::{
    Directory, OTHER, rules,
    support::{
        browser::Browser,
        world::{HOST, Head, World},
    },
    with_rules,
};

fn at(url: &str) -> Head {
    Head { url: url.to_owned(), ..Head::new("GET", "/") }
}

/// Who asks, what, and what the command calls the decision.
fn rows() -> Vec<(&'static str, Head, &'static str)> {
    let get = |path: &str| Head::new("GET", path);
    let post = |path: &str| Head::new("POST", path);
    let from = |head: Head, address: &str| head.with("cf-connecting-ip", address);
    let country = |path: &str, country: &str| Head { country: Some(country.to_owned()), ..Head::new("GET", path) };
    let preflight = |path: &str, method: &str| {
        Head::new("OPTIONS", path).with("origin", OTHER).with("access-control-request-method", method)
    };
    vec![
        ("nobody", get("/open/x"), "public"),
        ("ada", get("/open/x"), "public"),
        ("nobody", post("/open/x"), "public"),
        ("nobody", get("/page"), "anonymous"),
        ("ada", get("/page/x?y=1"), "identified"),
        ("ada", post("/page"), "anonymous"),
        ("ada", post("/page").with("origin", HOST), "identified"),
        ("ada", post("/page").with("origin", OTHER), "identified"),
        ("ada", post("/page").with("origin", OTHER).with("sec-fetch-site", "cross-site"), "identified"),
        ("nobody", get("/else"), "sign-in"),
        ("ada", get("/else"), "admitted"),
        ("bob", Head::new("HEAD", "/else"), "admitted"),
        ("ada", post("/else"), "cross-site"),
        ("ada", post("/else").with("sec-fetch-site", "same-origin"), "admitted"),
        ("ada", get("/else").with("upgrade", "websocket"), "cross-site"),
        ("ada", get("/else").with("upgrade", "websocket").with("origin", HOST), "admitted"),
        ("ada", get("/admin"), "admitted"),
        ("bob", get("/admin/x"), "denied"),
        ("nobody", get("/admin/x"), "sign-in"),
        ("nobody", get("/api/x"), "public"),
        ("nobody", post("/api/x"), "sign-in"),
        ("ada", Head::new("PUT", "/api/x").with("origin", HOST), "admitted"),
        ("nobody", get("/api/x").with("x-http-method-override", "POST"), "refused"),
        ("nobody", Head::new("get", "/api/x"), "refused"),
        ("nobody", Head::new("get", "/open/x"), "public"),
        ("nobody", preflight("/api/x", "POST"), "preflight"),
        ("ada", preflight("/api/x", "POST"), "preflight"),
        ("nobody", preflight("/api/x", "PUT"), "sign-in"),
        ("nobody", preflight("/open/..%2Fapi/x", "POST"), "refused"),
        ("ada", get("/billing"), "step-up"),
        ("bob", get("/billing"), "denied"),
        ("nobody", get("/billing"), "sign-in"),
        ("ada", get("/class"), "step-up"),
        ("ada", get("/password"), "admitted"),
        ("ada", get("/method"), "step-up"),
        ("ada", from(get("/ip"), "192.0.2.1"), "admitted"),
        ("ada", from(get("/ip"), "2001:db8::1"), "admitted"),
        ("ada", from(get("/ip"), "192.0.3.1"), "denied"),
        ("ada", get("/ip"), "denied"),
        ("ada", country("/country", "CH"), "admitted"),
        ("ada", country("/country", "XX"), "denied"),
        ("ada", get("/country"), "denied"),
        ("ada", get("/claim"), "admitted"),
        ("bob", get("/claim"), "denied"),
        ("ada", country("/nested", "CH"), "admitted"),
        ("bob", country("/nested", "CH"), "denied"),
        ("ada", get("/nested"), "denied"),
        ("nobody", get("/open/..%2fadmin"), "refused"),
        ("ada", get("/open/%2e%2e/admin"), "refused"),
        ("ada", get("/admin/x%2Fy"), "admitted"),
        ("bob", get("/admin/%61"), "denied"),
        ("ada", get("/%zz"), "refused"),
        ("ada", get("/caf\u{e9}"), "refused"),
        ("nobody", get("/a"), "sign-in"),
        ("nobody", get("/docs/x"), "sign-in"),
        ("ada", get("/docs/x"), "admitted"),
        ("nobody", get("/.auth/me"), "own-endpoint"),
        ("ada", get("/.auth/nothing"), "not-found"),
        ("nobody", at("https://other.example.com/other/x"), "public"),
        ("nobody", at("https://docs.example.com/other/x"), "sign-in"),
        ("ada", at("https://elsewhere.example.com/"), "refused"),
        ("nobody", at("http://docs.example.com/open/x"), "https"),
        ("nobody", Head { method: "POST".to_owned(), ..at("http://docs.example.com/open/x") }, "refused"),
    ]
}

#[test]
fn explain_says_what_the_gate_does() {
    let settings = with_rules(rules());
    let world = World::new();
    // What the provider puts into an ID token is what the command is given.
    let said: Rc<RefCell<Value>> = Rc::default();
    let keep = Rc::clone(&said);
    world.provider(|provider| provider.edit_claims = Some(Box::new(move |claims| _ = keep.replace(claims.clone()))));
    let isolate = world.isolate(&settings);
    let directory = Directory::new("explain-table", &settings);
    let sign_in = |name: &str| {
        let browser = Browser::new(name);
        browser.open(&isolate, "/else");
        (browser, said.take().to_string())
    };
    let (ada, bob) = (sign_in("ada"), sign_in("bob"));
    let time = world.now().seconds().to_string();
    for (who, head, decision) in rows() {
        let row = format!("{who} {} {} {:?}", head.method, head.url, head.headers);
        let mut arguments = vec!["explain", "--json", "--at", &time, "--method", &head.method];
        let headers: Vec<String> = head.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        for ((name, value), line) in head.headers.iter().zip(&headers) {
            arguments.extend(if name == "cf-connecting-ip" { ["--ip", value] } else { ["--header", line] });
        }
        arguments.extend(head.country.iter().flat_map(|country| ["--country", country.as_str()]));
        let person = match who {
            "ada" => Some(&ada),
            "bob" => Some(&bob),
            _ => None,
        };
        arguments.extend(person.iter().flat_map(|(_, claims)| ["--claims", claims.as_str()]));
        arguments.push(&head.url);
        let told: Value = serde_json::from_str(&directory.says(&arguments)).expect("JSON");
        assert_eq!(told["decision"], decision, "{row}: {told:#}");

        world.take_events();
        let outcome = match person {
            Some((browser, _)) => browser.send(&isolate, head.clone()),
            None => isolate.send(&head),
        };
        let log = world.log();
        let events = world.take_events();
        match &outcome {
            Outcome::Forward(forward) => {
                assert_eq!(told["forwarded"], true, "{row}");
                let identity: Map<String, Value> =
                    forward.identity().iter().map(|(name, value)| (name.as_ref().to_owned(), json!(value))).collect();
                assert_eq!(told["identity"], Value::Object(identity), "{row}");
            }
            Outcome::Answer(answer) if decision == "own-endpoint" => {
                assert_eq!(answer.status, 401, "{row}");
            }
            Outcome::Answer(answer) => {
                assert_eq!(told["forwarded"], false, "{row}");
                assert_eq!(told["status"], answer.status, "{row}");
                let problem: Value = serde_json::from_str(&answer.body).unwrap_or_default();
                let code = match decision {
                    "sign-in" => "sign_in_required".into(),
                    "step-up" => "step_up_required".into(),
                    "denied" => "not_allowed".into(),
                    "https" => Value::Null,
                    _ => told["reason"].clone(),
                };
                assert_eq!(problem["code"], code, "{row}");
            }
        }
        if decision == "denied" {
            let rule = told["rule"]["id"].as_str().unwrap_or_else(|| told["rule"]["place"].as_str().unwrap());
            let line: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
            assert_eq!((&line["by"], &line["subject"]), (&told["reason"], &told["person"]["subject"]), "{row}");
            assert!(line["rule"].as_str().unwrap().starts_with(rule), "{row}: {line}");
        }
        let watching = told["watching"].as_array().unwrap().iter();
        let would: Vec<String> =
            watching.map(|one| format!("report would_{}", one["would"].as_str().unwrap())).collect();
        let reported: Vec<String> = events.into_iter().filter(|event| event.starts_with("report")).collect();
        assert_eq!(would, reported, "{row}");
    }
}

#[test]
fn explain_supposes_machines_with_tokens() {
    let mut settings = with_rules(json!([
        { "path": "/api/**", "tokens": ["ci", "jobs"], "deny": [{ "group": "interns" }], "allow": [{ "group": "deployers" }] },
        { "path": "/fresh/**", "tokens": ["jobs"], "require": [{ "max_age": "5m" }] },
    ]));
    settings["tokens"] = json!([
        { "id": "ci", "hash": "0".repeat(64), "expires": "2028-01-01", "groups": ["deployers"] },
        { "id": "jobs", "issuer": "https://jobs.example", "audiences": ["https://docs.example.com"] },
    ]);
    let directory = Directory::new("explain-machines", &settings);
    let groups = r#"{ "sub": "job-1", "groups": ["interns", "deployers"], "auth_time": 1800000000 }"#;
    let at = |seconds: &'static str| ["--at", seconds];
    for (arguments, path, decision, reason) in [
        (vec!["--machine", "ci"], "/api/x", "admitted", Value::Null),
        (vec!["--machine", "jobs"], "/api/x", "denied", json!("allow")),
        (vec!["--machine", "jobs", "--claims", groups], "/api/x", "denied", json!("deny[0]")),
        (vec!["--machine", "jobs", "--claims", groups], "/fresh/x", "admitted", Value::Null),
        (vec!["--machine", "jobs"], "/fresh/x", "step-up", json!("require[0]")),
        (vec!["--machine", "ci"], "/fresh/x", "refused", json!("token_invalid")),
        (vec!["--header", "Authorization: Bearer a.b.c"], "/api/x", "unproven", Value::Null),
        (vec!["--header", "Portcullis-Token: ci"], "/api/x", "refused", json!("token_malformed")),
        (vec!["--machine", "ci"], "/else", "sign-in", Value::Null),
    ] {
        let arguments = [vec!["explain", "--json", path], arguments, at("1800000000").to_vec()].concat();
        let told: Value = serde_json::from_str(&directory.says(&arguments)).expect("JSON");
        assert_eq!((&told["decision"], &told["reason"]), (&json!(decision), &reason), "{arguments:?} {told:#}");
    }
    let late = [vec!["explain", "--json", "/api/x", "--machine", "ci"], at("1900000000").to_vec()].concat();
    let told: Value = serde_json::from_str(&directory.says(&late)).expect("JSON");
    assert_eq!(told["reason"], "token_invalid");
    for (arguments, problem) in [
        (vec!["--machine", "cd"], "neither a service token nor an issuer \"cd\""),
        (vec!["--machine", "ci", "--claims", groups], "no claims"),
        (vec!["--machine", "jobs", "--claims", "{}"], "sub is missing"),
        (vec!["--machine", "jobs", "--provider", "work"], "give one of them"),
    ] {
        let (good, text) = directory.run(&[vec!["explain", "/api/x"], arguments].concat());
        assert!(!good && text.contains(problem), "{text}");
    }
    directory.write(
        "policy.tests.toml",
        "[people.deployer]\nmachine = \"ci\"\n[[tests]]\nurl = \"/api/x\"\nas = [\"deployer\"]\nexpect = \"admitted\"\nrule = \"rules[0]\"\n",
    );
    directory.says(&["test"]);
}

#[test]
fn explain_says_which_selectors_held() {
    let directory = Directory::new("explain-selectors", &with_rules(rules()));
    let claims = r#"{ "sub": "eve", "email": "eve@example.com", "email_verified": false, "groups": ["admins", "x"] }"#;
    let told: Value =
        serde_json::from_str(&directory.says(&["explain", "--json", "--claims", claims, "/nested"])).expect("JSON");
    let within = &told["policy"][0]["within"];
    assert_eq!(told["policy"][0]["selects"], Value::Null, "{told:#}");
    assert_eq!(within[0]["within"][0]["selector"], json!({ "group": "admins" }));
    assert_eq!(
        (&within[0]["selects"], &within[0]["within"][1]["selects"], &within[1]["selects"]),
        (&json!(true), &json!(false), &Value::Null)
    );
    let text = directory.says(&["explain", "--claims", claims, "/class"]);
    for line in [
        "email eve@example.com, which is not verified: it admits nowhere, and the origin does not see it",
        "  require[0]     unknown  { email_domain = \"example.com\" }\n",
        "  require[1]     no       { acr = [\"urn:mfa\", \"urn:hw\"] }  (a new sign-in could bring it)\n",
        "require[0] decides: what it asks about is not known, and that admits nobody.",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let text = directory.says(&["explain", "--claims", claims, "--country", "XX", "/country"]);
    assert!(text.contains("deny[0] decides: it selects eve@example.com."), "{text}");
    let text = directory.says(&["explain", "/billing/x"]);
    assert!(text.contains("The provider is asked for max_age=300.") && text.contains("{ max_age = \"5m\" }"), "{text}");
}

#[test]
fn explain_shows_the_rule_that_has_to_admit_as_well() {
    let page = json!([{ "path": "/docs/*.html" }, { "path": "/docs/**", "allow": [{ "group": "admins" }] }]);
    let mut settings = with_rules(page);
    settings["origin"] = json!({ "assets": "ASSETS" });
    let directory = Directory::new("explain-beside", &settings);
    let text = directory.says(&["explain", "--claims", r#"{"sub":"bob","groups":["staff"]}"#, "/docs/data.json"]);
    for line in [
        "denied: bob is signed in",
        "rules[0] (/docs/*.html) asks for sign-in, which is enough\n",
        "rules[1] (/docs/**) asks for sign-in, and has a policy\n  has to admit as well, and does not: allow.",
        "  allow[0]       no       { group = \"admins\" }\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

/// Whose a request is does not hang on what the origin is told of them.
#[test]
fn who_is_signed_in_is_identified_though_no_header_says_so() {
    let mut settings = with_rules(rules());
    settings["headers"] = json!({ "subject": false, "provider": false, "name": false, "groups": false });
    let directory = Directory::new("explain-untold", &settings);
    for (claims, decision) in [
        (vec!["--claims", r#"{"sub":"ada","email":"ada@example.com"}"#], "identified: "),
        (vec!["--claims", r#"{"sub":"ada","email":"ada@example.com","email_verified":true}"#], "identified: "),
        (vec![], "anonymous: "),
    ] {
        let text = directory.says(&[vec!["explain", "/page"], claims].concat());
        assert!(text.contains(&format!("\n{decision}")), "{text}");
    }
}

#[test]
fn explain_shows_the_rule_of_what_may_not_be_moved_elsewhere() {
    let directory = Directory::new("explain-destination", &with_rules(rules()));
    let asked = ["explain", "--claims", r#"{"sub":"bob"}"#, "--method", "MOVE"];
    let to = ["--header", "destination: /admin/x", "--header", "origin: https://docs.example.com", "/else/x"];
    let text = directory.says(&[&asked[..], &to].concat());
    assert!(text.contains("(path_unreadable)") && text.contains("as bob, signed in at work"), "{text}");
    assert!(text.contains("No rule matches: sign-in is needed"), "{text}");
}

#[test]
fn explain_shows_every_reading_of_a_doubtful_path() {
    let directory = Directory::new("explain-readings", &with_rules(rules()));
    let text = directory.says(&["explain", "/open/..%2fadmin"]);
    assert!(text.contains("  /open/../admin    rules[2], /open/**\n"), "{text}");
    assert!(text.contains("  /admin            rules[7] \"admin\", /admin/**\n"), "{text}");
    // A preflight that no rule lets through is judged by its own method.
    let preflight = ["--method", "OPTIONS", "--header", &format!("Origin: {OTHER}")];
    for (asked, rule) in [("GET", "(no rule)"), ("POST", "rules[5], /api/**")] {
        let header = format!("Access-Control-Request-Method: {asked}");
        let text = directory.says(&[&["explain"][..], &preflight, &["--header", &header, "/api/%78"]].concat());
        assert!(text.contains(&format!("  /api/x    {rule}")), "{asked}: {text}");
    }
    let text = directory.says(&["explain", "/open/%2e%2e/admin#top"]);
    assert!(text.contains("A browser would ask for https://docs.example.com/admin instead."), "{text}");
}

/// What workerd makes of a request line before the gate sees it: plain dots are gone, and nothing else is.
#[test]
fn plain_dots_are_resolved_as_the_platform_does() {
    let directory = Directory::new("explain-dots", &with_rules(rules()));
    for (sent, seen) in [
        ("/open/../admin", "/admin"),
        ("/open/./x", "/open/x"),
        ("/open/.", "/open/"),
        ("/open/x/..", "/open/"),
        ("/..", "/"),
        ("/../../x?y=/../z", "/x?y=/../z"),
        ("//h/../x", "//x"),
        ("/.auth/../x", "/x"),
        ("/open/", "/open/"),
        ("/open//x", "/open//x"),
        ("/open/.../x", "/open/.../x"),
        ("/open/..;/x", "/open/..;/x"),
        ("/open/%2e%2e/admin", "/open/%2e%2e/admin"),
        ("/open/..%2fadmin", "/open/..%2fadmin"),
        ("/open\\..\\admin", "/open\\..\\admin"),
    ] {
        let text = directory.says(&["explain", sent]);
        assert!(text.starts_with(&format!("GET https://docs.example.com{seen}\n")), "{sent}: {text}");
        let line = format!("  It was sent as https://docs.example.com{sent}: the platform resolves plain dots.\n");
        assert_eq!(text.contains(&line), sent != seen, "{text}");
    }
    assert!(directory.says(&["explain", "/open/../admin"]).contains("rules[7] \"admin\""));
}

#[test]
fn oidc_core_5_7_the_verified_address_is_judged_as_the_provider_is_trusted() {
    for (trust, verified, decision) in [
        ("demand", json!(true), "admitted"),
        ("demand", json!("true"), "admitted"),
        ("demand", json!("false"), "denied"),
        ("demand", json!(1), "denied"),
        ("demand", Value::Null, "denied"),
        ("trust", json!(false), "admitted"),
        ("never", json!(true), "denied"),
    ] {
        let mut settings = with_rules(rules());
        settings["providers"][0]["email"] = json!(trust);
        let directory = Directory::new("explain-email", &settings);
        let claims = json!({ "sub": "c", "email": "ceo@example.com", "email_verified": verified }).to_string();
        let told: Value =
            serde_json::from_str(&directory.says(&["explain", "--json", "--claims", &claims, "/admin"])).expect("JSON");
        assert_eq!(told["decision"], decision, "{trust} {verified}");
    }
}
