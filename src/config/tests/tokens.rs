//! Machine tokens, and the rules that take them.

use super::*;

pub(super) fn issuer(id: &str) -> Value {
    json!({ "id": id, "issuer": "https://id.example", "audiences": ["https://docs.example.com"] })
}

pub(super) fn service(id: &str, digit: &str) -> Value {
    json!({ "id": id, "hash": digit.repeat(64), "expires": "2027-06-30" })
}

fn with(mut table: Value, name: &str, value: Value) -> Value {
    table[name] = value;
    table
}

#[test]
fn a_rule_takes_the_tokens_it_names() {
    let mut settings = settings();
    let ci = with(service("ci", "a"), "groups", json!(["admins", "others"]));
    settings["tokens"] = json!([issuer("api"), ci, with(issuer("other"), "types", json!(["JWT"]))]);
    settings["rules"][1]["tokens"] = json!(["ci", "api"]);
    // The client of another issuer does not matter, nor does an access token whose type tells it from an ID token.
    let of_client = with(issuer("typed"), "audiences", json!(["c"]));
    let elsewhere = with(with(of_client.clone(), "types", json!(["JWT"])), "issuer", json!("https://other.example"));
    settings["tokens"].as_array_mut().unwrap().extend([of_client, with(elsewhere, "id", json!("elsewhere"))]);
    let config = parse(&settings, &[]).unwrap();
    let taken = config.rule(Some(1)).tokens.clone().unwrap();
    let ids: Vec<&str> = taken.issuers.iter().map(|issuer| issuer.id.as_str()).collect();
    assert_eq!((ids, taken.forward), (vec!["api"], false));
    assert_eq!(taken.service[0].claims.groups(), ["admins"]);
    assert!(config.rule(Some(0)).tokens.is_none() && config.rule(None).tokens.is_none());
    // A publisher is found by its id, whichever kind it is.
    assert!(config.publisher("work").is_some_and(|work| work.signs_in));
    assert!(config.publisher("api").is_some_and(|api| !api.signs_in) && config.publisher("ci").is_none());
}

