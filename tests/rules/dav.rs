//! COPY and MOVE name a second path, in a header (RFC 4918, 9.8, 9.9).

use super::*;

#[test]
fn what_is_copied_or_moved_stays_under_the_rule_that_admits_it() {
    let world = World::new();
    let rules = json!([
        { "path": "/admin/**", "allow": [{ "group": "others" }] },
        { "path": "/files/**" },
        { "path": "/open/**", "sso": false },
    ]);
    let (isolate, ada) = signed_in(&world, rules);
    let send = |method: &str, path: &str, destination: &str| {
        let head = Head::new(method, path).with("origin", HOST).with("destination", destination);
        status(&ada.send(&isolate, head))
    };
    for method in ["COPY", "MOVE", "copy", "Move"] {
        for alike in ["/files/b", "/files/b/", "/files/a%20b", "/files/x/../b", "/files/b?c=/admin/d", "/files/é"] {
            let expected = if alike == "/files/é" { 400 } else { 200 };
            assert_eq!(send(method, "/files/a", alike), expected, "{method} {alike}");
            assert_eq!(send(method, "/files/a", &format!("{HOST}{alike}")), expected, "{method} {HOST}{alike}");
        }
        for other in [
            "/admin/b",
            "/open/b",
            "/else",
            "/",
            "",
            "files/b",
            "/files/..%2fadmin/b",
            "/files/../admin/b",
            "/files/b#c",
            "/.auth/login",
            "//files/b",
            "/\\files/b",
            "//evil.example/files/b",
            "/files/b, /admin/b",
            "https://evil.example/files/b",
            "https://docs.example.com.evil.example/files/b",
            "https://docs.example.com@evil.example/files/b",
            "http://docs.example.com/files/b",
            "HTTPS://DOCS.EXAMPLE.COM/files/b",
        ] {
            assert_eq!(send(method, "/files/a", other), 400, "{method} {other}");
        }
        // Also where nobody has to sign in, and where no rule matches.
        assert_eq!(send(method, "/open/a", "/files/b"), 400, "{method}");
        assert_eq!(send(method, "/open/a", "/open/b"), 200, "{method}");
        assert_eq!(send(method, "/else", "/files/b"), 400, "{method}");
        assert_eq!(send(method, "/else", "/more"), 200, "{method}");
        assert_eq!(send(method, "/else", &format!("{HOST}//more")), 200, "{method}");
        for other in ["//evil.example/more", "/\\evil.example/more", "/.auth/login"] {
            assert_eq!(send(method, "/else", other), 400, "{method} {other}");
        }
        assert_eq!(status(&ada.send(&isolate, Head::new(method, "/files/a").with("origin", HOST))), 200, "{method}");
    }
    assert!(world.take_events().contains(&"refused path_unreadable".to_owned()));
    // With other methods the header leads nowhere.
    assert_eq!(send("PUT", "/files/a", "/admin/b"), 200);
    assert_eq!(send("GET", "/files/a", "/admin/b"), 200);
    // By a header that origins take for the method as well, some of them whatever the method is.
    for method in ["GET", "HEAD", "OPTIONS"] {
        let read = || Head::new(method, "/files/a").with("origin", HOST).with("destination", "/admin/b");
        assert_eq!(status(&ada.send(&isolate, read())), 200, "{method}");
        assert_eq!(status(&ada.send(&isolate, read().with("x-http-method-override", "MOVE"))), 400, "{method}");
    }
    let post = || Head::new("POST", "/files/a").with("origin", HOST).with("destination", "/admin/b");
    assert_eq!(status(&ada.send(&isolate, post())), 200);
    assert_eq!(status(&ada.send(&isolate, post().with("x-http-method-override", "MOVE"))), 400);
}
