//! `check`: what is wrong with the settings and around them, and what is to be done.

use serde_json::{Value, json};

use crate::{Directory, WRANGLER, rules, support::world::two_providers, with_rules};

#[test]
fn check_says_what_to_register_wherever_the_settings_stand() {
    let directory = Directory::new("check", &with_rules(rules()));
    let text = directory.says(&["check", "wrangler.toml"]);
    for line in [
        "  register as redirect URI: https://docs.example.com/.auth/callback\n",
        "  register as post-logout redirect URI: https://other.example.com/.auth/signed-out\n",
        "warning: workers_dev is not false",
    ] {
        assert!(text.starts_with("The settings are right.\n") && text.contains(line), "{text}");
    }
    assert!(!text.contains("this machine alone"), "{text}");
    let mut settings = with_rules(rules());
    (settings["hosts"], settings["rules"]) = (json!(["localhost", "127.0.0.1:8787"]), json!([{ "path": "/x" }]));
    directory.write("portcullis.json", &settings.to_string());
    assert!(
        directory
            .says(&["check"])
            .contains("  hosts names this machine alone: deployed like this, it answers everybody with 421\n")
    );
    // Secrets that the settings call for are stored at deployment.
    let mut settings = with_rules(rules());
    settings["check"] = json!("nginx");
    settings["origin"] = json!({ "fetch": "https://origin.example", "secret_header": true });
    directory.write("portcullis.json", &settings.to_string());
    let (good, text) = directory.run(&["check"]);
    assert!(good && !text.contains("goes round the gate") && !text.contains("issues no token"), "{text}");
    // What leads round the gate, as far as the file tells.
    settings["origin"] = json!({ "fetch": "https://origin.example" });
    let issuers = ["common", "organizations", "consumers"]
        .map(|tenants| format!("https://login.microsoftonline.com/{tenants}/v2.0"));
    let one = settings["providers"][0].clone();
    settings["providers"] = issuers
        .iter()
        .enumerate()
        .map(|(rank, issuer)| {
            let mut provider = one.clone();
            (provider["id"], provider["issuer"]) = (json!(format!("work-{rank}")), json!(issuer));
            provider
        })
        .collect();
    settings["headers"] = json!({ "provider": "X-Auth-Provider" });
    directory.write("portcullis.json", &settings.to_string());
    directory.write("wrangler.toml", "name = \"site\"\n[cache]\nenabled = true\n");
    let text = directory.says(&["check"]);
    for warning in ["origin.fetch is \"https://origin.example\": whoever asks there", "cache.enabled is true"] {
        assert!(text.contains(warning), "{text}");
    }
    for (rank, issuer) in issuers.iter().enumerate() {
        assert!(text.contains(&format!("providers[{rank}].issuer is {issuer:?}, which issues no token")), "{text}");
    }
    let mut settings = with_rules(json!([{ "path": "/a/**", "allow": [] }]));
    settings["providers"][0]["token_auth"] = json!("basic");
    directory.write("portcullis.json", &settings.to_string());
    let (good, text) = directory.run(&["check"]);
    assert!(!good && text.starts_with("wrong: rules[0].allow: is empty"), "{text}");
}

