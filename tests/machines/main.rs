//! Machines at the gate: what a token opens, and what it does not.

mod keys;
#[path = "../support/mod.rs"]
mod support;
mod withheld;

use portcullis::gate::{Cacheable, Outcome};
use serde_json::{Value, json};
use support::{
    browser::{Arrival, Browser},
    machine::{CI, Machine, OLD, Verdict, identity},
    world::{Head, World, settings},
};

fn bearer(path: &str, token: &str) -> Head {
    Head::new("GET", path).with("authorization", &format!("Bearer {token}"))
}

fn service(path: &str, token: &str) -> Head {
    Head::new("GET", path).with("portcullis-token", token)
}

#[test]
fn an_access_token_opens_the_rules_that_name_its_issuer() {
    let machine = Machine::new();
    let arrived = machine.isolate.forward(&bearer("/api/x", &machine.good()));
    let identity = |name| identity(&arrived, name);
    assert_eq!(identity("x-auth-subject").as_deref(), Some("robot"));
    assert_eq!(identity("x-auth-provider").as_deref(), Some("api"));
    assert_eq!((identity("x-auth-email"), identity("x-auth-groups"), identity("x-auth-name")), (None, None, None));
    assert_eq!((arrived.cacheable(), arrived.withholds_token()), (Cacheable::Privately, true));
    let keys = ["GET https://id.example/.well-known/openid-configuration", "GET https://id.example/jwks"];
    assert_eq!(machine.world.take_calls(), keys);
    assert!(machine.world.take_events().is_empty(), "who is let in is not logged");
}

#[test]
fn a_service_token_opens_the_rules_that_name_it() {
    let machine = Machine::new();
    for path in ["/jobs/x", "/both/x", "/deploy/x", "/seen/x"] {
        let arrived = machine.isolate.forward(&service(path, CI));
        let identity = |name| identity(&arrived, name);
        assert_eq!(identity("x-auth-subject").as_deref(), Some("ci"));
        assert_eq!(identity("x-auth-provider").as_deref(), Some("ci"));
        assert_eq!(identity("x-auth-name").as_deref(), Some("Build"));
        assert_eq!(identity("x-auth-groups").as_deref(), Some("deployers"));
        assert_eq!((arrived.cacheable(), arrived.withholds_token()), (Cacheable::Privately, false));
    }
    assert!(machine.world.take_calls().is_empty());
    assert_eq!(machine.verdict(&service("/jobs/x", OLD)), Verdict::invalid("the rule names no such service token"));
    assert_eq!(machine.verdict(&service("/both/x", OLD)), Verdict::invalid("the service token has expired"));
    assert_eq!(
        machine.verdict(&service("/both/x", &CI.replace('9', "8"))),
        Verdict::invalid("the secret is another one")
    );
    assert_eq!(machine.verdict(&service("/api/x", CI)), Verdict::invalid("the rule names no such service token"));
    machine.world.pass(1_814_313_600 - 1_800_000_000);
    assert_eq!(machine.verdict(&service("/jobs/x", CI)), Verdict::invalid("the service token has expired"));
}

#[test]
fn where_no_rule_names_tokens_authorization_is_the_origins() {
    let machine = Machine::new();
    // Nobody looks at it: it opens nothing, it closes nothing, and it passes.
    let ada = Browser::new("ada");
    ada.open(&machine.isolate, "/");
    for (path, token) in
        [("/open/x", "nonsense"), ("/members", "nonsense"), ("/jobs/x", "nonsense"), ("/jobs/x", &machine.good())]
    {
        let Outcome::Forward(arrived) = ada.send(&machine.isolate, bearer(path, token)) else { panic!("{path}") };
        assert!(!arrived.withholds_token(), "{path}");
    }
    for path in ["/members", "/admin/x", "/jobs/x", "/.auth/me"] {
        assert_eq!(machine.isolate.status(&bearer(path, &machine.good())), 401, "{path}");
    }
    for path in ["/members", "/admin/x", "/api", "/.auth/me"] {
        assert_eq!(machine.isolate.status(&service(path, CI)), 401, "{path}");
    }
    // Another scheme is the origin's everywhere.
    let basic = Head::new("GET", "/api/x").with("authorization", "Basic Zm9vOmJhcg==");
    assert_eq!(machine.isolate.status(&basic), 401);
    let Outcome::Forward(arrived) = ada.send(&machine.isolate, basic) else { panic!("ada is signed in") };
    assert!(!arrived.withholds_token());
    assert_eq!(identity(&arrived, "x-auth-provider").as_deref(), Some("work"));
}

