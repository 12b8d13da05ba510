//! [`Platform`]: the platform's fetch, KV, clock, randomness and log.

use core::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};
use std::rc::Rc;

use js_sys::{JSON, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortSignal, Headers, ReadableStream, ReadableStreamGetReaderOptions, ReadableStreamReaderMode, RequestCache,
    RequestInit, RequestRedirect, Response,
};

use super::crypto;
use crate::{
    config::ConfigError,
    edge::{Call, Edge, Entropy, Reply, Unreachable},
    gate::Event,
    keyring::{PublicPoint, SigningKey},
    oidc::{ANSWER_BYTES, Algorithm, PublicKey},
    time::{Lifetime, Timestamp},
};

/// The KV namespace; without it every isolate asks the provider itself.
const KV: &str = "PORTCULLIS_KV";
/// How long the shared cache may take, in milliseconds: it answers within a tenth of this or is in trouble, and what
/// it holds can be had elsewhere.
const PATIENCE: u32 = 1_000;
/// The longest KV entry that is read: a provider's document, and what comes before it.
const ENTRY_BYTES: usize = ANSWER_BYTES + 128;
/// How much is read at once, in however many pieces it arrives: a call for every byte that comes alone would take
/// seconds for one answer. Most answers are shorter; and many requests may wait for theirs, each with this much
/// memory.
const PART_BYTES: u32 = 16_384;

/// The bindings and the context of one request.
#[derive(Clone)]
pub(super) struct Platform(Rc<Inner>);

struct Inner {
    env: worker::Env,
    context: worker::Context,
}

/// The time.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub(super) fn now() -> Timestamp {
    timestamp(js_sys::Date::now())
}

/// The time of the platform's clock, in milliseconds since the epoch: positive, and far below where a float loses
/// whole seconds.
pub(super) fn timestamp(milliseconds: f64) -> Timestamp {
    Timestamp::from_seconds((milliseconds / 1_000.0) as u64)
}

/// A number that nobody can predict.
#[expect(clippy::disallowed_methods, reason = "this is the randomness")]
pub(super) fn draw() -> Option<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).ok()?;
    Some(u64::from_le_bytes(bytes))
}

impl Platform {
    pub(super) fn new(env: worker::Env, context: worker::Context) -> Self {
        Self(Rc::new(Inner { env, context }))
    }

    fn binding(&self, name: &str) -> Option<JsValue> {
        let value = Reflect::get(&self.0.env, &name.into()).ok()?;
        (!value.is_undefined() && !value.is_null()).then_some(value)
    }

    /// Whether a binding of this name takes requests.
    pub(super) fn has_fetcher(&self, name: &str) -> bool {
        self.binding(name)
            .filter(JsValue::is_object)
            .and_then(|binding| Reflect::get(&binding, &"fetch".into()).ok())
            .is_some_and(|fetch| fetch.is_function())
    }

    /// A secret, or a text variable.
    pub(super) fn secret(&self, name: &str) -> Option<String> {
        self.binding(name)?.as_string()
    }

    /// The variable `PORTCULLIS` as JSON text.
    pub(super) fn settings(&self) -> Result<Option<String>, ConfigError> {
        let Some(value) = self.binding("PORTCULLIS") else { return Ok(None) };
        let text = match value.as_string() {
            Some(text) => Some(text),
            None => JSON::stringify(&value).ok().and_then(|text| text.as_string()),
        };
        text.map(Some).ok_or_else(|| ConfigError {
            setting: "PORTCULLIS".to_owned(),
            problem: "is neither an object nor JSON text".to_owned(),
        })
    }

    /// Whether there is a KV namespace.
    pub(super) fn has_kv(&self) -> bool {
        self.binding(KV).is_some()
    }

    fn kv(&self) -> Option<worker::kv::KvStore> {
        self.binding(KV)?;
        self.0.env.kv(KV).ok()
    }
}

impl Entropy for Platform {
    #[expect(clippy::disallowed_methods, reason = "this is the source of randomness")]
    #[expect(clippy::panic, reason = "without randomness nothing may go on: a panic ends in a 503")]
    fn fill(&self, bytes: &mut [u8]) {
        if getrandom::fill(bytes).is_err() {
            panic!("no randomness");
        }
    }
}

impl Edge for Platform {
    fn now(&self) -> Timestamp {
        now()
    }

    async fn fetch(&self, call: Call) -> Result<Reply, Unreachable> {
        let milliseconds = u32::try_from(call.deadline.seconds().saturating_mul(1_000)).unwrap_or(u32::MAX);
        let signal = AbortSignal::timeout_with_u32(milliseconds);
        let failed = |_| if signal.aborted() { Unreachable::Deadline } else { Unreachable::Network };
        let response = send(&call, &signal).await.map_err(failed)?;
        let body = match response.body() {
            Some(body) => read(&body, call.limit).await.map_err(|trouble| match trouble {
                Unreachable::Network => failed(JsValue::NULL),
                other => other,
            })?,
            None => String::new(),
        };
        Ok(Reply { status: response.status(), body })
    }

