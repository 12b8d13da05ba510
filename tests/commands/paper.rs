//! docs/rules.md shows what the commands say, and the rules of docs/applications.md guard what it says.

use std::{fs, path::Path};

use serde_json::json;

use crate::{Directory, WRANGLER};

/// The settings around the rules of the paper.
const AROUND: &str = "[vars.PORTCULLIS]\nhosts = [\"docs.example.com\"]\n[[vars.PORTCULLIS.providers]]\nid = \"work\"\ntitle = \"Example Corp\"\nissuer = \"https://id.example\"\nclient_id = \"client\"\n";

/// `PORTCULLIS_WRITE=1 cargo test --features check --test commands` writes what the commands say anew.
#[test]
fn the_paper_on_rules_shows_what_the_commands_say() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules.md");
    let paper = fs::read_to_string(&file).unwrap();
    let blocks = |kind: &str| -> Vec<String> {
        let begin = format!("```{kind}\n");
        paper.split(&begin).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
    };
    let [rules, tests] = blocks("toml").try_into().expect("two examples");
    let directory = Directory::new("paper", &json!({}));
    directory.write("wrangler.toml", &format!("{WRANGLER}{AROUND}{rules}"));
    assert!(directory.says(&["check"]).starts_with("The settings are right."));
    directory.write("policy.tests.toml", &tests);
    assert!(directory.says(&["test"]).ends_with("# 6 passed, 0 failed\n"));

    let shown = blocks("console");
    assert!(shown.len() >= 3);
    let mut right = paper.clone();
    for block in &shown {
        let command = block.lines().next().unwrap();
        let rest = command.strip_prefix("$ npm run explain -- ").expect("a command of the paper");
        // Quotes stand around whole arguments.
        let quoted = rest.split('\'').enumerate().flat_map(|(rank, text)| -> Vec<&str> {
            if rank % 2 == 1 { vec![text] } else { text.split_whitespace().collect() }
        });
        let arguments: Vec<&str> = ["explain"].into_iter().chain(quoted).collect();
        right = right.replace(block, &format!("{command}\n{}", directory.says(&arguments)));
    }
    if right != paper && std::env::var_os("PORTCULLIS_WRITE").is_some() {
        fs::write(&file, &right).unwrap();
        return;
    }
    assert_eq!(right, paper, "docs/rules.md: PORTCULLIS_WRITE=1 cargo test --features check --test commands");
    // Every decision that there is.
    directory.write("policy.tests.toml", "[[tests]]\nurl = \"/\"\nexpect = \"x\"\n");
    let (_, problem) = directory.run(&["test"]);
    let decisions = problem.split_once("there are ").unwrap().1.split_once(';').unwrap().0;
    let explained: Vec<&str> =
        paper.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | ")).map(|row| row.0).collect();
    assert_eq!(explained.iter().filter(|word| !word.contains('=')).copied().collect::<Vec<_>>().join(", "), decisions);
}

#[test]
fn the_rules_of_the_paper_on_applications_guard_what_shows_a_page() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/applications.md");
    let paper = fs::read_to_string(file).unwrap();
    let rules = paper.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let directory = Directory::new("paper-on-applications", &json!({}));
    directory.write("wrangler.toml", &format!("{WRANGLER}{AROUND}{rules}"));
    let told = directory.says(&["check"]);
    assert!(told.starts_with("The settings are right."), "{told}");
    assert!(!told.contains("warning: rules["), "{told}");
    let tests = r#"
[people.ada]
claims = { sub = "ada", groups = ["admins"] }

[people.bob]
claims = { sub = "bob", groups = ["staff"] }

[[tests]]
url = ["/admin", "/admin/keys", "/admin.data", "/admin/keys.data", "/admin/_.data", "/admin/__data.json", "/_next/data/b/admin.json", "/_next/data/b/admin/keys.json"]
as = "bob"
expect = "denied"

[[tests]]
url = ["/admin.data", "/_next/data/b/admin.json"]
as = "ada"
expect = "admitted"

[[tests]]
url = "/_next/static/chunks/a.js"
expect = "public"

[[tests]]
url = ["/_next/image?url=%2Fa.png", "/_next/data/b/index.json"]
expect = "sign-in"
"#;
    directory.write("policy.tests.toml", tests);
    let told = directory.says(&["test"]);
    assert!(told.ends_with(", 0 failed\n"), "{told}");
}
