//! What the settings may say, and hardly mean: warnings, and nothing that the gate itself refuses.

use serde_json::Value;

/// The methods of the IANA's registry, and two that are in use without.
const METHODS: &str = "ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY DELETE GET HEAD LABEL LINK LOCK MERGE \
    MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PRI PROPFIND PROPPATCH PUT \
    QUERY REBIND REPORT SEARCH TRACE UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL \
    M-SEARCH PURGE";

/// What is told of `settings`, as they are written.
pub(crate) fn warnings(settings: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    texts(settings, "", &mut warnings);
    let rules: Vec<&Value> = settings.get("rules").and_then(Value::as_array).into_iter().flatten().collect();
    for (rank, rule) in rules.iter().enumerate() {
        let methods = rule.get("methods").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for method in methods.filter(|method| !METHODS.split_whitespace().any(|known| known == *method)) {
            warnings.push(format!(
                "rules[{rank}].methods names {method:?}, which is no registered method: is it meant so?"
            ));
        }
        if ["allow", "require", "deny"].iter().any(|list| rule.get(list).is_some()) {
            warnings.extend(
                path_of(rule).and_then(|path| narrow(path, &rules)).map(|told| format!("rules[{rank}].path is {told}")),
            );
        }
    }
    warnings
}

/// A text that looks like another one is nobody's name: a `deny` of it denies nobody.
fn texts(value: &Value, place: &str, warnings: &mut Vec<String>) {
    match value {
        Value::String(text) if text.trim() != text || text.contains(is_unseen) => {
            warnings.push(format!("{place} is {text:?}, with a space at an end or an unseen character in it"));
        }
        Value::Array(list) => {
            for (rank, one) in list.iter().enumerate() {
                texts(one, &format!("{place}[{rank}]"), warnings);
            }
        }
        Value::Object(table) => {
            for (name, one) in table {
                let within = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                texts(one, &within, warnings);
            }
        }
        _ => {}
    }
}

fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

fn path_of(rule: &Value) -> Option<&str> {
    rule.get("path").and_then(Value::as_str)
}

/// What a guard's path says elsewhere and not here, and so guards less than it seems to.
fn narrow(path: &str, rules: &[&Value]) -> Option<String> {
    let is_foreign = |segment: &&str| {
        let enclosed = |open: char, close: char| segment.starts_with(open) && segment.ends_with(close);
        segment.starts_with(':') && segment.len() > 1
            || segment.starts_with(".*")
            || segment.starts_with(".+")
            || segment.ends_with('$')
            || [('<', '>'), ('[', ']'), ('(', ')')].into_iter().any(|(open, close)| enclosed(open, close))
    };
    if let Some(segment) = path.split('/').find(is_foreign) {
        return Some(format!(
            "{path:?}, and there is no pattern in {segment:?}: write \"*\" for any name, \"**\" for any number of them"
        ));
    }
    let base = path.strip_suffix("/*")?;
    let (whole, deeper) = (format!("{base}/**"), format!("{base}/*/"));
    let is_named =
        rules.iter().filter_map(|rule| path_of(rule)).any(|other| other == whole || other.starts_with(&deeper));
    (!is_named).then(|| {
        format!(
            "{path:?}, which is one name below and no deeper: {whole:?} is all of it, and what is below matches other rules, or none"
        )
    })
}