/// What stands around the settings, with which the gate would not be asked, or could not answer.
#[test]
fn a_deployment_that_leaves_the_gate_out_or_lacks_a_binding_is_wrong() {
    let directory = Directory::new("check-deployment", &json!({}));
    let unasked = WRANGLER.replace("run_worker_first = true\n", "");
    let some_unasked = WRANGLER.replace("true", "[\"/*\", \"!/public/*\"]");
    let other_assets = WRANGLER.replace("ASSETS", "FILES");
    let rows = [
        (json!({ "assets": "ASSETS" }), false, unasked.as_str(), "assets.run_worker_first: is not true"),
        (json!({}), false, &WRANGLER.replace("true", "false"), "assets.run_worker_first: is not true"),
        (json!({}), false, &some_unasked, "assets.run_worker_first: is not true"),
        (json!({}), false, "name = \"site\"\n", "origin.assets: is \"ASSETS\", and [assets] has no such binding"),
        (json!({}), false, &other_assets, "origin.assets: is \"ASSETS\", and [assets] has no such binding"),
        (json!({ "service": "SITE" }), false, WRANGLER, "origin.service: is \"SITE\", and [[services]] has no such"),
        (json!({}), true, WRANGLER, "switch: needs the KV namespace PORTCULLIS_KV"),
    ];
    for (origin, switch, file, problem) in rows {
        let mut settings = with_rules(rules());
        (settings["origin"], settings["switch"]) = (origin, json!(switch));
        directory.write("portcullis.json", &settings.to_string());
        directory.write("wrangler.toml", file);
        let (good, text) = directory.run(&["check"]);
        assert!(!good && text.starts_with(&format!("wrong: {problem}")), "{problem}: {text}");
        assert!(!text.contains("The settings are right"), "{text}");
    }
    // A gate in front of itself sends people to sign in for ever: to itself they never are.
    let bound = |service: &str| format!("[[services]]\nbinding = \"SITE\"\nservice = {service:?}\n");
    let of_itself = "wrong: origin.service: is \"SITE\", and that is bound to this Worker itself";
    for (arguments, file, good) in [
        (&["check"][..], bound("site"), false),
        (&["check"], bound("site-x"), true),
        (
            &["check", "--env", "x"],
            format!("[env.x]\n{}", bound("site-x").replace("[services", "[env.x.services")),
            false,
        ),
        (&["check", "--env", "x"], format!("[env.x]\n{}", bound("site").replace("[services", "[env.x.services")), true),
        (
            &["check", "--env", "x"],
            format!("[env.x]\nname = \"y\"\n{}", bound("y").replace("[services", "[env.x.services")),
            false,
        ),
    ] {
        let mut settings = with_rules(rules());
        settings["origin"] = json!({ "service": "SITE" });
        directory.write("portcullis.json", &settings.to_string());
        directory.write("wrangler.toml", &format!("{WRANGLER}{file}"));
        let (taken, said) = directory.run(arguments);
        assert!(taken == good && (good || said.starts_with(of_itself)), "{file}: {said}");
    }
    // The entry imports the settings' file as text, whether anything is in it or not.
    directory.write("portcullis.json", &with_rules(rules()).to_string());
    let entry = format!("main = \"entry.js\"\n{WRANGLER}");
    let text = "[[rules]]\ntype = \"Text\"\nglobs = [\"**/portcullis.json\"]\n";
    for (file, good) in [
        (entry.clone(), false),
        (format!("{entry}{}", text.replace("Text", "Data")), false),
        (format!("{entry}{}", text.replace("portcullis", "other")), false),
        (format!("{entry}{text}[env.x]\nrules = []\n"), true),
        (format!("{entry}{}", text.replace("portcullis.json", "*.json")), true),
    ] {
        directory.write("wrangler.toml", &file);
        let (taken, said) = directory.run(&["check"]);
        assert!(taken == good && (good || said.starts_with("wrong: rules: of wrangler are missing")), "{file}: {said}");
    }
    // Before that day the platform knows no `cache` of a fetch, and no provider can be asked.
    for (date, good) in [("2021-11-02", false), ("2024-11-10", false), ("2024-11-11", true), ("2026-04-26", true)] {
        directory.write("wrangler.toml", &format!("compatibility_date = {date:?}\n{WRANGLER}"));
        let (taken, said) = directory.run(&["check"]);
        let problem = format!("wrong: compatibility_date: is {date:?}, and before \"2024-11-11\" nobody could sign in");
        assert!(taken == good && (good || said.starts_with(&problem)), "{date}: {said}");
    }
    // Files beside another origin may be meant to be public; a binding that is there is found.
    let mut settings = with_rules(rules());
    (settings["origin"], settings["switch"]) = (json!({ "service": "SITE" }), json!(true));
    directory.write("portcullis.json", &settings.to_string());
    let bindings =
        "[[services]]\nbinding = \"SITE\"\nservice = \"protected\"\n[[kv_namespaces]]\nbinding = \"PORTCULLIS_KV\"\n";
    directory.write("wrangler.toml", &format!("{unasked}{bindings}"));
    let text = directory.says(&["check"]);
    assert!(text.contains("warning: assets.run_worker_first is not true: files are served without asking"), "{text}");
}

