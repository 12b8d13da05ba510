//! `check`: what stands around the settings, as `wrangler.toml` tells it: secrets, routes and hosts.

use serde_json::json;

use crate::{Directory, WRANGLER, rules, with_rules};

/// What the two switches of addresses of Cloudflare's own say when nothing is said of them.
const OF_CLOUDFLARE: [&str; 2] = ["workers_dev is not false", "preview_urls is not false"];

#[test]
fn a_secret_in_the_file_is_wrong_and_its_command_is_named() {
    let directory = Directory::new("check-vars", &with_rules(rules()));
    let rows = [
        ("[vars]\nPORTCULLIS_SECRET = \"x\"\n", "vars.PORTCULLIS_SECRET", "PORTCULLIS_SECRET"),
        (
            "[vars]\nPORTCULLIS_WORK_CLIENT_SECRET = \"x\"\n",
            "vars.PORTCULLIS_WORK_CLIENT_SECRET",
            "PORTCULLIS_WORK_CLIENT_SECRET",
        ),
        ("[vars]\nPORTCULLIS_ORIGIN_SECRET = { a = 1 }\n", "vars.PORTCULLIS_ORIGIN_SECRET", "PORTCULLIS_ORIGIN_SECRET"),
        // Of whichever environment: it is in the file.
        (
            "[env.production.vars]\nPORTCULLIS_SECRET = \"x\"\n",
            "env.production.vars.PORTCULLIS_SECRET",
            "PORTCULLIS_SECRET --env production",
        ),
    ];
    for (vars, setting, stored) in rows {
        let environments = if vars.contains("env.") { "[env.other]\n" } else { "[env.production]\n[env.other]\n" };
        directory.write("wrangler.toml", &format!("{WRANGLER}{vars}{environments}"));
        let wrong = format!("wrong: {setting}: is in a file, and names that begin so are those");
        let command = format!("store it with `npx wrangler secret put {stored}`");
        for arguments in [vec!["check"], vec!["check", "--env", "production"], vec!["check", "--env", "other"]] {
            let (good, text) = directory.run(&arguments);
            assert!(!good && text.starts_with(&wrong) && text.contains(&command), "{arguments:?} {vars}: {text}");
        }
    }
    directory.write("other.toml", &format!("{WRANGLER}[vars]\nPORTCULLIS_SECRET = \"x\"\n"));
    let (good, text) = directory.run(&["check", "other.toml"]);
    assert!(!good && text.contains("`npx wrangler secret put PORTCULLIS_SECRET --config other.toml`"), "{text}");
    // What a shell would take apart.
    directory.write("ada's; own.toml", &format!("{WRANGLER}[vars]\nPORTCULLIS_SECRET = \"x\"\n"));
    let (good, text) = directory.run(&["check", "ada's; own.toml"]);
    assert!(!good && text.contains(r"PORTCULLIS_SECRET --config 'ada'\''s; own.toml'`"), "{text}");
    directory.write("wrangler.toml", &format!("{WRANGLER}[vars]\nOTHER = \"x\"\nMY_PORTCULLIS_SECRET = \"x\"\n"));
    directory.says(&["check"]);
}

/// The warnings of a deployment with these hosts and these lines of `wrangler.toml`, but for those that stand
/// in every such report.
fn warnings(directory: &Directory, hosts: &[&str], lines: &str) -> Vec<String> {
    let mut settings = with_rules(json!([{ "path": "/x" }]));
    settings["hosts"] = json!(hosts);
    directory.write("portcullis.json", &settings.to_string());
    directory.write("wrangler.toml", &format!("{lines}\n{WRANGLER}[[kv_namespaces]]\nbinding = \"PORTCULLIS_KV\"\n"));
    let text = directory.says(&["check"]);
    let warnings = text.lines().filter_map(|line| line.strip_prefix("warning: "));
    warnings.filter(|line| !OF_CLOUDFLARE.iter().any(|begin| line.starts_with(begin))).map(str::to_owned).collect()
}

