//! [`Signer`]: signs tokens as a provider does; [`verify`] checks them as the platform does.
//!
//! The keys beside this file are for tests alone. They are published, and worth nothing.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "each test file uses its own part of it; a helper of a test may panic"
)]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jwt_compact::{
    Algorithm as _, AlgorithmSignature,
    alg::{Ed25519, Es256, Rsa, RsaPrivateKey},
    jwk::JsonWebKey,
};
use portcullis::{
    keyring::{PublicPoint, SigningKey},
    oidc::{Algorithm, Material, PublicKey},
};
use serde_json::{Value, json};

type EcKey = <Es256 as jwt_compact::Algorithm>::SigningKey;
type EdKey = <Ed25519 as jwt_compact::Algorithm>::SigningKey;

const RSA: [&str; 2] = [include_str!("keys/rsa.json"), include_str!("keys/rsa-other.json")];
const P256: [&str; 2] = [include_str!("keys/p256.json"), include_str!("keys/p256-other.json")];
const ED25519: [&str; 2] = [include_str!("keys/ed25519.json"), include_str!("keys/ed25519-other.json")];

/// A private key with the algorithm and the id it is published under.
#[derive(Clone)]
pub(crate) struct Signer {
    algorithm: Algorithm,
    kid: Option<String>,
    private: Value,
    key: Key,
}

#[derive(Clone)]
enum Key {
    Rsa(Box<RsaPrivateKey>),
    Ec(Box<EcKey>),
    Ed(Box<EdKey>),
}

impl Signer {
    /// The first key of the algorithm's type: the same one at every call.
    pub(crate) fn new(algorithm: Algorithm, kid: Option<&str>) -> Self {
        Self::with_key(0, algorithm, kid)
    }

    /// The second key of the algorithm's type.
    pub(crate) fn other(algorithm: Algorithm, kid: Option<&str>) -> Self {
        Self::with_key(1, algorithm, kid)
    }

    fn with_key(rank: usize, algorithm: Algorithm, kid: Option<&str>) -> Self {
        let texts = match algorithm {
            Algorithm::Es256 => P256,
            Algorithm::EdDsa => ED25519,
            _ => RSA,
        };
        let private: Value = serde_json::from_str(texts[rank]).unwrap();
        let jwk: JsonWebKey<'_> = serde_json::from_str(texts[rank]).unwrap();
        let key = match algorithm {
            Algorithm::Es256 => Key::Ec(Box::new(EcKey::try_from(&jwk).unwrap())),
            Algorithm::EdDsa => Key::Ed(Box::new(EdKey::try_from(&jwk).unwrap())),
            _ => Key::Rsa(Box::new(RsaPrivateKey::try_from(&jwk).unwrap())),
        };
        Self { algorithm, kid: kid.map(str::to_owned), private, key }
    }

    /// The public half, as a provider publishes it.
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = json!({ "use": "sig", "alg": self.algorithm.as_str() });
        for name in ["kty", "crv", "n", "e", "x", "y"] {
            if let Some(value) = self.private.get(name) {
                jwk[name] = value.clone();
            }
        }
        if let Some(kid) = &self.kid {
            jwk["kid"] = kid.as_str().into();
        }
        jwk
    }

    /// A compact JWS of exactly this header and this payload, whatever they say.
    pub(crate) fn sign(&self, header: &Value, payload: &str) -> String {
        self.sign_text(&header.to_string(), payload.as_bytes())
    }

    /// The same for a header that no JSON writer would write, and a payload that need not be text.
    pub(crate) fn sign_text(&self, header: &str, payload: &[u8]) -> String {
        self.sign_parts(&URL_SAFE_NO_PAD.encode(header), &URL_SAFE_NO_PAD.encode(payload))
    }

    /// The same for parts that are not base64url as they should be.
    pub(crate) fn sign_parts(&self, header: &str, payload: &str) -> String {
        let message = format!("{header}.{payload}");
        let signature = self.signature(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// An ordinary token.
    pub(crate) fn token(&self, payload: &Value) -> String {
        let mut header = json!({ "alg": self.algorithm.as_str(), "typ": "JWT" });
        if let Some(kid) = &self.kid {
            header["kid"] = kid.as_str().into();
        }
        self.sign(&header, &payload.to_string())
    }

    /// The signature alone.
    pub(crate) fn signature(&self, message: &[u8]) -> Vec<u8> {
        match &self.key {
            Key::Rsa(key) => Rsa::with_name(self.algorithm.as_str()).sign(key, message).as_bytes().into_owned(),
            Key::Ec(key) => AlgorithmSignature::as_bytes(&Es256.sign(key, message)).into_owned(),
            Key::Ed(key) => AlgorithmSignature::as_bytes(&Ed25519.sign(key, message)).into_owned(),
        }
    }
}

/// Signs as the platform does.
pub(crate) fn sign(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    let key = EcKey::from_slice(key.scalar().expose()).unwrap();
    AlgorithmSignature::as_bytes(&Es256.sign(&key, message)).into_owned()
}

/// The public half, as the platform computes it.
pub(crate) fn public_point(key: &SigningKey) -> PublicPoint {
    let point = EcKey::from_slice(key.scalar().expose()).unwrap().verifying_key().to_encoded_point(false);
    let [x, y] = [point.x(), point.y()].map(|coordinate| URL_SAFE_NO_PAD.encode(coordinate.unwrap()));
    PublicPoint { x, y }
}

/// Whether `signature` is `algorithm`'s over `message` by `key`. What cannot be checked is not.
pub(crate) fn verify(algorithm: Algorithm, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    let jwk = match key.material() {
        Material::Rsa { n, e } => json!({ "kty": "RSA", "n": n, "e": e }),
        Material::P256 { x, y } => json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y }),
        Material::Ed25519 { x } => json!({ "kty": "OKP", "crv": "Ed25519", "x": x }),
    };
    let Ok(jwk) = serde_json::from_value::<JsonWebKey<'_>>(jwk) else { return false };
    match algorithm {
        Algorithm::Es256 => check(&Es256, &jwk, message, signature),
        Algorithm::EdDsa => check(&Ed25519, &jwk, message, signature),
        _ => check(&Rsa::with_name(algorithm.as_str()), &jwk, message, signature),
    }
}

fn check<A>(algorithm: &A, jwk: &JsonWebKey<'_>, message: &[u8], signature: &[u8]) -> bool
where
    A: jwt_compact::Algorithm,
    A::VerifyingKey: for<'j> TryFrom<&'j JsonWebKey<'j>>,
{
    // Some of the signature types take their length for granted.
    if A::Signature::LENGTH.is_some_and(|length| length.get() != signature.len()) {
        return false;
    }
    let Ok(key) = A::VerifyingKey::try_from(jwk) else { return false };
    A::Signature::try_from_slice(signature).is_ok_and(|signature| algorithm.verify_signature(&signature, &key, message))
}
