//! [`Deployment`]: the settings where they are written, and what surrounds them: `wrangler.toml`, with
//! `portcullis.json` and `.dev.vars` beside it.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    rc::Rc,
};

use portcullis::{
    config::{Config, ConfigError, Fact, Host, Origin, Secrets, SettingsText},
    gate::Gate,
};
use toml::{
    Table, Value,
    value::{Datetime, Time},
};

use crate::{
    arguments::as_word, local_secrets, misplaced, platform, routes, site_files::SiteFiles, slips, wrangler_file,
};

/// Placeholders for secrets of 32 bytes that are stored at the deployment: of the required form, used by nobody, and
/// two of them, since no two secrets may be equal.
const STORED_CHECK: &str = "c3RvcmVkIGF0IGRlcGxveW1lbnQsIG5vdCBoZXJlIDAx";
const STORED_ORIGIN: &str = "c3RvcmVkIGF0IGRlcGxveW1lbnQsIG5vdCBoZXJlIDAy";

/// A deployment as its file describes it.
pub(crate) struct Deployment {
    file: PathBuf,
    directory: PathBuf,
    /// Which environment; `None` for the top of the file.
    environment: Option<String>,
    /// The whole file, with all environments.
    whole: Table,
    /// The part of it that counts for what is deployed.
    table: Table,
}

pub(crate) fn wrong(setting: impl Into<String>, problem: impl Into<String>) -> ConfigError {
    ConfigError { setting: setting.into(), problem: problem.into() }
}

impl Deployment {
    /// Reads `file`, and the part of it that counts in `environment`. Without either, those that wrangler takes.
    pub(crate) fn read(file: Option<&str>, environment: Option<&str>) -> Result<Self, ConfigError> {
        let (file, environment) = (Path::new(wrangler_file::file(file)?), wrangler_file::environment(environment));
        let name = file.display().to_string();
        let text = fs::read_to_string(file).map_err(|error| wrong(&name, error.to_string()))?;
        let whole: Table = text.parse().map_err(|error: toml::de::Error| wrong(&name, error.to_string()))?;
        let mut table = whole.clone();
        if let Some(environment) = &environment {
            let chosen = table.get("env").and_then(|all| all.get(environment)).and_then(Value::as_table).cloned();
            let chosen = chosen.ok_or_else(|| wrong("--env", format!("{environment:?} is not in {name}")))?;
            // Variables and bindings are not inherited; the rest is.
            for name in ["vars", "kv_namespaces", "services"] {
                table.remove(name);
            }
            table.extend(chosen);
        }
        let directory = file.parent().map(Path::to_path_buf).unwrap_or_default();
        Ok(Self { file: file.to_path_buf(), directory, environment, whole, table })
    }

    /// The settings, with this machine's secrets, if there are any.
    pub(crate) fn settings(&self) -> Result<Config, ConfigError> {
        if let Some(error) = misplaced::find(&self.whole) {
            return Err(error);
        }
        let secrets = self.local_secrets();
        if secrets.contains_key("PORTCULLIS_SECRET") {
            Secrets::parse(|name| secrets.get(name).cloned())?;
        }
        let variable = self.variable();
        if variable.as_ref().is_some_and(|text| text.len() > 5_000) {
            return Err(wrong(
                "vars.PORTCULLIS",
                "is longer than the 5 KB a variable may have: move the settings to portcullis.json",
            ));
        }
        let text = SettingsText { variable: variable.as_deref(), module: Some(&self.module()) };
        Config::parse(text, |name| self.secret(&secrets, name))
    }

    /// A gate with these settings, once `change` is made to them, and with a secret of its own, under which no other
    /// gate's cookies open.
    pub(crate) fn gate(
        &self,
        secret: &str,
        change: impl FnOnce(&mut serde_json::Value),
    ) -> Result<Rc<Gate>, ConfigError> {
        // Without the change they must be right.
        self.settings()?;
        let (mut settings, nothing) = (self.written(), HashMap::new());
        change(&mut settings);
        let text = settings.to_string();
        Gate::open(SettingsText { variable: Some(&text), module: None }, |name| match name {
            "PORTCULLIS_SECRET" => Some(secret.to_owned()),
            name => self.secret(&nothing, name),
        })
    }

    /// The settings as they are written, wherever that is.
    pub(crate) fn written(&self) -> serde_json::Value {
        serde_json::from_str(&self.variable().unwrap_or_else(|| self.module())).unwrap_or_default()
    }

