//! `check`: what the settings may say, and hardly mean.

use serde_json::{Value, json};

use crate::{Directory, with_rules};

fn warnings(directory: &Directory, rules: Value, change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut settings = with_rules(rules);
    change(&mut settings);
    directory.write("portcullis.json", &settings.to_string());
    let text = directory.says(&["check"]);
    let of_the_file = ["workers_dev", "preview_urls", "there is no KV"];
    let warnings = text.lines().filter_map(|line| line.strip_prefix("warning: "));
    warnings.filter(|line| !of_the_file.iter().any(|begin| line.starts_with(begin))).map(str::to_owned).collect()
}

#[test]
fn a_text_with_a_space_around_it_or_an_unseen_character_in_it_is_told_of() {
    let directory = Directory::new("check-spaces", &json!({}));
    let unseen = |setting: &str, text: &str| {
        vec![format!("{setting} is {text:?}, with a space at an end or an unseen character in it")]
    };
    for text in ["admins ", " admins", "admins\t", "ad\u{200b}mins", "\u{feff}admins", "admins\u{a0}", "ad\u{ad}mins"] {
        let rules = json!([{ "path": "/x/**", "deny": [{ "any": [{ "group": ["staff", text] }] }] }]);
        assert_eq!(warnings(&directory, rules, |_| ()), unseen("rules[0].deny[0].any[0].group[1]", text), "{text:?}");
    }
    let client = |settings: &mut Value| settings["providers"][0]["client_id"] = json!("c\n");
    assert_eq!(warnings(&directory, json!([{ "path": "/x" }]), client), unseen("providers[0].client_id", "c\n"));
    let rules = json!([{ "path": "/café x/**", "allow": [{ "group": "Équipe « A »" }] }]);
    assert!(warnings(&directory, rules, |_| ()).is_empty());
}

/// A `deny` of it denies nobody.
#[test]
fn a_star_where_values_are_compared_whole_is_told_of() {
    let directory = Directory::new("check-stars", &json!({}));
    let told = |selector: Value| {
        warnings(&directory, json!([{ "path": "/x/**", "deny": [{ "none": [{ "group": "a" }] }, selector] }]), |_| ())
    };
    let star = |place: &str, text: &str| {
        vec![format!(
            "rules[0].deny[1].{place} is {text:?}, and is compared whole, with the star in it: a claim's matches knows stars"
        )]
    };
    assert_eq!(told(json!({ "group": "contractors-*" })), star("group", "contractors-*"));
    assert_eq!(told(json!({ "role": ["a", "*"] })), star("role[1]", "*"));
    assert_eq!(told(json!({ "claim": "kind", "one_of": ["x*"] })), star("one_of[0]", "x*"));
    assert_eq!(told(json!({ "any": [{ "amr": "o*" }] })), star("any[0].amr", "o*"));
    assert!(told(json!({ "claim": "kind", "matches": "contract*" })).is_empty());
}

#[test]
fn a_country_that_has_no_such_code_is_told_of() {
    let directory = Directory::new("check-countries", &json!({}));
    let told = |countries: Value| {
        warnings(&directory, json!([{ "path": "/x/**", "deny": [{ "country": countries }] }]), |_| ())
    };
    for (country, place, countries) in [("UK", "", json!("UK")), ("EU", "[1]", json!(["CH", "EU"]))] {
        let expected = format!(
            "rules[0].deny[0].country{place} is {country:?}, which is no country's code (ISO 3166-1): is it meant so?"
        );
        assert_eq!(told(countries), [expected]);
    }
    assert!(told(json!(["CH", "GB", "XK", "T1", "XX"])).is_empty());
}

#[test]
fn a_method_that_nobody_registered_is_told_of() {
    let directory = Directory::new("check-methods", &json!({}));
    let rule = |method: &str| json!([{ "path": "/x", "methods": ["GET", method] }]);
    for method in ["POSTT", "DELTE", "PUTS", "ALL", "ANY"] {
        let expected = format!("rules[0].methods names {method:?}, which is no registered method: is it meant so?");
        assert_eq!(warnings(&directory, rule(method), |_| ()), [expected]);
    }
    for method in ["POST", "PATCH", "OPTIONS", "PROPFIND", "MKCALENDAR", "M-SEARCH", "QUERY", "PURGE"] {
        assert!(warnings(&directory, rule(method), |_| ()).is_empty(), "{method}");
    }
}

