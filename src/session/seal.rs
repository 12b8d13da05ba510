//! Sealing: text that its holder can neither read nor change.
//!
//! XChaCha20-Poly1305 with a random nonce of 192 bits, so that nonces may be drawn without counting. A sealed value
//! is bound to its purpose, to the name it goes by and to the host, so that it cannot stand in for another. Opening
//! fails in one way only.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    Key, XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};

use crate::{
    edge::Entropy,
    keyring::{Generation, KeyRing, Purpose},
};

const NONCE_BYTES: usize = 24;
/// The longest sealed text opened. A cookie ends at 4096 bytes, an address at 16 KB; a longer text is not ours, and
/// nothing is allocated for it.
const LONGEST: usize = 8_192;

/// Where a sealed value belongs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'p> {
    /// What it is for.
    pub purpose: Purpose,
    /// The name it goes by: a cookie's name, or `state`.
    pub name: &'p str,
    /// The host it was sealed on.
    pub host: &'p str,
}

/// The text was not sealed by us, for this place, with these keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOurs;

/// Seals `plaintext` for `place`; the result is base64url.
///
/// # Errors
/// [`NotOurs`] for a purpose that seals nothing, or for a text longer than the cipher takes.
pub(super) fn seal(
    keys: &KeyRing,
    place: Place<'_>,
    plaintext: &[u8],
    entropy: &impl Entropy,
) -> Result<String, NotOurs> {
    let mut nonce = [0; NONCE_BYTES];
    entropy.fill(&mut nonce);
    let associated = place.associated();
    let payload = Payload { msg: plaintext, aad: &associated };
    let sealed = cipher(keys.current(), place.purpose)
        .ok_or(NotOurs)?
        .encrypt(XNonce::from_slice(&nonce), payload)
        .map_err(|_| NotOurs)?;
    Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
}

/// Opens what [`seal`] made for the same place.
///
/// # Errors
/// [`NotOurs`] for anything else.
pub(super) fn open(keys: &KeyRing, place: Place<'_>, sealed: &str) -> Result<Vec<u8>, NotOurs> {
    if sealed.len() > LONGEST {
        return Err(NotOurs);
    }
    let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| NotOurs)?;
    let (nonce, ciphertext) = bytes.split_at_checked(NONCE_BYTES).ok_or(NotOurs)?;
    let associated = place.associated();
    keys.generations()
        .find_map(|generation| {
            let payload = Payload { msg: ciphertext, aad: &associated };
            cipher(generation, place.purpose)?.decrypt(XNonce::from_slice(nonce), payload).ok()
        })
        .ok_or(NotOurs)
}

impl Place<'_> {
    /// No part contains a NUL, so the parts cannot run into each other.
    fn associated(self) -> Vec<u8> {
        [self.purpose.label(), self.name, self.host].join("\0").into_bytes()
    }
}

fn cipher(generation: &Generation, purpose: Purpose) -> Option<XChaCha20Poly1305> {
    Some(XChaCha20Poly1305::new(Key::from_slice(generation.sealing_key(purpose)?.expose())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{edge::tests::Counting, keyring::tests::ring};

    const PLACE: Place<'static> = Place { purpose: Purpose::State, name: "state", host: "docs.example.com" };

    #[test]
    fn a_seal_opens_in_its_place_alone() {
        let keys = ring(1, None);
        let sealed = seal(&keys, PLACE, b"text", &Counting::default()).unwrap();
        assert_eq!(open(&keys, PLACE, &sealed).unwrap(), b"text");
        let elsewhere = [
            Place { purpose: Purpose::PendingLogin, ..PLACE },
            Place { name: "other", ..PLACE },
            Place { host: "docs.example.net", ..PLACE },
        ];
        for place in elsewhere {
            assert_eq!(open(&keys, place, &sealed), Err(NotOurs), "{place:?}");
        }
        assert_eq!(open(&ring(2, None), PLACE, &sealed), Err(NotOurs));
        assert_eq!(open(&ring(2, Some(1)), PLACE, &sealed).unwrap(), b"text");
    }

    #[test]
    fn every_length_and_every_changed_byte_is_refused() {
        let keys = ring(1, None);
        let sealed = seal(&keys, PLACE, b"text", &Counting::default()).unwrap();
        for length in 0..sealed.len() {
            assert_eq!(open(&keys, PLACE, sealed.get(..length).unwrap()), Err(NotOurs), "{length}");
        }
        for position in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            assert_eq!(open(&keys, PLACE, &String::from_utf8(changed).unwrap()), Err(NotOurs), "{position}");
        }
        for text in [format!("{sealed}A"), format!("{sealed}="), "\u{e9}".to_owned(), "A".repeat(LONGEST + 1)] {
            assert_eq!(open(&keys, PLACE, &text), Err(NotOurs));
        }
    }

    #[test]
    fn two_seals_of_one_text_differ() {
        let (keys, entropy) = (ring(1, None), Counting::default());
        assert_ne!(seal(&keys, PLACE, b"text", &entropy).unwrap(), seal(&keys, PLACE, b"text", &entropy).unwrap());
    }
}
