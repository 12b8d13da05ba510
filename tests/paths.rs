//! The readings of a path, against a second implementation of them.
//!
//! The gate lists readings by a recipe; here they are found by search: every step an origin, or a
//! proxy in front of one, could take, in any order and as often as it likes, with up to three
//! decodings on the way.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "these are tests"
)]

use std::collections::{BTreeSet, VecDeque};

use portcullis::rules::{Ambiguous, Pattern, RequestPath, Rules};
use proptest::prelude::*;
use proptest::{collection, sample::select};

const DECODINGS: usize = 3;

/// Everything `path` may become, by search.
fn readings(path: &str) -> BTreeSet<String> {
    let start = as_a_rule_spells_it(path);
    let mut seen = BTreeSet::from([(start.clone(), 0)]);
    let mut queue = VecDeque::from([(start, 0)]);
    while let Some((path, decodings)) = queue.pop_front() {
        let mut next = vec![
            (path.replace('\\', "/"), decodings),
            (without_parameters(&path), decodings),
            (without_doubled_slashes(&path), decodings),
            (without_dots(&path, false), decodings),
            (without_dots(&path, true), decodings),
        ];
        if decodings < DECODINGS {
            next.push((decoded(&path, |_| true), decodings + 1));
            next.push((decoded(&path, |byte| matches!(byte, b'/' | b'\\')), decodings + 1));
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

fn chosen(patterns: &[Pattern], reading: &str) -> Option<usize> {
    patterns.iter().position(|pattern| pattern.matches(reading))
}

/// What a path is made of when somebody means no good.
const PIECES: [&str; 40] = [
    "/",
    "/",
    "/",
    "/",
    "//",
    "\\",
    "%2f",
    "%2F",
    "%5c",
    "%252f",
    "%255C",
    "%25252f",
    ".",
    "..",
    "/..",
    "/../",
    "/./",
    "%2e",
    "%2E%2e",
    "/%2e%2e/",
    "%252e%252e",
    "%25252e",
    ";",
    ";x",
    "%3b",
    "%253B",
    "..;/",
    "a",
    "b",
    "x.js",
    "public/",
    "admin",
    "/.auth",
    "%61",
    "%2561",
    "%70ublic",
    "%C3%A9",
    "%20",
    "%25",
    "a%2fb/",
];
const PATTERNS: [&str; 17] = [
    "/public/**",
    "/admin/**",
    "/a/**",
    "/a*/**",
    "/*/b",
    "/**/admin",
    "/**/*.js",
    "/",
    "/**",
    "/a/b",
    "/public*/**",
    "/é/**",
    "/*",
    "/*/**",
    "/a/*/b/**",
    "/**/a/**",
    "/b",
];

fn path() -> impl Strategy<Value = String> {
    let start = select(&["/", "/", "/public/", "/admin/", "/a/"][..]);
    (start, collection::vec(select(&PIECES[..]), 0..8))
        .prop_map(|(start, pieces)| format!("{start}{}", pieces.concat()))
}

fn patterns() -> impl Strategy<Value = Vec<Pattern>> {
    collection::vec(select(&PATTERNS[..]), 1..4)
        .prop_map(|texts| texts.iter().map(|text| Pattern::parse(text).unwrap()).collect())
}

fn judge(patterns: &[Pattern], path: &RequestPath<'_>) -> Result<Option<usize>, Ambiguous> {
    let mut rules = Rules::default();
    for pattern in patterns {
        rules.push(pattern.clone(), Vec::new());
    }
    rules.first_match(path)
}

/// The first rule for one reading, by [`matches`].
fn rank_of(patterns: &[Pattern], reading: &str) -> Option<usize> {
    patterns.iter().position(|pattern| pattern.matches(reading))
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(20_000))]

    #[test]
    fn whatever_an_origin_reads_the_rule_is_the_one_that_was_chosen(path in path(), patterns in patterns()) {
        let Ok(parsed) = RequestPath::parse(&path) else { return Ok(()) };
        let Ok(rank) = judge(&patterns, &parsed) else { return Ok(()) };
        for reading in readings(&path) {
            let ours: Vec<&str> = parsed.readings().collect();
            prop_assert_eq!(rank_of(&patterns, &reading), rank, "{}: {} is not in {:?}", path, reading, ours);
        }
    }

    #[test]
    fn whatever_an_origin_reads_the_own_addresses_are_not_among_it(path in path()) {
        let Ok(parsed) = RequestPath::parse(&path) else { return Ok(()) };
        let under = |reading: &String| reading == "/.auth" || reading.starts_with("/.auth/");
        if let Some(reading) = readings(&path).into_iter().find(under) {
            prop_assert!(parsed.touches("/.auth"), "{}: {}", path, reading);
        }
    }

    #[test]
    fn a_url_parser_in_between_changes_nothing(path in path(), patterns in patterns()) {
        let Ok(parsed) = RequestPath::parse(&path) else { return Ok(()) };
        let Ok(rank) = judge(&patterns, &parsed) else { return Ok(()) };
        let url = url::Url::parse(&format!("https://docs.example.com{path}")).unwrap();
        let again = RequestPath::parse(url.path());
        prop_assert!(again.is_ok(), "{} -> {}: {:?}", path, url.path(), again.err());
        prop_assert_eq!(judge(&patterns, &again.unwrap()), Ok(rank), "{} -> {}", path, url.path());
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*", path in "/[%/\\\\;.a-f0-9\u{0}-\u{ff}]{0,40}") {
        for text in [text.as_str(), &format!("/{text}"), path.as_str()] {
            let Ok(parsed) = RequestPath::parse(text) else { continue };
            prop_assert_eq!(parsed.as_sent(), text);
            prop_assert!(parsed.readings().count() > 0);
            for reading in parsed.readings() {
                prop_assert!(reading.starts_with('/') && !reading.contains(|c: char| c.is_control()), "{:?}", reading);
            }
        }
    }
}
