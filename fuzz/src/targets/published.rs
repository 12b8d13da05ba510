use serde_json::Value;

use super::text_of;
use crate::site::{ISSUER, NOW, Outside, keys, login_answer};

/// What stands in KV in the place of the provider's metadata: an entry as it is, or, behind `=`, a
/// document to which the right MAC is put. The provider itself is not there.
///
/// Without the MAC nothing of it is believed. With it, what does not name the issuer is not, and a login
/// goes where the document says.
pub fn published(data: &[u8]) {
    let text = text_of(data, &[("$ISSUER", ISSUER)]);
    let fetched = NOW.seconds().to_string();
    let url = format!("{ISSUER}/.well-known/openid-configuration");
    let seal = |document: &str| keys().authenticate(&["metadata", ISSUER, &url, &fetched, document]);
    let (entry, document) = match text.strip_prefix('=') {
        Some(document) => (format!("{} {fetched} {document}", seal(document)), Some(document)),
        None => (text.clone(), None),
    };
    let outside = Outside { kv: Some(entry), unplugged: true, ..Outside::new() };
    let answer = login_answer(&outside);
    let believed = answer.status == 200 && answer.body.contains("id=\"continue\"") || answer.status == 302;
    if !believed {
        assert_eq!(answer.status, 503, "{text:?}");
        return;
    }
    let document = document.expect("an entry without our MAC is believed");
    let document: Value = serde_json::from_str(document).expect("a document");
    assert_eq!(document["issuer"], ISSUER);
    let endpoint = document["authorization_endpoint"].as_str().expect("an endpoint");
    assert!(endpoint.trim().to_ascii_lowercase().starts_with("https:"), "{endpoint}");
}
