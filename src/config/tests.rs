use serde_json::{Value, json};

use super::*;

mod bounds;
mod pages;
mod tokens;
mod void;

fn settings() -> Value {
    json!({
        "hosts": ["docs.example.com"],
        "providers": [{ "id": "work", "title": "Work", "issuer": "https://id.example", "client_id": "c" }],
        "rules": [{ "path": "/open/**", "sso": false }, { "path": "/admin/**", "allow": [{ "group": "admins" }] }],
    })
}

fn parse(settings: &Value, secrets: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let text = settings.to_string();
    Config::parse(SettingsText { variable: Some(&text), module: Some("{}\n") }, |name| {
        secrets.iter().find(|(secret, _)| *secret == name).map(|(_, value)| (*value).to_owned())
    })
}

/// The setting and the problem that `change` causes.
fn refusal(change: impl FnOnce(&mut Value)) -> (String, String) {
    let mut settings = settings();
    change(&mut settings);
    let error = parse(&settings, &[]).expect_err("wrong settings");
    (error.setting, error.problem)
}

fn rank_of(config: &Config, path: &str) -> Result<Option<usize>, crate::rules::Ambiguous> {
    let target = crate::rules::Target { host: "docs.example.com", method: "GET" };
    config.matcher().first_match(&crate::rules::RequestPath::parse(path).unwrap(), target)
}

fn remove(settings: &mut Value, member: &str) {
    settings.as_object_mut().unwrap().remove(member);
}

#[test]
fn the_smallest_settings_are_enough() {
    let config = parse(&settings(), &[]).unwrap();
    assert_eq!(config.origin, Origin::Assets("ASSETS".to_owned()));
    assert_eq!((config.prefix.as_str(), config.fragment, config.session_lifetime.seconds()), ("/.auth", true, 28_800));
}

/// A setting, a part of the problem, and the change that causes it.
type Refusal = (&'static str, &'static str, fn(&mut Value));