    /// The variable as the Worker gets it: a table as JSON, a text as it is.
    fn variable(&self) -> Option<String> {
        match self.table.get("vars").and_then(|vars| vars.get("PORTCULLIS"))? {
            Value::String(text) => Some(text.clone()),
            value => Some(json(value).to_string()),
        }
    }

    /// The module, which is beside the entry that imports it. The platform turns bytes that are not text into text.
    fn module(&self) -> String {
        let main = self.table.get("main").and_then(Value::as_str).map(|main| self.directory.join(main));
        let beside = main.as_deref().and_then(Path::parent).unwrap_or(&self.directory);
        String::from_utf8_lossy(&fs::read(beside.join("portcullis.json")).unwrap_or_default()).into_owned()
    }

    /// What is stored with `wrangler secret put` cannot be read back, so a client secret that the settings call for
    /// is assumed to be there.
    fn secret(&self, local: &HashMap<String, String>, name: &str) -> Option<String> {
        let called_for = name.ends_with("_CLIENT_SECRET") && self.calls_for_client_secret(name);
        let stored = || match name {
            "PORTCULLIS_CHECK_SECRET" => Some(STORED_CHECK.to_owned()),
            "PORTCULLIS_ORIGIN_SECRET" => Some(STORED_ORIGIN.to_owned()),
            _ => called_for.then(|| "stored at deployment".to_owned()),
        };
        local.get(name).cloned().or_else(stored)
    }

    fn calls_for_client_secret(&self, secret: &str) -> bool {
        let written = self.written();
        let providers = written.get("providers").and_then(serde_json::Value::as_array);
        providers.into_iter().flatten().any(|provider| {
            let text = |name: &str| provider.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
            let its_name = format!("PORTCULLIS_{}_CLIENT_SECRET", text("id").to_ascii_uppercase().replace('-', "_"));
            its_name == secret && matches!(text("token_auth"), "basic" | "post")
        })
    }

    fn local_secrets(&self) -> HashMap<String, String> {
        local_secrets::read(&self.directory, self.environment.as_deref())
    }

    /// The hosts, as people open them. A loopback host without a port is served at any: here, at that of `wrangler
    /// dev`.
    pub(crate) fn addresses(&self, hosts: &[Host]) -> Vec<String> {
        let port = self.development_port();
        let address = |host: &Host| {
            let (scheme, usual) = if host.is_loopback() { ("http", Some(port.as_str())) } else { ("https", None) };
            let port = host.port().or(usual).map(|port| format!(":{port}")).unwrap_or_default();
            format!("{scheme}://{}{port}", host.name())
        };
        hosts.iter().map(address).collect()
    }

    /// Where `wrangler dev` serves.
    pub(crate) fn development_port(&self) -> String {
        let port = self.table.get("dev").and_then(|dev| dev.get("port")).and_then(Value::as_integer);
        port.unwrap_or(8787).to_string()
    }

    pub(crate) fn has_binding(&self, list: &str, name: &str) -> bool {
        let entries = self.table.get(list).and_then(Value::as_array).into_iter().flatten();
        entries.filter_map(|entry| entry.get("binding")?.as_str()).any(|binding| binding == name)
    }

    /// Whether everything that the settings name is there, no secret is, and the gate is asked before the files that
    /// it guards are served.
    pub(crate) fn check(&self, config: &Config) -> Result<(), ConfigError> {
        self.check_variables()?;
        platform::check(&self.table)?;
        if let Some(name) = self.site_files().and_then(|files| files.secret()) {
            let problem = format!(
                "holds {name}, which goes out with the site: keep the site's files in a directory of their own"
            );
            return Err(wrong("assets.directory", problem));
        }
        match &config.origin {
            Origin::Assets(name) if self.assets("binding").and_then(Value::as_str) != Some(name) => {
                return Err(wrong("origin.assets", format!("is {name:?}, and [assets] has no such binding")));
            }
            Origin::Assets(_) if !self.asks_first() => {
                return Err(wrong(
                    "assets.run_worker_first",
                    "is not true, and origin.assets needs it: files could go out without asking the gate",
                ));
            }
            Origin::Service(name) if !self.has_binding("services", name) => {
                return Err(wrong("origin.service", format!("is {name:?}, and [[services]] has no such binding")));
            }
            Origin::Service(name) if self.binds_itself(name) => {
                return Err(wrong(
                    "origin.service",
                    format!("is {name:?}, and that is bound to this Worker itself: name the one that is protected"),
                ));
            }
            _ => {}
        }
        if config.switch && !self.has_binding("kv_namespaces", "PORTCULLIS_KV") {
            return Err(wrong("switch", "needs the KV namespace PORTCULLIS_KV: add it to wrangler.toml"));
        }
        Ok(())
    }

