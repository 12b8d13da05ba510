//! What `wrangler.toml` tells the platform besides the settings, where the gate depends on it.

use portcullis::config::ConfigError;
use toml::{Table, Value};

use crate::deployment::wrong;

/// The first date from which the platform accepts the option `cache` of a fetch, without which the gate can call
/// nobody.
const OLDEST_DATE: &str = "2024-11-11";

/// Whether the gate can work with this.
pub(crate) fn check(table: &Table) -> Result<(), ConfigError> {
    let text = |name: &str| table.get(name).and_then(Value::as_str);
    if let Some(date) = text("compatibility_date").filter(|date| *date < OLDEST_DATE) {
        return Err(wrong(
            "compatibility_date",
            format!(
                "is {date:?}, and before {OLDEST_DATE:?} nobody could sign in: write the one that wrangler.toml came with"
            ),
        ));
    }
    if text("main").is_some_and(|main| main.ends_with("entry.js")) && !takes_the_file_as_text(table) {
        return Err(wrong(
            "rules",
            "of wrangler are missing: without [[rules]], type = \"Text\", globs = [\"**/portcullis.json\"] that file is no text to the gate, and nothing is served",
        ));
    }
    Ok(())
}

/// Whether the entry, which always imports `portcullis.json`, gets it as it is written.
fn takes_the_file_as_text(table: &Table) -> bool {
    let rules = table.get("rules").and_then(Value::as_array).into_iter().flatten();
    let texts = rules.filter(|rule| rule.get("type").and_then(Value::as_str) == Some("Text"));
    let globs = texts.filter_map(|rule| rule.get("globs").and_then(Value::as_array)).flatten();
    globs.filter_map(Value::as_str).any(|glob| glob.ends_with("portcullis.json") || glob.ends_with("*.json"))
}

/// The setting that makes the platform keep whole addresses, in a line of its own for every request.
pub(crate) fn keeps_addresses(table: &Table) -> Option<&'static str> {
    let observability =
        |path: &[&str]| path.iter().try_fold(table.get("observability")?, |table, name| table.get(name));
    let is = |path: &[&str], wanted: bool| observability(path).and_then(Value::as_bool) == Some(wanted);
    let logs = is(&["logs", "enabled"], true) || is(&["enabled"], true) && !is(&["logs", "enabled"], false);
    if logs && !is(&["logs", "invocation_logs"], false) {
        return Some("observability.logs.invocation_logs is not false");
    }
    if is(&["traces", "enabled"], true) {
        return Some("observability.traces.enabled is true");
    }
    (table.get("logpush") == Some(&Value::Boolean(true))).then_some("logpush is true")
}
