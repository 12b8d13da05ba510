//! Everything a path may become on its way, by search: every step an origin, or a proxy in front of
//! one, could take, in any order and as often as it likes, with up to three decodings.

#![allow(
    clippy::allow_attributes,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a helper of a test may panic"
)]

use std::collections::{BTreeSet, VecDeque};

const DECODINGS: usize = 3;

/// Everything `path` may become, by search.
pub(crate) fn readings(path: &str) -> BTreeSet<String> {
    let start = as_a_rule_spells_it(path);
    let mut seen = BTreeSet::from([(start.clone(), 0)]);
    let mut queue = VecDeque::from([(start, 0)]);
    while let Some((path, decodings)) = queue.pop_front() {
        let mut next = vec![
            (path.replace('\\', "/"), decodings),
            (path.replace('\\', ""), decodings),
            (without_dots_behind(&path), decodings),
            (without_spaces_behind(&path), decodings),
            (without_streams(&path), decodings),
            (without_names_in_front_of_dots(&path), decodings),
            (without_parameters(&path), decodings),
            (cut_at(&path, ';'), decodings),
            (without_host(&path), decodings),
            (without_tickets(&path), decodings),
            (cut_at(&path, '?'), decodings),
            (cut_at(&path, '#'), decodings),
            (without_doubled_slashes(&path), decodings),
            (without_dots(&path, false), decodings),
            (without_dots(&path, true), decodings),
        ];
        if decodings < DECODINGS {
            next.push((decoded(&path, |_| true), decodings + 1));
            next.push((decoded(&path, |byte| matches!(byte, b'/' | b'\\')), decodings + 1));
            // As servers on Windows do: `%2F` is no separator, and `\` is one.
            next.push((decoded(&path, |byte| byte != b'/'), decodings + 1));
            next.push((decoded(&path, |byte| byte == b'\\'), decodings + 1));
        }
        for state in next {
            if !seen.iter().any(|(path, decodings)| *path == state.0 && *decodings <= state.1) {
                seen.insert(state.clone());
                queue.push_back(state);
            }
        }
    }
    seen.into_iter().map(|(path, _)| path).collect()
}

/// What cannot stand in an address as it is comes escaped; rules are written without escapes.
fn as_a_rule_spells_it(path: &str) -> String {
    decoded(path, |byte| !byte.is_ascii() || " \"<>^`{|}".contains(char::from(byte)))
}

fn decoded(path: &str, wanted: impl Fn(u8) -> bool) -> String {
    let mut bytes = path.as_bytes().to_vec();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' && at + 2 < bytes.len() {
            let digits = String::from_utf8_lossy(&bytes[at + 1..at + 3]).into_owned();
            if let Some(byte) = u8::from_str_radix(&digits, 16).ok().filter(|byte| wanted(*byte)) {
                bytes.splice(at..at + 3, [byte]);
            }
        }
        at += 1;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn without_parameters(path: &str) -> String {
    let mut inside = false;
    path.chars()
        .filter(|character| {
            inside = *character != '/' && (inside || *character == ';');
            !inside
        })
        .collect()
}

/// As names of files are read where a dot at the end does not count.
fn without_dots_behind(path: &str) -> String {
    let mut kept: Vec<String> = path.split('/').map(str::to_owned).collect();
    for segment in kept.iter_mut().filter(|segment| *segment != "." && *segment != "..") {
        while segment.ends_with('.') {
            segment.pop();
        }
    }
    kept.join("/")
}

/// As Windows reads names of files.
fn without_spaces_behind(path: &str) -> String {
    let mut path = format!("{path}/");
    while path.contains(" /") {
        path = path.replace(" /", "/");
    }
    path.pop();
    path
}

/// As Windows reads them where a name of a stream, or its type, follows: what has a type begins with a dollar.
fn without_streams(path: &str) -> String {
    let own = |segment: &str| match segment.split_once(":$") {
        Some((before, _)) => before.chars().take_while(|character| *character != ':').collect(),
        None => segment.to_owned(),
    };
    path.split('/').map(own).collect::<Vec<String>>().join("/")
}

/// As what is behind a prefix is read where the prefix may end within a segment.
fn without_names_in_front_of_dots(path: &str) -> String {
    let is_named = |segment: &&str| segment.len() > 2 && segment.ends_with("..") && !segment.ends_with("...");
    let read = |segment| if is_named(&segment) { ".." } else { segment };
    path.split('/').map(read).collect::<Vec<_>>().join("/")
}

/// As an origin does that decodes, and then parses what came out.
fn cut_at(path: &str, mark: char) -> String {
    path.chars().take_while(|character| *character != mark).collect()
}

/// As what parses the path as a reference does: two slashes and more name a host.
fn without_host(path: &str) -> String {
    let slashes = path.chars().take_while(|character| *character == '/').count();
    if slashes < 2 {
        return path.to_owned();
    }
    format!("/{}", path[slashes..].split_once('/').map_or("", |(_, rest)| rest))
}

/// As ASP.NET does with the ids of sessions that have no cookie, wherever one begins behind a slash.
fn without_tickets(path: &str) -> String {
    let mut path = path.to_owned();
    let mut from = 0;
    while let Some(start) = path[from..].find("/(").map(|start| from + start) {
        let inside: Vec<char> = path[start + 2..].chars().take_while(|character| *character != '/').collect();
        let opens = inside.len() > 1 && inside[0].is_ascii_alphabetic() && inside[1] == '(';
        match inside.windows(2).position(|two| two == [')', ')']).filter(|_| opens) {
            Some(end) => {
                let length = inside[..end + 2].iter().map(|character| character.len_utf8()).sum::<usize>();
                path.replace_range(start..start + 2 + length, "");
                from = start;
            }
            None => from = start + 1,
        }
    }
    if path.starts_with('/') { path } else { format!("/{path}") }
}

fn without_doubled_slashes(path: &str) -> String {
    let mut path = path.to_owned();
    while path.contains("//") {
        path = path.replace("//", "/");
    }
    path
}

/// RFC 3986, 5.2.4; with `escaped` also where a dot is written `%2e`, as a URL parser has it.
fn without_dots(path: &str, escaped: bool) -> String {
    let is =
        |segment: &str, dots: &str| segment == dots || escaped && segment.to_lowercase().replace("%2e", ".") == dots;
    let mut output = String::new();
    let mut rest = path;
    while !rest.is_empty() {
        let end = rest[1..].find('/').map_or(rest.len(), |end| end + 1);
        let (segment, after) = (&rest[1..end], &rest[end..]);
        let back = is(segment, "..");
        if back {
            output.truncate(output.rfind('/').unwrap_or(0));
        }
        if back || is(segment, ".") {
            if after.is_empty() {
                output.push('/');
            }
        } else {
            output.push_str(&rest[..end]);
        }
        rest = after;
    }
    output
}
