//! `check`, about the files of a site: text of a page in files that its rule does not guard.

use super::*;

const PLAN: &str = "the plan of which nobody outside may know";

/// What is told of text of pages, where the site has these files.
fn told(name: &str, rules: Value, files: &[(&str, &str)]) -> Vec<String> {
    let directory = Directory::new(&format!("copies-{name}"), &with_rules(rules));
    for (path, text) in files {
        let file = directory.0.join("site").join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let report = directory.says(&["check"]);
    let warnings = report.lines().filter_map(|line| line.strip_prefix("warning: "));
    warnings.filter(|warning| warning.contains(" text of ")).map(str::to_owned).collect()
}

fn page(text: &str) -> String {
    format!(
        "<!doctype html><head><title>A title of five words here</title></head><body><nav>Home, and all the rest of it</nav><p>{text}</p><script>var of = 'one and two and three';</script></body>"
    )
}

fn internal() -> Value {
    json!([{ "path": "/internal/**" }, { "path": "/**", "sso": false }])
}

/// A script, a search index, a payload beside the page and the source that it was made of, as generators write them.
#[test]
fn text_of_a_page_in_files_that_more_people_may_open_is_told_of() {
    let plan = page(&format!("This is <em>it</em>: {PLAN}."));
    for (rank, (path, text)) in [
        ("assets/internal_plan.md.Ab12.js", format!("const a=_(\"<p>This is it: {PLAN}.</p>\")")),
        ("search/search_index.json", format!("{{\"docs\":[{{\"text\":\"It: {PLAN}\"}}]}}")),
        ("internal.txt", format!("1:[\"$\",\"p\",null,{{\"children\":\"{PLAN}\"}}]")),
        ("_sources/a b%/plan.rst.txt", format!("Plan\n====\n\n{PLAN}\n")),
        ("feed.xml", format!("<item>{PLAN}</item>")),
    ]
    .into_iter()
    .enumerate()
    {
        let files = [("internal/plan.html", plan.as_str()), ("index.html", &page("Welcome")), (path, &text)];
        let expected = format!(
            "{:?} has text of \"/internal/plan.html\" (\"the plan of which nobody\"): rules[1] shows it to people to whom rules[0] does not show the page",
            format!("/{path}")
        );
        assert_eq!(told(&format!("told-{rank}"), internal(), &files), [expected]);
    }
}

/// What everybody reads on a page for everybody, what is on most pages, what scripts say to themselves, and what is
/// guarded as well as the page.
#[test]
fn what_is_no_text_of_a_guarded_page_is_not_told_of() {
    let plan = page(PLAN);
    let held = |name: &str, rules: Value, files: &[(&str, &str)]| {
        assert_eq!(told(name, rules, &[&[("internal/plan.html", plan.as_str())], files].concat()), [""; 0], "{name}");
    };
    let script = format!("say('{PLAN}')");
    held("guarded", internal(), &[("internal/plan.js", &script)]);
    held("public", internal(), &[("index.html", &plan), ("plan.js", &script)]);
    held("silent", internal(), &[("a.js", "'one and two and three'; 'A title of five words here'")]);
    held("few", internal(), &[("a.js", "the plan of which somebody")]);
    held("image", internal(), &[("plan.png", &script)]);
    let signed_in = json!([{ "path": "/assets/**", "allow": [{ "group": "staff" }] }]);
    held("fewer", signed_in, &[("assets/plan.js", &script)]);
    let nav = "'Home, and all the rest of it'";
    let others = ["a", "b", "c"].map(|name| (format!("internal/{name}.html"), page(name)));
    let others: Vec<(&str, &str)> = others.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    held("frame", internal(), &[others.as_slice(), &[("theme.js", nav)]].concat());
}

/// What is said with entities, behind the last tag, and behind a comment with a bracket in it; and not in the comment.
#[test]
fn text_of_a_page_is_what_people_read_of_it() {
    let script = format!("say('{PLAN}')");
    for (rank, (text, told_of)) in [
        ("the plan of which nobody&nbsp;outside may know", 1),
        ("the plan&nbsp;of&mdash;which&#160;nobody outside", 1),
        ("the plan of which AT&T nobody", 0),
        ("<!-- > the plan of which nobody outside may know -->", 0),
        ("<!-- a > b --><p>the plan of which nobody outside may know", 1),
        ("<style>/* the plan of which nobody outside may know */</style>", 0),
    ]
    .into_iter()
    .enumerate()
    {
        let told = told(&format!("read-{rank}"), internal(), &[("internal/a.html", text), ("app.js", &script)]);
        assert_eq!(told.len(), told_of, "{text}: {told:?}");
    }
}

/// For who is signed in, and for admins alone; and where there are many, some are told of one by one.
#[test]
fn text_of_a_page_for_some_is_not_for_all_who_are_signed_in() {
    let plan = page(PLAN);
    let rules = json!([{ "path": "/internal/**", "allow": [{ "group": "admins" }] }]);
    let script = format!("say('{PLAN}')");
    let names: Vec<String> = (0..8).map(|number| format!("assets/{number}.js")).collect();
    let mut files = vec![("internal/plan/index.html", plan.as_str())];
    files.extend(names.iter().map(|name| (name.as_str(), script.as_str())));
    let told = told("groups", rules, &files);
    assert_eq!(told.len(), 6, "{told:?}");
    assert!(told[0].ends_with("(no rule) shows it to people to whom rules[0] does not show the page"), "{told:?}");
    assert_eq!(told[5], "3 more files have text of pages that are for fewer people");
}

/// What one page says again and again is its text, and not the frame of the site.
#[test]
fn text_that_one_page_repeats_is_told_of() {
    let plan = page(&[PLAN; 4].join("</p><p>"));
    let others = ["a", "b", "c"].map(|name| (format!("internal/{name}.html"), page(name)));
    let mut files: Vec<(&str, &str)> = others.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let script = format!("say('{PLAN}')");
    files.extend([("internal/plan.html", plan.as_str()), ("app.js", &script)]);
    assert_eq!(told("repeated", internal(), &files).len(), 1);
}
