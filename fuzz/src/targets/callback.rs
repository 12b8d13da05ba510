use portcullis::oidc::AuthorizationResponse;
use url::{Url, form_urlencoded};

use super::text_of;
use crate::site::{HOST, ISSUER, Outside, callback_answer, session_of, started};

/// What no page repeats as it stands.
const MARKUP: &str = "<q7z";

/// The query of the callback, in the browser that has the login: `$STATE` is its state. The provider
/// gives no token.
///
/// Nobody is signed in by it; it leads nowhere but to this site and to the provider; what it says is
/// not repeated; a code is exchanged at most once, and only one that the gate's own parser sees alone.
pub fn callback(data: &[u8]) {
    let login = started();
    let query = text_of(data, &[("$STATE", &login.state)]);
    let query = query.replace(char::is_control, "");
    let outside = Outside::new();
    let answer = callback_answer(&outside, &format!("{HOST}/.auth/callback?{query}"));
    assert!(session_of(&answer).is_none(), "{query}");
    assert!(!answer.body.contains(MARKUP), "{query}");
    if let Some(location) = answer.header("location") {
        let location = Url::parse(location).expect("an address");
        assert!([HOST, ISSUER].contains(&location.origin().ascii_serialization().as_str()), "{query}: {location}");
    }
    let exchanged = outside.calls().iter().filter(|url| url.ends_with("/token")).count();
    let count = |name: &str| form_urlencoded::parse(query.as_bytes()).filter(|(found, _)| found == name).count();
    if exchanged > 0 {
        assert_eq!((exchanged, count("state"), count("code"), count("error")), (1, 1, 1, 0), "{query}");
        assert!(query.len() <= 12_288);
    }
    if AuthorizationResponse::parse(&query).is_err() {
        assert_eq!((answer.status, outside.calls().len()), (400, 0), "{query}");
    }
}
