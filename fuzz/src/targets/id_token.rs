use serde_json::{Value, json};

use super::text_of;
use crate::site::{HOST, ISSUER, NOW, Outside, base64url, callback_answer, session_of, started};

/// An ID token: its header on the first line, its claims behind it; or, behind `=`, the token itself.
/// `$NONCE` is the login's. Every signature counts as good, so that the claims alone decide.
///
/// Who gets a session by it is named by a token that an independent look at it takes as well.
pub fn id_token(data: &[u8]) {
    let login = started();
    let text = text_of(data, &[("$NONCE", &login.nonce)]);
    let token = match text.strip_prefix('=') {
        Some(token) => token.to_owned(),
        None => {
            let (header, claims) = text.split_once('\n').unwrap_or((&text, ""));
            format!("{}.{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()), base64url(&[7; 64]))
        }
    };
    let reply = json!({ "token_type": "Bearer", "access_token": "a", "id_token": token }).to_string();
    let outside = Outside { token_reply: reply, verifies: true, ..Outside::new() };
    let answer = callback_answer(&outside, &format!("{HOST}/.auth/callback?code=c&state={}&iss={ISSUER}", login.state));
    let Some(session) = session_of(&answer) else {
        assert!(answer.status >= 400, "{text:?}: {}", answer.status);
        return;
    };
    assert!(!text.starts_with('='), "a token without a line of its own: {text:?}");
    let (header, claims) = text.split_once('\n').expect("a header and claims");
    let header: Value = serde_json::from_str(header).expect("a header");
    let claims: Value = serde_json::from_str(claims).expect("claims");
    assert_eq!(header["alg"], "EdDSA");
    assert!(header.get("crit").is_none() && header.get("zip").is_none());
    assert_eq!((&claims["iss"], &claims["nonce"]), (&json!(ISSUER), &json!(login.nonce)));
    let audiences = claims["aud"].as_array().cloned().unwrap_or_else(|| vec![claims["aud"].clone()]);
    assert!(!audiences.is_empty() && audiences.iter().all(|one| one == "client"), "{claims}");
    assert!(claims.get("azp").is_none_or(|azp| azp == "client"), "{claims}");
    assert_eq!(claims["sub"], session.claims().subject());
    let seconds = |name: &str| claims[name].as_f64().expect("a time");
    let now = NOW.seconds() as f64;
    assert!(seconds("exp") > now - 61.0 && seconds("iat") < now + 61.0 && seconds("iat") > now - 3_662.0, "{claims}");
    let verified = claims["email_verified"] == true || claims["email_verified"] == "true";
    assert!(session.claims().verified_email().is_none_or(|email| verified && claims["email"] == email), "{claims}");
    for group in session.claims().groups() {
        let named = claims["groups"] == *group.as_str();
        assert!(named || claims["groups"].as_array().is_some_and(|all| all.iter().any(|one| one == group)), "{claims}");
    }
    assert!(session.claims().auth_time().is_none_or(|time| time.seconds() <= NOW.seconds() + 120), "{claims}");
}
