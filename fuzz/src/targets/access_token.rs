use serde_json::{Value, json};

use super::text_of;
use crate::site::{HOST, Head, ISSUER, NOW, Outside, base64url, respond};

/// A machine's access token: its header on the first line, its claims behind it; or, behind `=`, what
/// stands in `Authorization`. Every signature counts as good, so that header and claims decide.
///
/// Who passes by it is named by a token that an independent look at it takes as well; who does not is
/// never sent to a login.
pub fn access_token(data: &[u8]) {
    let text = text_of(data, &[("$ISSUER", ISSUER)]);
    let authorization = match text.strip_prefix('=') {
        // What a platform hands over has no line break in it.
        Some(header) => header.replace(char::is_control, ""),
        None => {
            let (header, claims) = text.split_once('\n').unwrap_or((&text, ""));
            let signature = base64url(&[7; 64]);
            format!("Bearer {}.{}.{signature}", base64url(header.as_bytes()), base64url(claims.as_bytes()))
        }
    };
    let outside = Outside { verifies: true, ..Outside::new() };
    let head = Head::new("GET", &format!("{HOST}/api/x")).with("authorization", &authorization);
    let forward = match respond(&outside, &head) {
        Err(forward) => forward,
        Ok(answer) => {
            assert!([400, 401, 403, 503].contains(&answer.status), "{text:?}: {}", answer.status);
            assert!(answer.header("location").is_none() && answer.header("set-cookie").is_none(), "{text:?}");
            return;
        }
    };
    assert!(!text.starts_with('='), "a token without a line of its own: {text:?}");
    let (header, claims) = text.split_once('\n').expect("a header and claims");
    let header: Value = serde_json::from_str(header).expect("a header");
    let claims: Value = serde_json::from_str(claims).expect("claims");
    let kind = header["typ"].as_str().unwrap_or_default().to_ascii_lowercase();
    assert!(["at+jwt", "application/at+jwt"].contains(&kind.as_str()), "{header}");
    assert_eq!(header["alg"], "EdDSA");
    assert!(header.get("crit").is_none() && header.get("zip").is_none());
    assert_eq!(claims["iss"], ISSUER);
    let audiences = claims["aud"].as_array().cloned().unwrap_or_else(|| vec![claims["aud"].clone()]);
    assert!(audiences.contains(&json!(HOST)), "{claims}");
    assert!(["cnf", "nonce"].iter().all(|name| claims.get(*name).is_none()), "{claims}");
    let seconds = |name: &str| claims.get(name).map(|time| time.as_f64().expect("a time"));
    let now = NOW.seconds() as f64;
    assert!(seconds("exp").expect("an end") > now - 61.0, "{claims}");
    assert!(["nbf", "iat"].iter().all(|name| seconds(name).is_none_or(|time| time < now + 61.0)), "{claims}");
    let subject = forward.identity().into_iter().find(|(name, _)| *name == "x-auth-subject").expect("a subject");
    let escaped = claims["sub"].as_str().expect("a text").replace('%', "%25");
    assert_eq!(subject.1.replace("%20", " "), escaped.replace("%20", " "), "{claims}");
}
