//! The session's token: a JWT with HS256 (RFC 7515, RFC 7518, 3.2), made and checked by us alone.
//!
//! This is the hot path, and a token is not parsed before it is verified: its header must be, byte for byte, the one
//! that one of our keys writes. That leaves nothing in it to be misread – no `alg` to choose, no `kid` to look up, no
//! other type (RFC 8725, 3.1, 3.10, 3.11).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::Mac;

use crate::keyring::{Generation, KeyRing};

/// The token with this payload, signed with `keys`.
pub(super) fn sign(keys: &Generation, payload: &[u8]) -> String {
    let message = format!("{}.{}", keys.session_header(), URL_SAFE_NO_PAD.encode(payload));
    let mac = keys.session_mac().chain_update(&message).finalize().into_bytes();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac))
}

/// The payload of `token`, if one of the keys signed it.
pub(super) fn verify(token: &str, keys: &KeyRing) -> Option<Vec<u8>> {
    let (message, signature) = token.rsplit_once('.')?;
    let (header, payload) = message.split_once('.')?;
    let keys = keys.generations().find(|keys| keys.session_header() == header)?;
    let mut bytes = [0; 32];
    // Exactly 43 characters make 32 bytes, and the engine refuses a last character with spare bits set, so one
    // signature has one spelling.
    if URL_SAFE_NO_PAD.decode_slice(signature, &mut bytes).ok()? != bytes.len() {
        return None;
    }
    keys.session_mac().chain_update(message).verify_slice(&bytes).ok()?;
    URL_SAFE_NO_PAD.decode(payload).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyring::tests::ring;

    #[test]
    fn rfc7515_3_3_a_signature_that_ends_in_zeros_has_one_spelling_too() {
        let keys = ring(1, None);
        let signed = (0..10_000_u32).map(|number| sign(keys.current(), &number.to_be_bytes()));
        // The last byte is 0, and so would be one that is left out.
        let token = signed.into_iter().find(|token| token.ends_with("AA")).unwrap();
        assert!(verify(&token, &keys).is_some());
        assert!(verify(token.strip_suffix('A').unwrap(), &keys).is_none());
    }
}