#[test]
fn every_refusal_names_its_setting() {
    let rows: [Refusal; 61] = [
        ("PORTCULLIS", "hosts", |s| remove(s, "hosts")),
        ("hosts[0]", "not a host", |s| s["hosts"][0] = json!("https://docs.example.com")),
        ("hosts[0]", "leave out 80 and 443", |s| s["hosts"][0] = json!("docs.example.com:443")),
        ("hosts[0]", "invalid type", |s| s["hosts"][0] = json!(1)),
        ("hots", "unknown field", |s| s["hots"] = json!("x")),
        ("PORTCULLIS", "unknown field", |s| s[""] = json!("x")),
        ("session.lifetme", "unknown field", |s| s["session"] = json!({ "lifetme": "8h" })),
        ("session.lifetime", "not a length of time", |s| s["session"] = json!({ "lifetime": "8" })),
        ("session.lifetime", "8, expected a text of a whole number and a unit", |s| {
            s["session"] = json!({ "lifetime": 8 })
        }),
        ("providers[0].freshness", "as in \"8h\"", |s| s["providers"][0]["freshness"] = json!(3600)),
        ("session.lifetime", "out of bounds", |s| s["session"] = json!({ "lifetime": "1m" })),
        ("session.lifetime", "out of bounds", |s| s["session"] = json!({ "lifetime": "31d" })),
        ("session.idle", "unknown field", |s| s["session"] = json!({ "idle": "1h" })),
        ("origin", "more than one", |s| s["origin"] = json!({ "assets": "A", "service": "B" })),
        ("origin.assets", "not the name", |s| s["origin"] = json!({ "assets": "a b" })),
        ("origin.service", "not the name", |s| s["origin"] = json!({ "service": "" })),
        ("origin.fetch", "not an origin", |s| s["origin"] = json!({ "fetch": "https://o.example/path" })),
        ("origin.fetch", "not an origin", |s| s["origin"] = json!({ "fetch": "http://o.example" })),
        ("origin.fetch", "not an origin", |s| s["origin"] = json!({ "fetch": "ftp://localhost" })),
        ("origin.fetch", "not an origin", |s| s["origin"] = json!({ "fetch": "https://u@o.example" })),
        ("origin.fetch", "not an origin", |s| s["origin"] = json!({ "fetch": "https://:p@o.example" })),
        ("origin.fetch", "not an origin", |s| s["origin"] = json!({ "fetch": "https://o.example?x" })),
        ("origin.fetch", "not an origin", |s| s["origin"] = json!({ "fetch": "https://o.example#x" })),
        ("origin.fetch", "not an origin", |s| s["origin"] = json!({ "fetch": "zone2" })),
        ("origin.fetch", "not an origin", |s| s["origin"] = json!({ "fetch": "https://*.example" })),
        ("origin.secret_header", "means something else", |s| {
            s["origin"] = json!({ "fetch": "zone", "secret_header": "Cookie" })
        }),
        ("origin.secret_header", "origin.fetch alone", |s| s["origin"] = json!({ "secret_header": true })),
        ("origin.secret_header", "origin.fetch alone", |s| {
            s["origin"] = json!({ "service": "A", "secret_header": "X-Secret" })
        }),
        ("PORTCULLIS_ORIGIN_SECRET", "missing", |s| s["origin"] = json!({ "fetch": "zone", "secret_header": true })),
        ("headers.email", "means something else", |s| s["headers"] = json!({ "email": "Host" })),
        ("headers.email", "or false", |s| s["headers"] = json!({ "email": 1 })),
        ("headers.mail", "unknown field `mail`", |s| s["headers"] = json!({ "mail": "X-Mail" })),
        ("prefix", "not a prefix", |s| s["prefix"] = json!("/")),
        ("prefix", "not a prefix", |s| s["prefix"] = json!("/a/../b")),
        ("prefix", "not a prefix", |s| s["prefix"] = json!("/./b")),
        ("prefix", "not a prefix", |s| s["prefix"] = json!("/sso.")),
        ("prefix", "not a prefix", |s| s["prefix"] = json!("/a./b")),
        ("prefix", "not a prefix", |s| s["prefix"] = json!("/a%2fb")),
        ("prefix", "not a prefix", |s| s["prefix"] = json!("a")),
        ("check", "unknown variant", |s| s["check"] = json!("apache")),
        ("PORTCULLIS_CHECK_SECRET", "missing", |s| s["check"] = json!("nginx")),
        ("fragment", "invalid type", |s| s["fragment"] = json!("yes")),
        ("providers", "is missing", |s| remove(s, "providers")),
        ("providers[0].isuer", "unknown field", |s| s["providers"][0]["isuer"] = json!("x")),
        ("providers[0].id", "not an id", |s| s["providers"][0]["id"] = json!("Work")),
        ("providers[1].id", "twice", |s| {
            let first = s["providers"][0].clone();
            s["providers"].as_array_mut().unwrap().push(first);
        }),
        ("providers[0].title", "empty", |s| s["providers"][0]["title"] = json!(" ")),
        ("providers[0].issuer", "not an issuer", |s| s["providers"][0]["issuer"] = json!("http://id.example")),
        ("providers[0].client_id", "empty", |s| s["providers"][0]["client_id"] = json!("")),
        ("providers[0].audiences", "empty", |s| s["providers"][0]["audiences"] = json!(["project", " "])),
        ("providers[0].scopes", "openid", |s| s["providers"][0]["scopes"] = json!(["email"])),
        ("providers[0].scopes", "not a scope", |s| s["providers"][0]["scopes"] = json!(["openid", "a b"])),
        ("providers[0].algorithms[0]", "unknown variant", |s| s["providers"][0]["algorithms"] = json!(["HS256"])),
        ("providers[0].algorithms[0]", "unknown variant", |s| s["providers"][0]["algorithms"] = json!(["none"])),
        ("providers[0].token_auth", "PORTCULLIS_WORK_CLIENT_SECRET", |s| {
            s["providers"][0]["token_auth"] = json!("basic")
        }),
        ("providers[0].freshness", "out of bounds", |s| s["providers"][0]["freshness"] = json!("1s")),
        ("rules[0].path", "does not start", |s| s["rules"][0]["path"] = json!("open")),
        ("rules[0].path", "can never match", |s| s["rules"][0]["path"] = json!("/.auth/**")),
        ("rules[1]", "can never match", |s| s["rules"][1]["path"] = json!("/open/x")),
        ("rules[0].allow", "beside sso = false", |s| s["rules"][0]["allow"] = json!([{ "group": "a" }])),
        ("rules[1].allow[0]", "names two things", |s| s["rules"][1]["allow"][0]["email"] = json!("a@b")),
    ];
    for (setting, problem, change) in rows {
        let (found, text) = refusal(change);
        assert!(found == setting && text.contains(problem), "{setting}: {problem}; found {found}: {text}");
    }
}

