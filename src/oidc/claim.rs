//! A claim in a token or a userinfo answer: where to find it, and what can be read of it. One that is there in a form
//! that cannot be read is told apart from one that is absent: a rule that keeps people out must not take it for a no.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    claims::{Names, Selection},
    time::Timestamp,
};

/// The value at `path`: the claim of exactly that name, else the one that the dots lead to.
pub(super) fn at_path<'c>(claims: &'c BTreeMap<String, Value>, path: &str) -> Option<&'c Value> {
    claims.get(path).or_else(|| {
        let mut parts = path.split('.');
        let first = claims.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    })
}

/// The values at the paths that `selection` asks for, each from the first of the sources that has one. Every source
/// before it that says the claim is to be had elsewhere adds an empty object, which no test can read.
pub(crate) fn claims_at(selection: &Selection, sources: &[&BTreeMap<String, Value>]) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for path in selection.paths() {
        for claims in sources {
            match at_path(claims, path) {
                None | Some(Value::Null) if is_elsewhere(claims, path) => {
                    found.push((path.to_owned(), Value::Object(Map::new())));
                }
                None | Some(Value::Null) => {}
                Some(value) => {
                    found.push((path.to_owned(), value.clone()));
                    break;
                }
            }
        }
    }
    found
}

/// Whether the claims say that the one at `path` is to be had elsewhere (Core 5.6.2; some tokens of Entra ID say only
/// that there are groups), or something that is not an object is in the way of the path.
fn is_elsewhere(claims: &BTreeMap<String, Value>, path: &str) -> bool {
    let first = path.split('.').next().unwrap_or_default();
    let has_groups = || path == "groups" && claims.get("hasgroups") == Some(&Value::Bool(true));
    claims.get("_claim_names").is_some_and(|names| names.get(path).or(names.get(first)).is_some())
        || has_groups()
        || is_barred(claims, path)
}

/// Whether the path leads into a list, a text or the like: what it asks about may be in there.
fn is_barred(claims: &BTreeMap<String, Value>, path: &str) -> bool {
    let mut parts = path.split('.');
    let mut value = parts.next().and_then(|first| claims.get(first));
    parts.any(|part| match value {
        None | Some(Value::Null) => false,
        Some(Value::Object(members)) => {
            value = members.get(part);
            false
        }
        Some(_) => true,
    })
}

/// The names at `path` in the first of the sources that has some: a list, or a single name. Any other form, such as
/// several names in one text, or a reference to another place (Core 5.6.2; Entra ID gives one for many groups), is
/// recorded as unread.
pub(crate) fn names_in(sources: &[&BTreeMap<String, Value>], path: &str) -> Names {
    let mut and_unread = false;
    for claims in sources {
        match at_path(claims, path) {
            Some(Value::String(name)) => {
                return Names { list: vec![name.clone()], and_unread: and_unread || is_joined(name) };
            }
            Some(Value::Array(names)) => {
                let list: Vec<String> = names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
                let is_read = list.len() == names.len() && !list.iter().any(|name| is_joined(name));
                return Names { and_unread: and_unread || !is_read, list };
            }
            None | Some(Value::Null) => and_unread |= is_elsewhere(claims, path),
            Some(_) => and_unread = true,
        }
    }
    Names { list: Vec::new(), and_unread }
}

/// Whether it is several names in one text: separated by `;`, or a list written as a text.
fn is_joined(name: &str) -> bool {
    name.contains(';') || name.starts_with("[\"")
}

/// The authentication context class (`acr`): a text. One in any other form, or to be had elsewhere, is noted as unread.
pub(crate) fn class_in(claims: &BTreeMap<String, Value>) -> Names {
    let list = text(claims, "acr").map(str::to_owned).into_iter().collect();
    Names { list, and_unread: is_unread(claims, "acr") }
}

/// Whether the claim is there but not a text, or is to be had elsewhere.
pub(crate) fn is_unread(claims: &BTreeMap<String, Value>, name: &str) -> bool {
    match claims.get(name) {
        None | Some(Value::Null) => is_elsewhere(claims, name),
        Some(value) => !value.is_string(),
    }
}

/// The claim of this name, where it is a text.
pub(super) fn text<'c>(claims: &'c BTreeMap<String, Value>, name: &str) -> Option<&'c str> {
    claims.get(name)?.as_str()
}

/// The moment that `value` names: seconds since 1970, which need not be whole (RFC 7519, 2).
pub(super) fn moment(value: &Value) -> Option<Timestamp> {
    let whole = || value.as_f64().filter(|seconds| *seconds >= 0.0).map(|seconds| seconds as u64);
    value.as_u64().or_else(whole).map(Timestamp::from_seconds)
}
