//! Machines at the gate: what a token opens, what it does not, and what becomes of the issuer's keys.

mod support;

use portcullis::gate::{Cacheable, Outcome};
use serde_json::{Value, json};
use support::{
    browser::{Arrival, Browser},
    machine::{CI, Machine, OLD, Verdict, identity},
    operator::{at, switch},
    provider::Fault,
    signature::Signer,
    world::{Head, Isolate, World, settings},
};

fn bearer(path: &str, token: &str) -> Head {
    Head::new("GET", path).with("authorization", &format!("Bearer {token}"))
}

fn service(path: &str, token: &str) -> Head {
    Head::new("GET", path).with("portcullis-token", token)
}

fn forward(isolate: &Isolate, head: &Head) -> portcullis::gate::Forward {
    match isolate.send(head) {
        Outcome::Forward(forward) => forward,
        Outcome::Answer(answer) => panic!("{} {}", answer.status, answer.body),
    }
}

fn status(isolate: &Isolate, head: &Head) -> u16 {
    match isolate.send(head) {
        Outcome::Forward(_) => 200,
        Outcome::Answer(answer) => answer.status,
    }
}

#[test]
fn an_access_token_opens_the_rules_that_name_its_issuer() {
    let machine = Machine::new();
    let arrived = forward(&machine.isolate, &bearer("/api/x", &machine.good()));
    let identity = |name| identity(&arrived, name);
    assert_eq!(identity("x-auth-subject").as_deref(), Some("robot"));
    assert_eq!(identity("x-auth-provider").as_deref(), Some("api"));
    assert_eq!((identity("x-auth-email"), identity("x-auth-groups"), identity("x-auth-name")), (None, None, None));
    assert_eq!((arrived.cacheable(), arrived.keeps_token()), (Cacheable::Privately, true));
    let keys = ["GET https://id.example/.well-known/openid-configuration", "GET https://id.example/jwks"];
    assert_eq!(machine.world.take_calls(), keys);
    assert!(machine.world.take_events().is_empty(), "who is let in is not logged");
}

#[test]
fn a_service_token_opens_the_rules_that_name_it() {
    let machine = Machine::new();
    for path in ["/jobs/x", "/both/x", "/deploy/x", "/seen/x"] {
        let arrived = forward(&machine.isolate, &service(path, CI));
        let identity = |name| identity(&arrived, name);
        assert_eq!(identity("x-auth-subject").as_deref(), Some("ci"));
        assert_eq!(identity("x-auth-provider").as_deref(), Some("ci"));
        assert_eq!(identity("x-auth-name").as_deref(), Some("Build"));
        assert_eq!(identity("x-auth-groups").as_deref(), Some("deployers"));
        assert_eq!((arrived.cacheable(), arrived.keeps_token()), (Cacheable::Privately, false));
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
        assert!(!arrived.keeps_token(), "{path}");
    }
    for path in ["/members", "/admin/x", "/jobs/x", "/.auth/me"] {
        assert_eq!(status(&machine.isolate, &bearer(path, &machine.good())), 401, "{path}");
    }
    for path in ["/members", "/admin/x", "/api", "/.auth/me"] {
        assert_eq!(status(&machine.isolate, &service(path, CI)), 401, "{path}");
    }
    // Another scheme is the origin's everywhere.
    let basic = Head::new("GET", "/api/x").with("authorization", "Basic Zm9vOmJhcg==");
    assert_eq!(status(&machine.isolate, &basic), 401);
    let Outcome::Forward(arrived) = ada.send(&machine.isolate, basic) else { panic!("ada is signed in") };
    assert!(!arrived.keeps_token());
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
    assert_eq!(status(&machine.isolate, &Head::new("GET", &format!("/api/x?access_token={good}"))), 401);
    assert_eq!(
        machine.verdict(&Head::new("GET", "/api/x").with("authorization", &format!("bEARER  {good}"))),
        Verdict::accepted()
    );
}

