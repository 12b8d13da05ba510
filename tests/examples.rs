//! Every example of settings in the papers is one that the settings take.
#![cfg(feature = "check")]

use std::{fs, path::Path};

use portcullis::config::{Config, SettingsText};
use toml::{Table, Value};

/// What an example leaves out: the settings around it, in which `work` is the provider that they name.
const AROUND: &str = r#"
    hosts = ["docs.example.com"]
    providers = [{ id = "work", title = "Work", issuer = "https://id.example", client_id = "c" }]
"#;

/// The papers, by their names.
fn papers() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = [root.to_owned(), root.join("docs")];
    let files = files.iter().flat_map(|directory| fs::read_dir(directory).expect("a directory"));
    let files =
        files.map(|file| file.expect("a file").path()).filter(|file| file.extension().is_some_and(|end| end == "md"));
    files.map(|file| (file.display().to_string(), fs::read_to_string(&file).expect("text"))).collect()
}

/// The settings of an example; `None` where it is about something else.
fn settings(example: &Table) -> Option<Table> {
    // A line may be shown by itself, as it stands under [vars.PORTCULLIS].
    let given = match example.get("vars") {
        Some(vars) => vars.get("PORTCULLIS")?.as_table()?,
        None if example.contains_key("headers") => example,
        None => return None,
    };
    let mut settings: Table = AROUND.parse().expect("TOML");
    settings.extend(given.clone());
    Some(settings)
}

fn secret(name: &str) -> Option<String> {
    let text = match name {
        "PORTCULLIS_CHECK_SECRET" => "Qp3vN8xYt1KdRz6WmLc0UeHs5BjGfAo2iTn9ZkXyMw4=",
        "PORTCULLIS_ORIGIN_SECRET" => "a-text-of-letters",
        _ if name.ends_with("_CLIENT_SECRET") => "a secret",
        _ => return None,
    };
    Some(text.to_owned())
}

#[test]
fn every_example_of_settings_is_taken() {
    let mut taken = 0;
    for (paper, text) in papers() {
        for block in text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            let example: Table = block.parse().unwrap_or_else(|error| panic!("{paper}: {error}\n{block}"));
            let Some(settings) = settings(&example) else { continue };
            let json = serde_json::to_string(&Value::Table(settings)).expect("JSON");
            let parsed = Config::parse(SettingsText { variable: Some(&json), module: None }, secret);
            parsed.unwrap_or_else(|error| panic!("{paper}: {error}\n{block}"));
            taken += 1;
        }
    }
    assert!(taken > 18, "{taken} examples");
}