#[test]
fn routes_and_hosts_that_do_not_meet_are_told_of() {
    let directory = Directory::new("check-routes", &json!({}));
    let unserved = |pattern: &str| {
        format!("the route {pattern:?} leads here, and hosts names no host of it: everybody is answered 421 there")
    };
    let unreached = |host: &str| {
        format!("hosts names {host:?}, and no route leads here from it: requests there do not come to the gate")
    };
    let partly = |host: &str| {
        format!(
            "hosts names {host:?}, and no route covers all of it (\"{host}/*\", or a custom domain): what is beside its routes goes round the gate"
        )
    };
    let local =
        |host: &str| format!("hosts names {host:?}, this machine, beside routes: leave it out of what is deployed");
    const DOCS: &[&str] = &["docs.example.com"];
    let rows: &[(&[&str], &str, Vec<String>)] = &[
        // All is well.
        (DOCS, "routes = [{ pattern = \"docs.example.com\", custom_domain = true }]", vec![]),
        (DOCS, "routes = [{ pattern = \"docs.example.com/*\", zone_name = \"example.com\" }]", vec![]),
        (DOCS, "route = { pattern = \"docs.example.com/*\", zone_id = \"0123\" }", vec![]),
        (DOCS, "route = \"docs.example.com/*\"", vec![]),
        (DOCS, "routes = [\"Docs.Example.com*\"]", vec![]),
        (DOCS, "routes = [\"*.example.com/*\"]", vec![]),
        (DOCS, "routes = [\"*docs.example.com/*\"]", vec![]),
        (DOCS, "routes = [\"*/*\"]", vec![]),
        (DOCS, "routes = [\"docs.example.com/*\", \"docs.example.com/a/*\"]", vec![]),
        (&["docs.example.com", "example.com"], "routes = [\"*example.com/*\"]", vec![]),
        (&["docs.example.com:8443"], "routes = [\"docs.example.com/*\"]", vec![]),
        // A name that is not in ASCII is not compared.
        (&["xn--mnchen-3ya.example"], "routes = [\"münchen.example/*\"]", vec![]),
        // A route without its host, a host without its route.
        (DOCS, "routes = [\"docs.example.com/*\", \"www.example.com/*\"]", vec![unserved("www.example.com/*")]),
        (
            DOCS,
            "routes = [{ pattern = \"other.example\", custom_domain = true }]",
            vec![unserved("other.example"), unreached("docs.example.com")],
        ),
        (
            &["docs.example.com", "example.com", "sub.docs.example.com.evil"],
            "routes = [\"*.example.com/*\"]",
            vec![unreached("example.com"), unreached("sub.docs.example.com.evil")],
        ),
        (
            DOCS,
            "routes = [\"*.docs.example.com/*\"]",
            vec![unserved("*.docs.example.com/*"), unreached("docs.example.com")],
        ),
        // A part of a host.
        (DOCS, "routes = [\"docs.example.com\"]", vec![partly("docs.example.com")]),
        (DOCS, "routes = [\"docs.example.com/\"]", vec![partly("docs.example.com")]),
        (
            DOCS,
            "routes = [\"docs.example.com/admin/*\", \"docs.example.com/.auth/*\"]",
            vec![partly("docs.example.com")],
        ),
        (DOCS, "routes = [\"https://docs.example.com/*\"]", vec![partly("docs.example.com")]),
        // A custom domain with addresses for every version beside it.
        (
            DOCS,
            "routes = [{ pattern = \"docs.example.com\", custom_domain = true, previews_enabled = true }]",
            vec![
                "the custom domain \"docs.example.com\" has previews_enabled: every version gets an address of its own"
                    .to_owned(),
            ],
        ),
        // This machine.
        (&["docs.example.com", "localhost"], "routes = [\"docs.example.com/*\"]", vec![local("localhost")]),
        (
            &["localhost:8787"],
            "route = \"docs.example.com/*\"",
            vec![unserved("docs.example.com/*"), local("localhost:8787")],
        ),
        (&["localhost"], "routes = []\nworkers_dev = false", vec![]),
    ];
    for (hosts, lines, expected) in rows {
        assert_eq!(&warnings(&directory, hosts, lines), expected, "{hosts:?} {lines}");
    }
    // Behind a proxy that asks, the gate's own path is enough.
    let mut settings = with_rules(json!([{ "path": "/x" }]));
    (settings["hosts"], settings["check"]) = (json!(DOCS), json!("nginx"));
    directory.write("portcullis.json", &settings.to_string());
    directory.write("wrangler.toml", &format!("routes = [\"docs.example.com/.auth/*\"]\n{WRANGLER}"));
    let text = directory.says(&["check"]);
    assert!(!text.contains("route"), "{text}");
}

