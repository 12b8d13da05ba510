//! [`KeyRing`]: one key per purpose, derived from the configured secrets.
//!
//! A key that seals one thing opens nothing else: each purpose has its own key by HKDF-SHA-256
//! (RFC 5869) with the purpose as `info`. During a rotation the previous secret still opens what
//! it sealed; only the current one seals.

mod signing_key;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
pub use signing_key::{PublicPoint, SigningKey};

use crate::{config::Secrets, secret::Secret};

/// What a derived key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The session cookie's HS256.
    Session,
    /// The cookie of a pending login, and the mark it leaves for a minute once the login is finished.
    PendingLogin,
    /// The `state` parameter of the authorization request.
    State,
    /// The cookie that keeps the ID token for the provider's logout.
    LogoutHint,
    /// The MAC over what is kept in KV.
    Cache,
    /// The MAC over what an operator switches at run time.
    Switch,
    /// The ES256 of the assertion for the origin.
    Assertion,
}

impl Purpose {
    /// The purpose's name, part of what is derived and of what is authenticated. Changing one
    /// invalidates everything made with it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Session => "portcullis session v1",
            Self::PendingLogin => "portcullis pending login v1",
            Self::State => "portcullis state v1",
            Self::LogoutHint => "portcullis logout hint v1",
            Self::Cache => "portcullis cache v1",
            Self::Switch => "portcullis switch v1",
            Self::Assertion => "portcullis assertion v1",
        }
    }
}

/// The derived keys: those of the current secret, and of the previous one if there is one.
#[derive(Debug)]
pub struct KeyRing {
    current: Generation,
    previous: Option<Generation>,
}

/// The keys of one secret. Those for HMAC are kept ready: what gets cloned is the state with the key already in it.
pub struct Generation {
    session_header: String,
    session: Hmac<Sha256>,
    pending_login: Secret<[u8; 32]>,
    state: Secret<[u8; 32]>,
    logout_hint: Secret<[u8; 32]>,
    cache: Hmac<Sha256>,
    switch: Hmac<Sha256>,
    assertion: SigningKey,
}

impl KeyRing {
    /// Derives the keys of both secrets. This does not fail, since HKDF expands that far and HMAC takes keys of any
    /// length; if it failed for one secret, there would be no ring, rather than one that seals with the other.
    pub fn derive(secrets: &Secrets) -> Option<Self> {
        let previous = match &secrets.previous {
            Some(secret) => Some(Generation::derive(secret.expose())?),
            None => None,
        };
        Some(Self { current: Generation::derive(secrets.current.expose())?, previous })
    }

    /// First the keys that seal, then those that only open.
    pub fn generations(&self) -> impl Iterator<Item = &Generation> {
        core::iter::once(&self.current).chain(&self.previous)
    }

    /// The keys that seal and sign.
    pub fn current(&self) -> &Generation {
        &self.current
    }

    /// A MAC over `parts`, for what is kept in KV. The length of each part precedes it.
    pub fn authenticate(&self, parts: &[&str]) -> String {
        URL_SAFE_NO_PAD.encode(mac(&self.current.cache, parts).finalize().into_bytes())
    }

    /// Whether `tag` is the MAC over `parts` under one of the secrets.
    pub fn is_authentic(&self, parts: &[&str], tag: &str) -> bool {
        self.verifies(|keys| &keys.cache, parts, tag)
    }

    /// Whether `tag` is an operator's MAC over `parts`. The gate itself makes none.
    pub fn is_operators(&self, parts: &[&str], tag: &str) -> bool {
        self.verifies(|keys| &keys.switch, parts, tag)
    }

    fn verifies(&self, key: fn(&Generation) -> &Hmac<Sha256>, parts: &[&str], tag: &str) -> bool {
        let Ok(tag) = URL_SAFE_NO_PAD.decode(tag) else { return false };
        self.generations().any(|keys| mac(key(keys), parts).verify_slice(&tag).is_ok())
    }
}

