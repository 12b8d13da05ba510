//! What only the build for tests has: panics on demand, a signature to be judged, and how much memory there is.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, Response};

use super::{crypto, head::Head};
use crate::{
    edge::RequestHead,
    gate::Gate,
    json::{self, JsonError, Table},
    oidc::{Algorithm, IdTokenError, KeySet, UntrustedIdToken},
};

/// A signature, and the keys that may have made it.
struct Exhibit {
    jws: String,
    keys: KeySet,
}

impl Exhibit {
    fn read(text: &str) -> Result<Self, JsonError> {
        let mut table = Table::of(json::read(text)?)?;
        let keys = KeySet::parse(text).map_err(|_| JsonError::new("has no keys"))?;
        Ok(Self { jws: table.required("jws", json::text)?, keys })
    }

    /// The algorithm and the key that the header names, the message and the signature.
    fn parts(&self) -> Option<(Algorithm, Option<String>, &str, Vec<u8>)> {
        let (message, signature) = self.jws.rsplit_once('.')?;
        let (header, _) = message.split_once('.')?;
        let mut header = Table::of(json::read(URL_SAFE_NO_PAD.decode(header).ok()?).ok()?).ok()?;
        let algorithm = Algorithm::named(&header.required("alg", json::text).ok()?)?;
        let key_id = header.optional("kid", json::text).ok()?;
        Some((algorithm, key_id, message, URL_SAFE_NO_PAD.decode(signature).ok()?))
    }
}

/// Panics when the path asks for it.
///
/// # Panics
/// That is what it is for.
fn panic_at(head: &Head<'_>, path: &str) {
    assert!(!head.url().ends_with(path), "drill");
}

/// In the synchronous part: a panic, or a stack overflow, which throws something other than a panic does.
pub(super) fn at_once(head: &Head<'_>) {
    fn deepen(depth: u64) -> u64 {
        if core::hint::black_box(depth) == u64::MAX { depth } else { deepen(depth.saturating_add(1)) ^ depth }
    }
    panic_at(head, "/.auth/drill/fast");
    if head.url().ends_with("/.auth/drill/deep") {
        core::hint::black_box(deepen(0));
    }
}

/// A panic before anything was awaited, and one after something was.
pub(super) async fn later(head: &Head<'_>) {
    panic_at(head, "/.auth/drill/now");
    worker::Delay::from(core::time::Duration::from_millis(50)).await;
    panic_at(head, "/.auth/drill/later");
}

/// How many bytes of memory the instance has, which never shrinks; or whether one of the keys in the body made the
/// signature there, by the gate's own rules and the platform's WebCrypto. Nothing where the path asks for something
/// else.
///
/// # Errors
/// A body that is not `{"jws":…,"keys":[…]}`.
pub(super) async fn answer(head: &Head<'_>, request: &Request, gate: &Gate) -> Result<Option<Response>, JsValue> {
    if head.url().ends_with("/.auth/drill/memory") {
        let bytes = core::arch::wasm32::memory_size::<0>().saturating_mul(65_536);
        return Response::new_with_opt_str(Some(&bytes.to_string())).map(Some);
    }
    if !head.url().ends_with("/.auth/drill/signature") {
        return Ok(None);
    }
    let text = JsFuture::from(request.text()?).await?.as_string().unwrap_or_default();
    let exhibit = Exhibit::read(&text).map_err(|error| JsValue::from(error.to_string()))?;
    let verdict = judge(&exhibit, gate).await.unwrap_or_default();
    Response::new_with_opt_str(Some(if verdict { "accepted" } else { "refused" })).map(Some)
}

async fn judge(exhibit: &Exhibit, gate: &Gate) -> Option<bool> {
    let provider = gate.config().providers.first()?;
    match UntrustedIdToken::parse(&exhibit.jws, provider) {
        // The payloads of vectors are not claims; by then the header has been judged.
        Ok(_) | Err(IdTokenError::Payload) => {}
        Err(_) => return Some(false),
    }
    let (algorithm, key_id, message, signature) = exhibit.parts()?;
    for key in exhibit.keys.candidates(algorithm, key_id.as_deref(), &provider.algorithms) {
        if crypto::verify(algorithm, key, message.as_bytes(), &signature).await.unwrap_or_default() {
            return Some(true);
        }
    }
    Some(false)
}
