use super::*;

fn rules(patterns: &[&str]) -> Rules {
    let mut rules = Rules::default();
    for pattern in patterns {
        rules.push(Scope::default(), Pattern::parse(pattern).unwrap(), vec![], false);
    }
    rules
}

fn judge(rules: &Rules, path: &str) -> Result<Option<usize>, Ambiguous> {
    rules.first_match(&RequestPath::parse(path).unwrap(), Target { host: "docs.example.com", method: "GET" })
}

#[test]
fn the_first_match_decides() {
    let rules = rules(&["/blog/private/**", "/blog/**"]);
    assert_eq!(judge(&rules, "/blog/private/x"), Ok(Some(0)));
    assert_eq!(judge(&rules, "/blog/x"), Ok(Some(1)));
    assert_eq!(judge(&rules, "/else"), Ok(None));
}

#[test]
fn readings_that_choose_different_rules_are_refused() {
    let rules = rules(&["/public/**", "/admin/**"]);
    for path in [
        "/public/..%2fadmin/x",
        "/public/%2e%2e/admin",
        "/public/..;/admin",
        "/public/..\\admin",
        "/public/%2e%2e%5cadmin",
        "/public/..%252fadmin",
        "/public/..%25252fadmin",
        "/%70ublic/x",
        "/%61dmin",
        "//admin",
        "/x//../admin",
        "/x/%2e%2e/admin/",
        "/admin%2fx",
        "/admin;a=b/x",
        "/admin%3bx/",
        "/admin%3Fx",
        "/admin%23/x",
        "/admin%253Fx/y",
        "/public/..%3f",
    ] {
        assert_eq!(judge(&rules, path), Err(Ambiguous), "{path}");
    }
}

#[test]
fn readings_that_cut_at_one_mark_alone_are_among_them() {
    let rules = rules(&["/api/*/admin", "/api/**"]);
    for path in ["/api/a%23b/admin%3Fz", "/api/a%3Fb/admin%23z"] {
        assert_eq!(judge(&rules, path), Err(Ambiguous), "{path}");
    }
}

#[test]
fn readings_that_agree_are_judged() {
    let rules = rules(&["/public/**", "/admin/**", "/café/**"]);
    for (path, rank) in [
        ("/public/a%20b", Some(0)),
        ("/public/caf%C3%A9", Some(0)),
        ("/public/a;b=c/d", Some(0)),
        ("/public/a%2Fb", Some(0)),
        ("/public//x", Some(0)),
        ("/admin/%61", Some(1)),
        ("/caf%C3%A9/menu", Some(2)),
        ("/caf%c3%a9", Some(2)),
        ("/other/100%25", None),
    ] {
        assert_eq!(judge(&rules, path), Ok(rank), "{path}");
    }
}

fn scoped(rows: &[(&str, &[&str], &str, bool)]) -> Rules {
    let mut rules = Rules::default();
    for (host, methods, pattern, watches) in rows {
        let host = (!host.is_empty()).then(|| HostPattern::parse(host).unwrap());
        let methods = methods.iter().map(|method| (*method).to_owned()).collect();
        rules.push(Scope::new(host, methods), Pattern::parse(pattern).unwrap(), vec![], *watches);
    }
    rules
}

#[test]
fn host_and_method_choose_too() {
    let rules = scoped(&[
        ("a.example", &[], "/x/**", false),
        ("", &["POST"], "/x/**", false),
        ("", &["GET"], "/x/y", false),
        ("", &[], "/x/**", true),
        ("", &[], "/**", false),
    ]);
    let rows = [
        ("a.example", "POST", "/x/y", Some(0)),
        ("b.example", "POST", "/x/y", Some(1)),
        ("b.example:80", "GET", "/x/y", Some(2)),
        ("b.example", "HEAD", "/x/y", Some(2)),
        ("b.example", "PUT", "/x/y", Some(4)),
        ("b.example", "post", "/x/y", Some(4)),
    ];
    for (host, method, path, rank) in rows {
        let path = RequestPath::parse(path).unwrap();
        assert_eq!(rules.first_match(&path, Target { host, method }), Ok(rank), "{method} {host}");
    }
}

#[test]
fn a_path_turns_on_the_method_where_a_rule_names_methods_for_it() {
    let rules = scoped(&[
        ("a.example", &["POST"], "/x/**", false),
        ("", &["POST"], "/watched/**", true),
        ("", &[], "/**", false),
    ]);
    for (host, path, turns) in [
        ("a.example", "/watched/x", false),
        ("a.example", "/x/y", true),
        ("a.example", "/y", false),
        ("b.example", "/x", false),
        ("a.example", "/z/..%2fx", true),
    ] {
        assert_eq!(rules.turns_on_method(&RequestPath::parse(path).unwrap(), host), turns, "{host}{path}");
    }
}

#[test]
fn rules_that_watch_do_so_until_one_decides() {
    let rules = scoped(&[
        ("", &[], "/**", true),
        ("", &["GET"], "/x/*", true),
        ("", &[], "/x/**", false),
        ("", &[], "/**", true),
    ]);
    let watching = |path: &str, method| {
        let path = RequestPath::parse(path).unwrap();
        let target = Target { host: "a.example", method };
        rules.watching(&path, target)
    };
    assert_eq!(watching("/x/y", "GET"), [0, 1]);
    assert_eq!(watching("/x/y", "POST"), [0]);
    assert_eq!(watching("/y", "GET"), [0, 3]);
    assert_eq!(watching("/X/y", "GET"), [0, 1, 3]);
}

