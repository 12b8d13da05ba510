use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use portcullis::switch::{KEY, Switches};
use serde_json::Value;
use sha2::Sha256;

use super::text_of;
use crate::site::{HOST_NAME, base64url, keys, secret_bytes};

/// An entry of the run-time switch: as it is, or, behind `=`, a text to which the operator's MAC is put.
///
/// Without the MAC it is nothing. With it, it counts whole or not at all: for this host, each rule once,
/// and whatever it opens ends within 30 days of when it was written.
pub fn switch(data: &[u8]) {
    let text = text_of(data, &[("$HOST", HOST_NAME)]);
    let read = |entry: &str| Switches::read(entry, &keys(), |host| host == HOST_NAME);
    let Some(text) = text.strip_prefix('=') else {
        assert!(read(&text).is_err(), "{text:?}");
        return;
    };
    let entry = format!("{} {text}", tag(text));
    let Ok(switches) = read(&entry) else { return };
    assert!(entry.len() <= 16_384);
    let said: Value = serde_json::from_str(text).expect("an entry");
    assert_eq!(said["version"], 1);
    assert_eq!(said["written"], switches.written);
    assert!(said["hosts"].as_array().expect("hosts").iter().any(|host| host == HOST_NAME), "{text}");
    assert_eq!(said["switches"].as_array().expect("switches").len(), switches.switches.len());
    for (rank, switch) in switches.switches.iter().enumerate() {
        let ends = switch.until.is_some_and(|until| until.seconds() <= switches.written / 1_000 + 1 + 30 * 86_400);
        assert!(ends || !switch.mode.may_open(), "{text}");
        assert!(switches.switches.iter().skip(rank + 1).all(|other| other.rule != switch.rule), "{text}");
    }
    // By another secret, or for another text, it is nothing.
    assert!(read(&format!("{} {text} ", tag(text))).is_err(), "{text}");
    assert!(read(text).is_err(), "{text}");
}

/// The MAC, as the manual of [`portcullis::switch`] says.
fn tag(text: &str) -> String {
    let mut key = [0; 32];
    let derivation = Hkdf::<Sha256>::new(Some(b"portcullis"), &secret_bytes());
    derivation.expand(b"portcullis switch v1", &mut key).expect("a key");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
    for part in [KEY, text] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    base64url(&mac.finalize().into_bytes())
}