#[test]
fn a_host_of_this_machine_is_registered_with_http_and_its_port() {
    let mut settings = with_rules(json!([{ "path": "/x" }]));
    let directory = Directory::new("check-hosts", &settings);
    let rows = [
        ("localhost", "http://localhost:8787"),
        ("127.0.0.1", "http://127.0.0.1:8787"),
        ("[::1]", "http://[::1]:8787"),
        ("localhost:9999", "http://localhost:9999"),
        ("[::1]:9999", "http://[::1]:9999"),
        ("localhost.example.com", "https://localhost.example.com"),
        ("127.example.com", "https://127.example.com"),
        ("docs.example.com:8443", "https://docs.example.com:8443"),
        ("[2001:db8::1]", "https://[2001:db8::1]"),
    ];
    let of_wrangler = "  8787 is the port of wrangler dev on this machine";
    for (host, address) in rows {
        settings["hosts"] = json!([host]);
        directory.write("portcullis.json", &settings.to_string());
        let text = directory.says(&["check"]);
        assert!(text.contains(&format!("  register as redirect URI: {address}/.auth/callback\n")), "{host}: {text}");
        assert_eq!(text.contains(of_wrangler), address.ends_with(":8787"), "{host}: {text}");
    }
    settings["hosts"] = json!(["localhost"]);
    directory.write("portcullis.json", &settings.to_string());
    directory.write("wrangler.toml", &format!("{WRANGLER}[dev]\nport = 3000\n"));
    let text = directory.says(&["check"]);
    assert!(text.contains("URI: http://localhost:3000/.auth/callback\n  register"), "{text}");
}

#[test]
fn every_command_takes_config_and_says_how_it_is_used() {
    let directory = Directory::new("check-options", &with_rules(rules()));
    directory.write("other.toml", "");
    for arguments in [vec!["check", "--config", "other.toml"], vec!["check", "other.toml"]] {
        let (good, text) = directory.run(&arguments);
        assert!(!good && text.contains("[assets] has no such binding"), "{arguments:?}: {text}");
    }
    for arguments in [vec!["check", "--config", "wrangler.toml"], vec!["check", "--config=./wrangler.toml"]] {
        assert!(directory.says(&arguments).starts_with("The settings are right."), "{arguments:?}");
    }
    let (good, text) = directory.run(&["check", "wrangler.toml", "--config", "other.toml"]);
    assert!(!good && text == "wrong: --config says another file than \"wrangler.toml\": give one of them\n", "{text}");
    for command in ["check", "explain", "test"] {
        let text = directory.says(&[command, "--help"]);
        assert_eq!(directory.says(&[command, "-h"]), text);
        assert!(text.starts_with("portcullis check [--config wrangler.toml]"), "{command}: {text}");
        assert!(text.contains(&format!("portcullis {command} ")), "{command}: {text}");
    }
}

