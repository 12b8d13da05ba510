//! Settings under a header where nothing reads them: a rule there guards nothing.

use portcullis::config::ConfigError;
use toml::{Table, Value};

use crate::deployment::wrong;

const VARIABLE: &str = "PORTCULLIS";
/// The keys at the top of the variable. At the top of the file none of them but `rules` means anything to wrangler.
const SETTINGS: [&str; 12] = [
    "hosts",
    "session",
    "origin",
    "headers",
    "assertion",
    "fragment",
    "prefix",
    "check",
    "switch",
    "providers",
    "tokens",
    "rules",
];

/// The first setting in the file that is not where the gate looks, in any environment.
pub(crate) fn find(file: &Table) -> Option<ConfigError> {
    let environments = file.get("env").and_then(Value::as_table).into_iter().flatten();
    let environments = environments.filter_map(|(name, table)| Some((format!("env.{name}."), table.as_table()?)));
    let found = std::iter::once((String::new(), file))
        .chain(environments)
        .find_map(|(place, table)| misplaced(table).map(|setting| format!("{place}{setting}")))?;
    Some(wrong(
        found,
        "is not where the gate looks, which would go on without it: settings stand under [vars.PORTCULLIS], rules under [[vars.PORTCULLIS.rules]], and those of an environment under [env.NAME.vars.PORTCULLIS]",
    ))
}

fn misplaced(table: &Table) -> Option<String> {
    table.iter().find_map(|(name, value)| match (name.as_str(), value) {
        ("env", _) => None,
        ("vars", Value::Table(variables)) => variables.iter().find_map(|(name, value)| variable(name, value)),
        // Wrangler has rules of its own, for modules.
        ("rules", Value::Array(rules)) => {
            rules.iter().position(|rule| rule.get("path").is_some()).map(|rank| format!("rules[{rank}]"))
        }
        (name, _) if is_ours(name) => Some(name.to_owned()),
        (name, Value::Table(table)) => {
            let within = table.keys().find(|name| name.eq_ignore_ascii_case(VARIABLE));
            within.map(|within| format!("{name}.{within}"))
        }
        _ => None,
    })
}

/// For a variable that is not ours: its name, if it is a setting's, or that of a setting in it.
fn variable(name: &str, value: &Value) -> Option<String> {
    if name == VARIABLE {
        return None;
    }
    let within = || value.as_table()?.keys().find(|name| SETTINGS.contains(&name.as_str()));
    let whole = is_ours(name).then(|| format!("vars.{name}"));
    whole.or_else(|| within().map(|within| format!("vars.{name}.{within}")))
}

fn is_ours(name: &str) -> bool {
    name.eq_ignore_ascii_case(VARIABLE) || SETTINGS.contains(&name)
}
