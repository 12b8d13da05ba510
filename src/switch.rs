//! [`Switches`]: what an operator changed at run time, without a deployment.
//!
//! One entry in KV says for which rules sign-in is off, on or optional for now, and whether the whole gate is locked
//! down. It carries a MAC under a key of its own, so that whoever can write to KV cannot open anything with it:
//!
//! ```text
//! entry = tag " " text
//! tag   = base64url(HMAC-SHA-256(key, length(KEY) KEY length(text) text))      lengths: 8 bytes, big-endian
//! key   = HKDF-SHA-256(PORTCULLIS_SECRET, salt "portcullis", info "portcullis switch v1")
//! text  = {"version":1,"written":1800000000000,"hosts":["docs.example.com"],"switches":[
//!           {"rule":"blog","sso":"off","until":1800003600},{"lockdown":true}]}
//! ```
//!
//! `written` is in milliseconds and grows with every entry; `until` is in seconds. `scripts/switch.mjs` writes the
//! entry; both sides are held to `tests/vectors/switch.json`.

use serde_json::Value;

use crate::{
    json,
    keyring::KeyRing,
    time::{Lifetime, Timestamp},
};

/// The entry's name in KV, which its MAC covers too.
pub const KEY: &str = "portcullis:switch";
/// The longest entry that is read: some two hundred rules.
const ENTRY_BYTES: usize = 16 * 1_024;
/// The longest time for which a switch may open a rule: a switch that everybody forgot must not be a hole for good,
/// and an old entry that somebody puts back must not open anything for ever.
const LONGEST_OPENING: Lifetime = Lifetime::from_seconds(30 * 86_400);

/// What a switch makes of a rule, or of the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The rule is public.
    Off,
    /// Everybody passes, and the origin learns who is signed in.
    Optional,
    /// The rule asks for sign-in.
    On,
    /// Nothing reaches the origin, whatever the rules say.
    LockedDown,
}

/// One switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// The rule's id; empty for the whole gate.
    pub rule: String,
    /// What the switch makes of it.
    pub mode: Mode,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
}

/// The switches of one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// When the entry was written, in milliseconds: a later entry has a higher number.
    pub written: u64,
    /// The switches, at most one for each rule.
    pub switches: Vec<Switch>,
}

/// Why an entry is not one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryError {
    /// No MAC, or not ours.
    Forged,
    /// Authentic, but of another version of the gate.
    Version,
    /// Authentic, but for a gate in front of other hosts.
    OtherHosts,
    /// Authentic, but not what an entry has to be.
    Malformed,
    /// Authentic, but it opens a rule without an end, or for more than 30 days.
    Endless,
}

impl EntryError {
    /// For the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forged => "its MAC is not of this gate's secrets",
            Self::Version => "its version is another",
            Self::OtherHosts => "it is for other hosts",
            Self::Malformed => "it cannot be read",
            Self::Endless => "it opens a rule without an end within 30 days",
        }
    }
}

impl Mode {
    /// The word in the entry and in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Optional => "optional",
            Self::On => "on",
            Self::LockedDown => "lockdown",
        }
    }

    /// Whether it may let in somebody whom the deployed rules would not.
    pub const fn may_open(self) -> bool {
        matches!(self, Self::Off | Self::Optional)
    }
}

impl Switch {
    fn parse(value: &Value, written: Timestamp) -> Result<Self, EntryError> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let (rule, mode) = match (text("rule"), text("sso"), value.get("lockdown")) {
            (Some(rule), Some(sso), None) if !rule.is_empty() => {
                let modes = [Mode::Off, Mode::Optional, Mode::On];
                (rule, modes.into_iter().find(|mode| mode.as_str() == sso).ok_or(EntryError::Malformed)?)
            }
            (None, None, Some(Value::Bool(true))) => ("", Mode::LockedDown),
            _ => return Err(EntryError::Malformed),
        };
        let until = match value.get("until") {
            None => None,
            Some(until) => Some(Timestamp::from_seconds(until.as_u64().ok_or(EntryError::Malformed)?)),
        };
        if mode.may_open() && until.is_none_or(|until| until > written.after(LONGEST_OPENING)) {
            return Err(EntryError::Endless);
        }
        Ok(Self { rule: rule.to_owned(), mode, until })
    }

    /// Whether it has not ended.
    pub fn lasts(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl Switches {
    /// Reads an entry; `serves` says whether the settings have a host that it names.
    ///
    /// The MAC comes first: nothing is parsed that the operator did not write. An entry is for the gates that share a
    /// host with it, so another gate's entry under the same secret counts for nothing, and a deployment that adds or
    /// drops a host ends no lock-down.
    ///
    /// # Errors
    /// Why it is not one of ours. An entry counts whole or not at all.
    pub fn read(entry: &str, keys: &KeyRing, serves: impl Fn(&str) -> bool) -> Result<Self, EntryError> {
        let (tag, text) = entry.split_once(' ').ok_or(EntryError::Forged)?;
        if entry.len() > ENTRY_BYTES || !keys.is_operators(&[KEY, text], tag) {
            return Err(EntryError::Forged);
        }
        let entry = json::read(text).map_err(|_| EntryError::Malformed)?;
        let number = |name: &str| entry.get(name).and_then(Value::as_u64);
        let list = |name: &str| entry.get(name).and_then(Value::as_array).ok_or(EntryError::Malformed);
        if number("version") != Some(1) {
            return Err(EntryError::Version);
        }
        let written = number("written").ok_or(EntryError::Malformed)?;
        if !list("hosts")?.iter().filter_map(Value::as_str).any(serves) {
            return Err(EntryError::OtherHosts);
        }
        let at = Timestamp::from_seconds(written.div_ceil(1_000));
        let mut switches: Vec<Switch> = Vec::new();
        for value in list("switches")? {
            let switch = Switch::parse(value, at)?;
            if switches.iter().any(|earlier| earlier.rule == switch.rule) {
                return Err(EntryError::Malformed);
            }
            switches.push(switch);
        }
        Ok(Self { written, switches })
    }

    /// Whether nothing may reach the origin.
    pub fn is_locked_down(&self, now: Timestamp) -> bool {
        self.find("").is_some_and(|switch| switch.lasts(now))
    }

    /// What the rule of this id is switched to.
    pub fn mode(&self, rule: &str, now: Timestamp) -> Option<Mode> {
        self.find(rule).filter(|switch| switch.lasts(now)).map(|switch| switch.mode)
    }

    /// The switch of a rule, ended or not.
    pub fn find(&self, rule: &str) -> Option<&Switch> {
        self.switches.iter().find(|switch| switch.rule == rule)
    }

    /// The same entry with only the switches for which `stays` holds.
    #[must_use]
    pub fn only(&self, stays: impl Fn(&Switch) -> bool) -> Self {
        let switches = self.switches.iter().filter(|switch| stays(switch)).cloned().collect();
        Self { written: self.written, switches }
    }
}

#[cfg(test)]
mod tests;
