//! `portcullis-check [wrangler.toml] [--env NAME]`: says in words what is wrong with the settings
//! and with the deployment around them, before anything is deployed.
//!
//! Reads `wrangler.toml`, `portcullis.json` and `.dev.vars` beside it. Ends with 1 when something
//! is wrong. Warnings are ways round the gate that only the deployment opens.

use std::{
    collections::HashMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use portcullis::config::{Config, ConfigError, Origin, Secrets, SettingsText};
use toml::{Table, Value};

/// A deployment as its file describes it.
struct Deployment {
    directory: PathBuf,
    table: Table,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut file, mut environment) = (PathBuf::from("wrangler.toml"), None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--env" => environment = arguments.next(),
            _ => file = PathBuf::from(argument),
        }
    }
    let mut out = io::stdout().lock();
    let (report, wrong) = match check(&file, environment.as_deref()) {
        Ok(report) => (report, false),
        Err(error) => (format!("wrong: {error}\n"), true),
    };
    match out.write_all(report.as_bytes()) {
        Ok(()) if !wrong => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn check(file: &Path, environment: Option<&str>) -> Result<String, ConfigError> {
    let deployment = Deployment::read(file, environment)?;
    let config = deployment.settings()?;
    let mut report = String::from("The settings are right.\n");
    for host in deployment.hosts() {
        let scheme = if host.starts_with("localhost") || host.starts_with("127.") || host.starts_with('[') {
            "http"
        } else {
            "https"
        };
        for (what, endpoint) in [("redirect URI", "callback"), ("post-logout redirect URI", "signed-out")] {
            report.push_str(&format!("  register as {what}: {scheme}://{host}{}/{endpoint}\n", config.prefix));
        }
    }
    for warning in deployment.warnings(&config) {
        report.push_str(&format!("warning: {warning}\n"));
    }
    for warning in config.warnings() {
        report.push_str(&format!("warning: {warning}\n"));
    }
    Ok(report)
}

fn wrong(setting: impl Into<String>, problem: impl Into<String>) -> ConfigError {
    ConfigError { setting: setting.into(), problem: problem.into() }
}

impl Deployment {
    fn read(file: &Path, environment: Option<&str>) -> Result<Self, ConfigError> {
        let name = file.display().to_string();
        let text = fs::read_to_string(file).map_err(|error| wrong(&name, error.to_string()))?;
        let mut table: Table = text.parse().map_err(|error: toml::de::Error| wrong(&name, error.to_string()))?;
        if let Some(environment) = environment {
            let chosen = table.get("env").and_then(|all| all.get(environment)).and_then(Value::as_table).cloned();
            let chosen = chosen.ok_or_else(|| wrong("--env", format!("{environment:?} is not in {name}")))?;
            // Variables and bindings are not inherited; the rest is.
            for name in ["vars", "kv_namespaces", "services"] {
                table.remove(name);
            }
            table.extend(chosen);
        }
        let directory = file.parent().map(Path::to_path_buf).unwrap_or_default();
        Ok(Self { directory, table })
    }

    fn settings(&self) -> Result<Config, ConfigError> {
        let variable = self.table.get("vars").and_then(|vars| vars.get("PORTCULLIS"));
        let variable = variable
            .map(serde_json::to_string)
            .transpose()
            .map_err(|error| wrong("vars.PORTCULLIS", error.to_string()))?;
        if variable.as_ref().is_some_and(|text| text.len() > 5_000) {
            return Err(wrong(
                "vars.PORTCULLIS",
                "is longer than the 5 KB a variable may have: move the settings to portcullis.json",
            ));
        }
        let module = fs::read_to_string(self.directory.join("portcullis.json")).unwrap_or_default();
        let secrets = self.local_secrets();
        if secrets.contains_key("PORTCULLIS_SECRET") {
            Secrets::parse(|name| secrets.get(name).cloned())?;
        }
        // What is stored with `wrangler secret put` cannot be read back: one that the settings call
        // for is taken to be there.
        let called_for = |name: &str| {
            name == "PORTCULLIS_ORIGIN_SECRET" || name.ends_with("_CLIENT_SECRET") && self.calls_for_client_secret(name)
        };
        Config::parse(SettingsText { variable: variable.as_deref(), module: Some(&module) }, |name| {
            secrets.get(name).cloned().or_else(|| called_for(name).then(|| "stored-at-deployment".to_owned()))
        })
    }

    fn calls_for_client_secret(&self, secret: &str) -> bool {
        let providers = self
            .table
            .get("vars")
            .and_then(|vars| vars.get("PORTCULLIS"))
            .and_then(|settings| settings.get("providers"));
        providers.and_then(Value::as_array).into_iter().flatten().any(|provider| {
            let text = |name: &str| provider.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let its_name = format!("PORTCULLIS_{}_CLIENT_SECRET", text("id").to_ascii_uppercase().replace('-', "_"));
            its_name == secret && matches!(text("token_auth").as_str(), "basic" | "post")
        })
    }

    /// `.dev.vars`: `NAME="value"`, a line each.
    fn local_secrets(&self) -> HashMap<String, String> {
        let text = fs::read_to_string(self.directory.join(".dev.vars")).unwrap_or_default();
        let lines =
            text.lines().filter(|line| !line.trim_start().starts_with('#')).filter_map(|line| line.split_once('='));
        lines.map(|(name, value)| (name.trim().to_owned(), value.trim().trim_matches(['"', '\'']).to_owned())).collect()
    }

    fn hosts(&self) -> Vec<String> {
        let hosts =
            self.table.get("vars").and_then(|vars| vars.get("PORTCULLIS")).and_then(|settings| settings.get("hosts"));
        hosts.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    fn warnings(&self, config: &Config) -> Vec<String> {
        let mut warnings = Vec::new();
        let is = |name: &str, wanted: bool| self.table.get(name).and_then(Value::as_bool) == Some(wanted);
        if !is("workers_dev", false) {
            warnings
                .push("workers_dev is not false: the Worker gets an address of Cloudflare's own as well".to_owned());
        }
        if !is("preview_urls", false) {
            warnings.push("preview_urls is not false: every version gets an address of its own".to_owned());
        }
        let assets = self.table.get("assets");
        if assets.is_some() && assets.and_then(|assets| assets.get("run_worker_first")) != Some(&Value::Boolean(true)) {
            warnings.push("assets.run_worker_first is not true: files are served without asking the gate".to_owned());
        }
        let text = |name: &str| assets.and_then(|assets| assets.get(name)).and_then(Value::as_str);
        if text("not_found_handling") == Some("single-page-application") {
            warnings.push("assets.not_found_handling shows /index.html at every address without a file: a rule for /index.html does not guard those".to_owned());
        }
        let redirects = text("directory").map(|directory| self.directory.join(directory).join("_redirects"));
        let redirects = redirects.and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
        for line in redirects.lines().filter(|line| line.split_whitespace().nth(2) == Some("200")) {
            warnings.push(format!(
                "_redirects: {line:?} shows a file under another path, and the gate judges the path that is asked for"
            ));
        }
        let named = |list: &str, name: &str| {
            let entries = self.table.get(list).and_then(Value::as_array).into_iter().flatten();
            entries.filter_map(|entry| entry.get("binding")?.as_str()).any(|binding| binding == name)
        };
        match &config.origin {
            Origin::Assets(name)
                if assets.and_then(|assets| assets.get("binding")).and_then(Value::as_str) != Some(name) =>
            {
                warnings.push(format!("origin.assets is {name:?}, and [assets] has no such binding"));
            }
            Origin::Service(name) if !named("services", name) => {
                warnings.push(format!("origin.service is {name:?}, and [[services]] has no such binding"));
            }
            _ => {}
        }
        if !named("kv_namespaces", "PORTCULLIS_KV") {
            warnings.push(
                "there is no KV namespace PORTCULLIS_KV: every isolate asks the provider for its keys".to_owned(),
            );
        }
        warnings
    }
}
