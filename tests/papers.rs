//! What the papers say of settings and codes is what the code says.
//!
//! `PORTCULLIS_WRITE=1 cargo test --test papers -- --test-threads 1` writes the table of the settings anew.

use std::{fs, path::Path};

use portcullis::config::reference::SETTINGS;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands between two marks in a paper.
fn between<'t>(text: &'t str, begin: &str, end: &str) -> &'t str {
    let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("{begin:?} is missing"));
    rest.split_once(end).unwrap_or_else(|| panic!("{end:?} is missing")).0
}

#[test]
fn the_settings_table_is_the_reference() {
    let rows = SETTINGS.iter().filter(|entry| !entry.name.starts_with("selector.")).map(|entry| {
        let default = if entry.default.is_empty() { "" } else { entry.default };
        format!("| `{}` | {default} | {} |\n", entry.name, entry.meaning)
    });
    let table = format!("\n| setting | when left out | meaning |\n|---|---|---|\n{}", rows.collect::<String>());
    is_generated("docs/settings.md", "<!-- settings: generated -->", &table, "<!-- /settings -->");
}

/// The settings that most sites need.
const MOST_NEEDED: [&str; 15] = [
    "hosts[]",
    "origin.assets",
    "origin.service",
    "origin.fetch",
    "session.lifetime",
    "providers[].id",
    "providers[].title",
    "providers[].issuer",
    "providers[].client_id",
    "providers[].groups_claim",
    "rules[].path",
    "rules[].sso",
    "rules[].allow[]",
    "rules[].require[]",
    "rules[].deny[]",
];

#[test]
fn the_settings_table_of_the_readme_is_of_the_reference() {
    let rows = MOST_NEEDED.iter().map(|name| {
        let entry = SETTINGS.iter().find(|entry| entry.name == *name).unwrap_or_else(|| panic!("{name}"));
        // Links there are seen from the settings' paper.
        format!("| `{name}` | {} | {} |\n", entry.default, entry.meaning.replace("](#", "](docs/settings.md#"))
    });
    let table = format!("\n| setting | when left out | meaning |\n|---|---|---|\n{}", rows.collect::<String>());
    is_generated("README.md", "<!-- settings: generated -->", &table, "<!-- /settings -->");
}

#[test]
fn the_table_of_selectors_is_the_reference() {
    let selectors = SETTINGS.iter().filter_map(|entry| Some((entry.name.strip_prefix("selector.")?, entry.meaning)));
    let rows: String = selectors.map(|(name, meaning)| format!("| `{name}` | {meaning} |\n")).collect();
    let table = format!("\n| selector | whom it selects |\n|---|---|\n{rows}");
    is_generated("docs/settings.md", "<!-- selectors: generated -->", &table, "<!-- /selectors -->");
}

/// Compares what stands between two marks of a paper with `table`, or puts it there.
fn is_generated(name: &str, begin: &str, table: &str, end: &str) {
    let paper = read(name);
    let present = between(&paper, begin, end);
    if present != table && std::env::var_os("PORTCULLIS_WRITE").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        fs::write(path, paper.replace(&format!("{begin}{present}{end}"), &format!("{begin}{table}{end}"))).unwrap();
        return;
    }
    assert_eq!(present, table, "{name}: PORTCULLIS_WRITE=1 cargo test --test papers -- --test-threads 1");
}

/// The example of the paper is one that the settings take.
#[test]
fn the_example_of_the_selectors_parses() {
    let paper = read("docs/settings.md");
    let selectors = paper.split("[[vars.PORTCULLIS.rules]]").nth(1).unwrap().split("```").next().unwrap();
    for line in selectors.lines().filter(|line| line.starts_with(['a', 'r', 'd'])) {
        let (name, list) = line.split_once(" = ").unwrap();
        // TOML's inline tables differ from JSON in their equals signs and bare keys alone.
        let words = ["group", "all", "role", "ip", "email_domain", "acr", "max_age", "claim", "one_of"];
        let json = words
            .iter()
            .fold(list.to_owned(), |text, word| text.replace(&format!("{word} = "), &format!("\"{word}\": ")));
        let written: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
        for selector in written {
            let parsed = portcullis::policy::Selector::parse(&selector);
            assert!(parsed.is_ok(), "{name}: {parsed:?}");
        }
    }
}

