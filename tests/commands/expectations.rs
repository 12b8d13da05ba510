//! `test`: expectations in a file, and what is said of them.

use serde_json::json;

use crate::{Directory, rules, with_rules};

const EXPECTATIONS: &str = r#"
[people.ada]
claims = { sub = "ada", email = "ada@example.com", email_verified = true, groups = ["admins"] }
[people.bob]
provider = "work"
claims = { sub = "bob" }

[[tests]]
url = ["/admin/", "https://docs.example.com/admin/x"]
as = ["bob"]
expect = "denied"
rule = "admin"
reason = "allow"

[[tests]]
name = "what is open"
url = "/open/x"
as = ["nobody", "ada"]
expect = "forwarded"

[[tests]]
url = "/billing"
as = "ada"
claims = { auth_time = 1799999990 }
expect = "admitted"

[[tests]]
url = "/country"
method = "POST"
headers = { Origin = "https://docs.example.com" }
country = "XX"
as = "ada"
expect = "denied"
rule = "rules[13]"
reason = "deny[0]"
"#;

#[test]
fn expectations_that_hold_are_said_in_tap() {
    let directory = Directory::new("expectations-hold", &with_rules(rules()));
    directory.write("policy.tests.toml", EXPECTATIONS);
    assert_eq!(
        directory.says(&["test"]),
        "TAP version 13\n\
         ok 1 - GET /admin/ as bob: denied\n\
         ok 2 - GET https://docs.example.com/admin/x as bob: denied\n\
         ok 3 - what is open (GET /open/x as nobody)\n\
         ok 4 - what is open (GET /open/x as ada)\n\
         ok 5 - GET /billing as ada: admitted\n\
         ok 6 - POST /country as ada: denied\n\
         1..6\n\
         # 6 passed, 0 failed\n"
    );
}

#[test]
fn expectations_that_do_not_hold_fail_and_say_what_came_instead() {
    let directory = Directory::new("expectations-fail", &with_rules(rules()));
    directory.write(
        "other.toml",
        &EXPECTATIONS.replace("claims = { sub = \"bob\" }", "claims = { sub = \"bob\", groups = [\"admins\"] }"),
    );
    let (good, text) = directory.run(&["test", "other.toml"]);
    assert!(!good && text.ends_with("1..6\n# 4 passed, 2 failed\n"), "{text}");
    let shown = "not ok 1 - GET /admin/ as bob: denied\n  ---\n  decision:\n    expected: denied\n    got:      admitted\n  reason:\n    expected: allow\n    got:      none\n  why: |\n    GET https://docs.example.com/admin/\n";
    assert!(text.contains(shown), "{text}");
    // A rule that nobody meant.
    directory.write("other.toml", &EXPECTATIONS.replace("rule = \"admin\"", "rule = \"rules[2]\""));
    let (good, text) = directory.run(&["test", "other.toml"]);
    assert!(!good && text.contains("  rule:\n    expected: rules[2]\n    got:      rules[7] \"admin\"\n"), "{text}");
}

/// A reader of TAP counts lines: what a file says is none of its own.
#[test]
fn a_line_break_in_an_expectation_makes_no_other_result() {
    let directory = Directory::new("expectations-lines", &with_rules(rules()));
    let text =
        "[[tests]]\nname = \"a\\nok 2 - b # TODO\"\nurl = \"/admin/\"\nexpect = \"public\"\nreason = \"x\\nok 3\"\n";
    directory.write("policy.tests.toml", text);
    let (good, said) = directory.run(&["test"]);
    let results: Vec<&str> = said.lines().filter(|line| line.starts_with("ok") || line.starts_with("not ok")).collect();
    assert_eq!((good, results), (false, vec!["not ok 1 - a ok 2 - b \\# TODO (GET /admin/ as nobody)"]), "{said}");
    assert!(said.contains("    expected: x ok 3\n"), "{said}");
    // TAP 13: a block of YAML begins and ends with its own marks.
    let block = said.split_once("\n  ---\n").and_then(|(_, block)| block.split_once("\n  ...\n")).unwrap();
    assert!(block.0.lines().all(|line| line.is_empty() || line.starts_with("  ")), "{said}");
    assert_eq!(block.1, "1..1\n# 0 passed, 1 failed\n");
}

#[test]
fn mistakes_in_a_file_of_expectations_are_errors() {
    let directory = Directory::new("expectations-wrong", &with_rules(rules()));
    let changed = |from: &str, to: &str| {
        assert!(EXPECTATIONS.contains(from), "{from}");
        EXPECTATIONS.replacen(from, to, 1)
    };
    for (text, problem) in [
        (String::new(), "missing field `tests`"),
        ("tests = []".to_owned(), "tests: is empty"),
        (changed("url = \"/open/x\"", "url = []"), "tests[1]: url is empty"),
        (changed("as = [\"bob\"]", "as = []"), "tests[0]: as is empty"),
        (changed("expect = \"denied\"", "expects = \"denied\""), "tests[0]"),
        (changed("expect = \"denied\"", "expect = \"deny\""), "tests[0]: expect \"deny\" is no decision"),
        (changed("rule = \"admin\"", "rule = \"admins\""), "tests[0]: there is no rule \"admins\""),
        (changed("rule = \"rules[13]\"", "rule = \"rules[99]\""), "tests[3]: there is no rule"),
        (changed("as = [\"bob\"]", "as = [\"eve\"]"), "tests[0]: there is nobody called \"eve\""),
        (changed("as = [\"bob\"]", "as = 1"), "a text, or a list of texts"),
        (changed("as = \"ada\"\nclaims", "claims"), "claims are somebody's"),
        (changed("[people.bob]", "[people.nobody]"), "people.nobody"),
        (format!("at = {}\n{EXPECTATIONS}", i64::MAX), "before the year 10000"),
        (changed("provider = \"work\"", "provider = \"wrok\""), "no provider of this id"),
        (changed("provider = \"work\"", "providers = \"work\""), "people.bob"),
        (changed("sub = \"bob\"", "name = \"bob\""), "sub is missing"),
        (changed("country = \"XX\"", "country = \"xx\""), "two capital letters"),
        (
            changed("{ Origin = \"https://docs", "{ Host = \"https://docs"),
            "the host that is asked for is the address's",
        ),
        (changed("[people.ada]", "[people.ada"), "policy.tests.toml"),
    ] {
        directory.write("policy.tests.toml", &text);
        let (good, said) = directory.run(&["test"]);
        assert!(!good && said.starts_with("wrong: ") && said.contains(problem), "{problem}: {said}");
    }
    let mut settings = with_rules(rules());
    settings["hots"] = json!([]);
    directory.write("portcullis.json", &settings.to_string());
    directory.write("policy.tests.toml", EXPECTATIONS);
    let (good, said) = directory.run(&["test"]);
    assert!(!good && said.contains("hots"), "{said}");
}

/// A name that is not UTF-8 is no reason to end without a sentence.
#[cfg(unix)]
#[test]
fn an_argument_that_is_not_text_is_refused_in_words() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt, process::Command};
    for rank in [0, 1] {
        let mut arguments = [OsStr::new("check"), OsStr::new("test")];
        arguments[rank] = OsStr::from_bytes(b"\xff.toml");
        let output = Command::new(env!("CARGO_BIN_EXE_portcullis")).args(arguments).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), text.as_str()),
            (Some(1), "wrong: the argument \"\\xFF.toml\" is not UTF-8\n")
        );
    }
}
