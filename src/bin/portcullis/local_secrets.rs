//! This machine's secrets: `.dev.vars`, as wrangler reads it, by the package `dotenv`.

use std::{collections::HashMap, fs, path::Path};

/// Those of the environment, if it has a file of its own, or else those for all.
pub(crate) fn read(directory: &Path, environment: Option<&str>) -> HashMap<String, String> {
    let read = |name: String| fs::read_to_string(directory.join(name)).ok();
    let own = environment.and_then(|environment| read(format!(".dev.vars.{environment}")));
    let text = own.or_else(|| read(".dev.vars".to_owned())).unwrap_or_default();
    let (mut secrets, mut rest) = (HashMap::new(), text.as_str());
    while !rest.is_empty() {
        rest = match secret_of(rest) {
            Some((name, value, after)) => {
                secrets.insert(name.to_owned(), value.to_owned());
                after
            }
            None => rest.split_once('\n').map_or("", |(_, after)| after),
        };
    }
    secrets
}

/// The secret on the first line, `NAME=value` or `NAME: value`, and what comes after it. A value in quotes may have
/// several lines.
fn secret_of(text: &str) -> Option<(&str, &str, &str)> {
    let line = text.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}');
    let line = line.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).map_or(line, str::trim_start);
    let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-');
    let (name, rest) = line.split_at(line.find(|letter| !is_of_name(letter))?);
    let equals = rest.trim_start_matches([' ', '\t']).strip_prefix('=');
    let value = equals.or_else(|| rest.strip_prefix(':').filter(|value| value.starts_with([' ', '\t'])))?;
    let value = value.trim_start_matches([' ', '\t']);
    let (value, after) = quoted(value).unwrap_or_else(|| {
        let (line, after) = value.split_once('\n').unwrap_or((value, ""));
        (line.split('#').next().unwrap_or_default().trim(), after)
    });
    (!name.is_empty()).then_some((name, value, after))
}

/// What is between quotes, and what comes after the line on which they end.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|quote| ['"', '\'', '`'].contains(quote))?;
    let inner = text.get(1..)?;
    let is_end = |end: &usize| !inner.get(..*end).is_some_and(|value| value.ends_with('\\'));
    let end = inner.match_indices(quote).map(|(end, _)| end).find(is_end)?;
    let (line, after) = inner.get(end + 1..)?.split_once('\n').unwrap_or((inner.get(end + 1..)?, ""));
    let is_over = line.trim_start().is_empty() || line.trim_start().starts_with('#');
    is_over.then_some((inner.get(..end)?, after))
}