#[test]
#[cfg(feature = "check")]
fn the_example_of_machines_is_taken() {
    let paper = read("docs/machines.md");
    let example = between(&paper, "```toml", "```").replace("vars.PORTCULLIS.", "");
    let begin = r#"
        hosts = ["docs.example.com"]
        [[providers]]
        id = "work"
        title = "Work"
        issuer = "https://id.example"
        client_id = "c"
    "#;
    let settings: toml::Table = format!("{begin}{example}").parse().unwrap();
    let text = serde_json::to_string(&settings).unwrap();
    let text = portcullis::config::SettingsText { variable: Some(&text), module: None };
    let config = portcullis::config::Config::parse(text, |_| None).unwrap();
    let taken = config.rule(Some(0)).tokens.clone().unwrap();
    assert_eq!((taken.issuers.len(), taken.service.len()), (1, 1));
}

/// Every provider that the paper describes, as it stands there, with its rules.
#[test]
#[cfg(feature = "check")]
fn the_providers_of_the_paper_are_taken() {
    let paper = read("docs/providers.md");
    let examples: Vec<&str> = paper.split("```toml").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(examples.len(), 8);
    for example in examples {
        let settings = format!("hosts = [\"docs.example.com\"]\n{}", example.replace("vars.PORTCULLIS.", ""));
        let settings: toml::Table = settings.parse().unwrap_or_else(|error| panic!("{example}: {error}"));
        let text = serde_json::to_string(&settings).unwrap();
        let text = portcullis::config::SettingsText { variable: Some(&text), module: None };
        let config = portcullis::config::Config::parse(text, |name| {
            name.ends_with("_CLIENT_SECRET").then(|| "a secret".to_owned())
        });
        config.unwrap_or_else(|error| panic!("{example}: {} {}", error.setting, error.problem));
    }
}