#[test]
fn a_deployment_without_an_address_is_told_of_and_an_environment_has_its_own() {
    let directory = Directory::new("check-addresses", &json!({}));
    const DOCS: &[&str] = &["docs.example.com"];
    let nowhere = [
        "there are no routes, and workers_dev is false: the Worker has no address, unless routes are set in the dashboard",
    ];
    assert_eq!(warnings(&directory, DOCS, "workers_dev = false"), nowhere);
    assert_eq!(warnings(&directory, DOCS, "workers_dev = false\nroutes = []"), nowhere);
    assert!(warnings(&directory, &["localhost", "[::1]:3000"], "workers_dev = false").is_empty());
    assert!(warnings(&directory, DOCS, "workers_dev = true").is_empty());
    let both = &["docs.example.com", "gate.example.workers.dev"];
    let route = "routes = [\"docs.example.com/*\"]\nworkers_dev = ";
    assert!(warnings(&directory, both, &format!("{route}true")).is_empty());
    assert_eq!(warnings(&directory, both, &format!("{route}false")).len(), 1);
    assert!(warnings(&directory, DOCS, "").is_empty());
    // Routes are inherited where an environment has none of its own; `routes` from above goes before its `route`.
    let with = |environment: &str| {
        let file = format!(
            "routes = [\"docs.example.com/*\"]\n{WRANGLER}[env.production]\n{environment}\nkv_namespaces = [{{ binding = \"PORTCULLIS_KV\" }}]\n"
        );
        directory.write("wrangler.toml", &file);
        directory.says(&["check", "--env", "production"])
    };
    assert!(!with("").contains("route"), "{}", with(""));
    assert!(!with("route = \"www.example.com/*\"").contains("route"));
    let text = with("routes = [\"www.example.com/*\"]");
    assert!(text.contains("the route \"www.example.com/*\" leads here"), "{text}");
    assert!(text.contains("hosts names \"docs.example.com\", and no route leads here"), "{text}");
}

#[test]
fn a_platform_that_keeps_whole_addresses_is_told_of() {
    let directory = Directory::new("check-logs", &json!({}));
    const KEEPS: &str = "the platform keeps every request's whole address, and in those of logins there are codes";
    for (lines, setting) in [
        ("", None),
        ("observability = { enabled = false }", None),
        ("observability = { enabled = true }", Some("observability.logs.invocation_logs is not false")),
        ("observability = { logs = { enabled = true } }", Some("observability.logs.invocation_logs is not false")),
        ("observability = { enabled = true, logs = { enabled = false } }", None),
        ("observability = { enabled = true, logs = { invocation_logs = false } }", None),
        (
            "observability = { logs = { enabled = true, invocation_logs = true } }",
            Some("observability.logs.invocation_logs is not false"),
        ),
        ("observability = { traces = { enabled = true } }", Some("observability.traces.enabled is true")),
        ("logpush = true", Some("logpush is true")),
        ("logpush = false", None),
    ] {
        let expected: Vec<String> = setting.map(|setting| format!("{setting}: {KEEPS}")).into_iter().collect();
        assert_eq!(warnings(&directory, &["localhost"], lines), expected, "{lines}");
    }
}

#[test]
fn a_provider_of_this_machine_is_told_of_where_a_host_is_not() {
    let directory = Directory::new("check-issuers", &json!({}));
    let mut settings = with_rules(json!([{ "path": "/api/**", "tokens": ["ci"] }]));
    settings["providers"][0]["issuer"] = json!("http://localhost:9000");
    settings["tokens"] = json!([{ "id": "ci", "issuer": "http://127.0.0.1:9001", "audiences": ["site"] }]);
    let lines = |settings: &serde_json::Value| -> Vec<String> {
        directory.write("portcullis.json", &settings.to_string());
        let text = directory.says(&["check"]);
        text.lines().filter(|line| line.contains("an address of this machine")).map(str::to_owned).collect()
    };
    assert_eq!(
        lines(&settings),
        [
            "warning: providers[0].issuer is \"http://localhost:9000\", an address of this machine, which a deployed Worker does not reach",
            "warning: the issuer of the tokens \"ci\" is \"http://127.0.0.1:9001\", an address of this machine, which a deployed Worker does not reach",
        ]
    );
    settings["hosts"] = json!(["localhost"]);
    assert!(lines(&settings).is_empty());
}

/// The file of the repository is the demo, and says of itself that it is.
#[test]
fn of_the_demo_there_is_nothing_to_warn() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg("check")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && !text.contains("warning"), "{text}");
}

/// A custom domain has no server behind it: what the gate fetches there is itself.
#[test]
fn an_origin_that_is_the_gate_itself_is_told_of() {
    let directory = Directory::new("check-origins", &json!({}));
    let custom = "routes = [{ pattern = \"docs.example.com\", custom_domain = true }]";
    let route = "routes = [{ pattern = \"docs.example.com/*\", zone_name = \"example.com\" }]";
    let told = |fetch: &str| {
        format!(
            "origin.fetch is {fetch:?}, and behind the custom domain \"docs.example.com\" there is no server but the gate"
        )
    };
    for (lines, fetch, expected) in [
        (custom, "zone", true),
        (custom, "https://docs.example.com", true),
        (custom, "https://origin.example.com", false),
        (route, "zone", false),
        (route, "https://docs.example.com", false),
    ] {
        let mut settings = with_rules(json!([{ "path": "/x" }]));
        settings["hosts"] = json!(["docs.example.com"]);
        settings["origin"] = json!({ "fetch": fetch, "secret_header": true });
        directory.write("portcullis.json", &settings.to_string());
        directory.write("wrangler.toml", &format!("{lines}\n{WRANGLER}"));
        let text = directory.says(&["check"]);
        let expected = expected.then(|| told(fetch));
        let warning =
            text.lines().find_map(|line| line.strip_prefix("warning: ").filter(|line| line.starts_with("origin")));
        assert_eq!(warning, expected.as_deref(), "{lines}: {text}");
    }
}