#[test]
fn settings_stand_in_one_place() {
    let text = settings().to_string();
    let parse = |variable, module| Config::parse(SettingsText { variable, module }, |_| None).map(|_| ());
    assert!(parse(Some(&text), Some("")).is_ok());
    assert!(parse(None, Some(&text)).is_ok());
    assert!(parse(None, None).unwrap_err().problem.contains("no settings"));
    assert!(parse(None, Some("{}")).unwrap_err().problem.contains("no settings"));
    assert!(parse(Some(&text), Some(&text)).unwrap_err().problem.contains("both"));
    for text in ["{", "[]", "null", "{}{}", "\"x\""] {
        assert_eq!(parse(Some(text), None).unwrap_err().setting, "PORTCULLIS", "{text}");
    }
}

#[test]
fn client_secrets_are_looked_up_by_the_providers_id() {
    for (stored, told) in [("s", "s"), ("s\r\n", "s"), (" s ", " s ")] {
        let config = parse(&settings(), &[("PORTCULLIS_WORK_CLIENT_SECRET", stored)]).unwrap();
        assert!(config.providers[0].client_secret.as_ref().is_some_and(|secret| secret.equals(told.as_bytes())));
    }
    let error = parse(&settings(), &[("PORTCULLIS_WORK_CLIENT_SECRET", " ")]).unwrap_err();
    assert_eq!(error.setting, "PORTCULLIS_WORK_CLIENT_SECRET");
    let mut none = settings();
    none["providers"][0]["token_auth"] = json!("none");
    assert_eq!(parse(&none, &[("PORTCULLIS_WORK_CLIENT_SECRET", "s")]).unwrap_err().setting, "providers[0].token_auth");
}

#[test]
fn a_clients_secret_is_none_of_the_others() {
    const ONE: &str = "6U5hmtGXyCS0oHhJxTfR1BzZkQ2wLrNp8vMaEdYcKf4=";
    const OTHER: &str = "Qp3vN8xYt1KdRz6WmLc0UeHs5BjGfAo2iTn9ZkXyMw4=";
    let mut asking = settings();
    asking["check"] = json!("nginx");
    asking["origin"] = json!({ "fetch": "zone", "secret_header": true });
    let names = ["SECRET", "SECRET_PREVIOUS", "CHECK_SECRET", "CHECK_SECRET_PREVIOUS", "ORIGIN_SECRET"];
    for name in names.map(|name| format!("PORTCULLIS_{name}")) {
        // The first of a name counts.
        let with = |client: &str| {
            let others = [("PORTCULLIS_CHECK_SECRET", OTHER), ("PORTCULLIS_ORIGIN_SECRET", "1234567890123456")];
            parse(&asking, &[&[(name.as_str(), ONE), ("PORTCULLIS_WORK_CLIENT_SECRET", client)][..], &others].concat())
        };
        assert!(with("c3RvcmVkIGF0IGRlcGxveW1lbnQ").is_ok(), "{name}");
        for client in [ONE.to_owned(), format!("{ONE}\n")] {
            let error = with(&client).unwrap_err();
            assert_eq!(error.setting, "PORTCULLIS_WORK_CLIENT_SECRET", "{name}");
            assert!(error.problem.starts_with("equals PORTCULLIS_") && !error.problem.contains(ONE), "{error}");
        }
    }
    // The same bytes in another spelling; and a secret that nothing asks for is not sent, and is no error.
    let alone =
        |name: &str, client: &str| parse(&settings(), &[(name, ONE), ("PORTCULLIS_WORK_CLIENT_SECRET", client)]);
    assert!(alone("PORTCULLIS_SECRET", ONE.trim_end_matches('=')).is_err());
    assert!(alone("PORTCULLIS_ORIGIN_SECRET", ONE).is_ok());
}

