//! What `explain` takes behind its name, and what it does not.

use crate::{Directory, rules, with_rules};

#[test]
fn what_explain_does_not_take() {
    let directory = Directory::new("explain-wrong", &with_rules(rules()));
    for (arguments, problem) in [
        (vec!["explain"], "an argument is missing"),
        (vec!["explain", "/a", "/b"], "one argument too many: \"/b\""),
        (vec!["explain", "--clams", "{}", "/"], "unknown option --clams"),
        (vec!["explain", "admin"], "neither a path"),
        (vec!["explain", "ftp://docs.example.com/admin/"], "neither a path"),
        (vec!["explain", "https://ada:hunter2@docs.example.com/admin/"], "leave it out"),
        (vec!["explain", "/", "--claims", "{"], "at line 1 column 1"),
        (vec!["explain", "/", "--claims", "{}"], "sub is missing"),
        (vec!["explain", "/", "--claims", r#"{ "sub": "a", "sub": "b" }"#], "malformed"),
        (vec!["explain", "/", "--claims", r#"{ "sub": "a" }"#, "--provider", "x"], "no provider of this id"),
        (vec!["explain", "/", "--provider", "work"], "add claims"),
        (vec!["explain", "/", "--as", "nobody.json"], "nobody.json"),
        (vec!["explain", "/", "--ip", "192.0.2"], "not an IP address"),
        (vec!["explain", "/", "--country", "Switzerland"], "two capital letters"),
        (vec!["explain", "/", "--header", "Origin"], "is not a header"),
        (vec!["explain", "/", "--header", "CF-Connecting-IP: 192.0.2.1"], "use ip"),
        (vec!["explain", "/", "--header", ": x"], "is not a header"),
        (vec!["explain", "/", "--header", "X Y: x"], "is not a header"),
        (vec!["explain", "/", "--method", ""], "is not a method"),
        (vec!["explain", "/", "--method", "GET /x"], "is not a method"),
        (vec!["explain", "/", "--at", "now"], "seconds since 1970"),
        (vec!["explain", "/", "--at", "18446744073709551615"], "seconds since 1970"),
        (vec!["explain", "/", "--env", "x"], "\"x\" is not in wrangler.toml"),
        (vec!["explain", "/", "--config", "other.toml"], "other.toml"),
        (vec!["explian", "/"], "unknown command \"explian\""),
    ] {
        let (good, text) = directory.run(&arguments);
        assert!(!good && text.starts_with("wrong: ") && text.contains(problem), "{arguments:?}: {text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    let loud = directory.says(&["explain", "HTTPS://docs.example.com/admin/"]);
    assert_eq!(loud, directory.says(&["explain", "https://docs.example.com/admin/"]));
    let found = directory.says(&["explain", "--method=M-SEARCH", "/admin/?a=--at"]);
    assert!(found.starts_with("M-SEARCH https://docs.example.com/admin/?a=--at\n"), "{found}");
}