    /// No variable may be a secret, in any environment: more people read a file than may know a secret.
    fn check_variables(&self) -> Result<(), ConfigError> {
        let environments = self.whole.get("env").and_then(Value::as_table).into_iter().flatten();
        let tables = environments.map(|(name, table)| (Some(name.as_str()), table.get("vars")));
        for (environment, variables) in std::iter::once((None, self.whole.get("vars"))).chain(tables) {
            let mut names = variables.and_then(Value::as_table).into_iter().flat_map(Table::keys);
            if let Some(name) = names.find(|name| name.starts_with("PORTCULLIS_")) {
                let within = environment.map(|environment| format!("env.{environment}.")).unwrap_or_default();
                let command = self.command_in(name, environment);
                return Err(wrong(
                    format!("{within}vars.{name}"),
                    format!(
                        "is in a file, and names that begin so are those of the gate's secrets: take it out, and store it with `{command}`"
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Whether the service of this binding is the very Worker that is deployed. Wrangler appends the environment to
    /// its name.
    fn binds_itself(&self, binding: &str) -> bool {
        let top = self.whole.get("name").and_then(Value::as_str).unwrap_or_default();
        let own = match &self.environment {
            Some(environment) if self.table.get("name") == self.whole.get("name") => format!("{top}-{environment}"),
            _ => self.table.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
        };
        let services = self.table.get("services").and_then(Value::as_array).into_iter().flatten();
        let mut services = services.filter(|entry| entry.get("binding").and_then(Value::as_str) == Some(binding));
        services.any(|entry| entry.get("service").and_then(Value::as_str) == Some(own.as_str()))
    }

    /// The files that go out with the site.
    pub(crate) fn site_files(&self) -> Option<SiteFiles> {
        SiteFiles::find(&self.directory, self.assets("directory")?.as_str()?)
    }

    /// The command that stores a secret for what is deployed.
    pub(crate) fn command_to_store(&self, name: &str) -> String {
        self.command_in(name, self.environment.as_deref())
    }

    /// The environments of the file, if none of them was chosen.
    pub(crate) fn others(&self) -> Vec<&str> {
        let environments = self.whole.get("env").and_then(Value::as_table).filter(|_| self.environment.is_none());
        environments.into_iter().flat_map(Table::keys).map(String::as_str).collect()
    }

    fn command_in(&self, name: &str, environment: Option<&str>) -> String {
        let file = as_word(&self.file.display().to_string());
        let config = if self.file == Path::new("wrangler.toml") { String::new() } else { format!(" --config {file}") };
        let environment = environment.map(|name| format!(" --env {}", as_word(name))).unwrap_or_default();
        format!("npx wrangler secret put {name}{config}{environment}")
    }

    fn assets(&self, name: &str) -> Option<&Value> {
        self.table.get("assets")?.get(name)
    }

    fn asks_first(&self) -> bool {
        self.assets("run_worker_first") == Some(&Value::Boolean(true))
    }

    /// What may be intended, but otherwise is a way round the gate, or leaves no way to it.
    pub(crate) fn warnings(&self, config: &Config) -> Vec<String> {
        let mut warnings = routes::warnings(&self.table, config);
        warnings.extend(slips::warnings(&self.written()));
        let is = |name: &str, wanted: bool| self.table.get(name).and_then(Value::as_bool) == Some(wanted);
        if !is("workers_dev", false) {
            warnings
                .push("workers_dev is not false: the Worker gets an address of Cloudflare's own as well".to_owned());
        }
        if !is("preview_urls", false) {
            warnings.push("preview_urls is not false: every version gets an address of its own".to_owned());
        }
        if self.table.contains_key("assets") && !self.asks_first() {
            warnings.push("assets.run_worker_first is not true: files are served without asking the gate".to_owned());
        }
        let text = |name: &str| self.assets(name).and_then(Value::as_str);
        if text("not_found_handling") == Some("single-page-application") {
            warnings.push("assets.not_found_handling shows /index.html at every address without a file: a rule for /index.html does not guard those".to_owned());
        }
        let files = self.site_files();
        if files.as_ref().is_some_and(SiteFiles::hold_the_deployment) {
            warnings.push(format!(
                "assets.directory is {:?}, where {} is: what is beside it goes out with the site, unless .assetsignore names it",
                text("directory").unwrap_or_default(),
                self.file.display()
            ));
        }
        for line in files.iter().flat_map(SiteFiles::rewrites) {
            warnings.push(format!(
                "_redirects: {line:?} shows a file under another path, and the gate judges the path that is asked for"
            ));
        }
        if self.table.get("cache").and_then(|cache| cache.get("enabled")) == Some(&Value::Boolean(true)) {
            warnings.push("cache.enabled is true: a cache answers for everybody, before the gate is asked".to_owned());
        }
        if let Some(setting) = platform::keeps_addresses(&self.table) {
            warnings.push(format!(
                "{setting}: the platform keeps every request's whole address, and in those of logins there are codes"
            ));
        }
        if let Origin::Address(address) = &config.origin
            && config.origin_secret.is_none()
            && config.headers.name(Fact::Assertion).is_none()
        {
            warnings.push(format!(
                "origin.fetch is {address:?}: whoever asks there goes round the gate, unless the server takes nobody without a secret (origin.secret_header) or an assertion"
            ));
        }
        // Entra ID: addresses at which any tenant signs in, and under which no token was ever issued.
        let is_for_any_tenant = |issuer: &str| {
            ["/common/", "/organizations/", "/consumers/"].iter().any(|tenants| issuer.contains(tenants))
                && issuer.contains("//login.microsoftonline.")
        };
        for (rank, provider) in config.providers.iter().enumerate() {
            if is_for_any_tenant(provider.issuer.as_str()) {
                warnings.push(format!(
                    "providers[{rank}].issuer is {:?}, which issues no token: write the tenant's id in the place of the word",
                    provider.issuer.as_str()
                ));
            }
        }
        if config.hosts.iter().any(|host| !host.is_loopback()) {
            warnings.extend(issuers_of_this_machine(config));
        }
        if !self.has_binding("kv_namespaces", "PORTCULLIS_KV") {
            warnings.push(
                "there is no KV namespace PORTCULLIS_KV: every isolate asks the provider for its keys".to_owned(),
            );
        }
        warnings
    }
}

/// A value as wrangler writes it into a variable.
fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Datetime(date) => moment(date).into(),
        // JavaScript has one kind of number: `1.0` is written as `1`.
        Value::Float(number) => {
            let whole = format!("{number}");
            whole
                .parse::<i64>()
                .map(Into::into)
                .or_else(|_| whole.parse::<u64>().map(Into::into))
                .unwrap_or_else(|_| serde_json::to_value(number).unwrap_or_default())
        }
        Value::Array(list) => list.iter().map(json).collect(),
        Value::Table(table) => table.iter().map(|(name, value)| (name.clone(), json(value))).collect(),
        other => serde_json::to_value(other).unwrap_or_default(),
    }
}

/// A date, a time or both, as wrangler writes it: a time has milliseconds, and nothing finer.
fn moment(moment: &Datetime) -> String {
    let date = moment.date.map(|date| date.to_string());
    let time = moment.time.map(|Time { hour, minute, second, nanosecond }| {
        let milliseconds = nanosecond / 1_000_000;
        format!("{hour:02}:{minute:02}:{second:02}.{milliseconds:03}")
    });
    let offset = moment.offset.map(|offset| offset.to_string()).unwrap_or_default();
    let parts: Vec<String> = [date, time].into_iter().flatten().collect();
    format!("{}{offset}", parts.join("T"))
}

/// The issuers that only this machine reaches. Plain HTTP is accepted for those alone.
fn issuers_of_this_machine(config: &Config) -> impl Iterator<Item = String> {
    let providers = config.providers.iter().enumerate();
    let providers = providers.map(|(rank, provider)| (format!("providers[{rank}].issuer"), &provider.issuer));
    let tokens =
        config.token_issuers.iter().map(|tokens| (format!("the issuer of the tokens {:?}", tokens.id), &tokens.issuer));
    let local = providers.chain(tokens).filter(|(_, issuer)| issuer.as_str().starts_with("http://"));
    local.map(|(what, issuer)| {
        format!("{what} is {:?}, an address of this machine, which a deployed Worker does not reach", issuer.as_str())
    })
}