#[test]
fn the_origins_secret_is_there_whole_and_never_repeated() {
    const OWN: &str = "6U5hmtGXyCS0oHhJxTfR1BzZkQ2wLrNp8vMaEdYcKf4=";
    let mut settings = settings();
    settings["origin"] = json!({ "fetch": "https://o.example", "secret_header": "X-From-Gate" });
    let with = |secret: &str| parse(&settings, &[("PORTCULLIS_ORIGIN_SECRET", secret), ("PORTCULLIS_SECRET", OWN)]);
    for (secret, problem) in [
        ("", "shorter than 16"),
        ("123456789012345", "shorter than 16"),
        ("1234567890123456 ", "cannot carry"),
        ("1234567890\n123456", "cannot carry"),
        ("1234567890\u{e9}123456", "cannot carry"),
        ("1234567890\u{7f}123456", "cannot carry"),
        ("changeme-changeme", "well known"),
        ("0123456789012345", "well known"),
        // What the gate signs with, as it is and in other spellings.
        (OWN, "equals PORTCULLIS_SECRET"),
        (OWN.trim_end_matches('='), "equals PORTCULLIS_SECRET"),
    ] {
        let error = with(secret).unwrap_err();
        assert_eq!(error.setting, "PORTCULLIS_ORIGIN_SECRET", "{secret:?}");
        assert!(error.problem.contains(problem) && (secret.is_empty() || !error.problem.contains(secret)), "{error}");
    }
    let config = with("1234567890123456").unwrap();
    let secret = config.origin_secret.as_ref().unwrap();
    assert!(secret.header == "x-from-gate" && secret.value.equals(b"1234567890123456"));
    assert!(config.headers.managed().split(',').any(|name| name == "x-from-gate"));
    assert!(!format!("{config:?}").contains("1234567890123456"));
    // Stored before the setting that asks for it, it is not sent.
    for origin in [json!({ "fetch": "zone" }), json!({ "fetch": "zone", "secret_header": false }), json!({})] {
        settings["origin"] = origin;
        assert!(parse(&settings, &[("PORTCULLIS_ORIGIN_SECRET", "x")]).unwrap().origin_secret.is_none());
    }
    // It has a name of its own.
    settings["origin"] = json!({ "fetch": "zone", "secret_header": "X_Auth_Email" });
    let error = parse(&settings, &[("PORTCULLIS_ORIGIN_SECRET", "1234567890123456")]).unwrap_err();
    assert_eq!(error.setting, "headers.email");
}

