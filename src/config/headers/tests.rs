use super::*;
use crate::json;

/// The names that these `headers` settings give, with an assertion or without.
fn parse(settings: &str, assertion: bool, several: bool) -> Result<Headers, String> {
    let settings = json::read(settings).and_then(HeaderSettings::read).map_err(|error| error.to_string())?;
    settings.parse(assertion, several, None).map_err(|error| error.to_string())
}

/// The names that these `headers` settings give.
pub(crate) fn headers(settings: &str) -> Headers {
    parse(settings, false, false).unwrap()
}

/// What is sent, in the order of [`Fact`].
fn sent(headers: &Headers) -> [&str; 6] {
    Fact::ALL.map(|fact| headers.name(fact).map_or("", AsRef::as_ref))
}

#[test]
fn presets_are_families_and_names_stand_in_for_theirs() {
    let rows = [
        ("{}", ["x-auth-subject", "x-auth-email", "x-auth-name", "x-auth-groups", "x-auth-provider", ""]),
        (r#"{"preset":"x-forwarded"}"#, ["x-forwarded-user", "x-forwarded-email", "", "x-forwarded-groups", "", ""]),
        (r#"{"preset":"remote"}"#, ["remote-user", "remote-email", "remote-name", "remote-groups", "", ""]),
        // Grafana and Gitea.
        (
            r#"{"preset":"remote","email":"X-WEBAUTH-EMAIL","subject":false}"#,
            ["", "x-webauth-email", "remote-name", "remote-groups", "", ""],
        ),
        // An application that knows people by their address.
        (
            r#"{"preset":"remote","email":"Remote-User","subject":false,"name":true}"#,
            ["", "remote-user", "remote-name", "remote-groups", "", ""],
        ),
        (
            r#"{"preset":"x-forwarded","provider":"X-Forwarded-Provider","groups":false}"#,
            ["x-forwarded-user", "x-forwarded-email", "", "", "x-forwarded-provider", ""],
        ),
    ];
    for (settings, expected) in rows {
        assert_eq!(sent(&headers(settings)), expected, "{settings}");
    }
}

#[test]
fn the_whole_family_and_every_name_of_ones_own_is_taken_from_clients() {
    let rows: [(&str, &[&str]); 6] = [
        ("{}", &[]),
        (
            r#"{"preset":"x-forwarded","email":false}"#,
            &[
                "x-forwarded-access-token",
                "x-forwarded-email",
                "x-forwarded-groups",
                "x-forwarded-preferred-username",
                "x-forwarded-user",
            ],
        ),
        (
            r#"{"preset":"remote","email":"X_WebAuth.Email","subject":false}"#,
            &[
                "remote-email",
                "remote-groups",
                "remote-name",
                "remote-user",
                "x-webauth-email",
                "x-webauth-fullname",
                "x-webauth-groups",
                "x-webauth-name",
                "x-webauth-orgs",
                "x-webauth-role",
                "x-webauth-user",
            ],
        ),
        (
            r#"{"subject":"X-Remote-User","groups":false}"#,
            &["x-remote-email", "x-remote-group", "x-remote-groups", "x-remote-name", "x-remote-uid", "x-remote-user"],
        ),
        (r#"{"email":"Remote-Email"}"#, &["remote-email", "remote-groups", "remote-name", "remote-user"]),
        (r#"{"name":"Person"}"#, &["person"]),
    ];
    for (settings, others) in rows {
        let mut expected: Vec<&str> = X_AUTH.into_iter().chain(others.iter().copied()).collect();
        expected.sort_unstable();
        let headers = headers(settings);
        let mut managed: Vec<&str> = headers.managed().split(',').collect();
        managed.sort_unstable();
        managed.dedup();
        assert_eq!(managed, expected, "{settings}");
    }
}

#[test]
fn names_that_mean_something_else_are_refused_in_every_spelling() {
    for name in [
        "Cookie",
        "cookie",
        "Host",
        "Authorization",
        "Content-Length",
        "Content_Length",
        "content-type",
        "Transfer-Encoding",
        "Connection",
        "Upgrade",
        "TE",
        "Trailer",
        "Keep-Alive",
        "Proxy-Authorization",
        "Proxy-User",
        "Sec-Fetch-Site",
        "sec_websocket_key",
        "CF-Connecting-IP",
        "Cf.Ray",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Uri",
        "X-Forwarded-Port",
        "X-Astro-Path",
        "x_matched_path",
        "X-Now-Route-Matches",
        "X_Rewrite_Url",
        "X-Forwarded-Server",
        "X-Original-Host",
        "X-Host",
        "x_http_host_override",
        "X-HTTP-Method-Override",
        "Forwarded",
        "Accept",
        "If-None-Match",
        "Range",
        "Portcullis-Token",
        "Origin",
    ] {
        let problem = parse(&format!(r#"{{"email":"{name}"}}"#), false, false).unwrap_err();
        assert!(problem.contains("means something else"), "{name}: {problem}");
    }
    for name in
        ["", " ", "X Email", "X-Email:", "X-Email\\r\\nY", "1-Email", "-Email", "_email", "É", "X-É", &"x".repeat(65)]
    {
        let problem = parse(&format!(r#"{{"email":"{name}"}}"#), false, false).unwrap_err();
        assert!(problem.contains("not the name of a header"), "{name}: {problem}");
    }
    for name in ["Hostess", "X-Hosted", "Accepted", "Cfemail", "X-Sec-User", "Second-Name", "Origins"] {
        assert!(parse(&format!(r#"{{"email":"{name}"}}"#), false, false).is_ok(), "{name}");
    }
}

#[test]
fn no_display_name_is_sent_where_an_application_looks_for_an_account() {
    for name in [
        "X-Forwarded-Preferred-Username",
        "x_forwarded.preferred_username",
        "X-Forwarded-User",
        "X-Forwarded-Email",
        "Remote-User",
        "REMOTE_USER",
        "Remote-Email",
        "X-Auth-Subject",
        "X-Auth-Email",
        "X-Auth-Request-User",
        "X-Auth-Request-Email",
        "X-Auth-Request-Preferred-Username",
        "X-WEBAUTH-USER",
        "X-WebAuth-Email",
        "X-Remote-User",
        "X-Authentik-Username",
        "X-User-Name",
        "X_User_Id",
        "User",
    ] {
        for preset in ["x-auth", "x-forwarded", "remote"] {
            let settings = json::write(&serde_json::json!({
                "preset": preset, "subject": false, "email": false, "name": name,
            }));
            let problem = parse(&settings, false, false).unwrap_err();
            assert!(problem.starts_with("headers.name: is a name that applications"), "{settings}: {problem}");
        }
    }
    for name in ["X-Auth-Name", "Remote-Name", "X-Display-Name", "X-Username-Shown", "X-Paid", "X-WEBAUTH-NAME"] {
        assert!(parse(&format!(r#"{{"name":"{name}"}}"#), false, false).is_ok(), "{name}");
    }
}

#[test]
fn what_contradicts_itself_is_refused_by_name() {
    let rows = [
        (r#"{"email":"X_Auth_Subject"}"#, false, false, "headers.email: has the name of another"),
        (r#"{"preset":"remote","email":"Remote-User"}"#, false, false, "headers.email: has the name of another"),
        (r#"{"groups":"X-A","provider":"x.a"}"#, false, false, "headers.provider: has the name of another"),
        (r#"{"email":"X-Auth-Assertion"}"#, true, false, "headers.assertion: has the name of another"),
        (r#"{"preset":"x-forwarded","name":true}"#, false, false, "headers.name: has no usual name"),
        (r#"{"assertion":false}"#, true, false, "headers.assertion: is false"),
        (r#"{"assertion":"X-Jwt"}"#, false, false, "headers.assertion: names a header"),
        (r#"{"assertion":true}"#, false, false, "headers.assertion: names a header"),
        (r#"{"preset":"remote"}"#, false, true, "headers.provider: is not sent"),
        (r#"{"provider":false}"#, false, true, "headers.provider: is not sent"),
        (r#"{"preset":"nginx"}"#, false, false, "headers.preset: is none of"),
        (r#"{"preset":true}"#, false, false, "headers.preset: is none of"),
        (r#"{"email":"X-A","email":"X-B"}"#, false, false, "duplicate field `email`"),
        (r#"{"mail":"X-Mail"}"#, false, false, "unknown field"),
        (r#"{"email":1}"#, false, false, "the name of a header, or false"),
        (r#"{"email":["X-A"]}"#, false, false, "the name of a header, or false"),
    ];
    for (settings, assertion, several, expected) in rows {
        let problem = parse(settings, assertion, several).unwrap_err();
        assert!(problem.contains(expected), "{settings}: {problem}");
    }
    for settings in ["{}", r#"{"preset":"remote","subject":false}"#, r#"{"preset":"remote","provider":"Remote-Idp"}"#] {
        assert!(parse(settings, false, true).is_ok(), "{settings}");
    }
    let named = parse(r#"{"assertion":"X-Jwt"}"#, true, false).unwrap();
    assert_eq!(sent(&named)[5], "x-jwt");
    assert_eq!(sent(&parse("{}", true, false).unwrap())[5], "x-auth-assertion");
}

#[test]
fn what_is_withheld_from_every_origin_is_no_name_for_an_identity_header() {
    let headers = headers("{}");
    let others = crate::gate::StrippedHeader::here(&headers).map(|withheld| match withheld {
        crate::gate::StrippedHeader::Name(name) | crate::gate::StrippedHeader::Spellings(name) => name,
    });
    let others: Vec<&str> = others.filter(|name| !X_AUTH.contains(name)).collect();
    assert!(others.len() > 20, "{others:?}");
    for name in others {
        assert!(HeaderName::parse(name).is_err(), "{name}");
    }
}
