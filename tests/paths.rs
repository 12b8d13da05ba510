//! The readings of a path, against a second implementation of them.
//!
//! The gate closes a list under its steps; here other code searches for whatever could be read.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a helper of a test may panic")]

#[path = "support/readings.rs"]
mod readings;

use portcullis::rules::{Ambiguous, PathError, Pattern, RequestPath, Rules, Scope, Target};
use proptest::{collection, prelude::*, sample::select, test_runner::RngSeed};
use readings::readings;

/// What a path is made of when somebody means no good.
const PIECES: &str = r"/ / / / // \ %2f %2F %5c %252f %255C %25252f . .. /.. /../ /./ %2e %2E%2e /%2e%2e/ %252e%252e
    %25252e ... .%2e. a../ . ./ ; ;x ;/ (S(x)) (a(b)c(d))/ %28F(x)) //x/ %3b %253B %3f %3Fx/ %23 %253f ..;/ a b x.js public/ admin /.auth %61 %2561 %70ublic %C3%A9 %20 %20/ :$A/ ::$DATA %3a$ %25 a%2fb/";
const PATTERNS: &str = "/public/** /admin/** /a/** /a*/** /*/b /**/admin /**/*.js / /** /a/b /public*/** /é/** /* /*/**
    /a/*/b/** /**/a/** /b";

fn one_of(list: &'static str) -> impl Strategy<Value = &'static str> {
    select(list.split_whitespace().collect::<Vec<_>>())
}

fn path() -> impl Strategy<Value = String> {
    (one_of("/ / /public/ /admin/ /a/"), collection::vec(one_of(PIECES), 0..8))
        .prop_map(|(start, pieces)| format!("{start}{}", pieces.concat()))
}

fn patterns() -> impl Strategy<Value = Vec<Pattern>> {
    collection::vec(one_of(PATTERNS).prop_map(|text| Pattern::parse(text).unwrap()), 1..4)
}

fn judge(patterns: &[Pattern], path: &RequestPath<'_>) -> Result<Option<usize>, Ambiguous> {
    let mut rules = Rules::default();
    for pattern in patterns {
        rules.push(Scope::default(), pattern.clone(), Vec::new(), false);
    }
    rules.first_match(path, Target { host: "docs.example.com", method: "GET" })
}

fn rank_of(patterns: &[Pattern], reading: &str) -> Option<usize> {
    patterns.iter().position(|pattern| pattern.matches(reading))
}

/// Whether `path` matches `pattern`, by trying everything: a second implementation of
/// [`Pattern::matches`].
fn fits(pattern: &str, path: &str) -> bool {
    let segments = |text: &str| -> Vec<String> {
        let inner = text.strip_prefix('/').unwrap();
        let inner = if inner.len() > 1 { inner.strip_suffix('/').unwrap_or(inner) } else { inner };
        if inner.is_empty() { Vec::new() } else { inner.split('/').map(str::to_owned).collect() }
    };
    segments_fit(&segments(pattern), &segments(path))
}

fn segments_fit(pattern: &[String], path: &[String]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((first, rest)) if first == "**" => (0..=path.len()).any(|skipped| segments_fit(rest, &path[skipped..])),
        Some((first, rest)) => path.split_first().is_some_and(|(segment, after)| {
            !segment.is_empty() && text_fits(first, segment) && segments_fit(rest, after)
        }),
    }
}

fn text_fits(pattern: &str, text: &str) -> bool {
    match pattern.split_at_checked(1) {
        None => text.is_empty(),
        Some(("*", rest)) => (0..=text.len()).any(|skipped| text_fits(rest, &text[skipped..])),
        Some((letter, rest)) => text.strip_prefix(letter).is_some_and(|text| text_fits(rest, text)),
    }
}

fn any_pattern() -> impl Strategy<Value = String> {
    let segment = prop_oneof![Just("**".to_owned()), "[ab*]{1,3}".prop_filter("alone", |text| !text.contains("**"))];
    collection::vec(segment, 0..4).prop_map(|segments| format!("/{}", segments.join("/")))
}

/// The same cases at every run; `PROPTEST_CASES` asks for more of them.
fn config(cases: u32) -> ProptestConfig {
    let rng_seed = RngSeed::Fixed(0x706f_7274_6375_6c6c);
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

#[test]
fn orders_of_steps_that_lead_out_of_a_public_part() {
    let patterns = [Pattern::parse("/public/**").unwrap()];
    for path in [
        // Cut before it is decoded, then resolved.
        "/public/a;b%2fc/..%2f..;/admin",
        "/public/a;%2fb/..%3b/..;/x",
        // Decoded and resolved by a proxy, and by the application once more.
        "/public/a%252fa/..%2f%252e%252e/x",
        "/public/a%252fa/..%2f%252e%252e/.auth/x",
        // Resolved as it was sent, and once more after decoding.
        "/public/a%2Fb/../%2e%2e/admin",
        "/public/a%2fa/../%252e%252e",
        "/public//../..;/x",
        // What is left of a name behind a prefix that ends within it.
        "/public/a/b../../x",
        "/public/a..%2fb../x",
    ] {
        match RequestPath::parse(path) {
            Ok(parsed) => assert_eq!(judge(&patterns, &parsed), Err(Ambiguous), "{path}"),
            Err(error) => assert_eq!(error, PathError::TooManyReadings, "{path}"),
        }
    }
}

#[test]
fn paths_that_honest_people_use_are_not_refused() {
    let patterns = [Pattern::parse("/public/**").unwrap(), Pattern::parse("/**").unwrap()];
    for (path, rank) in [
        ("/public/caf%C3%A9/%E2%82%AC%20100.html", 0),
        ("/public/a%20b%26c%3Dd/e%2Bf", 0),
        ("/public/100%25", 0),
        ("/public/AC%2FDC", 0),
        ("/public/matrix;a=1;b=2/c;d=3", 0),
        ("/public//double//slashes/", 0),
        ("/public/a/./b/../c", 0),
        ("/public/c%3A%5Cdir%5Cfile", 0),
        ("/public/Example%20Inc./etc./a...", 0),
        ("/public/x%5B0%5D=%7B%22a%22:1%7D", 0),
        ("/public/https%3A%2F%2Fexample.com%2Fpage%3Fa%3Db%26c%3D%2520d", 0),
        ("/public/@scope%2fpackage/-/package-1.0.0.tgz", 0),
        ("/other/%D0%BF%D1%80%D0%B8%D0%B2%D0%B5%D1%82", 1),
        ("/wiki/C%2B%2B_(language)", 1),
    ] {
        assert_eq!(judge(&patterns, &RequestPath::parse(path).unwrap()), Ok(Some(rank)), "{path}");
    }
}

proptest! {
    #![proptest_config(config(6_000))]

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

    #[test]
    fn a_pattern_matches_what_it_says(text in any_pattern(), path in "/[ab]{0,3}(/[ab]{0,2}){0,4}") {
        let pattern = Pattern::parse(&text).unwrap();
        prop_assert_eq!(pattern.matches(&path), fits(&text, &path), "{} {}", text, path);
    }

    #[test]
    fn a_rule_that_is_said_to_be_covered_is(general in any_pattern(), special in any_pattern(), path in "/[ab]{0,3}(/[ab]{1,2}){0,3}/?") {
        let (general, special) = (Pattern::parse(&general).unwrap(), Pattern::parse(&special).unwrap());
        if general.covers(&special) && special.matches(&path) {
            prop_assert!(general.matches(&path), "{:?} does not cover {:?}: {}", general, special, path);
        }
    }
}
