//! `portcullis check [wrangler.toml] [--env NAME]`: says in words what is wrong with the settings
//! and with the deployment around them, before anything is deployed.
//!
//! Ends with 1 when something is wrong. Warnings are ways round the gate that only the deployment
//! opens.

use crate::{
    arguments::{Arguments, Failure},
    deployment::{Deployment, wrong},
};

pub(crate) fn run(arguments: &[String]) -> Result<String, Failure> {
    let arguments = Arguments::parse(arguments, &["--env"], &[])?;
    let [file] = arguments.values(["wrangler.toml"])?;
    let deployment = Deployment::read(file.as_ref(), arguments.option("--env"))?;
    let config = deployment.settings()?;
    if config.switch && !deployment.has_binding("kv_namespaces", "PORTCULLIS_KV") {
        return Err(wrong("switch", "needs the KV namespace PORTCULLIS_KV: add it to wrangler.toml").into());
    }
    let mut report = String::from("The settings are right.\n");
    for address in deployment.addresses() {
        for (what, endpoint) in [("redirect URI", "callback"), ("post-logout redirect URI", "signed-out")] {
            report.push_str(&format!("  register as {what}: {address}{}/{endpoint}\n", config.prefix));
        }
    }
    let warnings = deployment.warnings(&config);
    for warning in warnings.iter().map(String::as_str).chain(config.warnings().iter().map(String::as_str)) {
        report.push_str(&format!("warning: {warning}\n"));
    }
    Ok(report)
}
