use super::*;

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

#[test]
fn matching() {
    let rows: [(&str, &[&str], &[&str]); 10] = [
        ("/", &["/"], &["/a", "//", ""]),
        ("/admin", &["/admin", "/admin/"], &["/admin/x", "/Admin", "/adminx", "/x/admin"]),
        ("/admin/", &["/admin", "/admin/"], &["/admin/x"]),
        ("/admin/**", &["/admin", "/admin/", "/admin/x", "/admin/x/y/"], &["/administrator", "/", "/x/admin"]),
        ("/**", &["/", "/a", "/a/b"], &[]),
        ("/*", &["/a", "/a/"], &["/", "/a/b"]),
        ("/a/*/c", &["/a/b/c"], &["/a/c", "/a/b/d/c", "/a//c"]),
        ("/**/x.*", &["/x.y", "/a/b/x.y", "/x."], &["/x", "/a/x.y/z"]),
        ("/a*b*c", &["/abc", "/a1b2c", "/abbc", "/abcbc"], &["/ac", "/abcd", "/ab"]),
        ("/**/b/**/c", &["/b/c", "/a/b/b/x/c", "/b/c/c", "/b/x/y/c"], &["/c/b", "/b", "/a/b/x/c/d"]),
    ];
    for (text, yes, no) in rows {
        for path in yes {
            assert!(pattern(text).matches(path), "{text} should match {path}");
        }
        for path in no {
            assert!(!pattern(text).matches(path), "{text} should not match {path}");
        }
    }
}

#[test]
fn a_long_path_costs_no_more_than_its_length_allows() {
    let path = "/a".repeat(8_000);
    assert!(!pattern("/**/a/**/a/**/a/**/a/**/b").matches(&path));
    // After the last `**` nothing is tried twice.
    let long = pattern(&format!("/**{}/b", "/a".repeat(4_000)));
    assert!((0..100).all(|_| !long.matches(&path)));
}

#[test]
fn what_is_no_pattern() {
    let rows = [
        ("", PatternError::NotAbsolute),
        ("admin", PatternError::NotAbsolute),
        ("//", PatternError::EmptySegment),
        ("/a//b", PatternError::EmptySegment),
        ("/a/../b", PatternError::DotSegment),
        ("/wiki/D.C.", PatternError::DotSegment),
        ("/a**", PatternError::PartialDepth),
        ("/***", PatternError::PartialDepth),
        ("/a%20b", PatternError::Character('%')),
        ("/a?b", PatternError::Character('?')),
        ("/a#b", PatternError::Character('#')),
        ("/a;b", PatternError::Character(';')),
        ("/a\\b", PatternError::Character('\\')),
        ("/{a,b}/**", PatternError::Character('{')),
        ("/a}", PatternError::Character('}')),
        ("/a\u{7f}", PatternError::Character('\u{7f}')),
        ("/(a|b)", PatternError::Character('|')),
        ("/ a", PatternError::OuterSpace),
        ("/a /b", PatternError::OuterSpace),
        ("/a/b ", PatternError::OuterSpace),
        ("/a/\u{a0}/", PatternError::OuterSpace),
    ];
    for (text, error) in rows {
        assert_eq!(Pattern::parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn covering_says_yes_only_when_it_is_so() {
    let rows = [
        ("/**", "/a/b", true),
        ("/a/**", "/a", true),
        ("/a/**", "/a/b/**", true),
        ("/a/*", "/a/b", true),
        ("/a/*", "/a/*", true),
        ("/a/*", "/a/x*", true),
        ("/a/x*", "/a/*", false),
        ("/a/*", "/a/**", false),
        ("/a/b", "/a/*", false),
        ("/a", "/a/**", false),
        ("/**/x", "/a/b/x", true),
        ("/**/x", "/a/**", false),
    ];
    for (general, special, covers) in rows {
        assert_eq!(pattern(general).covers(&pattern(special)), covers, "{general} {special}");
    }
}

#[test]
fn a_guarded_page_is_guarded_where_the_assets_binding_serves_it() {
    let rows: [(&str, &[&str]); 23] = [
        ("/a/secret.html", &["/a/secret"]),
        ("/a/secret.html/", &["/a/secret"]),
        ("/a/index.html", &["/a", "/a/index"]),
        ("/index.html", &["/", "/index"]),
        ("/a/.html", &["/a"]),
        ("/a/b.css", &[]),
        ("/", &[]),
        ("/a/**", &[]),
        ("/a/*.html", &["/a", "/a/*"]),
        ("/*.html", &["/", "/*"]),
        ("/**/*.html", &["/**", "/**/*"]),
        ("/**/index.*", &["/**", "/**/index"]),
        ("/a/*", &["/a"]),
        ("/a/i*x*", &["/a"]),
        ("/a/secret.*", &["/a/secret"]),
        ("/a/secret*", &[]),
        ("/a/secret.h*", &["/a/secret"]),
        ("/a/s*t", &[]),
        ("/a/*l", &["/a", "/a/*"]),
        ("/a/b c.html", &["/a/b c"]),
        ("/a/*.h*l", &["/a", "/a/*.h*", "/a/*"]),
        ("/a/x*.htm*", &["/a/x*"]),
        ("/a/.h*", &["/a"]),
    ];
    for (text, aliases) in rows {
        assert_eq!(
            pattern(text).page_aliases(),
            aliases.iter().map(|text| pattern(text)).collect::<Vec<_>>(),
            "{text}"
        );
    }
}

#[test]
fn every_page_of_a_wildcard_is_guarded_where_the_assets_binding_serves_it() {
    let wildcards = "* *.* *.html s* s*t s*l *.h*l *t* *x*.* secret*.*m*l i* *e*t*.* sec*.html* *.h*t*m*l";
    for wildcard in wildcards.split(' ') {
        let guard = pattern(&format!("/a/{wildcard}"));
        let guards = |path: &str| guard.matches(path) || guard.page_aliases().iter().any(|alias| alias.matches(path));
        for page in ["secret", "index", "s", "set", "secret.x", "set.html", "xt.h", "html"] {
            if guard.matches(&format!("/a/{page}.html")) {
                assert!(guards(&format!("/a/{page}")), "{wildcard} {page}");
                assert!(page != "index" || guards("/a/"), "{wildcard}");
            }
        }
    }
}

#[test]
fn patterns_under_the_own_prefix_are_seen() {
    for (text, under) in [
        ("/.auth", true),
        ("/.auth/**", true),
        ("/.auth/login", true),
        ("/.authx", false),
        ("/**", false),
        ("/*/login", false),
    ] {
        assert_eq!(pattern(text).is_under("/.auth"), under, "{text}");
    }
    assert!(pattern("/a/b/x").is_under("/a/b") && !pattern("/a/x").is_under("/a/b"));
}
