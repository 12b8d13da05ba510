//! Signatures by the platform's WebCrypto: an order of magnitude faster than in WebAssembly, and
//! not ours to keep safe.

use js_sys::{Array, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Crypto, CryptoKey};

use crate::oidc::{Algorithm, Material, PublicKey};

/// Whether `signature` is `algorithm`'s over `message` by `key`.
///
/// # Errors
/// What the platform says of a key that is none, a point off its curve for example.
pub(super) async fn verify(
    algorithm: Algorithm,
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, JsValue> {
    if !key.material().can(algorithm) {
        return Ok(false);
    }
    let crypto: Crypto = Reflect::get(&js_sys::global(), &"crypto".into())?.dyn_into()?;
    let subtle = crypto.subtle();
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

/// The key as a JWK of nothing but its numbers, so that nothing else of a provider's document
/// reaches the platform.
fn jwk(material: &Material) -> Result<Object, JsValue> {
    match material {
        Material::Rsa { n, e } => object(&[("kty", "RSA".into()), ("n", n.into()), ("e", e.into())]),
        Material::P256 { x, y } => {
            object(&[("kty", "EC".into()), ("crv", "P-256".into()), ("x", x.into()), ("y", y.into())])
        }
        Material::Ed25519 { x } => object(&[("kty", "OKP".into()), ("crv", "Ed25519".into()), ("x", x.into())]),
    }
}
