//! Where a login may lead back to: nowhere but to a page of the site itself, however it is spelled.
//!
//! What a browser would do with an address is worked out here a second time, after the state
//! machine of the URL Standard, without the parser that the gate uses.

#![expect(clippy::unwrap_used, reason = "a helper of a test may panic")]

#[path = "support/readings.rs"]
mod readings;

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use portcullis::{config::Site, gate::ReturnTo};
use proptest::{collection, prelude::*, sample::select, test_runner::RngSeed};
use serde::Deserialize;
use serde_json::Value;

const HOST: &str = "gate.example";
const SITE: Site<'_> = Site { address: "https://gate.example", host: HOST, development: false };
/// Where a login in a pop-up ends.
const POP_UP: &str = "/.auth/signed-in";

fn accepted(text: &str) -> Option<String> {
    ReturnTo::parse(text, SITE, "/.auth").map(|page| page.address())
}

/// The path that a browser asks of the site when a page of it leads to `text`; `None` when it goes
/// elsewhere, or nowhere.
fn lands_at(text: &str) -> Option<String> {
    let text = text.trim_matches(|character| character <= ' ').replace(['\t', '\n', '\r'], "");
    let rest = match scheme(&text) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => rest,
        Some(_) => return None,
        None => &text,
    };
    let slashes = rest.len() - rest.trim_start_matches(['/', '\\']).len();
    let path = if slashes >= 2 {
        let rest = rest.trim_start_matches(['/', '\\']);
        let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let place = authority.rsplit('@').next().unwrap();
        let (host, port) = place.split_once(':').unwrap_or((place, ""));
        let host = percent_decode_str(host).decode_utf8().ok()?.to_lowercase();
        let port = if port.is_empty() { 443 } else { port.parse::<u16>().ok()? };
        if host != HOST || port != 443 {
            return None;
        }
        path
    } else {
        rest
    };
    let path = path.split(['?', '#']).next().unwrap().replace('\\', "/");
    Some(resolved(path.strip_prefix('/').unwrap_or(&path)))
}

/// A scheme, when the text begins with one.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let is_one = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|character| character.is_ascii_alphanumeric() || "+-.".contains(character));
    is_one.then_some((scheme, rest))
}

/// Without dot segments, however the dots are written.
fn resolved(path: &str) -> String {
    let mut output = Vec::new();
    let segments: Vec<&str> = path.split('/').collect();
    for (rank, segment) in segments.iter().enumerate() {
        let dots = segment.to_lowercase().replace("%2e", ".");
        if dots == ".." {
            output.pop();
        }
        if dots != "." && dots != ".." {
            output.push(*segment);
        } else if rank + 1 == segments.len() {
            output.push("");
        }
    }
    format!("/{}", output.join("/"))
}