#[test]
fn a_token_that_is_shown_decides_and_the_cookie_is_not_looked_at() {
    let machine = Machine::new();
    let ada = Browser::new("ada");
    ada.open(&machine.isolate, "/");
    let sent = |head: Head| ada.send(&machine.isolate, head);
    // No token: ada herself.
    let Outcome::Forward(arrived) = sent(Head::new("GET", "/api/x")) else { panic!("ada is signed in") };
    assert_eq!(identity(&arrived, "x-auth-subject").as_deref(), Some("ada"));
    // A good one: the machine, whoever's cookie comes along.
    let Outcome::Forward(arrived) = sent(bearer("/api/x", &machine.good())) else { panic!("a good token") };
    assert_eq!(identity(&arrived, "x-auth-subject").as_deref(), Some("robot"));
    // A bad one: nobody, also in a browser's tab.
    for head in [bearer("/api/x", "nonsense"), service("/jobs/x", CI.trim_end_matches('-')), service("/api/x", "")] {
        for head in [head.clone(), head.with("sec-fetch-mode", "navigate").with("sec-fetch-dest", "document")] {
            let Outcome::Answer(answer) = sent(head) else { panic!("a bad token") };
            let status = support::machine::is_for_machines(&answer, answer_code(&answer.body).as_str());
            assert!(matches!(status, 400 | 401), "{status}");
        }
    }
}

fn answer_code(body: &str) -> String {
    let problem: Value = serde_json::from_str(body).expect("JSON");
    problem["code"].as_str().expect("a code").to_owned()
}

#[test]
fn without_a_token_people_sign_in_as_everywhere() {
    let machine = Machine::new();
    assert!(matches!(Browser::new("ada").open(&machine.isolate, "/api/x"), Arrival::Origin(..)));
    let arrival = Browser::new("ada").open(&machine.isolate, "/deploy/x");
    assert_eq!(arrival.page().0, 403, "ada is no deployer");
}

#[test]
fn rfc6750_2_a_request_shows_one_token_in_its_form() {
    let machine = Machine::new();
    let good = machine.good();
    for value in [
        "Bearer".to_owned(),
        format!("Bearer {good} "),
        format!("Bearer {good}, Bearer {good}"),
        format!("Basic Zm9v, Bearer {good}"),
        "Bearer a b".to_owned(),
    ] {
        let head = Head::new("GET", "/api/x").with("authorization", &value);
        assert_eq!(machine.verdict(&head), Verdict::malformed(), "{value}");
    }
    let twice = bearer("/api/x", &good).with("authorization", &format!("Bearer {good}"));
    assert_eq!(machine.verdict(&twice), Verdict::malformed());
    let both = bearer("/both/x", &good).with("portcullis-token", CI);
    assert_eq!(machine.verdict(&both), Verdict::malformed());
    let two = service("/jobs/x", CI).with("portcullis-token", CI);
    assert_eq!(machine.verdict(&two), Verdict::malformed());
    for token in ["", "ci", "ci.", ".", "ci.short", &CI.replace('.', ":"), &format!("{CI}=")] {
        assert_eq!(machine.verdict(&service("/jobs/x", token)), Verdict::malformed(), "{token}");
    }
    // RFC 6750, 2.2 and 2.3: neither the query nor a form is looked at.
    assert_eq!(machine.isolate.status(&Head::new("GET", &format!("/api/x?access_token={good}"))), 401);
    assert_eq!(
        machine.verdict(&Head::new("GET", "/api/x").with("authorization", &format!("bEARER  {good}"))),
        Verdict::accepted()
    );
}