#[test]
fn the_secrets_that_the_settings_need_are_named_with_the_command_that_stores_them() {
    let mut settings = two_providers();
    let directory = Directory::new("check-secrets", &settings);
    let lines = |arguments: &[&str]| -> Vec<String> {
        let text = directory.says(arguments);
        text.lines().filter_map(|line| line.strip_prefix("  needs the secret")).map(str::to_owned).collect()
    };
    let ours = ": npx wrangler secret put PORTCULLIS_SECRET";
    let work = "npx wrangler secret put PORTCULLIS_WORK_CLIENT_SECRET";
    let other = ", unless the client is public: npx wrangler secret put PORTCULLIS_OTHER_CLIENT_SECRET";
    assert_eq!(lines(&["check"]), [ours, &format!(", unless the client is public: {work}"), other]);

    settings["providers"][0]["token_auth"] = json!("basic");
    settings["providers"][1]["token_auth"] = json!("none");
    settings["check"] = json!("nginx");
    settings["origin"] = json!({ "fetch": "https://origin.example", "secret_header": true });
    directory.write("portcullis.json", &settings.to_string());
    let put = |name: &str| format!(": npx wrangler secret put PORTCULLIS_{name}");
    let all = [ours.to_owned(), format!(": {work}"), put("CHECK_SECRET"), put("ORIGIN_SECRET")];
    assert_eq!(lines(&["check"]), all);
    // Of another environment, and of another file, it is another Worker.
    directory.write("other.toml", "name = \"site\"\n[env.production]\n");
    assert_eq!(
        lines(&["check", "other.toml", "--env", "production"]),
        all.map(|line| format!("{line} --config other.toml --env production"))
    );
}

/// Wrangler writes a date of TOML as its text into the variable, and a text of JSON goes to the gate as it is.
#[test]
fn the_variable_is_read_as_the_worker_gets_it() {
    let directory = Directory::new("check-variable", &json!({}));
    directory.write("portcullis.json", "{}");
    let settings = with_rules(json!([{ "path": "/admin/**" }]));
    directory.write("wrangler.toml", &format!("{WRANGLER}[vars]\nPORTCULLIS = '{settings}'\n"));
    directory.says(&["check"]);
    assert!(directory.says(&["explain", "/admin/x"]).contains("rules[0] (/admin/**)"));
    let token = "[[vars.PORTCULLIS.tokens]]\nid = \"ci\"\nhash = \"3ed9c861ae0bf4553aa475a2abb03accea60646b43166644fc3287cc5fdef663\"\n";
    let file = |expires: &str| {
        format!(
            "{WRANGLER}[vars.PORTCULLIS]\nhosts = [\"docs.example.com\"]\n[[vars.PORTCULLIS.providers]]\nid = \"work\"\ntitle = \"Work\"\nissuer = \"https://id.example\"\nclient_id = \"c\"\n{token}expires = {expires}\n"
        )
    };
    directory.write("wrangler.toml", &file("2040-01-01"));
    directory.says(&["check"]);
    directory.says(&["explain", "--machine", "ci", "/x"]);
    directory.write("wrangler.toml", &file("2040-01-01T00:00:00Z"));
    let (good, text) = directory.run(&["check"]);
    assert!(!good && text.starts_with("wrong: tokens[0].expires: is not a day"), "{text}");
}

/// What a claim is compared with is what wrangler makes of TOML: a time with its milliseconds, a number as JavaScript has it.
#[test]
fn values_of_toml_are_those_that_wrangler_writes() {
    let directory = Directory::new("check-toml", &json!({}));
    directory.write("portcullis.json", "{}");
    for (toml, written) in [
        ("2027-06-30", json!("2027-06-30")),
        ("2027-06-30T10:00:00Z", json!("2027-06-30T10:00:00.000Z")),
        ("2027-06-30T10:00:00+02:00", json!("2027-06-30T10:00:00.000+02:00")),
        ("2027-06-30 10:00:00", json!("2027-06-30T10:00:00.000")),
        ("2027-06-30T10:00:00.123956Z", json!("2027-06-30T10:00:00.123Z")),
        ("10:00:00.5", json!("10:00:00.500")),
        ("1.0", json!(1)),
        ("-1e3", json!(-1000)),
        ("-0.0", json!(0)),
        ("0x10", json!(16)),
    ] {
        let file = format!(
            "{WRANGLER}[vars.PORTCULLIS]\nhosts = [\"docs.example.com\"]\n[[vars.PORTCULLIS.providers]]\nid = \"work\"\ntitle = \"Work\"\nissuer = \"https://id.example\"\nclient_id = \"c\"\n[[vars.PORTCULLIS.rules]]\npath = \"/x\"\ndeny = [{{ claim = \"c\", equals = {toml} }}]\n"
        );
        directory.write("wrangler.toml", &file);
        let claims = json!({ "sub": "ada", "c": written }).to_string();
        let told: Value =
            serde_json::from_str(&directory.says(&["explain", "--json", "--claims", &claims, "/x"])).expect("JSON");
        assert_eq!((&told["decision"], &told["reason"]), (&json!("denied"), &json!("deny[0]")), "{toml}: {told:#}");
        assert_eq!(told["policy"][0]["selector"]["equals"], written, "{toml}");
    }
}

