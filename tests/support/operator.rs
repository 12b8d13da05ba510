//! The operator's side of the run-time switch: an entry with its MAC, made as the manual of
//! `portcullis::switch` says and not with the gate's own code.

use base64::{Engine, engine::general_purpose};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use portcullis::{edge::Edge, switch::KEY};
use serde_json::{Value, json};
use sha2::Sha256;

use super::world::{SECRET, World};

/// The entry for `text` under `secret`.
pub fn sealed(secret: &str, text: &str) -> String {
    let secret = general_purpose::STANDARD.decode(secret).unwrap();
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(Some(b"portcullis"), &secret).expand(b"portcullis switch v1", &mut key).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    for part in [KEY, text] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    format!("{} {text}", general_purpose::URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// The entry that an operator makes now.
pub fn entry(world: &World, switches: &Value) -> String {
    let written = world.now().seconds() * 1_000;
    let text = json!({ "version": 1, "written": written, "hosts": ["docs.example.com"], "switches": switches });
    sealed(SECRET, &text.to_string())
}

/// Writes it.
pub fn switch(world: &World, switches: &Value) {
    world.put_kv(KEY, Some(entry(world, switches)));
}
