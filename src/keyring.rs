//! [`KeyRing`]: one key per purpose, derived from the secrets of the settings.
//!
//! A key that seals one thing opens nothing else: each purpose has its own key by HKDF-SHA-256
//! (RFC 5869) with the purpose as `info`. During a rotation the previous secret still opens what
//! it sealed; only the current one seals.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::{config::Secrets, secret::Secret};

/// What a derived key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The session cookie's HS256.
    Session,
    /// The cookie of a pending login, and what it leaves behind for a minute once it is done.
    PendingLogin,
    /// The `state` parameter of the authorization request.
    State,
    /// The cookie that keeps the ID token for the provider's logout.
    LogoutHint,
    /// The MAC over what is kept in KV.
    Cache,
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
        }
    }
}

/// The derived keys: those of the current secret first.
#[derive(Debug)]
pub struct KeyRing {
    generations: Vec<Generation>,
}

/// The keys of one secret.
#[derive(Debug)]
pub struct Generation {
    id: String,
    session: Secret<[u8; 32]>,
    pending_login: Secret<[u8; 32]>,
    state: Secret<[u8; 32]>,
    logout_hint: Secret<[u8; 32]>,
    cache: Secret<[u8; 32]>,
}

impl KeyRing {
    /// Derives the keys of both secrets.
    pub fn derive(secrets: &Secrets) -> Self {
        let generations = [Some(&secrets.current), secrets.previous.as_ref()];
        Self {
            generations: generations.into_iter().flatten().map(|secret| Generation::derive(secret.expose())).collect(),
        }
    }

    /// The keys that seal, first, and those that only open, behind them.
    pub fn generations(&self) -> impl Iterator<Item = &Generation> {
        self.generations.iter()
    }

    /// The keys that seal and sign. There is always a first generation.
    pub fn current(&self) -> Option<&Generation> {
        self.generations.first()
    }

    /// A MAC over `parts` for what is kept in KV. Each part's length goes in front of it.
    pub fn authenticate(&self, parts: &[&str]) -> String {
        let mac = self.current().and_then(|keys| keys.mac(parts));
        mac.map(|mac| URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())).unwrap_or_default()
    }

    /// Whether `tag` is the MAC over `parts` under one of the secrets.
    pub fn is_authentic(&self, parts: &[&str], tag: &str) -> bool {
        let Ok(tag) = URL_SAFE_NO_PAD.decode(tag) else { return false };
        self.generations().any(|keys| keys.mac(parts).is_some_and(|mac| mac.verify_slice(&tag).is_ok()))
    }
}

impl Generation {
    fn derive(secret: &[u8]) -> Self {
        let derivation = Hkdf::<Sha256>::new(Some(b"portcullis"), secret);
        let key = |info: &str| {
            let mut key = [0; 32];
            // Expanding fails only past 255 blocks of 32 bytes; this is one.
            let expanded = derivation.expand(info.as_bytes(), &mut key).is_ok();
            debug_assert!(expanded, "one block of HKDF");
            Secret::new(key)
        };
        let id = key("portcullis key id v1");
        Self {
            id: URL_SAFE_NO_PAD.encode(id.expose().get(..6).unwrap_or_default()),
            session: key(Purpose::Session.label()),
            pending_login: key(Purpose::PendingLogin.label()),
            state: key(Purpose::State.label()),
            logout_hint: key(Purpose::LogoutHint.label()),
            cache: key(Purpose::Cache.label()),
        }
    }

    /// Names the generation in a session's `kid`; says nothing about the secret.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key for `purpose`.
    pub fn key(&self, purpose: Purpose) -> &Secret<[u8; 32]> {
        match purpose {
            Purpose::Session => &self.session,
            Purpose::PendingLogin => &self.pending_login,
            Purpose::State => &self.state,
            Purpose::LogoutHint => &self.logout_hint,
            Purpose::Cache => &self.cache,
        }
    }

    /// HMAC takes keys of every length, so there always is one.
    fn mac(&self, parts: &[&str]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.cache.expose()).ok()?;
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Some(mac)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A ring of the secrets whose bytes are counted up from `current` and `previous`.
    pub(crate) fn ring(current: u8, previous: Option<u8>) -> KeyRing {
        let secret = |first: u8| Secret::new((0..32).map(|step| first.wrapping_add(step)).collect::<Vec<u8>>());
        KeyRing::derive(&Secrets { current: secret(current), previous: previous.map(secret) })
    }

    #[test]
    fn every_purpose_has_a_key_of_its_own() {
        let ring = ring(1, None);
        let keys = ring.current().unwrap();
        let purposes = [Purpose::Session, Purpose::PendingLogin, Purpose::State, Purpose::LogoutHint, Purpose::Cache];
        for (rank, one) in purposes.iter().enumerate() {
            for other in purposes.iter().skip(rank + 1) {
                assert_ne!(keys.key(*one).expose(), keys.key(*other).expose(), "{one:?} {other:?}");
            }
        }
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
