//! Signed tokens before their signature is verified, and the proof that it was (RFC 7515).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jwt_compact::{Empty, UntrustedToken};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{PublicKey, Publisher};
use crate::{
    json::{self, JsonError, Object, Table},
    time::Timestamp,
};

/// The longest token parsed. One for a person in a thousand groups has some 50 KB.
const LONGEST: usize = 131_072;

/// A signature algorithm (RFC 7518, 3.1; RFC 8037, 3.1).
///
/// The settings name those that an ID token may have; what a token says of itself is only compared with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512
    Rs512,
    /// RSASSA-PSS with SHA-256
    Ps256,
    /// RSASSA-PSS with SHA-384
    Ps384,
    /// RSASSA-PSS with SHA-512
    Ps512,
    /// ECDSA on P-256 with SHA-256
    Es256,
    /// Ed25519
    EdDsa,
}

impl Algorithm {
    /// Every supported algorithm.
    pub const ALL: [Self; 8] =
        [Self::Rs256, Self::Rs384, Self::Rs512, Self::Ps256, Self::Ps384, Self::Ps512, Self::Es256, Self::EdDsa];

    /// The name in `alg`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    pub(crate) fn read(value: Value) -> Result<Self, JsonError> {
        json::variant(value, &Self::ALL.map(|algorithm| (algorithm.as_str(), algorithm)))
    }

    /// The algorithm that a token or a key calls by this name. `Ed25519` is the newer name for the only kind of EdDSA
    /// supported here (RFC 9864, 2.2).
    pub fn named(name: &str) -> Option<Self> {
        let name = if name == "Ed25519" { Self::EdDsa.as_str() } else { name };
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

/// Why a text is not a token to look into further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Not three base64url parts with a JSON header, or longer than any token.
    #[error("not a signed token")]
    Malformed,
    /// Five parts: encrypted.
    #[error("an encrypted token")]
    Encrypted,
    /// The header asks for something we do not know (`crit`, RFC 7515, 4.1.11), or for compression (`zip`).
    #[error("the header asks for an extension")]
    Extension,
    /// The token is of another type (RFC 8725, 3.11).
    #[error("a token of another type")]
    Type,
    /// The algorithm is not one that the settings pin.
    #[error("signed with an algorithm that the settings do not name")]
    Algorithm,
}

/// A token in three parts whose header asks for nothing we do not know. Nothing in it is trusted.
pub(super) struct UntrustedJws<'t> {
    token: UntrustedToken<'static>,
    message: &'t str,
}

/// The same, with a header that names a pinned algorithm. It is trusted no further.
pub(super) struct PinnedJws<'t> {
    jws: UntrustedJws<'t>,
    algorithm: Algorithm,
}

/// What is needed to verify a signature.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'t> {
    /// The algorithm, which the settings pin.
    pub algorithm: Algorithm,
    /// The id of the key that the token asks for.
    pub key_id: Option<&'t str>,
    /// What was signed.
    pub message: &'t [u8],
    /// The signature.
    pub signature: &'t [u8],
}

/// Proof that the signature of one particular token was verified with one of its issuer's keys.
#[derive(Debug)]
pub struct SignatureProof {
    /// Of the publisher's id and what was signed.
    digest: [u8; 32],
    as_of: Timestamp,
}

/// The members of a header that say which key verifies, how, and what the token is. The library types others as well
/// – `cty`, `x5t`, `jku` – and would refuse a token because of one that decides nothing (RFC 7515, 4), so it gets
/// these alone. `jku`, `x5u`, `jwk` and `x5c` are not looked at, since keys come from the issuer's metadata (RFC
/// 8725, 3.10).
const DECIDING: [&str; 3] = ["alg", "kid", "typ"];

/// The header with these members alone, in base64url. No member of the original may occur twice, neither these nor
/// any other.
fn deciding(header: &str) -> Result<String, JwsError> {
    let text = URL_SAFE_NO_PAD.decode(header).map_err(|_| JwsError::Malformed)?;
    let mut members = json::read(text).and_then(Table::of).map_err(|_| JwsError::Malformed)?;
    // A member that is present counts, whatever its value.
    let mut has = |name| members.given(name, Ok).is_ok_and(|value| value.is_some());
    if has("crit") | has("zip") {
        return Err(JwsError::Extension);
    }
    let mut kept = Object::default();
    for name in DECIDING {
        if let Ok(Some(value)) = members.given(name, Ok) {
            kept = kept.with(name, value);
        }
    }
    Ok(URL_SAFE_NO_PAD.encode(json::write(&kept.into())))
}

impl<'t> UntrustedJws<'t> {
    pub(super) fn parse(text: &'t str) -> Result<Self, JwsError> {
        if text.len() > LONGEST {
            return Err(JwsError::Malformed);
        }
        if text.split('.').count() == 5 {
            return Err(JwsError::Encrypted);
        }
        let (header, rest) = text.split_once('.').ok_or(JwsError::Malformed)?;
        let (message, _) = text.rsplit_once('.').ok_or(JwsError::Malformed)?;
        let to_read = format!("{}.{rest}", deciding(header)?);
        let token = UntrustedToken::<Empty>::try_from(to_read.as_str()).map_err(|_| JwsError::Malformed)?;
        Ok(Self { token: token.into_owned(), message })
    }

    /// The type the token says it has (RFC 7515, 4.1.9).
    pub(super) fn token_type(&self) -> Option<&str> {
        self.token.header().token_type.as_deref()
    }

    /// Holds the header's algorithm against those that the settings pin.
    pub(super) fn pinned(self, pinned: &[Algorithm]) -> Result<PinnedJws<'t>, JwsError> {
        let algorithm = Algorithm::named(self.token.algorithm()).filter(|named| pinned.contains(named));
        Ok(PinnedJws { algorithm: algorithm.ok_or(JwsError::Algorithm)?, jws: self })
    }

    pub(super) fn claims<C: serde::de::DeserializeOwned>(&self) -> Option<jwt_compact::Claims<C>> {
        self.token.deserialize_claims_unchecked().ok()
    }
}

impl PinnedJws<'_> {
    pub(super) fn claims<C: serde::de::DeserializeOwned>(&self) -> Option<jwt_compact::Claims<C>> {
        self.jws.claims()
    }

    pub(super) fn signed(&self) -> Signed<'_> {
        Signed {
            algorithm: self.algorithm,
            key_id: self.jws.token.header().key_id.as_deref(),
            message: self.jws.message.as_bytes(),
            signature: self.jws.token.signature_bytes(),
        }
    }
}

/// No id has a NUL in it, so that none ends within what is signed.
fn digest(publisher: Publisher<'_>, signed: &Signed<'_>) -> [u8; 32] {
    Sha256::new().chain_update(publisher.id).chain_update([0]).chain_update(signed.message).finalize().into()
}

impl SignatureProof {
    /// States that `key` verified the signature, and was known at `as_of` to be that publisher's. To be called where
    /// that has just happened, and nowhere else.
    pub(crate) fn assertion(publisher: Publisher<'_>, signed: &Signed<'_>, _key: &PublicKey, as_of: Timestamp) -> Self {
        Self { digest: digest(publisher, signed), as_of }
    }

    /// When the key was known to be the publisher's.
    pub(super) const fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// Whether the proof is for this token and no other, by a key of this publisher and no other.
    pub(super) fn is_for(&self, publisher: Publisher<'_>, signed: &Signed<'_>) -> bool {
        self.digest == digest(publisher, signed)
    }
}