#[test]
fn policies_are_judged_on_machines_as_on_people() {
    let machine = Machine::new();
    let denied = |provider: &str, subject: &str| {
        Verdict::Refused(403, "token_not_allowed".to_owned(), format!("{provider} {subject} rules[6] /deploy/** allow"))
    };
    let good = machine.good();
    // It is known after the first time; judged it is each time.
    for _ in 0..3 {
        assert_eq!(machine.verdict(&bearer("/deploy/x", &good)), denied("api", "robot"));
        assert_eq!(machine.verdict(&bearer("/api/x", &good)), Verdict::accepted());
    }
    assert_eq!(machine.verdict(&service("/deploy/x", CI)), Verdict::Accepted("ci".to_owned()));
    let machine = Machine::with(|settings| settings["tokens"][1]["groups"] = json!(["readers"]));
    assert_eq!(machine.verdict(&service("/deploy/x", CI)), denied("ci", "ci"));
    // An email address in a token is nobody's who signed in.
    let machine = Machine::with(|settings| {
        settings["rules"] = json!([{ "path": "/api/**", "tokens": ["api"], "allow": [{ "email": "ceo@example.com" }, { "claim": "email", "equals": "ceo@example.com" }] }]);
    });
    let mut claims = machine.claims();
    claims["email"] = json!("ceo@example.com");
    claims["email_verified"] = json!(true);
    assert!(matches!(machine.show(&machine.token(&claims)), Verdict::Refused(403, ..)));
}

#[test]
fn a_rule_may_ask_who_vouches() {
    let machine = Machine::with(|settings| {
        settings["rules"] = json!([
            { "path": "/people/**", "tokens": ["api", "ci"], "require": [{ "provider": "work" }] },
            { "path": "/builds/**", "tokens": ["api", "ci"], "allow": [{ "provider": "ci" }] },
        ]);
    });
    let good = machine.good();
    for (path, bearer_status, service_status) in [("/people/x", 403, 403), ("/builds/x", 403, 200)] {
        assert_eq!(machine.isolate.status(&bearer(path, &good)), bearer_status, "{path}");
        assert_eq!(machine.isolate.status(&service(path, CI)), service_status, "{path}");
    }
    assert!(matches!(Browser::new("ada").open(&machine.isolate, "/people/x"), Arrival::Origin(..)));
}

#[test]
fn without_a_token_the_challenges_are_those_of_people_and_of_machines() {
    let machine = Machine::new();
    let challenges = |path: &str| match machine.isolate.send(&Head::new("GET", path)) {
        Outcome::Answer(answer) => {
            let lines = answer.headers.into_iter().filter(|(name, _)| *name == "www-authenticate");
            lines.map(|(_, value)| value).collect::<Vec<_>>()
        }
        Outcome::Forward(_) => panic!("nobody is signed in"),
    };
    let (cookie, bearer) = ("Cookie realm=\"docs.example.com\"", "Bearer realm=\"docs.example.com\"");
    assert_eq!(challenges("/api/x"), [cookie, bearer]);
    for path in ["/members", "/jobs/x"] {
        assert_eq!(challenges(path), [cookie], "{path}");
    }
}

#[test]
fn pages_that_a_rule_trusts_may_read_the_answer_to_a_bad_token() {
    let machine = Machine::with(|settings| settings["rules"][2]["origins"] = json!(["https://app.example.com"]));
    for (origin, readable) in [("https://app.example.com", true), ("https://evil.example", false)] {
        for token in ["nonsense", &machine.good().replace('.', ".A")] {
            let Outcome::Answer(answer) = machine.isolate.send(&bearer("/api/x", token).with("origin", origin)) else {
                panic!("a bad token")
            };
            assert_eq!(answer.header("access-control-allow-origin").is_some(), readable, "{origin} {token}");
        }
    }
}