impl Generation {
    fn derive(secret: &[u8]) -> Option<Self> {
        let derivation = Hkdf::<Sha256>::new(Some(b"portcullis"), secret);
        let key = |info: &str| {
            let mut key = Secret::new([0; 32]);
            derivation.expand(info.as_bytes(), key.expose_mut()).ok().map(|()| key)
        };
        let hmac = |purpose: Purpose| Hmac::new_from_slice(key(purpose.label())?.expose()).ok();
        let id = URL_SAFE_NO_PAD.encode(key("portcullis key id v1")?.expose().get(..6)?);
        let session_header = format!(r#"{{"alg":"HS256","kid":"{id}","typ":"portcullis-session+jwt"}}"#);
        Some(Self {
            session_header: URL_SAFE_NO_PAD.encode(session_header),
            session: hmac(Purpose::Session)?,
            pending_login: key(Purpose::PendingLogin.label())?,
            state: key(Purpose::State.label())?,
            logout_hint: key(Purpose::LogoutHint.label())?,
            cache: hmac(Purpose::Cache)?,
            switch: hmac(Purpose::Switch)?,
            assertion: SigningKey::derive(&derivation, Purpose::Assertion.label())?,
        })
    }

    /// The header of a session's token, encoded: `alg`, `kid` and `typ`. The `kid` names the generation and says
    /// nothing about the secret.
    pub fn session_header(&self) -> &str {
        &self.session_header
    }

    /// HS256 under the session's key, ready for a message.
    pub fn session_mac(&self) -> Hmac<Sha256> {
        self.session.clone()
    }

    /// The key that seals for `purpose`; `None` for what is signed rather than sealed.
    pub fn sealing_key(&self, purpose: Purpose) -> Option<&Secret<[u8; 32]>> {
        match purpose {
            Purpose::PendingLogin => Some(&self.pending_login),
            Purpose::State => Some(&self.state),
            Purpose::LogoutHint => Some(&self.logout_hint),
            Purpose::Session | Purpose::Cache | Purpose::Switch | Purpose::Assertion => None,
        }
    }

    /// The key that signs assertions for the origin.
    pub fn assertion(&self) -> &SigningKey {
        &self.assertion
    }
}

/// The MAC over `parts`. The length of each part precedes it.
fn mac(key: &Hmac<Sha256>, parts: &[&str]) -> Hmac<Sha256> {
    let mut mac = key.clone();
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    mac
}

impl core::fmt::Debug for Generation {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("Generation(…)")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A ring of the secrets whose bytes are counted up from `current` and `previous`.
    pub(crate) fn ring(current: u8, previous: Option<u8>) -> KeyRing {
        let secret = |first: u8| Secret::new((0..32).map(|step| first.wrapping_add(step)).collect::<Vec<u8>>());
        KeyRing::derive(&Secrets { current: secret(current), previous: previous.map(secret) }).unwrap()
    }

    #[test]
    fn every_purpose_has_a_key_of_its_own() {
        let ring = ring(1, None);
        let keys = ring.current();
        let sealing = [Purpose::PendingLogin, Purpose::State, Purpose::LogoutHint];
        let mut all: Vec<Vec<u8>> =
            sealing.iter().map(|purpose| keys.sealing_key(*purpose).unwrap().expose().to_vec()).collect();
        for mac in [keys.session.clone(), keys.cache.clone(), keys.switch.clone()] {
            all.push(mac.finalize().into_bytes().to_vec());
        }
        all.push(keys.assertion().scalar().expose().to_vec());
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 7);
    }

    #[test]
    fn a_mac_is_bound_to_every_part_and_its_place() {
        let ring = ring(1, None);
        let tag = ring.authenticate(&["issuer", "url", "body"]);
        assert!(ring.is_authentic(&["issuer", "url", "body"], &tag));
        for parts in [["issue", "rurl", "body"], ["url", "issuer", "body"], ["issuer", "url", "bodY"]] {
            assert!(!ring.is_authentic(&parts, &tag), "{parts:?}");
        }
        assert!(!ring.is_authentic(&["issuer", "url", "body"], ""));
    }

    #[test]
    fn a_rotation_opens_the_old_and_makes_the_new() {
        let (old, rotated, after) = (ring(1, None), ring(2, Some(1)), ring(2, None));
        let tag = old.authenticate(&["x"]);
        assert!(rotated.is_authentic(&["x"], &tag));
        assert!(!after.is_authentic(&["x"], &tag));
        assert!(after.is_authentic(&["x"], &rotated.authenticate(&["x"])));
    }
}
