//! The operator's side of the run-time switch: an entry with its MAC, made as the manual of
//! `portcullis::switch` says and not with the gate's own code.

use base64::{Engine, engine::general_purpose};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use portcullis::{edge::Edge, gate::Outcome, switch::KEY};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    browser::Browser,
    world::{Head, Isolate, SECRET, World, settings},
};

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
    entry_for(world, &["docs.example.com"], switches)
}

/// The same, for a gate in front of these hosts.
pub fn entry_for(world: &World, hosts: &[&str], switches: &Value) -> String {
    let written = world.now().seconds() * 1_000;
    let text = json!({ "version": 1, "written": written, "hosts": hosts, "switches": switches });
    sealed(SECRET, &text.to_string())
}

/// Writes it.
pub fn switch(world: &World, switches: &Value) {
    world.put_kv(KEY, Some(entry(world, switches)));
}

/// The settings of the other tests, with ids to switch their rules by, and a rule for guests.
pub fn switchable() -> Value {
    let mut settings = settings();
    settings["switch"] = json!(true);
    settings["rules"][0]["id"] = json!("open");
    settings["rules"][1]["id"] = json!("admin");
    settings["rules"].as_array_mut().unwrap().push(json!({ "id": "guests", "path": "/guests/**", "sso": "optional" }));
    settings
}

pub fn at(world: &World, seconds: u64) -> u64 {
    world.now().seconds() + seconds
}

pub fn off(world: &World) -> Value {
    json!([{ "rule": "admin", "sso": "off", "until": at(world, 86_400) }])
}

pub fn on() -> Value {
    json!([{ "rule": "open", "sso": "on" }])
}

pub fn lockdown() -> Value {
    json!([{ "lockdown": true }])
}

/// How a request of a script ends: at the origin as somebody or as nobody, or with a status.
pub fn end(isolate: &Isolate, browser: &Browser, path: &str) -> String {
    let outcome = browser.send(isolate, Head::new("GET", path));
    isolate.world.run_background();
    match outcome {
        Outcome::Forward(forward) => {
            let subject = forward.identity().into_iter().find(|(name, _)| *name == "x-auth-subject");
            subject.map_or("anyone".to_owned(), |(_, value)| value)
        }
        Outcome::Answer(answer) => answer.status.to_string(),
    }
}

/// How a stranger's request ends.
pub fn strangers(isolate: &Isolate, path: &str) -> String {
    end(isolate, &Browser::new("nobody"), path)
}