#[test]
fn a_rule_that_watches_says_nothing_of_the_person_whose_cookie_came_with_a_token() {
    let machine = Machine::with(|settings| {
        let rules = settings["rules"].as_array_mut().expect("rules");
        rules.insert(0, json!({ "path": "/api/**", "mode": "report", "allow": [{ "group": "nobody" }] }));
    });
    let ada = Browser::new("ada");
    ada.open(&machine.isolate, "/");
    machine.world.take_events();
    let Outcome::Forward(arrived) = ada.send(&machine.isolate, bearer("/api/x", &machine.good())) else {
        panic!("a good token")
    };
    assert_eq!(identity(&arrived, "x-auth-subject").as_deref(), Some("robot"));
    assert!(machine.world.take_events().is_empty());
    assert_eq!(machine.show(&machine.good()), Verdict::accepted());
    assert!(machine.world.take_events().is_empty());
    // Without a token it is the person who asks.
    ada.send(&machine.isolate, Head::new("GET", "/api/x"));
    assert_eq!(machine.world.take_events(), ["report would_deny"]);
}

#[test]
fn a_machine_needs_no_same_origin() {
    let machine = Machine::new();
    for (name, value) in
        [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("upgrade", "websocket")]
    {
        for head in [bearer("/api/x", &machine.good()), service("/jobs/x", CI)] {
            let mut head = head.with(name, value);
            head.method = if name == "upgrade" { "GET" } else { "POST" }.to_owned();
            assert_eq!(machine.isolate.status(&head), 200, "{name}");
        }
    }
    // The cookie of a person does, also where tokens are taken.
    let ada = Browser::new("ada");
    ada.open(&machine.isolate, "/");
    let Outcome::Answer(answer) = ada.send(&machine.isolate, Head::new("POST", "/api/x")) else { panic!("not ours") };
    assert_eq!(answer.status, 403);
}

#[test]
fn a_rule_forwards_access_tokens_where_it_says_so_and_service_tokens_never() {
    let machine = Machine::new();
    assert!(!machine.isolate.forward(&bearer("/seen/x", &machine.good())).withholds_token());
    assert!(machine.isolate.forward(&bearer("/both/x", &machine.good())).withholds_token());
    // Beside a service token, Authorization is another matter.
    let both = service("/jobs/x", CI).with("authorization", "Bearer for-the-origin");
    assert!(!machine.isolate.forward(&both).withholds_token());
}

#[test]
fn tokens_and_secrets_are_never_logged() {
    let machine = Machine::new();
    let good = machine.good();
    let signature = good.rsplit('.').next().expect("a signature").to_owned();
    machine.show(&good);
    machine.verdict(&bearer("/deploy/x", &good));
    machine.show(&good.replace('.', ".."));
    machine.verdict(&service("/jobs/x", CI));
    machine.verdict(&service("/api/x", CI));
    machine.verdict(&service("/both/x", OLD));
    let log = machine.world.log();
    let secret = CI.split('.').nth(1).expect("a secret");
    assert!(log.lines().count() > 3);
    assert!(!log.contains(&signature) && !log.contains(secret) && !log.contains("eyJ"), "{log}");
}

#[test]
fn without_tokens_in_the_settings_nothing_changes() {
    let isolate = World::new().isolate(&settings());
    assert_eq!(isolate.status(&bearer("/members", "x")), 401);
    assert_eq!(isolate.status(&service("/open/x", CI)), 200);
}