    async fn read(&self, key: &str) -> Result<Option<String>, Unreachable> {
        let kv = self.kv().ok_or(Unreachable::Network)?;
        let Some(entry) = kv.get(key).stream().await.map_err(|_| Unreachable::Network)? else { return Ok(None) };
        match read(&entry, ENTRY_BYTES).await {
            // Not one of ours, but it must not count as missing.
            Err(Unreachable::TooLong | Unreachable::NotText) => Ok(Some(String::new())),
            entry => entry.map(Some),
        }
    }

    /// An entry that does not come soon counts as missing.
    async fn load(&self, key: &str) -> Option<String> {
        let mut found = pin!(self.read(key));
        let mut over = pin!(self.pause(PATIENCE));
        poll_fn(|context| match found.as_mut().poll(context) {
            Poll::Ready(found) => Poll::Ready(found.ok().flatten()),
            Poll::Pending => over.as_mut().poll(context).map(|()| None),
        })
        .await
    }

    async fn store(&self, key: &str, text: String, lifetime: Lifetime) {
        // As bytes: the function that takes any value can write numbers too, which is 10 KB of the module.
        let Some(put) = self.kv().and_then(|kv| kv.put_bytes(key, text.as_bytes()).ok()) else { return };
        // A full KV, or one that accepts no more writes today, costs a fetch and nothing else.
        let _ignored = put.expiration_ttl(lifetime.seconds()).execute().await;
    }

    async fn verify(&self, algorithm: Algorithm, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        crypto::verify(algorithm, key, message, signature).await.unwrap_or(false)
    }

    async fn sign(&self, key: &SigningKey, message: &[u8]) -> Option<Vec<u8>> {
        crypto::sign(key, message).await.ok()
    }

    async fn public_point(&self, key: &SigningKey) -> Option<PublicPoint> {
        crypto::public_point(key).await.ok()
    }

    async fn pause(&self, milliseconds: u32) {
        worker::Delay::from(core::time::Duration::from_millis(milliseconds.into())).await;
    }

    fn in_background(&self, task: impl Future<Output = ()> + 'static) {
        self.0.context.wait_until(task);
    }

    fn log(&self, event: &Event) {
        let line = event.to_json();
        if event.kind().is_trouble() {
            worker::console_warn!("{line}");
        } else {
            worker::console_log!("{line}");
        }
    }
}

/// Sends a call with the platform's `fetch`. A redirect is an answer, not an instruction.
async fn send(call: &Call, signal: &AbortSignal) -> Result<Response, JsValue> {
    let headers = Headers::new()?;
    // Some servers of key sets answer only requests for their own type (RFC 7517, 8.5.2).
    headers.set("accept", "application/json, application/jwk-set+json")?;
    headers.set("user-agent", concat!("Portcullis/", env!("CARGO_PKG_VERSION")))?;
    if let Some(authorization) = &call.authorization {
        headers.set("authorization", authorization.expose())?;
    }
    let init = RequestInit::new();
    init.set_redirect(RequestRedirect::Manual);
    init.set_cache(RequestCache::NoStore);
    init.set_signal(Some(signal));
    if let Some(form) = &call.form {
        init.set_method("POST");
        headers.set("content-type", "application/x-www-form-urlencoded")?;
        init.set_body(&form.expose().into());
    }
    init.set_headers(headers.unchecked_ref());
    let global = js_sys::global();
    let fetch: js_sys::Function = Reflect::get(&global, &"fetch".into())?.dyn_into()?;
    let promise: Promise = fetch.call2(&global, &call.url.as_str().into(), init.unchecked_ref())?.dyn_into()?;
    JsFuture::from(promise).await?.dyn_into()
}

#[wasm_bindgen]
extern "C" {
    /// A stream of bytes.
    type ByteStream;

    #[wasm_bindgen(method, catch, js_name = getReader)]
    fn reader(this: &ByteStream, options: &ReadableStreamGetReaderOptions) -> Result<PatientReader, JsValue>;

    /// A reader of bytes that waits until there are as many as were asked for: an extension of the platform's.
    type PatientReader;

    #[wasm_bindgen(method, catch, js_name = readAtLeast)]
    fn read_at_least(this: &PatientReader, least: u32, into: &Uint8Array) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method)]
    fn cancel(this: &PatientReader) -> Promise;
}

/// Reads a text to its end, but no further than the part that goes beyond `limit`.
async fn read(body: &ReadableStream, limit: usize) -> Result<String, Unreachable> {
    let options = ReadableStreamGetReaderOptions::new();
    options.set_mode(ReadableStreamReaderMode::Byob);
    let reader = body.unchecked_ref::<ByteStream>().reader(&options).map_err(|_| Unreachable::Network)?;
    let mut bytes = Vec::new();
    loop {
        let reading = reader.read_at_least(PART_BYTES, &Uint8Array::new_with_length(PART_BYTES));
        let part =
            JsFuture::from(reading.map_err(|_| Unreachable::Network)?).await.map_err(|_| Unreachable::Network)?;
        let part = Reflect::get(&part, &"value".into()).map_err(|_| Unreachable::Network)?;
        let part = part.dyn_into::<Uint8Array>().map_err(|_| Unreachable::Network)?.to_vec();
        if part.is_empty() {
            return String::from_utf8(bytes).map_err(|_| Unreachable::NotText);
        }
        bytes.extend(part);
        if bytes.len() > limit {
            // Nobody waits for the rest, or for news that it was cancelled.
            let _cancelled = reader.cancel();
            return Err(Unreachable::TooLong);
        }
    }
}