/// The gate judges the path that is asked for, and what is shown there may be another's.
#[test]
fn files_that_are_shown_under_other_paths_are_told_of() {
    let directory = Directory::new("check-shown-elsewhere", &with_rules(rules()));
    std::fs::create_dir_all(directory.0.join("site")).unwrap();
    let told = || -> Vec<String> {
        let text = directory.says(&["check"]);
        let about = |line: &&str| line.contains("not_found_handling") || line.contains("_redirects");
        text.lines().filter(about).map(str::to_owned).collect()
    };
    directory.write("site/_redirects", "/old /new 301\n/moved /admin/ 302\n/shown /new\n");
    assert_eq!(told(), [""; 0]);
    directory.write("site/_redirects", "# what is shown\n/old /new 301\n/open/staff  /admin/  200\n");
    directory.write("wrangler.toml", &format!("{WRANGLER}not_found_handling = \"single-page-application\"\n"));
    assert_eq!(
        told(),
        [
            "warning: assets.not_found_handling shows /index.html at every address without a file: a rule for /index.html does not guard those",
            "warning: _redirects: \"/open/staff  /admin/  200\" shows a file under another path, and the gate judges the path that is asked for",
        ]
    );
}

/// What is in the directory of the files goes out with them, also a file whose name begins with a dot.
#[test]
fn secrets_among_the_files_of_the_site_are_wrong() {
    let directory = Directory::new("check-files-of-site", &with_rules(rules()));
    std::fs::create_dir_all(directory.0.join("site/deep/er")).unwrap();
    let assets = |place: &str| directory.write("wrangler.toml", &WRANGLER.replace("\"site\"", &format!("{place:?}")));
    let own = "warning: assets.directory is \".\", where wrangler.toml is: what is beside it goes out with the site, unless .assetsignore names it";
    assets(".");
    assert!(directory.says(&["check"]).contains(own));
    assets("site");
    directory.write(".dev.vars.rotation", "");
    assert!(!directory.says(&["check"]).contains("assets.directory"));
    for (place, file) in [
        (".", ".dev.vars"),
        (".", ".dev.vars.rotation"),
        ("./site/..", ".env"),
        ("site", "site/.dev.vars"),
        ("site", "site/deep/er/.env"),
    ] {
        assets(place);
        std::fs::remove_file(directory.0.join(".dev.vars.rotation")).ok();
        directory.write(file, "");
        let (good, text) = directory.run(&["check"]);
        let problem = format!(
            "wrong: assets.directory: holds {}, which goes out with the site",
            file.trim_start_matches("site/")
        );
        assert!(!good && text.starts_with(&problem), "{place} {file}: {text}");
        std::fs::remove_file(directory.0.join(file)).unwrap();
    }
    assets(".");
    directory.write(".dev.vars", "");
    for (lines, ignored) in
        [(".dev.vars*\n", true), ("/.dev.vars*", true), (".*\n", true), ("# .dev.vars*\n", false), (".env\n", false)]
    {
        directory.write(".assetsignore", lines);
        assert_eq!(directory.run(&["check"]).0, ignored, "{lines}");
    }
    std::fs::remove_file(directory.0.join(".dev.vars")).unwrap();
    directory.write("site/deep/.env", "");
    for (lines, ignored) in [
        (".env", true),
        (".env*", true),
        (".git*", false),
        ("site/deep/.env", true),
        ("/site/deep/.env*", true),
        ("**/.env", true),
        ("deep", true),
        ("/site/", true),
        ("site/**", true),
        ("/deep", false),
        ("/.env", false),
        ("deep/.env", false),
        ("/site/deep.env", false),
    ] {
        directory.write(".assetsignore", lines);
        assert_eq!(directory.run(&["check"]).0, ignored, "{lines}");
    }
    // A link to one is uploaded as what it leads to.
    #[cfg(unix)]
    {
        directory.write(".assetsignore", "/site/deep/");
        directory.write("secrets", "");
        std::os::unix::fs::symlink(directory.0.join("secrets"), directory.0.join("site/.env")).unwrap();
        assert!(!directory.run(&["check"]).0);
    }
}
