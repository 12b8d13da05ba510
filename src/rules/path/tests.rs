use super::*;

fn readings(path: &str) -> Vec<String> {
    RequestPath::parse(path).unwrap().readings().map(str::to_owned).collect()
}

#[test]
fn a_plain_path_has_one_reading() {
    for path in [
        "/",
        "/a/b-c_d.html",
        "/a.b/c:d@e",
        "/a/",
        "/.well-known/x",
        "/..a/...b",
        "/.auth/login",
        "/(S)/a(S(b))",
        "/(S(b)",
        "/((b))",
    ] {
        assert_eq!(readings(path), [path], "{path}");
    }
}

#[test]
fn every_reading_is_listed() {
    let rows: [(&str, &[&str]); 50] = [
        ("/a%2Fb", &["/a%2Fb", "/a/b"]),
        ("/a%252Fb", &["/a%252Fb", "/a%2Fb", "/a/b"]),
        ("/a\\b", &["/a\\b", "/a/b", "/ab"]),
        // Caddy looks for a file by a pattern, in which a backslash precedes a literal letter.
        ("/a%5cdmin/secret", &["/a/dmin/secret", "/admin/secret"]),
        // CivetWeb and Windows drop dots at the end; Mojolicious a segment of three.
        ("/admin./secret", &["/admin./secret", "/admin/secret"]),
        ("/admin%2e./secret..", &["/admin/secret"]),
        // So does Windows spaces; and a name before `:$` has the same contents, or is the same folder.
        ("/admin%20/secret%20.%20", &["/admin/secret"]),
        ("/public/..%20/admin", &["/admin"]),
        ("/admin/secret.txt::$DATA", &["/admin/secret.txt::$DATA", "/admin/secret.txt"]),
        ("/admin:$i30:$INDEX_ALLOCATION/secret", &["/admin/secret"]),
        ("/admin%3a%3A$DATA", &["/admin"]),
        ("/.../admin/x", &["/.../admin/x", "/admin/x"]),
        // nginx, where the prefix of a location ends within a segment, but its alias does not.
        ("/public../admin", &["/public../admin", "/public/admin", "/admin"]),
        ("/a/public%2e%2e%2fadmin", &["/a/public/admin", "/admin"]),
        ("/public/%2e../..%2fadmin", &["/public/admin", "/admin"]),
        ("/admin/...", &["/admin/...", "/admin/"]),
        ("/a;x/b", &["/a;x/b", "/a/b"]),
        // Steps in any order: resolved before the separators are decoded, cut before that, and so on.
        ("/public/a%2fb/%2e%2e/%2e%2e/secret", &["/secret", "/public/secret"]),
        // Servers on Windows, where `%2F` stays as it is, and `\` separates.
        ("/public/a%2fb/..%5c..%5cadmin/secret", &["/admin/secret"]),
        ("/x%2fy/..%5Cadmin", &["/admin", "/x/admin"]),
        ("/public/a%252fb/..%255c..%255cadmin", &["/admin", "/public/admin"]),
        ("/public/p/q/%2e%2e;a%2fb/%2e%2e;c%2fd/%2e%2e;e%2ff/secret", &["/secret"]),
        // Decoded as far as RFC 3986, 6.2.2.2 makes no difference, and no further.
        ("/%61dmin%3bx", &["/admin%3bx"]),
        ("/pub/%73ecret%2fx", &["/pub/secret%2fx", "/pub/%73ecret/x", "/pub/secret/x"]),
        ("/public/x/a%252fb/%252e%252e/%252e%252e/%252e%252e/secret", &["/secret"]),
        ("/public/a%2fb/%2e%2e/%2e%2e/.auth/x", &["/.auth/x"]),
        ("/a/..%3bx%2fy/b", &["/b"]),
        ("/a//b", &["/a//b", "/a/b"]),
        // Parsed as a reference, it names a host.
        ("//x/admin", &["//x/admin", "/x/admin", "/admin"]),
        ("///x@y:1/admin", &["/x@y:1/admin", "/admin"]),
        ("//x", &["//x", "/x", "/"]),
        ("/%2fx/admin", &["/admin"]),
        ("/\\x/admin", &["/admin"]),
        ("/a/..//x/admin", &["/admin"]),
        // Cut at the first parameter, with everything after it.
        ("/admin/secret;/x.css", &["/admin/secret/x.css", "/admin/secret"]),
        ("/admin%3b/x.css", &["/admin"]),
        // ASP.NET's session without a cookie.
        ("/(S(abc))/admin", &["/(S(abc))/admin", "/admin"]),
        ("/a/(A(x)F(y))%2Fb/(S())", &["/a/b"]),
        ("/(S(x))", &["/(S(x))", "/"]),
        ("/pro/(S(x))tected/(F(y))", &["/protected"]),
        ("/(S(x))bin/a", &["/bin/a"]),
        ("/a/../b", &["/a/../b", "/b"]),
        ("/a/..;/b", &["/a/..;/b", "/a/../b", "/b"]),
        ("/a%5C..%5Cb", &["/a%5C..%5Cb", "/a\\..\\b", "/a/../b", "/b"]),
        ("/%2e%2e/a", &["/%2e%2e/a", "/../a", "/a"]),
        ("/a/.", &["/a/.", "/a/"]),
        ("/a/..", &["/a/..", "/"]),
        ("/a%3Fb/c", &["/a%3Fb/c", "/a?b/c", "/a"]),
        ("/a%23b%3Fc", &["/a%23b%3Fc", "/a#b?c", "/a#b", "/a"]),
        ("/a/%2523", &["/a/%2523", "/a/%23", "/a/#", "/a/"]),
    ];
    for (path, expected) in rows {
        let found = readings(path);
        for reading in expected {
            assert!(found.iter().any(|found| found == reading), "{path}: {reading} is not in {found:?}");
        }
    }
}

