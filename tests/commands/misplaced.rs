//! `check`: settings that stand where nobody looks, under another header, in another file or of another environment.

use std::path::Path;

use serde_json::json;

use crate::{Directory, WRANGLER, with_rules};

const SETTINGS: &str = "[vars.PORTCULLIS]\nhosts = [\"docs.example.com\"]\n\
    [[vars.PORTCULLIS.providers]]\nid = \"work\"\ntitle = \"Work\"\nissuer = \"https://id.example\"\nclient_id = \"c\"\n\
    [[vars.PORTCULLIS.rules]]\npath = \"/open/**\"\nsso = false\n";

/// A rule that nobody reads guards nothing: who signs in at all would get in.
#[test]
fn settings_under_another_header_are_wrong() {
    let directory = Directory::new("check-misplaced", &json!({}));
    let rule = "path = \"/admin/**\"\nallow = [{ group = \"admins\" }]\n";
    let file = |more: &str| directory.write("wrangler.toml", &format!("{WRANGLER}{SETTINGS}{more}"));
    for (lines, setting) in [
        (format!("[[rules]]\n{rule}"), "rules[0]"),
        (format!("[[env.production.rules]]\n{rule}"), "env.production.rules[0]"),
        (format!("[[vars.rules]]\n{rule}"), "vars.rules"),
        (format!("[[vars.PORTCULIS.rules]]\n{rule}"), "vars.PORTCULIS.rules"),
        (format!("[[vars.portcullis.rules]]\n{rule}"), "vars.portcullis"),
        (format!("[[var.PORTCULLIS.rules]]\n{rule}"), "var.PORTCULLIS"),
        (format!("[[PORTCULLIS.rules]]\n{rule}"), "PORTCULLIS"),
        (format!("[[env.vars.PORTCULLIS.rules]]\n{rule}"), "env.vars.PORTCULLIS"),
        (format!("[[env.production.PORTCULLIS.rules]]\n{rule}"), "env.production.PORTCULLIS"),
        (format!("[[env.production.vars.rules]]\n{rule}"), "env.production.vars.rules"),
        ("[[providers]]\nid = \"work\"\n".to_owned(), "providers"),
        ("[session]\nlifetime = \"1h\"\n".to_owned(), "session"),
        ("[env.production.vars]\nhosts = [\"docs.example.com\"]\n".to_owned(), "env.production.vars.hosts"),
    ] {
        file(&lines);
        let (good, text) = directory.run(&["check"]);
        assert!(
            !good && text.starts_with(&format!("wrong: {setting}: is not where the gate looks")),
            "{lines}: {text}"
        );
        let (good, text) = directory.run(&["explain", "/admin/"]);
        assert!(!good && text.contains("is not where the gate looks"), "{lines}: {text}");
    }
    for lines in [
        "[[rules]]\ntype = \"Text\"\nglobs = [\"**/portcullis.json\"]\n",
        "[vars.OTHER]\nname = \"x\"\n",
        "[env.production.vars.PORTCULLIS]\nhosts = [\"docs.example.com\"]\n",
        "[previews.vars.PORTCULLIS]\nhosts = [\"docs.example.com\"]\n",
        "[dev]\nport = 3000\n",
    ] {
        file(lines);
        directory.says(&["check"]);
    }
}

/// Wrangler takes `wrangler.json` before `wrangler.toml`, also from a directory above, and what a build tool leaves
/// in `.wrangler/deploy` before both.
#[test]
fn a_file_that_wrangler_takes_first_is_wrong_beside_the_one_that_is_read() {
    // What is put there goes with the test, also when it fails.
    let _above = Directory(Path::new(env!("CARGO_TARGET_TMPDIR")).join("check-files"));
    let directory = Directory::new("check-files/below", &with_rules(json!([{ "path": "/x" }])));
    directory.says(&["check"]);
    for name in ["wrangler.json", "wrangler.jsonc", ".wrangler/deploy/config.json", "../wrangler.json"] {
        let place = directory.0.join(name);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        directory.write(name, "{}");
        for command in [&["check"][..], &["explain", "/x"], &["test"]] {
            let (good, text) = directory.run(command);
            assert!(!good && text.starts_with("wrong: wrangler.toml: is not what wrangler deploys"), "{name}: {text}");
            assert!(text.contains(name.trim_start_matches("../")), "{name}: {text}");
        }
        // Who says which file is meant has to say so to wrangler as well.
        directory.says(&["check", "wrangler.toml"]);
        directory.says(&["check", "--config", "wrangler.toml"]);
        std::fs::remove_file(place).unwrap();
    }
    directory.write("wrangler.jsonc", "{}");
    let (good, text) = directory.run(&["check", "--config", "wrangler.jsonc"]);
    assert!(
        !good && text == "wrong: wrangler.jsonc: is JSON: the commands read a wrangler.toml, as wrangler does\n",
        "{text}"
    );
}

#[test]
fn the_environment_is_chosen_as_wrangler_chooses_it() {
    let directory = Directory::new("check-environments", &json!({}));
    let of_production = SETTINGS.replace("vars.", "env.production.vars.").replace("docs.", "www.");
    directory.write("wrangler.toml", &format!("{WRANGLER}{SETTINGS}{of_production}[env.staging]\n"));
    const DOCS: &str = "URI: https://docs.example.com/";
    const WWW: &str = "URI: https://www.example.com/";
    let others = "  is not about [env.production], [env.staging]: check them with --env\n";
    let text = directory.says(&["check"]);
    assert!(text.contains(DOCS) && text.contains(others), "{text}");
    // Wrangler asks for this spelling where the top of the file is meant.
    for arguments in [["check", "--env="].as_slice(), &["check", "--env", ""]] {
        assert_eq!(directory.says(arguments), text, "{arguments:?}");
    }
    let text = directory.says(&["check", "--env", "production"]);
    assert!(text.contains(WWW) && !text.contains("is not about"), "{text}");
    assert_eq!(directory.within("production", &["check"]), (true, text));
    let (good, text) = directory.within("production", &["check", "--env="]);
    assert!(good && text.contains(DOCS), "{text}");
    let (good, text) = directory.within("nowhere", &["check"]);
    assert!(!good && text.starts_with("wrong: --env: \"nowhere\" is not in wrangler.toml"), "{text}");
}
