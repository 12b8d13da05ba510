//! `portcullis check [--config wrangler.toml] [--env NAME]`: says in words what is wrong with the settings
//! and with the deployment around them, before anything is deployed.
//!
//! Exits with 1 when something is wrong: a setting, a missing binding, a secret in the file, or files that go out
//! without asking the gate. Warnings are about what may be intended, but otherwise is a way round the gate, or leaves
//! no way to it.

use portcullis::config::Host;

use crate::{
    arguments::{Arguments, Failure, given},
    copies,
    deployment::Deployment,
    supposition::Bench,
};

pub(crate) fn run(arguments: &[String]) -> Result<String, Failure> {
    let arguments = Arguments::parse(arguments, &["--config", "--env"], &[])?;
    let file = match (arguments.option("--config"), arguments.value()?) {
        (Some(config), Some(file)) if config != file => {
            return Err(given(format!("--config says another file than {file:?}: give one of them")));
        }
        (config, file) => config.or(file),
    };
    let deployment = Deployment::read(file, arguments.option("--env"))?;
    let config = deployment.settings()?;
    deployment.check(&config)?;
    let mut report = String::from("The settings are right.\n");
    for address in deployment.addresses(&config.hosts) {
        for (what, endpoint) in [("redirect URI", "callback"), ("post-logout redirect URI", "signed-out")] {
            report.push_str(&format!("  register as {what}: {address}{}/{endpoint}\n", config.prefix));
        }
    }
    if config.hosts.iter().any(|host| host.is_loopback() && host.port().is_none()) {
        report.push_str(&format!(
            "  {} is the port of wrangler dev on this machine: where it serves at another, register that\n",
            deployment.development_port()
        ));
    }
    if config.hosts.iter().all(Host::is_loopback) {
        report.push_str("  hosts names this machine alone: deployed like this, it answers everybody with 421\n");
    }
    for (name, may_be_public) in config.secrets() {
        let unless = if may_be_public { ", unless the client is public" } else { "" };
        let command = deployment.command_to_store(&name);
        report.push_str(&format!("  needs the secret{unless}: {command}\n"));
    }
    let others = deployment.others();
    if !others.is_empty() {
        let others: Vec<String> = others.iter().map(|name| format!("[env.{name}]")).collect();
        report.push_str(&format!("  is not about {}: check them with --env\n", others.join(", ")));
    }
    let mut warnings = deployment.warnings(&config);
    if let Some(files) = deployment.site_files() {
        warnings.extend(copies::warnings(&Bench::new(&deployment)?, &files));
    }
    for warning in warnings.iter().map(String::as_str).chain(config.warnings().iter().map(String::as_str)) {
        report.push_str(&format!("warning: {warning}\n"));
    }
    Ok(report)
}
