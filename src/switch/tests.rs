use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use serde_json::json;
use sha2::Sha256;

use super::*;
use crate::keyring::tests::ring;

const WRITTEN: u64 = 1_800_000_000_000;
const NOW: Timestamp = Timestamp::from_seconds(1_800_000_010);
const DAY: u64 = 86_400;

/// The operator's side, as the module's documentation describes it.
fn sealed(secret: u8, key: &str, text: &str) -> String {
    let secret: Vec<u8> = (0..32).map(|step| secret.wrapping_add(step)).collect();
    let mut derived = [0; 32];
    hkdf::Hkdf::<Sha256>::new(Some(b"portcullis"), &secret).expand(b"portcullis switch v1", &mut derived).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&derived).unwrap();
    for part in [key, text] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    format!("{} {text}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn text(switches: &Value) -> String {
    json!({ "version": 1, "written": WRITTEN, "hosts": ["docs.example.com"], "switches": switches }).to_string()
}

fn read(entry: &str) -> Result<Switches, EntryError> {
    Switches::read(entry, &ring(1, None), |host| host == "docs.example.com")
}

fn switches(switches: &Value) -> Result<Switches, EntryError> {
    read(&sealed(1, KEY, &text(switches)))
}

fn off() -> Value {
    json!([{ "rule": "blog", "sso": "off", "until": NOW.seconds() + 60 }])
}

#[test]
fn an_entry_says_what_each_rule_is_switched_to() {
    let until = NOW.seconds() + 60;
    let read = switches(&json!([
        { "rule": "a", "sso": "off", "until": until },
        { "rule": "b", "sso": "optional", "until": until },
        { "rule": "c", "sso": "on" },
        { "lockdown": true, "until": until },
    ]))
    .unwrap();
    let later = Timestamp::from_seconds(until);
    let rows = [
        ("a", Some(Mode::Off), None),
        ("b", Some(Mode::Optional), None),
        ("c", Some(Mode::On), Some(Mode::On)),
        ("d", None, None),
        ("A", None, None),
        ("lockdown", None, None),
    ];
    for (rule, now, at_the_end) in rows {
        assert_eq!((read.mode(rule, NOW), read.mode(rule, later)), (now, at_the_end), "{rule}");
    }
    assert!(read.is_locked_down(NOW) && !read.is_locked_down(later));
    assert_eq!(read.written, WRITTEN);
    assert_eq!(switches(&json!([])).unwrap().switches, []);
}

#[test]
fn a_switch_without_an_end_lasts() {
    let read = switches(&json!([{ "lockdown": true }, { "rule": "a", "sso": "on" }])).unwrap();
    let never = Timestamp::from_seconds(u64::MAX);
    assert!(read.is_locked_down(never));
    assert_eq!(read.mode("a", never), Some(Mode::On));
}

#[test]
fn what_opens_ends_within_thirty_days() {
    let last = WRITTEN / 1_000 + 30 * DAY;
    for sso in ["off", "optional"] {
        let with = |until: Option<u64>| {
            let mut switch = json!({ "rule": "a", "sso": sso });
            if let Some(until) = until {
                switch["until"] = until.into();
            }
            switches(&json!([switch])).map(|read| read.mode("a", NOW).is_some())
        };
        assert_eq!(with(Some(last)), Ok(true), "{sso}");
        assert_eq!(with(Some(last + 1)), Err(EntryError::Endless), "{sso}");
        assert_eq!(with(None), Err(EntryError::Endless), "{sso}");
        assert_eq!(with(Some(0)), Ok(false), "{sso}");
    }
}

