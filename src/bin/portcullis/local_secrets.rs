//! This machine's secrets: `.dev.vars`, as wrangler reads it.

use std::{collections::HashMap, fs, path::Path};

/// Those of the environment, if it has a file of its own, or else those for all: `NAME="value"`, a line each.
pub(crate) fn read(directory: &Path, environment: Option<&str>) -> HashMap<String, String> {
    let read = |name: String| fs::read_to_string(directory.join(name)).ok();
    let own = environment.and_then(|environment| read(format!(".dev.vars.{environment}")));
    let text = own.or_else(|| read(".dev.vars".to_owned())).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).map(|(name, text)| (name_of(name), value_of(text.trim()))).collect()
}

fn name_of(text: &str) -> String {
    let name = text.trim();
    name.strip_prefix("export ").map_or(name, str::trim).to_owned()
}

/// What is between quotes, or what comes before a comment.
fn value_of(text: &str) -> String {
    let quoted = ['"', '\'', '`'].into_iter().find_map(|quote| text.strip_prefix(quote)?.split_once(quote));
    quoted.map_or_else(|| text.split('#').next().unwrap_or_default().trim(), |(value, _)| value).to_owned()
}