/// The text literals of a piece of source that look like codes.
fn literals(source: &str) -> Vec<String> {
    quoted(source, |byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// The text literals that are made of these letters alone.
fn quoted(source: &str, letter: impl Fn(u8) -> bool) -> Vec<String> {
    let texts = source.split('"').skip(1).step_by(2);
    texts.filter(|text| !text.is_empty() && text.bytes().all(&letter)).map(str::to_owned).collect()
}

#[test]
fn every_secret_is_in_the_settings_manual() {
    let manual = read("docs/settings.md");
    let mut names: Vec<_> = ["keys", "origin_secret"]
        .into_iter()
        .flat_map(|file| {
            let source = read(&format!("src/config/{file}.rs"));
            let constants = source.lines().filter(|line| line.contains("const ") && line.contains("SECRET"));
            constants
                .flat_map(|line| quoted(line, |byte| byte.is_ascii_uppercase() || byte == b'_'))
                .collect::<Vec<_>>()
        })
        .collect();
    names.dedup();
    assert_eq!(names.len(), 5, "{names:?}");
    for name in names {
        assert!(manual.contains(&format!("\n| `{name}` |")), "{name}");
    }
}

#[test]
fn every_header_that_is_sent_or_removed_is_in_the_settings_manual() {
    let manual = read("docs/settings.md").to_lowercase();
    // Those of a family stand in one text.
    let header = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'-' | b',');
    let names = |file: &str, begin: &str, end: &str| quoted(between(&read(file), begin, end), header);
    let presets = names("src/config/headers.rs", "const X_AUTH:", "/// Headers that mean something");
    let withheld = names("src/gate/stripped_header.rs", "const PATH_HEADERS", "/// A header that goes no further");
    let of_methods = names("src/gate/method.rs", "pub const METHOD_HEADERS", "];");
    assert!(presets.len() > 15 && withheld.len() > 20 && of_methods.len() == 4, "{presets:?} {withheld:?}");
    for name in presets.iter().chain(&withheld).chain(&of_methods).flat_map(|names| names.split(',')) {
        assert!(manual.contains(&format!("`{name}`")), "{name}");
    }
}

/// A constant, and the words that tell of it.
#[test]
fn the_limits_of_the_manual_are_those_of_the_source() {
    let manual = read("docs/settings.md");
    let rows = between(&manual, "## Cookies", "## On your own machine");
    for (file, constant, words) in [
        ("session/cookie.rs", "SESSION: &str = \"portcullis\"", "| `__Host-portcullis` |"),
        ("session/cookie.rs", "LOGIN: &str = \"portcullis-login-\"", "| `__Host-portcullis-login-…` |"),
        ("session/cookie.rs", "HINT: &str = \"portcullis-hint\"", "| `__Secure-portcullis-hint` |"),
        ("session/pending.rs", "PENDING_LIMIT: usize = 5", "has five at most"),
        ("session/pending.rs", "PENDING_LIFETIME: Lifetime = Lifetime::from_seconds(600)", "| a login | ten minutes |"),
        (
            "session/pending.rs",
            "LANDED_LIFETIME: Lifetime = Lifetime::from_seconds(60)",
            "a minute once the login has ended",
        ),
        ("gate/return_to.rs", "LONGEST: usize = 1_024", "| 1,024 bytes of path and query |"),
        ("gate/callback.rs", "RESTART_WITHIN: Lifetime = Lifetime::from_seconds(86_400)", "once, for a day;"),
        ("session/cookie.rs", "COOKIE_BYTES: usize = 4_000", "| a session | 4,000 bytes |"),
        ("session/cookie.rs", "HEADER_BYTES: usize = 65_536", "| a `Cookie` header | 64 KB |"),
        ("claims.rs", "NAME_BYTES: usize = 256", "| a name to show | 256 bytes |"),
        ("claims.rs", "EMAIL_BYTES: usize = 320", "| an email address | 320 bytes |"),
        ("oidc/id_token.rs", "SUBJECT_BYTES: usize = 255", "| 255 characters of ASCII |"),
        ("oidc/id_token.rs", "LEEWAY: Lifetime = Lifetime::from_seconds(60)", "| a provider's clock | a minute off,"),
        ("oidc/id_token.rs", "OLDEST: Lifetime = Lifetime::from_seconds(3_600)", "an ID token an hour old |"),
        ("oidc.rs", "ANSWER_DEADLINE: Lifetime = Lifetime::from_seconds(8)", "| 8 seconds, and 256 KB |"),
        ("oidc.rs", "ANSWER_BYTES: usize = 262_144", "| 8 seconds, and 256 KB |"),
        ("gate/discovery.rs", "STALE: Lifetime = Lifetime::from_seconds(86_400)", "| `freshness`, and a day more |"),
        ("oidc/access_token.rs", "LONGEST: usize = 16_384", "| an access token | 16 KB |"),
        ("policy/selector.rs", "DEEPEST: usize = 8", "| selectors within selectors | 8 deep |"),
    ] {
        assert!(read(&format!("src/{file}")).contains(&format!("const {constant};")), "{file}: {constant}");
        assert!(rows.contains(words), "{words}");
    }
}

#[test]
fn every_own_address_is_in_the_settings_manual_with_its_methods() {
    use portcullis::gate::Endpoint;
    let manual = read("docs/settings.md");
    let rows = between(&manual, "## The gate's own addresses", "## Cookies").lines();
    let rows: Vec<(&str, &str)> = rows.filter_map(|row| row.strip_prefix("| `")?.split_once("` | ")).collect();
    for (path, rest) in &rows {
        let endpoint = Endpoint::find(path, "/.auth").unwrap_or_else(|| panic!("{path}"));
        assert!(rest.starts_with(&format!("{} |", endpoint.methods())), "{path}");
    }
    let source = read("src/gate/endpoint.rs");
    let names = between(&source, "pub const fn name(", "/// Whether it answers").matches("=> \"").count();
    assert_eq!(rows.len(), names);
    let gate = read("src/gate.rs");
    for name in quoted(between(&gate, "fn me<E", "None =>"), |byte| byte.is_ascii_lowercase() || byte == b'_') {
        assert!(rows.iter().any(|(path, rest)| *path == "/.auth/me" && rest.contains(&format!("`{name}`"))), "{name}");
    }
}

/// What ARCHITECTURE.md says of the constructors that are not private to a file.
#[test]
fn proofs_and_claims_are_made_in_the_places_that_are_named() {
    let files = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let calls = |call: &str| -> Vec<(&str, usize)> {
        let count =
            |text: &str| text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().matches(call).count();
        files.iter().map(|(name, text)| (name.as_str(), count(text))).filter(|(_, count)| *count > 0).collect()
    };
    assert_eq!(calls("SignatureProof::assertion("), [("gate/discovery.rs", 1)]);
    assert_eq!(
        calls("Claims::select("),
        [("config/tokens.rs", 1), ("oidc/access_token.rs", 1), ("oidc/id_token.rs", 1)]
    );
    assert_eq!(calls("Claims::read"), [("session.rs", 1)]);
    assert_eq!(calls("Session::begin("), [("gate/callback.rs", 1), ("gate/explanation.rs", 1)]);
}

/// The files of a directory and of those within it, by their paths there, but for those of tests.
fn sources(directory: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<(String, String)> = entries
        .flat_map(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
            match name.as_str() {
                _ if path.is_dir() => {
                    sources(&path).into_iter().map(|(file, text)| (format!("{name}/{file}"), text)).collect()
                }
                "tests.rs" => Vec::new(),
                _ => vec![(name, fs::read_to_string(&path).expect("text"))],
            }
        })
        .collect();
    files.sort();
    files
}