#[test]
fn an_entry_of_another_shape_is_refused_whole() {
    let until = NOW.seconds() + 60;
    let rows = [
        json!([{ "rule": "a", "sso": "on" }, { "rule": "b", "sso": "of", "until": until }]),
        json!([{ "rule": "a", "sso": "On" }]),
        json!([{ "rule": "a", "sso": true }]),
        json!([{ "rule": "a" }]),
        json!([{ "sso": "on" }]),
        json!([{ "rule": "", "sso": "on" }]),
        json!([{ "rule": 1, "sso": "on" }]),
        json!([{ "rule": "a", "sso": "lockdown" }]),
        json!([{ "rule": "a", "sso": "on", "lockdown": true }]),
        json!([{ "lockdown": false }]),
        json!([{ "lockdown": "true" }]),
        json!([{ "lockdown": true, "until": "tomorrow" }]),
        json!([{ "lockdown": true, "until": null }]),
        json!([{ "lockdown": true, "until": -1 }]),
        json!([{ "rule": "a", "sso": "on", "until": 1.5 }]),
        json!([{ "rule": "a", "sso": "on" }, { "rule": "a", "sso": "off", "until": until }]),
        json!([{ "lockdown": true }, { "lockdown": true }]),
        json!([null]),
        json!({}),
        json!(null),
    ];
    for row in rows {
        assert_eq!(switches(&row), Err(EntryError::Malformed), "{row}");
    }
}

#[test]
fn an_authentic_text_that_is_no_entry_is_refused() {
    let rows = [
        ("", EntryError::Malformed),
        ("{", EntryError::Malformed),
        ("[]", EntryError::Version),
        ("{}", EntryError::Version),
        (r#"{"version":2,"written":1,"hosts":["docs.example.com"],"switches":[]}"#, EntryError::Version),
        (r#"{"version":"1","written":1,"hosts":["docs.example.com"],"switches":[]}"#, EntryError::Version),
        (r#"{"version":1,"hosts":["docs.example.com"],"switches":[]}"#, EntryError::Malformed),
        (r#"{"version":1,"written":-1,"hosts":["docs.example.com"],"switches":[]}"#, EntryError::Malformed),
        (r#"{"version":1,"written":1,"switches":[]}"#, EntryError::Malformed),
        (r#"{"version":1,"written":1,"hosts":[],"switches":[]}"#, EntryError::OtherHosts),
        (r#"{"version":1,"written":1,"hosts":["staging.example.com"],"switches":[]}"#, EntryError::OtherHosts),
        (r#"{"version":1,"written":1,"hosts":["docs.example.com"]}"#, EntryError::Malformed),
    ];
    for (text, error) in rows {
        assert_eq!(read(&sealed(1, KEY, text)), Err(error), "{text}");
    }
    let long = text(&off()).replace("{\"", &format!("{{{}\"", " ".repeat(ENTRY_BYTES)));
    assert_eq!(read(&sealed(1, KEY, &long)), Err(EntryError::Forged));
}

#[test]
fn only_our_mac_over_this_text_under_this_name_counts() {
    let text = text(&off());
    let good = sealed(1, KEY, &text);
    assert!(read(&good).is_ok());
    // Under another secret, and under another name.
    assert_eq!(read(&sealed(2, KEY, &text)), Err(EntryError::Forged));
    assert_eq!(read(&sealed(1, "portcullis:switch2", &text)), Err(EntryError::Forged));
    // A MAC for the other kind of entry.
    let cache = ring(1, None).authenticate(&[KEY, &text]);
    assert_eq!(read(&format!("{cache} {text}")), Err(EntryError::Forged));
    // Every byte changed, and every length.
    for place in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[place] ^= 1;
        assert!(read(&String::from_utf8(bytes).unwrap()).is_err(), "byte {place}");
        assert!(read(&good[..place]).is_err(), "length {place}");
    }
    for entry in [format!("{good} "), format!(" {good}"), text.clone(), format!(" {text}"), format!("null {text}")] {
        assert_eq!(read(&entry), Err(EntryError::Forged), "{entry}");
    }
}

#[test]
fn an_entry_stays_good_while_its_secret_is_the_previous_one() {
    let entry = sealed(1, KEY, &text(&off()));
    let read = |ring: KeyRing| Switches::read(&entry, &ring, |_| true).is_ok();
    assert!(read(ring(2, Some(1))));
    assert!(!read(ring(2, None)));
}