#[test]
fn a_rule_that_watches_keeps_none_from_deciding() {
    let rules = scoped(&[("", &[], "/**", true)]);
    assert_eq!(rules.covering(&Scope::default(), &Pattern::parse("/x").unwrap(), false), None);
}

/// As a server does that ignores case and serves `/a.html` at `/a`.
#[test]
fn a_page_of_another_case_may_be_at_its_other_address_too() {
    let mut rules = Rules::default();
    for pattern in ["/a/*.html", "/A/Secret", "/a/**", "/**"] {
        let pattern = Pattern::parse(pattern).unwrap();
        rules.push(Scope::default(), pattern.clone(), pattern.page_aliases(), false);
    }
    for (path, expected) in [
        ("/a/x.html", (0, vec![])),
        ("/a/x", (0, vec![2])),
        ("/a/secret", (0, vec![1, 2])),
        ("/a/Secret", (0, vec![1, 2])),
        ("/A/SECRET", (3, vec![0, 1, 2])),
        ("/A/Secret", (1, vec![0])),
        ("/A/x.HTML", (3, vec![0, 2])),
        ("/b", (3, vec![])),
    ] {
        let parsed = RequestPath::parse(path).unwrap();
        let target = Target { host: "docs.example.com", method: "GET" };
        let rank = rules.first_match(&parsed, target).unwrap();
        assert_eq!((rank, rules.beside(&parsed, target, rank)), (Some(expected.0), expected.1), "{path}");
    }
}

/// Express ignores the case of the path where a folder is mounted, and the file system behind it does not.
#[test]
fn whatever_part_of_a_path_an_origin_ignores_the_case_of_the_rule_of_what_it_serves_has_a_say() {
    let patterns =
        ["/f/*.jpg", "/F/Pub/**", "/f/pub/x", "/f/**", "/*/a.JPG", "/**/x", "/f/*d", "/a.jpg", "/F", "/*/*", "/**"];
    let paths =
        ["/f/a.jpg", "/F/A.JPG", "/F/pub/x", "/f/PUB", "/A.jpg", "/f/%5Ba%5D", "/F/a;1.JPG", "/%46/a.jpg/", "/f/X/.."];
    let target = Target { host: "a.example", method: "GET" };
    for one in patterns {
        for two in patterns {
            for three in patterns {
                let rules = rules(&[one, two, three]);
                for path in paths {
                    let parsed = RequestPath::parse(path).unwrap();
                    let Ok(rank) = rules.first_match(&parsed, target) else { continue };
                    let beside = rules.beside(&parsed, target, rank);
                    for served in parsed.readings().flat_map(in_every_case) {
                        let its = rules.rank_of(&served, target);
                        let has_a_say = its == rank || its.is_some_and(|its| beside.contains(&its));
                        let is_behind = rank.is_some_and(|rank| its.is_none_or(|its| its > rank));
                        assert!(has_a_say || is_behind, "{one} {two} {three}: {path}, {served}");
                    }
                }
            }
        }
    }
}

/// A text with every subset of its letters in the other case.
fn in_every_case(text: &str) -> Vec<String> {
    text.chars().fold(vec![String::new()], |texts, character| {
        let both = [character.to_ascii_lowercase(), character.to_ascii_uppercase()];
        let several = if both[0] == both[1] { &both[1..] } else { &both[..] };
        texts.iter().flat_map(|text| several.iter().map(move |character| format!("{text}{character}"))).collect()
    })
}

#[test]
fn the_index_finds_what_looking_at_every_rule_finds() {
    let patterns = [
        "/", "/a", "/a/", "/a/**", "/a/b", "/a/*/c", "/*/b", "/**/c", "/**", "/b/**/c", "/b*", "/a/b/c/d", "/bb",
        "/c/**", "/aaa/**", "/A/b", "/B*",
    ];
    let paths = [
        "/",
        "/a",
        "/a/",
        "/a/b",
        "/a/b/",
        "/a/x/c",
        "/b",
        "/b/c",
        "/b/x/y/c",
        "/x/b",
        "/bb",
        "/aaa/b",
        "/c",
        "/a/b/c/d",
        "/a/b/c/d/e",
        "/A/b",
        "/B/x",
        "/a/B/",
    ];
    let any_case =
        |pattern: &str, path: &str| Pattern::parse(&pattern.to_lowercase()).unwrap().matches(&path.to_lowercase());
    let target = Target { host: "a.example", method: "GET" };
    // Every order of two of them before a third.
    for one in patterns {
        for two in patterns {
            for three in patterns {
                let last = Pattern::parse(three).unwrap();
                let covers = |text: &&str| Pattern::parse(text).unwrap().covers(&last);
                let covering = rules(&[one, two]).covering(&Scope::default(), &last, false);
                assert_eq!(covering, [one, two].iter().position(covers), "{one} {two} {three}");
                let rules = rules(&[one, two, three]);
                for path in paths {
                    let slow = [one, two, three].iter().position(|text| Pattern::parse(text).unwrap().matches(path));
                    let also = |rank: &usize| any_case([one, two, three][*rank], path);
                    let parsed = RequestPath::parse(path).unwrap();
                    assert_eq!(rules.first_match(&parsed, target), Ok(slow), "{one} {two} {three}: {path}");
                    let beside: Vec<usize> = (0..slow.unwrap_or(3)).filter(also).collect();
                    assert_eq!(rules.beside(&parsed, target, slow), beside, "{one} {two} {three}: {path}");
                }
            }
        }
    }
}