#[test]
fn every_code_in_the_source_is_explained_and_no_other() {
    let rejection = read("src/gate/rejection.rs");
    let mut codes = literals(between(&rejection, "pub const fn code(", "/// The status."));
    codes.extend(literals(between(&read("src/gate/bearer.rs"), "pub const fn code(", "/// The status.")));
    codes.extend(
        ["settings_wrong", "sign_in_required", "step_up_required", "would_deny", "would_admit"].map(str::to_owned),
    );
    // Codes that are logged without a refusal, and those of the entry.
    for file in ["src/gate/login.rs", "src/gate/callback.rs", "src/gate/logout.rs"] {
        let source = read(file);
        for call in source.split("request.log(").skip(1) {
            codes.extend(literals(call.split("&[").next().unwrap()));
        }
    }
    for file in ["entry.js", "src/worker/forward.js"] {
        let source = read(file);
        codes.extend(source.split("code: '").skip(1).map(|rest| rest.split('\'').next().unwrap().to_owned()));
    }
    let discovery = read("src/gate/discovery.rs");
    codes.extend(
        discovery.split("const KIND: &'static str = \"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()),
    );
    let switching = read("src/gate/switch_state.rs");
    codes.extend(
        literals(between(&switching, "fn take_in(&mut self", "\n}\n"))
            .into_iter()
            .filter(|code| code.starts_with("switch_")),
    );
    codes.sort();
    codes.dedup();
    let paper = read("docs/codes.md");
    let mut explained: Vec<String> = paper
        .split("## Codes")
        .nth(1)
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|line| line.split('`').next().unwrap().to_owned())
        .collect();
    explained.sort();
    assert_eq!(explained, codes);
}

/// The arms of a `match` in a piece of source: a pattern, and what it leads to.
fn arms(source: &str) -> Vec<(String, String)> {
    let mut arms = Vec::new();
    let mut patterns = "";
    for part in source.split("=>") {
        let (value, next) = part.split_once(",\n").unwrap_or(("", part));
        for pattern in patterns.split('|').map(str::trim).filter(|pattern| pattern.starts_with("Self::")) {
            arms.push((pattern.replace(" { .. }", "(_)"), value.trim().to_owned()));
        }
        patterns = next;
    }
    arms
}

#[test]
fn the_table_of_codes_has_the_status_of_each_and_says_which_are_not_logged() {
    let source = read("src/gate/rejection.rs");
    let of = |begin: &str, end: &str| arms(between(between(&source, begin, end), "match self {\n", "\n    }\n"));
    let codes = of("pub const fn code(", "/// The status.");
    let statuses = of("pub const fn status(", "/// How it is logged");
    let events = of("const fn event(", "/// The fields logged");
    // What is said of a pattern, or of the wider one behind it.
    let said = |arms: &[(String, String)], pattern: &str| {
        let wide = format!("{}(_)", pattern.split('(').next().unwrap());
        let find = |wanted: &str| arms.iter().find(|(own, _)| own == wanted).map(|(_, value)| value.clone());
        find(pattern).or_else(|| find(&wide)).unwrap_or_else(|| panic!("{pattern}"))
    };
    let paper = read("docs/codes.md");
    assert!(codes.len() > 35, "{codes:?}");
    for (pattern, code) in codes.iter().filter(|(_, code)| code.starts_with('"')) {
        let row = paper.lines().find(|line| line.starts_with(&format!("| `{}` |", code.trim_matches('"')))).unwrap();
        assert!(row.contains(&format!("` | {} |", said(&statuses, pattern))), "{pattern}: {row}");
        assert_eq!(row.contains("Not logged"), said(&events, pattern) == "None", "{pattern}: {row}");
    }
}

#[test]
fn every_event_in_the_source_is_explained() {
    let event = read("src/gate/event.rs");
    let kinds = literals(between(&event, "pub const fn as_str(", "/// Whether somebody"));
    let paper = read("docs/codes.md");
    for kind in kinds.iter().map(String::as_str).chain(["gate_trouble", "origin_trouble"]) {
        assert!(paper.contains(&format!("`{kind}`")), "{kind}");
    }
}
