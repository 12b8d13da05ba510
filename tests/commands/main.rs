//! The commands: `check`, `explain` and `test`. What they say of a request is what the gate does with it.
#![cfg(feature = "check")]

mod arguments;
mod check;
mod copies;
mod deployment;
mod expectations;
mod explain;
mod misplaced;
mod paper;
mod slips;
#[path = "../support/mod.rs"]
mod support;
mod words;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use support::world::settings;

const OTHER: &str = "https://app.example.com";
/// A deployment with the binding that is the origin where the settings name none.
const WRANGLER: &str =
    "name = \"site\"\n[assets]\ndirectory = \"site\"\nbinding = \"ASSETS\"\nrun_worker_first = true\n";

/// A directory with a deployment in it, which goes with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str, settings: &Value) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        let directory = Self(path);
        directory.write("wrangler.toml", WRANGLER);
        directory.write("portcullis.json", &settings.to_string());
        directory
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    /// Runs a command of the crate here: whether it ended well, and what it said, on standard output or, where it has
    /// no answer, on standard error.
    fn run(&self, arguments: &[&str]) -> (bool, String) {
        self.within("", arguments)
    }

    /// The same where `CLOUDFLARE_ENV` names an environment.
    fn within(&self, environment: &str, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.current_dir(&self.0).args(arguments).env("CLOUDFLARE_ENV", environment);
        let output = command.output().unwrap();
        let (answer, why_none) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        let good = output.status.success();
        assert!(
            if good { why_none.is_empty() } else { answer.is_empty() != why_none.is_empty() },
            "{answer}{why_none}"
        );
        assert_eq!(why_none.starts_with("wrong: "), !why_none.is_empty(), "{why_none}");
        (good, answer + &why_none)
    }

    /// Runs a command that ends well.
    fn says(&self, arguments: &[&str]) -> String {
        let (good, text) = self.run(arguments);
        assert!(good, "{arguments:?}: {text}");
        text
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn with_rules(rules: Value) -> Value {
    let mut settings = settings();
    settings["hosts"] = json!(["docs.example.com", "other.example.com"]);
    settings["rules"] = rules;
    settings
}

fn rules() -> Value {
    json!([
        { "id": "plan", "path": "/docs/**", "mode": "report", "allow": [{ "group": "finance" }] },
        { "path": "/docs/**", "mode": "report", "deny": [{ "group": "finance" }] },
        { "path": "/open/**", "sso": false },
        { "path": "/page/**", "sso": "optional", "origins": [OTHER] },
        { "path": "/other/**", "host": "other.example.com", "sso": false },
        { "path": "/api/**", "methods": ["POST"], "preflight": true, "origins": [OTHER] },
        { "path": "/api/**", "methods": ["GET"], "sso": false },
        { "id": "admin", "path": "/admin/**", "allow": [{ "group": "admins" }, { "email": "ceo@example.com" }] },
        { "path": "/billing/**", "allow": [{ "group": "admins" }], "require": [{ "max_age": "5m" }] },
        { "path": "/class", "require": [{ "email_domain": "example.com" }, { "acr": ["urn:mfa", "urn:hw"] }] },
        { "path": "/password", "require": [{ "acr": "urn:pwd" }, { "max_age": "2h" }] },
        { "path": "/method", "require": [{ "amr": "hwk" }] },
        { "path": "/ip", "require": [{ "ip": ["192.0.2.0/24", "2001:db8::/32"] }] },
        { "path": "/country", "deny": [{ "country": "XX" }] },
        { "path": "/claim", "deny": [{ "claim": "name", "equals": "bob" }] },
        { "path": "/nested", "allow": [{ "all": [{ "any": [{ "group": "admins" }, { "role": "x" }] }, { "none": [{ "country": "XX" }] }] }] },
        { "path": "/a.html" },
    ])
}
