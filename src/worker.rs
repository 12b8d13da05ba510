//! The platform: what Cloudflare Workers offer, as an [`Edge`](crate::edge::Edge).
//!
//! Two of the functions exported to `entry.js` say what becomes of a request. [`decide`] is synchronous and forwards
//! what needs no I/O; [`respond`] does the rest. Neither takes a body: to forward a request they return a plan of
//! edits, which the entry carries out on the platform's own objects. The other two tell the entry what it needs for
//! that: [`read_cookies`] and [`managed_headers`].

mod cookie_headers;
mod crypto;
#[cfg(feature = "drill")]
mod drill;
mod head;
mod plan;
mod platform;

use std::{cell::RefCell, rc::Rc};

use head::Head;
use js_sys::Array;
use plan::plan;
use platform::Platform;
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use web_sys::{Headers, Request, Response, ResponseInit};

use crate::{
    config::{ConfigError, Origin, SettingsText},
    gate::{Answer, Decision, Gate, Outcome, StrippedHeader, misconfigured},
};

thread_local! {
    /// The gate of this isolate, once the first request has opened it.
    static GATE: RefCell<Option<Rc<Gate>>> = const { RefCell::new(None) };
}

/// Decides a request that needs no I/O: returns the plan to forward it by, or nothing, which leaves it to
/// [`respond`]. What most decisions read comes as `lines` (see `Head`), since the entry reads it at a fraction of
/// what calls from here cost; anything else is read from the request itself. A `Cookie` header that was
/// [read](read_cookies) before comes as its number, and is not among the lines.
#[wasm_bindgen]
pub fn decide(request: &Request, lines: String, cookies: Option<f64>, milliseconds: f64) -> Option<Array> {
    let gate = GATE.with_borrow(Clone::clone)?;
    let now = platform::timestamp(milliseconds);
    if !gate.knows_switches(now) {
        return None;
    }
    let verified = match cookies {
        Some(number) => Some(cookie_headers::find(number)?),
        None => None,
    };
    let head = Head::read(request, lines, verified.as_deref())?;
    #[cfg(feature = "drill")]
    drill::at_once(&head);
    match gate.decide(&head, now) {
        Decision::Forward(forward) => Some(plan(forward, gate.config(), &head)),
        _ => None,
    }
}

/// Reads a `Cookie` header once for all requests that bring the same one, and returns its number. `plain` says
/// whether it came over plain HTTP. Nothing if there is no session in it.
#[wasm_bindgen]
pub fn read_cookies(header: String, plain: bool) -> Option<f64> {
    GATE.with_borrow(Clone::clone)?.verify_cookies(header, plain).and_then(cookie_headers::remember)
}

/// Answers a request: with a `Response`, or with a plan to forward it by.
///
/// # Errors
/// A response that the platform refuses to make, which none of the gate's is.
#[wasm_bindgen]
pub async fn respond(
    request: Request,
    env: worker::Env,
    context: worker::worker_sys::Context,
    module: String,
) -> Result<JsValue, JsValue> {
    let platform = Platform::new(env, worker::Context::new(context));
    let head = Head::of(&request);
    #[cfg(feature = "drill")]
    drill::later(&head).await;
    let gate = match open(&platform, &module) {
        Ok(gate) => gate,
        Err(error) => return response(&misconfigured(&platform, &head, &error)).map(Into::into),
    };
    #[cfg(feature = "drill")]
    if let Some(answer) = drill::answer(&head, &request, &gate).await? {
        return Ok(answer.into());
    }
    match gate.respond(&platform, &head).await {
        Outcome::Forward(forward) => Ok(plan(forward, gate.config(), &head).into()),
        Outcome::Answer(answer) => response(&answer).map(Into::into),
    }
}

/// The names of the client headers that the entry removes, joined by commas; of a name after a `~`, all spellings but
/// this one. Nothing before the settings are known, and then nothing is forwarded either.
#[wasm_bindgen]
pub fn managed_headers() -> Option<String> {
    let gate = GATE.with_borrow(Clone::clone)?;
    let written = StrippedHeader::here(&gate.config().headers).map(|withheld| match withheld {
        StrippedHeader::Name(name) => name.to_owned(),
        StrippedHeader::Spellings(name) => format!("~{name}"),
    });
    Some(written.collect::<Vec<_>>().join(","))
}

/// The gate, opened with the settings of `platform` by the isolate's first request. Wrong settings are read anew each
/// time, and nothing is served until they are right.
fn open(platform: &Platform, module: &str) -> Result<Rc<Gate>, ConfigError> {
    if let Some(gate) = GATE.with_borrow(Clone::clone) {
        return Ok(gate);
    }
    let variable = platform.settings()?;
    let text = SettingsText { variable: variable.as_deref(), module: Some(module) };
    let gate = Gate::open(text, |name| platform.secret(name))?;
    let (setting, binding) = match &gate.config().origin {
        Origin::Assets(binding) => ("origin.assets", Some(binding)),
        Origin::Service(binding) => ("origin.service", Some(binding)),
        Origin::Zone | Origin::Address(_) => ("origin.fetch", None),
    };
    if let Some(binding) = binding.filter(|binding| !platform.has_fetcher(binding)) {
        let problem = format!("there is no binding {binding} to send requests to: add it to wrangler.toml");
        return Err(ConfigError { setting: setting.to_owned(), problem });
    }
    if gate.config().switch && !platform.has_kv() {
        let problem = "needs the KV namespace PORTCULLIS_KV: add it to wrangler.toml".to_owned();
        return Err(ConfigError { setting: "switch".to_owned(), problem });
    }
    GATE.set(Some(Rc::clone(&gate)));
    Ok(gate)
}

fn response(answer: &Answer) -> Result<Response, JsValue> {
    let headers = Headers::new()?;
    for (name, value) in &answer.headers {
        headers.append(name, value)?;
    }
    let init = ResponseInit::new();
    init.set_status(answer.status);
    init.set_headers(headers.unchecked_ref());
    Response::new_with_opt_str_and_init(Some(answer.body.as_str()).filter(|body| !body.is_empty()), &init)
}