#[test]
fn the_reference_lists_exactly_the_settings_there_are() {
    let known = |path: &[&str]| -> Vec<String> {
        let mut settings = settings();
        settings["session"] = json!({});
        settings["origin"] = json!({});
        settings["headers"] = json!({});
        settings["tokens"] = json!([tokens::issuer("api")]);
        let mut place = &mut settings;
        for part in path {
            place = if let Ok(rank) = part.parse::<usize>() { &mut place[rank] } else { &mut place[*part] };
        }
        place["no-such-setting"] = json!(1);
        let problem = parse(&settings, &[]).expect_err("an unknown key").problem;
        problem.split("expected").nth(1).unwrap().split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let groups: [(&[&str], &str); 7] = [
        (&[], ""),
        (&["session"], "session."),
        (&["origin"], "origin."),
        (&["headers"], "headers."),
        (&["providers", "0"], "providers[]."),
        (&["tokens", "0"], "tokens[]."),
        (&["rules", "0"], "rules[]."),
    ];
    let mut taken: Vec<String> = Vec::new();
    for (path, prefix) in groups {
        taken.extend(known(path).into_iter().map(|name| format!("{prefix}{name}")));
    }
    // A setting that holds others is not listed itself.
    let holders = ["session", "origin", "headers", "providers", "tokens", "rules"];
    taken.retain(|name| !holders.contains(&name.as_str()));
    // A selector is one of these, each shown by its own tests.
    let unknown = Selector::parse(&json!({ "no-such-selector": 1 })).unwrap_err();
    let selectors = unknown.split("there are ").nth(1).unwrap().replace(" and ", ", ");
    taken.extend(selectors.split(", ").map(|name| format!("selector.{name}")));
    let mut listed: Vec<String> = reference::SETTINGS.iter().map(|entry| entry.name.to_owned()).collect();
    for name in &mut listed {
        if let Some(bare) = name.strip_suffix("[]") {
            *name = bare.to_owned();
        }
    }
    taken.sort();
    listed.sort();
    assert_eq!(listed, taken);
}

#[test]
fn every_refusal_of_a_rule_names_it() {
    let rows: [(&str, &str, Value); 31] = [
        ("rules[0].id", "not an id", json!({ "path": "/x", "id": "A b" })),
        ("rules[0].host", "not a host", json!({ "path": "/x", "host": "*" })),
        ("rules[0].host", "none of hosts", json!({ "path": "/x", "host": "other.example.com" })),
        ("rules[0].host", "none of hosts", json!({ "path": "/x", "host": "*.docs.example.com" })),
        ("rules[0].methods", "in capitals", json!({ "path": "/x", "methods": ["get"] })),
        ("rules[0].methods", "in capitals", json!({ "path": "/x", "methods": ["Get"] })),
        ("rules[0].methods", "in capitals", json!({ "path": "/x", "methods": [""] })),
        ("rules[0].sso", "none of true, false", json!({ "path": "/x", "sso": "off" })),
        ("rules[0].allow", "beside sso = false", json!({ "path": "/x", "sso": false, "allow": [{ "group": "a" }] })),
        (
            "rules[0].require",
            "beside sso = false",
            json!({ "path": "/x", "sso": false, "require": [{ "group": "a" }] }),
        ),
        ("rules[0].deny", "beside sso = false", json!({ "path": "/x", "sso": false, "deny": [{ "group": "a" }] })),
        (
            "rules[0].deny",
            "beside sso = \"optional\"",
            json!({ "path": "/x", "sso": "optional", "deny": [{ "group": "a" }] }),
        ),
        (
            "rules[0].allow[1]",
            "unknown selector",
            json!({ "path": "/x", "allow": [{ "group": "a" }, { "grup": "a" }] }),
        ),
        ("rules[0].deny[0]", "names two things", json!({ "path": "/x", "deny": [{ "group": "a", "role": "b" }] })),
        (
            "rules[0]",
            "no provider \"other\"",
            json!({ "path": "/x", "require": [{ "any": [{ "provider": "other" }] }] }),
        ),
        ("rules[0].deny", "max_age", json!({ "path": "/x", "deny": [{ "max_age": "1h" }] })),
        ("rules[0].require", "max_age", json!({ "path": "/x", "require": [{ "none": [{ "max_age": "1h" }] }] })),
        (
            "rules[0].allow",
            "max_age",
            json!({ "path": "/x", "allow": [{ "any": [{ "none": [{ "all": [{ "max_age": "1h" }] }] }] }] }),
        ),
        ("rules[0].mode", "unknown variant", json!({ "path": "/x", "mode": "watch" })),
        ("rules[0].mode", "nothing to report", json!({ "path": "/x", "mode": "report" })),
        ("rules[0].mode", "nothing to report", json!({ "path": "/x", "mode": "report", "sso": false })),
        (
            "rules[0].mode",
            "neither preflight",
            json!({ "path": "/x", "mode": "report", "allow": [{ "group": "a" }], "preflight": true }),
        ),
        ("rules[0].origins[0]", "not an origin", json!({ "path": "/x", "origins": ["app.example.com"] })),
        ("rules[0].origins[0]", "not an origin", json!({ "path": "/x", "origins": ["https://*.example.com"] })),
        ("rules[0].origins[0]", "not an origin", json!({ "path": "/x", "origins": ["https://app.example.com/"] })),
        ("rules[0].origins[1]", "not an origin", json!({ "path": "/x", "origins": ["https://a.example", "*"] })),
        ("rules[0].origins[0]", "not an origin", json!({ "path": "/x", "origins": ["http://a.example"] })),
        ("rules[0].origins[0]", "not an origin", json!({ "path": "/x", "origins": ["null"] })),
        ("rules[0].preflight", "invalid type", json!({ "path": "/x", "preflight": "yes" })),
        ("rules[0].methds", "unknown field", json!({ "path": "/x", "methds": ["GET"] })),
        ("rules[0].path", "missing", json!({ "id": "x" })),
    ];
    for (setting, part, rule) in rows {
        let (named, problem) = refusal(|settings| settings["rules"][0] = rule.clone());
        let near = named == setting || setting == "rules[0].path" && named == "rules[0]";
        assert!(near && problem.contains(part), "{rule}: {named}: {problem}");
    }
}

#[test]
fn a_rule_that_no_request_can_reach_is_refused_and_named() {
    let rows = [
        (json!([{ "path": "/a/**" }, { "path": "/a/b" }]), true),
        (json!([{ "path": "/a/**", "methods": ["GET"] }, { "path": "/a/b" }]), false),
        (json!([{ "path": "/a/**", "methods": ["GET", "POST"] }, { "path": "/a/b", "methods": ["HEAD"] }]), true),
        (json!([{ "path": "/a/**", "host": "docs.example.com" }, { "path": "/a/b" }]), false),
        (json!([{ "path": "/a/**", "host": "*.example.com" }, { "path": "/a/b", "host": "docs.example.com" }]), true),
        (json!([{ "path": "/a/**", "mode": "report", "deny": [{ "group": "x" }] }, { "path": "/a/b" }]), false),
        (json!([{ "path": "/a/**" }, { "path": "/a/b", "mode": "report", "deny": [{ "group": "x" }] }]), true),
        (json!([{ "path": "/a/**", "id": "first" }, { "path": "/a", "id": "second" }]), true),
    ];
    for (rules, refused) in rows {
        let mut settings = settings();
        settings["rules"] = rules.clone();
        match parse(&settings, &[]) {
            Ok(_) => assert!(!refused, "{rules}"),
            Err(error) => assert!(
                refused && error.setting == "rules[1]" && error.problem.contains("never match"),
                "{rules}: {error}"
            ),
        }
    }
}

#[test]
fn an_id_is_there_once() {
    let rules = json!([{ "path": "/a", "id": "x" }, { "path": "/b", "id": "x" }]);
    let (setting, problem) = refusal(|settings| settings["rules"] = rules);
    assert_eq!((setting.as_str(), problem.contains("used twice")), ("rules[1].id", true));
}

#[test]
fn a_public_rest_behind_a_guarded_path_is_warned_about() {
    let rows = [
        (json!([{ "path": "/admin/**" }, { "path": "/**", "sso": false }]), 1),
        (json!([{ "path": "/**", "sso": false }]), 0),
        (json!([{ "path": "/open/**", "sso": false }, { "path": "/**", "sso": false }]), 0),
        (json!([{ "path": "/admin/**" }, { "path": "/open/**", "sso": false }]), 0),
        (
            json!([{ "path": "/admin/**", "mode": "report", "deny": [{ "group": "x" }] }, { "path": "/**", "sso": false }]),
            0,
        ),
        (json!([{ "path": "/admin/**" }, { "path": "/**", "mode": "report", "deny": [{ "group": "x" }] }]), 0),
    ];
    for (rules, warnings) in rows {
        let mut settings = settings();
        settings["rules"] = rules.clone();
        assert_eq!(parse(&settings, &[]).unwrap().warnings().len(), warnings, "{rules}");
    }
}