/// Elsewhere a `*` stands for everything below, and paths are regular expressions or have parameters.
#[test]
fn a_guard_of_a_path_as_it_is_written_elsewhere_is_told_of() {
    let directory = Directory::new("check-paths", &json!({}));
    let one = |path: &str, whole: &str| {
        format!(
            "rules[0].path is {path:?}, which is one name below and no deeper: {whole:?} is all of it, and what is below matches other rules, or none"
        )
    };
    let page = |path: &str, whole: &str| {
        format!(
            "rules[0].path is {path:?}, which is that address and none below: {whole:?} is all of it, and what is below matches other rules, or none"
        )
    };
    let literal = |path: &str, segment: &str| {
        format!(
            "rules[0].path is {path:?}, and there is no pattern in {segment:?}: write \"*\" for any name, \"**\" for any number of them"
        )
    };
    for guard in [
        json!({ "allow": [{ "group": "a" }] }),
        json!({ "require": [{ "amr": "otp" }] }),
        json!({ "deny": [{ "group": "a" }] }),
    ] {
        let rule = |path: &str| {
            let mut rule = guard.clone();
            rule["path"] = json!(path);
            rule
        };
        let told = |rules: Value| warnings(&directory, rules, |_| ());
        assert_eq!(told(json!([rule("/admin/*")])), [one("/admin/*", "/admin/**")]);
        assert_eq!(told(json!([rule("/*")])), [one("/*", "/**")]);
        assert_eq!(told(json!([rule("/users/:id")])), [literal("/users/:id", ":id")]);
        assert_eq!(told(json!([rule("/admin/.*")])), [literal("/admin/.*", ".*")]);
        assert_eq!(told(json!([rule("/admin/.+/x")])), [literal("/admin/.+/x", ".+")]);
        assert_eq!(told(json!([rule("/users/<id>")])), [literal("/users/<id>", "<id>")]);
        assert_eq!(told(json!([rule("/users/[id]")])), [literal("/users/[id]", "[id]")]);
        assert_eq!(told(json!([rule("/admin$")])), [literal("/admin$", "admin$")]);
        assert_eq!(told(json!([rule("/admin")])), [page("/admin", "/admin/**")]);
        assert_eq!(told(json!([rule("/admin/")])), [page("/admin/", "/admin/**")]);
        for path in ["/admin/**", "/admin/*/x/**", "/admin/*.html", "/.well-known/**", "/a:b/**", "/a.html", "/", "/x*"]
        {
            assert!(told(json!([rule(path)])).is_empty(), "{path}");
        }
        // What is below is named by another rule, so that it was thought of.
        assert!(told(json!([rule("/admin/*"), { "path": "/admin/**", "sso": false }])).is_empty());
        assert!(told(json!([rule("/admin"), { "path": "/admin/x" }])).is_empty());
        assert!(told(json!([{ "path": "/admin/x/**" }, rule("/admin/*"), { "path": "/admin/*/*" }])).is_empty());
    }
    let rules = json!([{ "path": "/assets/*", "sso": false }, { "path": "/x/*" }]);
    assert!(warnings(&directory, rules, |_| ()).is_empty());
}

/// With an account that anybody can have, to ask for a sign-in is to ask for nothing.
#[test]
fn a_provider_of_everybody_whose_people_all_pass_is_told_of() {
    let directory = Directory::new("check-everybody", &json!({}));
    let at = |issuer: &str, rules: Value| {
        let change = |settings: &mut Value| settings["providers"][0]["issuer"] = json!(issuer);
        let told = warnings(&directory, rules, change);
        told.into_iter().filter(|line| line.contains("anybody")).collect::<Vec<_>>()
    };
    const GOOGLE: &str = "https://accounts.google.com";
    let expected = |what: &str| {
        vec![format!(
            "providers[0].issuer is {GOOGLE:?}, where anybody can have an account, and {what} takes whoever signs in: write allow or require there, as {{ email_domain = \"example.com\" }}"
        )]
    };
    let ours = json!([{ "email_domain": "example.com" }]);
    for (rules, told) in [
        (json!([{ "path": "/x/**", "sso": false }]), expected("what no rule matches")),
        (json!([{ "path": "/x/**", "require": ours }]), expected("what no rule matches")),
        (json!([{ "path": "/**" }]), expected("rules[0]")),
        (json!([{ "path": "/**", "deny": ours }]), expected("rules[0]")),
        (json!([{ "path": "/x/**" }, { "path": "/**", "allow": ours }]), expected("rules[0]")),
        (json!([{ "path": "/**", "allow": ours, "methods": ["GET"] }]), expected("what no rule matches")),
        (json!([{ "path": "/**", "allow": ours, "mode": "report" }]), expected("what no rule matches")),
        (json!([{ "path": "/**", "allow": ours }]), vec![]),
        (json!([{ "path": "/**", "require": ours }]), vec![]),
        (json!([{ "path": "/x/**", "require": ours }, { "path": "/**", "sso": false }]), vec![]),
        (json!([{ "path": "/x/**", "sso": "optional" }, { "path": "/**", "allow": ours }]), vec![]),
    ] {
        assert_eq!(at(GOOGLE, rules.clone()), told, "{rules}");
        assert!(at("https://id.example", rules.clone()).is_empty(), "{rules}");
    }
    assert_eq!(at("https://gitlab.com", json!([{ "path": "/**" }])).len(), 1);
}

/// Pages come out of them too, of paths that other rules guard.
#[test]
fn a_folder_of_a_framework_that_is_opened_whole_is_told_of() {
    let directory = Directory::new("check-folders", &json!({}));
    let told = |rule: Value| warnings(&directory, json!([rule, { "path": "/admin/**" }]), |_| ());
    let wide = |path: &str, rest: &str| vec![format!("rules[0] opens {path:?} to everybody, and {rest}")];
    let next = "/_next/data has pages, and /_next/image any picture of the site: \"/_next/static/**\" is enough for scripts and styles";
    let kit = "/_app/remote has what SvelteKit's remote functions answer: \"/_app/immutable/**\" is enough for scripts and styles";
    assert_eq!(told(json!({ "path": "/_next/**", "sso": false })), wide("/_next/**", next));
    assert_eq!(told(json!({ "path": "/_next/**", "sso": "optional" })), wide("/_next/**", next));
    assert_eq!(told(json!({ "path": "/_app/**", "sso": false })), wide("/_app/**", kit));
    for rule in [
        json!({ "path": "/_next/static/**", "sso": false }),
        json!({ "path": "/_app/immutable/**", "sso": false }),
        json!({ "path": "/_next/**" }),
    ] {
        assert!(told(rule.clone()).is_empty(), "{rule}");
    }
}