#[test]
fn every_refusal_of_a_token_names_its_setting() {
    let rows: [Refusal; 34] = [
        ("tokens[0].id", "not an id", |s| s["tokens"] = json!([issuer("CI")])),
        ("tokens[0].id", "twice", |s| s["tokens"] = json!([issuer("work")])),
        ("tokens[1].id", "twice", |s| s["tokens"] = json!([issuer("api"), issuer("api")])),
        ("tokens[0].id", "twice", |s| s["tokens"] = json!([service("work", "0")])),
        ("tokens[1].id", "twice", |s| s["tokens"] = json!([issuer("ci"), service("ci", "0")])),
        ("tokens[1].id", "twice", |s| s["tokens"] = json!([service("ci", "0"), issuer("ci")])),
        ("tokens[0].issuers", "unknown field", |s| s["tokens"] = json!([with(issuer("api"), "issuers", json!("x"))])),
        ("tokens[0].issuer", "beside hash", |s| s["tokens"] = json!([with(issuer("api"), "hash", json!("00"))])),
        ("tokens[0].issuer", "beside hash", |s| s["tokens"] = json!([with(issuer("api"), "groups", json!(["a"]))])),
        ("tokens[0].issuer", "is missing", |s| {
            s["tokens"] = json!([with(service("ci", "0"), "types", json!(["JWT"]))])
        }),
        ("tokens[0].issuer", "not an issuer", |s| {
            s["tokens"] = json!([with(issuer("api"), "issuer", json!("http://id.example"))])
        }),
        ("tokens[0].audiences", "empty", |s| {
            s["tokens"] = json!([with(issuer("api"), "audiences", json!(["a", " "]))])
        }),
        ("tokens[0].audiences", "empty", |s| s["tokens"] = json!([{ "id": "api", "issuer": "https://id.example" }])),
        ("tokens[0].audiences", "names the client id", |s| {
            let plain = with(issuer("api"), "types", json!(["at+jwt", "JWT"]));
            s["tokens"] = json!([with(plain, "audiences", json!(["https://docs.example.com", "c"]))]);
        }),
        ("tokens[0].audiences", "names the client id", |s| {
            let other = json!({ "id": "other", "title": "O", "issuer": "https://other.example", "client_id": "o" });
            s["providers"].as_array_mut().unwrap().push(other);
            let plain = with(issuer("api"), "types", json!(["JWT"]));
            s["tokens"] = json!([with(plain, "audiences", json!(["c"]))]);
        }),
        ("tokens[0].id", "twice", |s| {
            let other = json!({ "id": "other", "title": "O", "issuer": "https://other.example", "client_id": "o" });
            s["providers"].as_array_mut().unwrap().push(other);
            s["tokens"] = json!([issuer("other")]);
        }),
        ("tokens[0].audiences", "another audience", |s| {
            s["providers"][0]["audiences"] = json!(["project"]);
            let plain = with(issuer("api"), "types", json!(["JWT"]));
            s["tokens"] = json!([with(plain, "audiences", json!(["project"]))]);
        }),
        ("tokens[0].algorithms[0]", "unknown variant", |s| {
            s["tokens"] = json!([with(issuer("api"), "algorithms", json!(["HS256"]))])
        }),
        ("tokens[0].types", "other than", |s| {
            s["tokens"] = json!([with(issuer("api"), "types", json!(["logout+jwt"]))])
        }),
        ("tokens[0].groups_claim", "empty", |s| s["tokens"] = json!([with(issuer("api"), "groups_claim", json!(""))])),
        ("tokens[0].freshness", "out of bounds", |s| {
            s["tokens"] = json!([with(issuer("api"), "freshness", json!("2d"))])
        }),
        ("tokens[1].hash", "another token's", |s| s["tokens"] = json!([service("ci", "0"), service("cd", "0")])),
        ("tokens[0].hash", "not a SHA-256", |s| s["tokens"] = json!([with(service("ci", "0"), "hash", json!("ci.x"))])),
        ("tokens[0].hash", "not a SHA-256", |s| s["tokens"] = json!([{ "id": "ci", "expires": "2027-06-30" }])),
        ("tokens[0].expires", "not a day", |s| {
            s["tokens"] = json!([with(service("ci", "0"), "expires", json!("30.6.2027"))])
        }),
        ("tokens[0].expires", "not a day", |s| {
            let mut token = service("ci", "0");
            remove(&mut token, "expires");
            s["tokens"] = json!([token]);
        }),
        ("rules[1].tokens", "\"ci\" is the id of no", |s| s["rules"][1]["tokens"] = json!(["ci"])),
        ("rules[1].tokens", "\"work\" is the id of no", |s| s["rules"][1]["tokens"] = json!(["work"])),
        ("rules[0].tokens", "beside an sso", |s| {
            s["tokens"] = json!([service("ci", "0")]);
            s["rules"][0]["tokens"] = json!(["ci"]);
        }),
        ("rules[1].tokens", "beside an sso", |s| {
            s["tokens"] = json!([service("ci", "0")]);
            s["rules"][1] = json!({ "path": "/api/**", "sso": "optional", "tokens": ["ci"] });
        }),
        ("rules[1].mode", "origins nor tokens", |s| {
            s["tokens"] = json!([service("ci", "0")]);
            (s["rules"][1]["mode"], s["rules"][1]["tokens"]) = (json!("report"), json!(["ci"]));
        }),
        ("tokens[0].roles_claim", "empty", |s| s["tokens"] = json!([with(issuer("api"), "roles_claim", json!(" "))])),
        ("tokens[0].issuer", "is missing", |s| {
            s["tokens"] = json!([with(service("ci", "0"), "roles_claim", json!("r"))])
        }),
        ("rules[1].forward_token", "no token issuer", |s| {
            s["tokens"] = json!([service("ci", "0")]);
            s["rules"][1]["tokens"] = json!(["ci"]);
            s["rules"][1]["forward_token"] = json!(true);
        }),
    ];
    for (setting, problem, change) in rows {
        let (found, text) = refusal(change);
        assert!(found == setting && text.contains(problem), "{setting}: {problem}; found {found}: {text}");
    }
}