/// What holds of every address that is accepted, whatever it was made of.
fn check(text: &str) -> Option<String> {
    let address = accepted(text)?;
    // The one address of the gate's own, in its one spelling.
    if text == POP_UP {
        assert_eq!(address, format!("https://{HOST}{POP_UP}"));
        return Some(address);
    }
    let path = lands_at(text);
    assert!(path.is_some(), "{text:?} leads elsewhere, and was accepted as {address}");
    let rest = address.strip_prefix("https://gate.example").unwrap();
    assert!(rest.starts_with('/'), "{text:?}: {address}");
    assert!(rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'), "{text:?}: {address}");
    assert!(!rest.split('?').next().unwrap().contains('\\'), "{text:?}: {address}");
    // A browser that is sent to the address asks for the same page as one that is sent to the text.
    let bytes = |path: &str| percent_decode_str(path).collect::<Vec<u8>>();
    assert_eq!(lands_at(&address).map(|path| bytes(&path)), path.map(|path| bytes(&path)), "{text:?}: {address}");
    let own = readings::readings(rest.split('?').next().unwrap());
    let own = own.iter().find(|reading| *reading == "/.auth" || reading.starts_with("/.auth/"));
    assert_eq!(own, None, "{text:?}: {address} is the gate's own");
    // Accepted once, accepted again, and the same; also by way of a state.
    let carried = ReturnTo::carried(rest, SITE, "/.auth").map(|page| page.address());
    assert_eq!(carried.as_deref(), Some(address.as_str()), "{text:?}");
    assert_eq!(accepted(&address).as_deref(), Some(address.as_str()), "{text:?}");
    Some(address)
}

/// Addresses by what is wrong with them; see `vectors/README.md`.
#[derive(Deserialize)]
struct Corpus {
    to_a_host: Vec<String>,
    elsewhere: Vec<String>,
    other_schemes: Vec<String>,
    broken: Vec<String>,
    own: Vec<String>,
    kept: Vec<(String, String)>,
    pieces: Vec<String>,
}

fn corpus() -> Corpus {
    serde_json::from_str(include_str!("vectors/return_to.json")).unwrap()
}

#[test]
fn rfc9700_4_11_1_no_spelling_of_another_host_is_a_page_of_this_one() {
    let Corpus { to_a_host, elsewhere, .. } = corpus();
    let mut spellings = BTreeSet::new();
    for start in to_a_host {
        for host in &elsewhere {
            let path = if host.contains(['/', '?', '#', '\\']) { "" } else { "/page" };
            spellings.insert(format!("{start}{host}{path}"));
        }
    }
    assert_eq!(spellings.len(), 540);
    for text in spellings {
        assert_eq!(lands_at(&text), None, "{text:?} was meant to lead elsewhere");
        assert_eq!(accepted(&text), None, "{text:?}");
    }
}

#[test]
fn rfc9700_4_11_1_neither_another_scheme_nor_a_broken_address_is_a_page() {
    let Corpus { other_schemes, broken, .. } = corpus();
    assert_eq!(other_schemes.len() + broken.len(), 63);
    for text in other_schemes.iter().chain(&broken) {
        assert_eq!(check(text), None, "{text:?}");
    }
}

#[test]
fn the_gates_own_addresses_are_no_pages_however_they_are_spelled() {
    for text in corpus().own {
        assert_eq!(accepted(&text), None, "{text:?}");
    }
    for text in ["/.authx", "/x/.auth", "/auth", "/.auth.html", "/?/.auth", "/.AUTH"] {
        assert!(check(text).is_some(), "{text:?}");
    }
}

#[test]
fn a_pop_up_ends_at_one_address_and_every_other_spelling_of_it_is_refused() {
    assert_eq!(check(POP_UP), Some(format!("https://{HOST}{POP_UP}")));
    let site = format!("https://{HOST}");
    let starts = [
        "",
        "/x/..",
        "/.",
        "/",
        "\\",
        " ",
        "\t",
        "\u{0}",
        "//gate.example",
        "https:",
        &site,
        "https://gate.example:443",
    ];
    let ends = [
        "",
        "?",
        "#",
        "/",
        "?a=b",
        "#a",
        "%20",
        " ",
        "\n",
        ";a",
        "/..",
        "/../me",
        "/%2e%2e/me",
        "\\",
        "%00",
        "x",
        "/x",
        "%3f",
    ];
    let names = [
        POP_UP,
        "/.auth/signed%2din",
        "/.auth/Signed-in",
        "/.AUTH/signed-in",
        "/%2eauth/signed-in",
        "/.auth%2fsigned-in",
        "/.auth\\signed-in",
        "/.auth//signed-in",
        "/.auth/./signed-in",
        "/.auth/x/../signed-in",
        "/.auth/sign\ned-in",
    ];
    let mut refused = 0;
    for start in starts {
        for name in names {
            for end in ends {
                let text = format!("{start}{name}{end}");
                if text == POP_UP {
                    continue;
                }
                // What another case or a dot segment makes a page of the site is none of the gate's.
                let is_page = check(&text).is_some_and(|address| !address.ends_with(POP_UP));
                assert_eq!(is_page, accepted(&text).is_some(), "{text:?}");
                refused += usize::from(!is_page);
            }
        }
    }
    assert!(refused > 2_000, "{refused}");
}

#[test]
fn pages_of_the_site_are_kept_also_where_they_look_like_something_else() {
    for (text, path) in corpus().kept {
        assert_eq!(check(&text), Some(format!("https://gate.example{path}")), "{text:?}");
    }
}

/// The rows of the list, without its remarks.
fn url_tests() -> Vec<Value> {
    let rows: Vec<Value> = serde_json::from_str(include_str!("vectors/urltestdata.json")).unwrap();
    rows.into_iter().filter(Value::is_object).collect()
}

#[test]
fn whatwg_every_address_of_the_standards_tests_stays_here_or_is_refused() {
    let rows = url_tests();
    assert_eq!(rows.len(), 819);
    let (mut kept, mut moved) = (0, 0);
    for row in rows {
        let input = row.get("input").unwrap().as_str().unwrap();
        kept += usize::from(check(input).is_some());
        // The same, told of this site instead of the one it was written for.
        let here = input.replace("example.org", HOST).replace("example.com", HOST).replace("http:", "https:");
        moved += usize::from(here != input && check(&here).is_some());
    }
    assert_eq!((kept, moved), (135, 70));
}

/// The gate's parser takes host names in ASCII alone, as browsers send them, and looks into no
/// punycode; `file:` addresses, of which it has its own idea, are no matter of the gate's.
#[test]
fn whatwg_the_gates_parser_agrees_with_the_standard() {
    let (mut parsed, mut refused, mut of_files, mut beyond_ascii, mut punycode) = (0, 0, 0, 0, 0);
    for row in url_tests() {
        let text = |name: &str| row.get(name).and_then(Value::as_str);
        let (input, base, href) = (text("input").unwrap(), text("base"), text("href"));
        if [Some(input), base, href].iter().flatten().any(|text| text.to_lowercase().starts_with("file:")) {
            of_files += 1;
            continue;
        }
        let found = match base {
            Some(base) => url::Url::parse(base).and_then(|base| base.join(input)),
            None => url::Url::parse(input),
        };
        match (href, found) {
            (Some(href), Ok(url)) => {
                assert_eq!(url.as_str(), href, "{input:?} from {base:?}");
                parsed += 1;
            }
            (None, Err(_)) => refused += 1,
            (Some(_), Err(_)) => {
                assert!(percent_decode_str(input).any(|byte| !byte.is_ascii()), "{input:?} from {base:?}");
                beyond_ascii += 1;
            }
            (None, Ok(url)) => {
                assert!(url.host_str().unwrap().contains("xn--"), "{input:?} from {base:?}");
                punycode += 1;
            }
        }
    }
    assert_eq!((parsed, refused, of_files, beyond_ascii, punycode), (426, 254, 124, 9, 6));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 6_000, rng_seed: RngSeed::Fixed(0x7265_7475_726e), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_is_accepted_stays_here(pieces in collection::vec(select(corpus().pieces), 0..10), any in "\\PC*") {
        check(&pieces.concat());
        check(&any);
        check(&format!("{}{any}", pieces.concat()));
    }
}