/// Wrangler takes those of the environment, where it has some, and reads them with dotenv.
#[test]
fn the_secrets_of_this_machine_are_read_as_wrangler_does() {
    let mut settings = with_rules(rules());
    settings["providers"][0]["token_auth"] = json!("none");
    let directory = Directory::new("check-local", &settings);
    directory.write("wrangler.toml", &format!("{WRANGLER}[env.staging]\nname = \"staging\"\n"));
    let secret = "kX0b9S1u5pQ2v8YwR7tZ3mN6cJ4hL0aGdFeUiOyTrWs=";
    for line in [
        format!("PORTCULLIS_SECRET=\"{secret}\" # ours"),
        format!("PORTCULLIS_SECRET={secret} # ours"),
        format!("export PORTCULLIS_SECRET='{secret}'"),
        format!("PORTCULLIS_SECRET = `{secret}`"),
        format!("PORTCULLIS_SECRET: {secret}"),
        format!("\u{feff}PORTCULLIS_SECRET=\"{secret}\"\r\nOTHER=x\r\n"),
        format!("OTHER=\"a \\\"\nPORTCULLIS_SECRET=b\n\"\n  PORTCULLIS_SECRET={secret}"),
        format!("# PORTCULLIS_SECRET=b\nPORTCULLIS_SECRET:b\nPORTCULLIS_SECRET b\nPORTCULLIS_SECRET={secret}"),
    ] {
        directory.write(".dev.vars", &line);
        directory.says(&["check"]);
    }
    for line in ["export PORTCULLIS_SECRET=\"short\"", "PORTCULLIS_SECRET: short", "\u{feff}PORTCULLIS_SECRET=short"] {
        directory.write(".dev.vars", line);
        assert!(!directory.run(&["check"]).0, "{line}");
    }
    directory.write(".dev.vars", "PORTCULLIS_WORK_CLIENT_SECRET=x");
    let (good, text) = directory.run(&["check"]);
    assert!(!good && text.contains("there is a client secret"), "{text}");
    assert!(!directory.run(&["check", "--env", "staging"]).0);
    directory.write(".dev.vars.staging", &format!("PORTCULLIS_SECRET={secret}"));
    directory.says(&["check", "--env", "staging"]);
}

/// The entry imports the module that stands beside it, wherever the configuration is.
#[test]
fn the_module_is_the_one_that_the_entry_imports() {
    let directory = Directory::new("check-module", &with_rules(json!([{ "path": "/admin/**" }])));
    let rest = "[[rules]]\ntype = \"Text\"\nglobs = [\"**/portcullis.json\"]\n";
    std::fs::create_dir_all(directory.0.join("deploy")).unwrap();
    directory.write("deploy/wrangler.toml", &format!("main = \"../entry.js\"\n{WRANGLER}{rest}"));
    directory.write("deploy/portcullis.json", "{ \"hots\": [] }");
    assert!(
        directory.says(&["explain", "--config", "deploy/wrangler.toml", "/admin/x"]).contains("rules[0] (/admin/**)")
    );
    directory.says(&["check", "--config", "deploy/wrangler.toml"]);
    // One that is no text is there all the same.
    std::fs::write(directory.0.join("portcullis.json"), b"{ \"hosts\": [\"\xff\"] }").unwrap();
    let settings = with_rules(json!([]));
    directory.write("wrangler.toml", &format!("{WRANGLER}[vars]\nPORTCULLIS = '{settings}'\n"));
    let (good, text) = directory.run(&["check"]);
    assert!(!good && text.contains("settings stand both in wrangler.toml and in portcullis.json"), "{text}");
}
