//! What `explain` says in words, line by line.

use serde_json::json;

use crate::{Directory, OTHER, support::world::HOST, with_rules};

/// A site with a rule of each kind.
fn site(name: &str) -> Directory {
    let mut settings = with_rules(json!([
        { "path": "/open/**", "sso": false },
        { "path": "/page/**", "sso": "optional", "origins": [OTHER] },
        { "path": "/pay/**", "methods": ["POST", "PUT"], "preflight": true, "origins": [OTHER] },
        { "path": "/api/**", "host": "docs.example.com", "tokens": ["ci", "jobs"], "allow": [{ "group": "deployers" }] },
        { "path": "/fresh/**", "tokens": ["ci", "jobs"], "require": [{ "max_age": "5m" }, { "acr": ["urn:mfa", "urn:hw"] }, { "amr": "hwk" }] },
        { "path": "/any/**", "allow": [{ "any": [{ "role": "editor" }, { "claim": "dep", "one_of": ["eng", 7] }] }] },
    ]));
    settings["tokens"] = json!([
        { "id": "ci", "hash": "0".repeat(64), "expires": "2028-01-01", "groups": ["deployers"] },
        { "id": "jobs", "issuer": "https://jobs.example", "audiences": ["https://docs.example.com"] },
    ]);
    Directory::new(name, &settings)
}

#[test]
fn of_each_decision_it_says_who_what_and_by_which_rule() {
    let directory = site("explain-words");
    let ada = r#"{ "sub": "ada", "groups": ["deployers"], "roles": ["editor"], "acr": "urn:hw", "amr": ["pwd"], "auth_time": 1799999000, "dep": ["eng", 7] }"#;
    let bob = r#"{ "sub": "bob" }"#;
    let hint = format!("To suppose that one did, add the header Origin: {HOST}\n");
    let rows: [(&[&str], &[&str]); 9] = [
        (
            &["/page/x"],
            &[
                "anonymous: it goes to the origin as nobody's. Sign-in is optional here.\n",
                &format!(
                    "rules[1] (/page/**) takes everybody, and identity where there is one (sso = \"optional\"); trusts pages of [\"{OTHER}\"]\n"
                ),
            ],
        ),
        (
            &["--claims", bob, "--method", "POST", "/page/x"],
            &[
                "anonymous: it goes to the origin as nobody's. Sign-in is optional, and",
                &hint,
                "  the session says: nothing that rules ask about\n",
            ],
        ),
        (
            &["--claims", bob, "--method", "POST", "/pay/x"],
            &[
                "cross-site: it would change something",
                &hint,
                &format!(
                    "rules[2] (POST, PUT /pay/**) asks for sign-in, which is enough; lets preflights pass; trusts pages of [\"{OTHER}\"]\n"
                ),
            ],
        ),
        (
            &["--claims", ada, "/any/x"],
            &[
                "  as ada, signed in at work\n",
                "  the session says: groups deployers; roles editor; acr urn:hw; auth_time 1799999000 (1000s ago); dep \"eng\", 7\n",
                "admitted: it goes to the origin, which learns that it is ada.\n",
                "  x-auth-subject: ada\n",
                "  allow[0]       yes      { any = [{ role = \"editor\" }, { claim = \"dep\", one_of = [\"eng\", 7] }] }\n",
                "    any[0]       yes      { role = \"editor\" }\n",
                "    any[1]       yes      { claim = \"dep\", one_of = [\"eng\", 7] }\n",
            ],
        ),
        (
            &["--claims", bob, "/any/x"],
            &[
                "denied: bob is signed in, and is not let in. The answer is 403, never a redirect.\n",
                "    any[1]       no       {",
            ],
        ),
        (
            &["--claims", ada, "/fresh/x"],
            &[
                "step-up: ada is signed in, and has to sign in in another way for this.",
                "  The provider is asked for max_age=300, prompt=login.\n",
                "  require[0]     no       { max_age = \"5m\" }  (a new sign-in could bring it)\n",
            ],
        ),
        (
            &["--claims", bob, "/fresh/x"],
            &["  The provider is asked for acr_values=urn:mfa urn:hw, max_age=300, prompt=login.\n"],
        ),
        (
            &["--machine", "jobs", "/fresh/x"],
            &[
                "  as jobs, a machine with a token of jobs\n",
                "  the token says: nothing that rules ask about\n",
                "step-up: the token of jobs stands for a sign-in of another kind than this asks for. The answer is 401, with what is missing.\n",
                "  What is missing is acr_values=urn:mfa urn:hw, max_age=300",
                "rules[4] (/fresh/**) asks for sign-in, and has a policy; takes tokens of [\"ci\", \"jobs\"]\n",
            ],
        ),
        (
            &["--machine", "jobs", "/api/x"],
            &[
                "denied: jobs shows a token, and is not let in. The answer is 403.\n",
                "rules[3] (docs.example.com/api/**) asks for sign-in, and has a policy; takes tokens of",
                "  allow decides: nothing in it selects jobs.\n",
            ],
        ),
    ];
    for (arguments, lines) in rows {
        let text = directory.says(&[&["explain", "--at", "1800000000"], arguments].concat());
        for line in lines {
            assert!(text.contains(line), "{arguments:?}: {line:?} is not in\n{text}");
        }
    }
    // A session beside other cookies, as a browser sends them.
    let others = directory.says(&["explain", "--header", "Cookie: theme=dark", "--claims", bob, "/else"]);
    assert!(others.contains("as bob, signed in at work") && others.contains("admitted: "), "{others}");
    let open = directory.says(&["explain", "/open/x"]);
    assert!(open.contains("\nrules[0] (/open/**) is public (sso = false)\n"), "{open}");
}

#[test]
fn of_an_assertion_it_says_that_one_is_signed_where_somebody_asks() {
    let mut settings =
        with_rules(json!([{ "path": "/open/**", "sso": false }, { "path": "/page/**", "sso": "optional" }]));
    settings["assertion"] = json!(true);
    let directory = Directory::new("explain-assertion", &settings);
    let signed = "  x-auth-assertion: (signed when a request is sent)\n";
    for (who, path, is_told) in [
        (Some("ada"), "/x", true),
        (Some("ada"), "/page/x", true),
        (None, "/page/x", false),
        (Some("ada"), "/open/x", false),
    ] {
        let claims = json!({ "sub": who }).to_string();
        let of_whom: &[&str] = if who.is_some() { &["--claims", &claims] } else { &[] };
        let ask = |before: &[&str]| directory.says(&[&["explain"], before, of_whom, &[path]].concat());
        assert_eq!(ask(&[]).contains(signed), is_told, "{who:?} {path}");
        assert_eq!(ask(&["--json"]).contains(r#""x-auth-assertion""#), is_told, "{who:?} {path}");
    }
}
