//! Signatures by the platform's WebCrypto: an order of magnitude faster than in WebAssembly, and
//! not ours to keep safe.

use js_sys::{Array, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Crypto, CryptoKey, SubtleCrypto};

use crate::{
    keyring::{PublicPoint, SigningKey},
    oidc::{Algorithm, Material, PublicKey},
    secret::Secret,
};

/// What comes before the scalar in a private key of P-256 (RFC 5208, 5; RFC 5915, 3): version, `id-ecPublicKey` on
/// `secp256r1`, and an ECPrivateKey without the public half, which the platform computes.
const PKCS8: [u8; 35] = [
    0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x27, 0x30, 0x25, 0x02, 0x01, 0x01, 0x04, 0x20,
];

/// Whether `signature` is `algorithm`'s over `message` by `key`.
///
/// # Errors
/// What the platform throws for an invalid key, for example a point that is not on its curve.
pub(super) async fn verify(
    algorithm: Algorithm,
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, JsValue> {
    if !key.material().can(algorithm) {
        return Ok(false);
    }
    let subtle = subtle()?;
    let parameters = parameters(algorithm)?;
    let usages = Array::of1(&"verify".into());
    let imported =
        JsFuture::from(subtle.import_key_with_object("jwk", &jwk(key.material())?, &parameters, false, &usages)?)
            .await?;
    let key: CryptoKey = imported.dyn_into()?;
    let verdict =
        JsFuture::from(subtle.verify_with_object_and_u8_array_and_u8_array(&parameters, &key, signature, message)?)
            .await?;
    Ok(verdict.is_truthy())
}

/// ES256's signature over `message`.
///
/// # Errors
/// None for a key that was derived.
pub(super) async fn sign(key: &SigningKey, message: &[u8]) -> Result<Vec<u8>, JsValue> {
    let key = private_key(key, false).await?;
    let signing = subtle()?.sign_with_object_and_u8_array(&parameters(Algorithm::Es256)?, &key, message)?;
    Ok(Uint8Array::new(&JsFuture::from(signing).await?).to_vec())
}

/// The public half of `key`. The platform shows it only together with the private half, so this is the one place
/// where a key can be exported; nothing but the two coordinates is read.
///
/// # Errors
/// None for a key that was derived.
pub(super) async fn public_point(key: &SigningKey) -> Result<PublicPoint, JsValue> {
    let key = private_key(key, true).await?;
    let jwk = JsFuture::from(subtle()?.export_key("jwk", &key)?).await?;
    let coordinate = |name: &str| Reflect::get(&jwk, &name.into())?.as_string().ok_or(JsValue::NULL);
    Ok(PublicPoint { x: coordinate("x")?, y: coordinate("y")? })
}

async fn private_key(key: &SigningKey, extractable: bool) -> Result<CryptoKey, JsValue> {
    let mut der = Secret::new([0; 67]);
    let (head, scalar) = der.expose_mut().split_at_mut(PKCS8.len());
    head.copy_from_slice(&PKCS8);
    scalar.copy_from_slice(key.scalar().expose());
    let bytes = Uint8Array::from(der.expose().as_slice());
    let usages = Array::of1(&"sign".into());
    let importing =
        subtle()?.import_key_with_object("pkcs8", &bytes, &parameters(Algorithm::Es256)?, extractable, &usages)?;
    let imported = JsFuture::from(importing).await;
    bytes.fill(0, 0, bytes.length());
    imported?.dyn_into()
}

fn subtle() -> Result<SubtleCrypto, JsValue> {
    let crypto: Crypto = Reflect::get(&js_sys::global(), &"crypto".into())?.dyn_into()?;
    Ok(crypto.subtle())
}

fn object(members: &[(&str, JsValue)]) -> Result<Object, JsValue> {
    let object = Object::new();
    for (name, value) in members {
        Reflect::set(&object, &(*name).into(), value)?;
    }
    Ok(object)
}

/// The parameters of both calls; each ignores what it does not need.
fn parameters(algorithm: Algorithm) -> Result<Object, JsValue> {
    let (name, hash, salt) = match algorithm {
        Algorithm::Rs256 => ("RSASSA-PKCS1-v1_5", "SHA-256", None),
        Algorithm::Rs384 => ("RSASSA-PKCS1-v1_5", "SHA-384", None),
        Algorithm::Rs512 => ("RSASSA-PKCS1-v1_5", "SHA-512", None),
        // The salt is as long as the hash (RFC 7518, 3.5).
        Algorithm::Ps256 => ("RSA-PSS", "SHA-256", Some(32)),
        Algorithm::Ps384 => ("RSA-PSS", "SHA-384", Some(48)),
        Algorithm::Ps512 => ("RSA-PSS", "SHA-512", Some(64)),
        Algorithm::Es256 => {
            return object(&[("name", "ECDSA".into()), ("namedCurve", "P-256".into()), ("hash", "SHA-256".into())]);
        }
        Algorithm::EdDsa => return object(&[("name", "Ed25519".into())]),
    };
    let parameters = object(&[("name", name.into()), ("hash", hash.into())])?;
    if let Some(salt) = salt {
        Reflect::set(&parameters, &"saltLength".into(), &salt.into())?;
    }
    Ok(parameters)
}

/// The key as a JWK with its numbers alone, so that nothing else in a provider's document reaches the platform.
fn jwk(material: &Material) -> Result<Object, JsValue> {
    match material {
        Material::Rsa { n, e } => object(&[("kty", "RSA".into()), ("n", n.into()), ("e", e.into())]),
        Material::P256 { x, y } => {
            object(&[("kty", "EC".into()), ("crv", "P-256".into()), ("x", x.into()), ("y", y.into())])
        }
        Material::Ed25519 { x } => object(&[("kty", "OKP".into()), ("crv", "Ed25519".into()), ("x", x.into())]),
    }
}
