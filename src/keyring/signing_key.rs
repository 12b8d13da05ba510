//! [`SigningKey`]: a P-256 key that signs, derived and never stored.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};

use crate::secret::Secret;

/// The order of P-256's group (FIPS 186-5 by way of SP 800-186, 3.2.1.3), big-endian.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7,
    0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
/// How many candidates are drawn. One in 2^32 is not a scalar; four such in a row do not happen.
const CANDIDATES: usize = 4;

/// The scalar of a P-256 key pair.
#[derive(Debug)]
pub struct SigningKey(Secret<[u8; 32]>);

/// The other half of a [`SigningKey`]: its coordinates, base64url as in a JWK (RFC 7518, 6.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicPoint {
    /// The first coordinate.
    pub x: String,
    /// The second coordinate.
    pub y: String,
}

impl SigningKey {
    /// FIPS 186-5, A.2.2: candidates of 256 bits are drawn until one lies between 1 and the order less one, so that
    /// all scalars are equally likely. They are drawn from HKDF's output.
    pub(super) fn derive(derivation: &Hkdf<Sha256>, label: &str) -> Option<Self> {
        let mut drawn = Secret::new([0; 32 * CANDIDATES]);
        derivation.expand(label.as_bytes(), drawn.expose_mut()).ok()?;
        Self::first(drawn.expose())
    }

    fn first(drawn: &[u8]) -> Option<Self> {
        let (candidates, _) = drawn.as_chunks::<32>();
        candidates.iter().find(|candidate| is_scalar(candidate)).map(|scalar| Self(Secret::new(*scalar)))
    }

    /// The scalar, big-endian.
    pub fn scalar(&self) -> &Secret<[u8; 32]> {
        &self.0
    }
}

impl PublicPoint {
    /// The members that a JWK of this curve must have, in the order of their names (RFC 7638, 3.2).
    pub fn members(&self) -> String {
        let Self { x, y } = self;
        format!(r#""crv":"P-256","kty":"EC","x":"{x}","y":"{y}""#)
    }

    /// The name of the key: the digest of [`members`](Self::members) alone (RFC 7638, 3.1).
    pub fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{{{}}}", self.members())))
    }
}

/// The time of this comparison reveals only the first byte at which a candidate differs from the order of the group,
/// which for nearly all candidates is the very first.
fn is_scalar(candidate: &[u8; 32]) -> bool {
    *candidate != [0; 32] && *candidate < ORDER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_candidate_that_is_a_scalar_is_the_key() {
        let mut below = ORDER;
        below[31] -= 1;
        let mut above = ORDER;
        above[31] += 1;
        let mut one = [0; 32];
        one[31] = 1;
        let found = |candidates: &[[u8; 32]]| SigningKey::first(&candidates.concat()).map(|key| *key.scalar().expose());
        for scalar in [one, below, [0x7f; 32], [0xfe; 32]] {
            assert_eq!(found(&[scalar, [1; 32]]), Some(scalar));
            for none in [[0; 32], ORDER, above, [0xff; 32]] {
                assert_eq!(found(&[none, scalar]), Some(scalar));
                assert_eq!(found(&[none, none, none, none]), None);
            }
        }
    }
}