#[test]
fn a_path_that_costs_too_much_is_refused() {
    // What has one reading costs nothing, however long; a second one doubles it.
    let long = |words: usize| format!("/{}x", "%20".repeat(words));
    assert!(RequestPath::parse(&long(20_000)).is_ok());
    assert!(RequestPath::parse(&format!("{}%2e", long(5_000))).is_ok());
    assert_eq!(RequestPath::parse(&format!("{}%2e", long(20_000))).map(|_| ()), Err(PathError::TooManyReadings));
    // Three dozen readings of two thousand bytes, the same but for the last few.
    let deep = |segments: usize| format!("/{}%2f%25252e/.%253f", "a/".repeat(segments));
    assert_eq!(RequestPath::parse(&deep(1_009)).map(|_| ()), Err(PathError::TooManyReadings));
    assert!(RequestPath::parse(&deep(100)).is_ok());
    assert!(RequestPath::parse(&format!("/{}", "a".repeat(16_000))).is_ok(), "a plain path costs nothing");
}

#[test]
fn a_path_with_more_than_64_readings_is_refused() {
    assert_eq!(readings("/a.//.//\\%2e").len(), 64);
    // It has one more.
    assert_eq!(RequestPath::parse("/a;\\.//%253f").map(|_| ()), Err(PathError::TooManyReadings));
}

#[test]
fn the_spelling_an_address_needs_is_not_another_reading() {
    assert_eq!(readings("/caf%C3%A9%20au%20lait"), ["/café au lait"]);
}

#[test]
fn what_no_origin_gets() {
    let rows = [
        ("", PathError::NotAbsolute),
        ("a", PathError::NotAbsolute),
        ("*", PathError::NotAbsolute),
        ("/public#/../admin", PathError::Fragment),
        ("/%", PathError::Escape),
        ("/%4", PathError::Escape),
        ("/%zz", PathError::Escape),
        ("/%g1", PathError::Escape),
        ("/%00", PathError::ControlCharacter),
        ("/%2500", PathError::ControlCharacter),
        ("/%0a", PathError::ControlCharacter),
        ("/%7f", PathError::ControlCharacter),
        ("/a\u{0}", PathError::ControlCharacter),
        ("/caf\u{e9}", PathError::NotAscii),
        ("/%c2%85", PathError::ControlCharacter),
        ("/%ff", PathError::NotUtf8),
        ("/%c0%af", PathError::NotUtf8),
        ("/%25ff", PathError::NotUtf8),
        ("/%2525252f", PathError::TooDeep),
    ];
    for (path, error) in rows {
        assert_eq!(RequestPath::parse(path).map(|_| ()), Err(error), "{path:?}");
    }
}

#[test]
fn own_addresses_are_seen_in_every_reading() {
    for path in [
        "/.auth",
        "/.auth/x",
        "/%2eauth/login",
        "/.auth%2flogin",
        "//.auth/login",
        "/x/..%2f.auth/login",
        "/.auth;x/login",
        "/\\.auth/login",
        "/%252eauth",
    ] {
        assert!(RequestPath::parse(path).unwrap().touches("/.auth"), "{path}");
    }
    for path in ["/.authx", "/x/.auth", "/auth"] {
        assert!(!RequestPath::parse(path).unwrap().touches("/.auth"), "{path}");
    }
}
