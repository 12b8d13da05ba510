//! What guards a page of the static assets, under every address that shows it.

use serde_json::json;

use super::{parse, rank_of, settings};

#[test]
fn a_guarded_page_is_guarded_under_the_names_the_assets_binding_serves_it_by() {
    let mut settings = settings();
    settings["rules"] = json!([{ "path": "/blog/private.html" }, { "path": "/blog/**", "sso": false }]);
    let config = parse(&settings, &[]).unwrap();
    let rank = |path: &str| rank_of(&config, path);
    for path in ["/blog/private.html", "/blog/private", "/blog/private/"] {
        assert_eq!(rank(path), Ok(Some(0)), "{path}");
    }
    assert_eq!(rank("/blog/public"), Ok(Some(1)));
    // A public page is public under its own name alone.
    settings["rules"] = json!([{ "path": "/page.html", "sso": false }]);
    let config = parse(&settings, &[]).unwrap();
    assert_eq!(rank_of(&config, "/page"), Ok(None));
}

#[test]
fn a_wildcard_guards_its_pages_where_the_assets_binding_serves_them() {
    let mut settings = settings();
    for (guard, public, served) in [
        ("/a/*.html", "/a/**", ["/a", "/a/", "/a/x"]),
        ("/a/secret.*", "/a/**", ["/a/secret", "/a/secret/", "/a/secret.html"]),
        ("/a/secret.*/**", "/a/**", ["/a/secret", "/a/secret/", "/a/secret.html"]),
        ("/a/secret.html/**", "/a/**", ["/a/secret", "/a/secret/", "/a/secret.html"]),
        ("/a/index.html/**/**", "/a/**", ["/a", "/a/", "/a/index.html"]),
        ("/a/*", "/**", ["/a", "/a/", "/a/x"]),
        ("/a/**/*.html", "/**", ["/a/", "/a/b/", "/a/b/x"]),
    ] {
        settings["rules"] = json!([{ "path": guard }, { "path": public, "sso": false }]);
        let config = parse(&settings, &[]).unwrap();
        for path in served {
            assert_eq!(rank_of(&config, path), Ok(Some(0)), "{guard} {path}");
        }
    }
}

#[test]
fn a_public_rule_where_only_guarded_pages_are_served_can_never_match() {
    let mut settings = settings();
    for (guard, public) in [("/a/index.html", "/a"), ("/*", "/"), ("/**/*.html", "/**"), ("/a/*.html", "/a/x")] {
        settings["rules"] = json!([{ "path": guard }, { "path": public, "sso": false }]);
        assert_eq!(parse(&settings, &[]).unwrap_err().setting, "rules[1]", "{guard} {public}");
        settings["rules"][1] = json!({ "path": public });
        assert!(parse(&settings, &[]).is_ok(), "{guard} {public}");
        settings["rules"] = json!([{ "path": public, "sso": false }, { "path": guard }]);
        assert_eq!(parse(&settings, &[]).is_ok(), public != "/**", "{guard} {public}");
    }
}

#[test]
fn an_optional_page_opens_no_other_address() {
    let mut settings = settings();
    settings["rules"] = json!([{ "path": "/a/*.html", "sso": "optional" }, { "path": "/a/**" }]);
    let config = parse(&settings, &[]).unwrap();
    for (path, rank) in [("/a/x.html", 0), ("/a/x", 1), ("/a/data.json", 1), ("/a/", 1)] {
        assert_eq!(rank_of(&config, path), Ok(Some(rank)), "{path}");
    }
}