#[test]
fn at_the_other_address_of_a_page_tokens_count_where_all_of_its_rules_take_the_same() {
    for (rest, expected) in [
        (json!({ "tokens": ["api", "ci"] }), 200),
        (json!({ "tokens": ["ci", "api", "ci"] }), 200),
        (json!({ "tokens": ["ci", "api"], "forward_token": true }), 401),
        (json!({ "tokens": ["ci"] }), 401),
        (json!({ "tokens": ["api"] }), 401),
        (json!({ "tokens": ["ci", "api", "old"] }), 401),
        (json!({ "tokens": ["old", "api"] }), 401),
        (json!({ "tokens": ["ci", "api", "partner"] }), 401),
        (json!({ "tokens": ["ci", "partner"] }), 401),
        (json!({}), 401),
    ] {
        let machine = Machine::with(|settings| {
            settings["origin"] = json!({ "assets": "ASSETS" });
            let mut partner = settings["tokens"][0].clone();
            partner["id"] = json!("partner");
            settings["tokens"].as_array_mut().unwrap().push(partner);
            let mut everything = rest.clone();
            everything["path"] = json!("/**");
            settings["rules"] = json!([{ "path": "/docs/*.html", "tokens": ["ci", "api"] }, everything]);
        });
        assert_eq!(machine.isolate.status(&service("/docs/intro.html", CI)), 200, "{rest}");
        assert_eq!(machine.isolate.status(&service("/docs/intro", CI)), expected, "{rest}");
    }
}

#[test]
fn what_a_token_says_of_its_address_or_of_a_sign_in_keeps_out_and_an_address_admits_nobody() {
    for (rule, claim, value, admitted) in [
        (json!({ "deny": [{ "email_domain": "evil.example" }] }), "email", json!("eve@evil.example"), false),
        (json!({ "deny": [{ "email": "eve@evil.example" }] }), "email", json!("Eve@Evil.example"), false),
        (json!({ "deny": [{ "email_domain": "evil.example" }] }), "email", json!(["eve@evil.example"]), false),
        (json!({ "deny": [{ "email_domain": "evil.example" }] }), "email", json!("robot@example.com"), true),
        (json!({ "allow": [{ "email_domain": "example.com" }] }), "email", json!("robot@example.com"), false),
        (json!({ "deny": [{ "acr": "weak" }] }), "acr", json!(["weak"]), false),
        (json!({ "deny": [{ "amr": "pwd" }] }), "amr", json!({ "pwd": true }), false),
        (json!({ "deny": [{ "amr": "pwd" }] }), "amr", json!(["hwk"]), true),
    ] {
        let machine = Machine::with(|settings| {
            for (name, list) in rule.as_object().expect("a rule") {
                settings["rules"][2][name] = list.clone();
            }
        });
        let mut claims = machine.claims();
        (claims[claim], claims["email_verified"]) = (value, true.into());
        claims["name"] = "Ada".into();
        let outcome = machine.isolate.send(&bearer("/api/x", &machine.token(&claims)));
        match outcome {
            Outcome::Forward(arrived) => {
                assert!(admitted, "{rule} {claims}");
                assert_eq!((identity(&arrived, "x-auth-email"), identity(&arrived, "x-auth-name")), (None, None));
            }
            Outcome::Answer(answer) => assert!(!admitted && answer.status == 403, "{rule} {claims} {}", answer.status),
        }
    }
}

/// Many servers ignore case, so the rules of both spellings have to admit: the log names the one that denied, and the
/// part of it that did.
#[test]
fn where_several_rules_have_to_admit_a_machine_the_log_names_the_one_that_denies() {
    for groups in [["deployers", "admins"], ["admins", "deployers"]] {
        let machine = Machine::with(|settings| {
            let rules = ["/API/**", "/api/**"].iter().zip(groups);
            settings["rules"] = rules
                .map(|(path, group)| json!({ "path": path, "tokens": ["ci"], "allow": [{ "group": group }] }))
                .collect();
        });
        let verdict = machine.verdict(&service("/api/x", CI));
        let (rank, path) = if groups[0] == "admins" { (0, "/API/**") } else { (1, "/api/**") };
        let said = format!("ci ci rules[{rank}] {path} allow");
        assert_eq!(verdict, Verdict::Refused(403, "token_not_allowed".to_owned(), said));
    }
}