#[test]
fn policies_are_judged_on_machines_as_on_people() {
    let machine = Machine::new();
    let denied = |subject: &str| {
        Verdict::Refused(
            403,
            "token_not_allowed".to_owned(),
            format!("subject {subject}, rule rules[6] /deploy/**, by allow"),
        )
    };
    let good = machine.good();
    // It is known after the first time; judged it is each time.
    for _ in 0..3 {
        assert_eq!(machine.verdict(&bearer("/deploy/x", &good)), denied("robot"));
        assert_eq!(machine.verdict(&bearer("/api/x", &good)), Verdict::accepted());
    }
    assert_eq!(machine.verdict(&service("/deploy/x", CI)), Verdict::Accepted("ci".to_owned()));
    let machine = Machine::with(|settings| settings["tokens"][1]["groups"] = json!(["readers"]));
    assert_eq!(machine.verdict(&service("/deploy/x", CI)), denied("ci"));
    // An email address in a token is nobody's who signed in.
    let machine = Machine::with(|settings| {
        settings["rules"] =
            json!([{ "path": "/api/**", "tokens": ["api"], "allow": [{ "email": "ceo@example.com" }] }]);
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
        assert_eq!(status(&machine.isolate, &bearer(path, &good)), bearer_status, "{path}");
        assert_eq!(status(&machine.isolate, &service(path, CI)), service_status, "{path}");
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
fn a_rule_that_watches_is_reported_once_for_the_person_and_the_token_decides() {
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
    assert_eq!(machine.world.take_events(), ["report would_deny"]);
    assert_eq!(machine.show(&machine.good()), Verdict::accepted());
    assert!(machine.world.take_events().is_empty());
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
            assert_eq!(status(&machine.isolate, &head), 200, "{name}");
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
    assert!(!forward(&machine.isolate, &bearer("/seen/x", &machine.good())).keeps_token());
    assert!(forward(&machine.isolate, &bearer("/both/x", &machine.good())).keeps_token());
    // Beside a service token, Authorization is another matter.
    let both = service("/jobs/x", CI).with("authorization", "Bearer for-the-origin");
    assert!(!forward(&machine.isolate, &both).keeps_token());
}

#[test]
fn a_rule_that_lets_everybody_pass_for_a_while_keeps_its_tokens() {
    for mode in ["off", "optional"] {
        let machine = Machine::with(|settings| {
            settings["switch"] = json!(true);
            let ids = ["open", "admin", "api", "seen", "both", "jobs", "deploy"];
            for (rule, id) in settings["rules"].as_array_mut().expect("rules").iter_mut().zip(ids) {
                rule["id"] = json!(id);
            }
        });
        let until = at(&machine.world, 600);
        let all = ["api", "seen", "jobs"].map(|rule| json!({ "rule": rule, "sso": mode, "until": until }));
        switch(&machine.world, &json!(all));
        // Good or bad, nobody asks; and it is not for the origin.
        for (path, value, keeps) in [
            ("/api/x", format!("Bearer {}", machine.good()), true),
            ("/api/x", "Bearer nonsense".to_owned(), true),
            ("/api/x", "Basic Zm9v, Bearer nonsense".to_owned(), true),
            ("/api/x", "Basic Zm9v".to_owned(), false),
            ("/seen/x", format!("Bearer {}", machine.good()), false),
            ("/jobs/x", "Bearer for-the-origin".to_owned(), false),
        ] {
            let arrived = forward(&machine.isolate, &Head::new("GET", path).with("authorization", &value));
            assert_eq!((arrived.keeps_token(), arrived.identity().len()), (keeps, 0), "{mode} {path} {value}");
        }
    }
    // So it is with preflights, which no browser sends with a token.
    let machine = Machine::with(|settings| settings["rules"][2]["preflight"] = json!(true));
    let preflight = Head { method: "OPTIONS".to_owned(), ..bearer("/api/x", &machine.good()) };
    let preflight = preflight.with("origin", "https://app.example.com").with("access-control-request-method", "GET");
    assert!(forward(&machine.isolate, &preflight).keeps_token());
}

#[test]
fn a_known_token_takes_no_io_and_its_time_ends_all_the_same() {
    let machine = Machine::new();
    let good = machine.good();
    assert_eq!(machine.show(&good), Verdict::accepted());
    let (calls, kv) = (machine.world.take_calls().len(), machine.world.kv_counts());
    assert_eq!(calls, 2);
    let decided = |path: &str| {
        let decision = machine.isolate.gate.decide(&bearer(path, &good), portcullis::edge::Edge::now(&machine.world));
        matches!(decision, portcullis::gate::Decision::Forward(_))
    };
    for _ in 0..50 {
        assert!(decided("/api/x") && decided("/both/x"), "synchronously");
    }
    machine.world.pass(659);
    assert!(decided("/api/x"));
    machine.world.pass(1);
    assert!(!decided("/api/x"));
    assert_eq!(machine.show(&good), Verdict::step(portcullis::oidc::AccessTokenError::Expired));
    assert_eq!((machine.world.take_calls().len(), machine.world.kv_counts()), (0, kv));
}

#[test]
fn a_known_token_counts_for_the_rules_of_its_issuer_alone() {
    let machine = Machine::with(|settings| {
        let issuer = |id: &str, audience: &str| json!({ "id": id, "issuer": "https://id.example", "audiences": [audience], "algorithms": ["EdDSA"] });
        settings["tokens"] = json!([issuer("one", "one"), issuer("two", "two"), issuer("any", "one")]);
        settings["rules"] = json!([
            { "path": "/one/**", "tokens": ["one"] }, { "path": "/two/**", "tokens": ["two"] },
            { "path": "/any/**", "tokens": ["two", "any"] },
        ]);
    });
    let mut claims = machine.claims();
    claims["aud"] = json!("one");
    let token = machine.token(&claims);
    for _ in 0..2 {
        for (path, provider) in [("/one/x", Some("one")), ("/two/x", None), ("/any/x", Some("any"))] {
            let found = match machine.isolate.send(&bearer(path, &token)) {
                Outcome::Forward(forward) => identity(&forward, "x-auth-provider"),
                Outcome::Answer(_) => None,
            };
            assert_eq!(found.as_deref(), provider, "{path}");
        }
    }
}

#[test]
fn what_an_isolate_remembers_does_not_change_whose_a_token_is() {
    for first in [None, Some("/b/x")] {
        let machine = Machine::with(|settings| {
            let issuer = |id: &str, audience: &str| json!({ "id": id, "issuer": "https://id.example", "audiences": [audience], "algorithms": ["EdDSA"] });
            settings["tokens"] = json!([issuer("a", "one"), issuer("b", "two")]);
            settings["rules"] = json!([
                { "path": "/b/**", "tokens": ["b"] }, { "path": "/both/**", "tokens": ["a", "b"], "deny": [{ "provider": "a" }] },
            ]);
        });
        let mut claims = machine.claims();
        claims["aud"] = json!(["one", "two"]);
        let token = machine.token(&claims);
        if let Some(path) = first {
            assert!(matches!(machine.isolate.send(&bearer(path, &token)), Outcome::Forward(_)));
        }
        let Outcome::Answer(answer) = machine.isolate.send(&bearer("/both/x", &token)) else {
            panic!("it is a's: {first:?}")
        };
        assert_eq!(answer.status, 403, "{first:?}");
        // Nor the other way round: on the rule of b alone it is b's.
        assert!(matches!(machine.isolate.send(&bearer("/b/x", &token)), Outcome::Forward(_)));
    }
}

#[test]
fn keys_that_rotate_are_fetched_once_and_then_known() {
    let machine = Machine::new();
    assert_eq!(machine.show(&machine.good()), Verdict::accepted());
    machine.world.provider(|provider| provider.rotate("key-2", true));
    machine.world.take_calls();
    let renewed = |machine: &Machine, serial: u64| {
        let mut claims = machine.claims();
        claims["jti"] = json!(serial);
        let header = json!({ "alg": "EdDSA", "kid": "key-2", "typ": "at+jwt" });
        machine.signer().sign(&header, &claims.to_string())
    };
    for serial in 0..5 {
        assert_eq!(machine.show(&renewed(&machine, serial)), Verdict::accepted());
    }
    assert_eq!(machine.world.take_calls(), ["GET https://id.example/jwks"]);
}

#[test]
fn a_key_that_was_withdrawn_ends_the_tokens_it_signed_within_the_freshness() {
    let machine = Machine::issuer("freshness", json!("10m"));
    let mut claims = machine.claims();
    claims["exp"] = json!(machine.world.now_seconds() + 86_400);
    let token = machine.token(&claims);
    assert_eq!(machine.show(&token), Verdict::accepted());
    machine.world.provider(|provider| provider.rotate("key-2", true));
    machine.world.pass(599);
    assert_eq!(machine.show(&token), Verdict::accepted());
    machine.world.pass(1);
    // Past its freshness the set is served once more while it is fetched anew.
    machine.show(&token);
    machine.world.run_background();
    machine.world.pass(600);
    assert_eq!(machine.show(&token), Verdict::no_key());
}

#[test]
fn invented_key_ids_cost_a_burst_of_three_and_starve_nobody() {
    let machine = Machine::new();
    let good = machine.good();
    assert_eq!(machine.show(&good), Verdict::accepted());
    machine.world.take_calls();
    // The first of the three calls brought the keys.
    for serial in 0..40 {
        let header = json!({ "alg": "EdDSA", "kid": format!("invented-{serial}"), "typ": "at+jwt" });
        let token =
            Signer::other(portcullis::oidc::Algorithm::EdDsa, None).sign(&header, &machine.claims().to_string());
        let expected = if serial < 2 { Verdict::no_key() } else { Verdict::keys_down("called too often just now") };
        assert_eq!(machine.show(&token), expected, "{serial}");
    }
    assert_eq!(machine.world.take_calls(), ["GET https://id.example/jwks"; 2]);
    // A forged signature under a known id is told from it, and known keys go on.
    let header = json!({ "alg": "EdDSA", "kid": "key-1", "typ": "at+jwt" });
    let forged = Signer::other(portcullis::oidc::Algorithm::EdDsa, None).sign(&header, &machine.claims().to_string());
    assert_eq!(machine.show(&forged), Verdict::no_key());
    assert_eq!(machine.show(&good), Verdict::accepted());
    let mut claims = machine.claims();
    claims["jti"] = json!("another");
    assert_eq!(machine.show(&machine.token(&claims)), Verdict::accepted());
    // Promise 4: logins have a budget of their own, at the very same issuer. A key that rotated now is
    // found by the login, and then by nobody who would have to wait for the tokens' budget.
    machine.world.provider(|provider| provider.rotate("key-9", true));
    assert!(matches!(Browser::new("ada").open(&machine.isolate, "/members"), Arrival::Origin(..)));
}

#[test]
fn logins_starve_no_machine_either() {
    let machine = Machine::new();
    let forge = |machine: &Machine| {
        machine.world.provider(|provider| {
            let rogue = Signer::other(portcullis::oidc::Algorithm::EdDsa, Some("rogue"));
            provider.forge = Some(Box::new(move |claims| rogue.token(claims)));
        });
    };
    forge(&machine);
    for _ in 0..8 {
        assert!(matches!(Browser::new("eve").open(&machine.isolate, "/members"), Arrival::Page(..)));
    }
    machine.world.provider(|provider| provider.rotate("key-2", true));
    let header = json!({ "alg": "EdDSA", "kid": "key-2", "typ": "at+jwt" });
    let token = machine.signer().sign(&header, &machine.claims().to_string());
    assert_eq!(machine.show(&token), Verdict::accepted());
}

#[test]
fn an_issuer_that_is_down_is_an_honest_503_and_known_tokens_go_on() {
    for (endpoint, fault, detail) in [
        ("openid-configuration", Fault::Down, "network"),
        ("jwks", Fault::Slow, "deadline"),
        ("jwks", Fault::Status(500), "status 500"),
        ("jwks", Fault::Body("<html>".to_owned()), "not a key set"),
        ("jwks", Fault::Body(r#"{"keys":[]}"#.to_owned()), "no usable key in it"),
    ] {
        let machine = Machine::new();
        machine.world.provider(|provider| provider.faults.insert(endpoint, fault));
        assert_eq!(machine.show(&machine.good()), Verdict::keys_down(detail), "{endpoint}");
        machine.world.provider(|provider| provider.faults.clear());
        machine.world.pass(30);
        let good = machine.good();
        assert_eq!(machine.show(&good), Verdict::accepted(), "{endpoint}, up again");
        machine.world.provider(|provider| provider.faults.insert("jwks", Fault::Down));
        assert_eq!(machine.show(&good), Verdict::accepted(), "known");
        // Past their freshness, keys are believed for a day.
        machine.world.pass(7_200);
        assert_eq!(machine.show(&machine.good()), Verdict::accepted(), "stale keys");
        machine.world.pass(86_400);
        let kept = machine.show(&machine.good());
        assert!(matches!(kept, Verdict::Refused(503, ..)), "{kept}");
    }
}

#[test]
fn no_call_is_made_for_a_token_that_could_not_count() {
    let machine = Machine::new();
    for name in ["iss", "aud", "sub", "exp"] {
        machine.claim(name, None);
    }
    machine.show("nonsense");
    machine.show(&"A".repeat(5_000));
    machine.verdict(&service("/jobs/x", "ci.nonsense"));
    let plain = machine.signer().token(&machine.claims());
    machine.show(&plain);
    assert!(machine.world.take_calls().is_empty());
    assert_eq!(machine.world.kv_counts(), (0, 0));
}

#[test]
fn an_issuer_where_nobody_signs_in_needs_no_endpoints_for_that() {
    let machine = Machine::with(|settings| settings["tokens"][0]["issuer"] = json!("https://jobs.example"));
    machine.world.add_provider("https://jobs.example");
    machine.world.provider_of("https://jobs.example", |jobs| {
        jobs.edit_metadata = Some(Box::new(|metadata| {
            *metadata = json!({ "issuer": metadata["issuer"], "jwks_uri": metadata["jwks_uri"] });
        }));
    });
    let mut claims = machine.claims();
    claims["iss"] = json!("https://jobs.example");
    assert_eq!(machine.show(&machine.token(&claims)), Verdict::accepted());
    // The same metadata keeps people out.
    machine.world.provider(|provider| {
        provider.edit_metadata = Some(Box::new(|metadata| {
            *metadata = json!({ "issuer": metadata["issuer"], "jwks_uri": metadata["jwks_uri"] });
        }));
    });
    assert_eq!(Browser::new("ada").open(&machine.isolate, "/members").page().0, 503);
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
    assert_eq!(status(&isolate, &bearer("/members", "x")), 401);
    assert_eq!(status(&isolate, &service("/open/x", CI)), 200);
}
