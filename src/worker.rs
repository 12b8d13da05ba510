//! The platform: what Cloudflare Workers give, as an [`Edge`](crate::edge::Edge).
//!
//! Two functions are exported to `entry.js`. [`decide`] is synchronous and forwards what needs no
//! I/O; [`respond`] answers the rest. Neither takes a body: a request that is forwarded is a plan of
//! edits, a line each, that the entry carries out on the platform's own objects.

mod crypto;
mod head;
mod platform;

use std::{cell::RefCell, rc::Rc};

use head::Head;
use platform::Platform;
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use web_sys::{Headers, Request, Response, ResponseInit};

use crate::{
    config::{Config, ConfigError, Origin, SettingsText},
    edge::RequestHead,
    gate::{
        Answer, Cacheable, Decision, Forward, Gate, Outcome, Withheld, misconfigured, path_and_query, scheme_and_host,
    },
    session::CookieEdit,
};

/// As long as most plans are, so that they are not copied while they grow.
const PLAN_BYTES: usize = 512;

thread_local! {
    /// The gate of this isolate, once the first request brought the settings.
    static GATE: RefCell<Option<Rc<Gate>>> = const { RefCell::new(None) };
}

/// Decides a request that needs no I/O: the plan to forward it by, or nothing, and then [`respond`]
/// has the word. What most decisions read comes as arguments, since the entry reads it for a fraction
/// of what a call from here costs; the request itself is for the rest.
#[wasm_bindgen]
pub fn decide(
    request: &Request,
    method: String,
    url: String,
    cookie: Option<String>,
    upgrade: Option<String>,
    milliseconds: f64,
) -> Option<String> {
    let gate = GATE.with_borrow(Clone::clone)?;
    let now = platform::timestamp(milliseconds);
    if !gate.knows_switches(now) {
        return None;
    }
    let head = Head::read(request, method, url, cookie, upgrade);
    #[cfg(feature = "panic-drill")]
    drill(&head, "/.auth/drill/fast");
    match gate.decide(&head, now) {
        Decision::Forward(forward) => Some(plan(&forward, gate.config(), &head)),
        _ => None,
    }
}

/// Answers a request: a `Response`, or a plan to forward it by.
///
/// # Errors
/// A response that the platform does not make, which none of the gate's is.
#[wasm_bindgen]
pub async fn respond(
    request: Request,
    env: worker::Env,
    context: worker::worker_sys::Context,
    module: String,
) -> Result<JsValue, JsValue> {
    let platform = Platform::new(env, worker::Context::new(context));
    let head = Head::of(&request);
    #[cfg(feature = "panic-drill")]
    drill_later(&head).await;
    let gate = match open(&platform, &module) {
        Ok(gate) => gate,
        Err(error) => return response(&misconfigured(&platform, &head, &error)).map(Into::into),
    };
    match gate.respond(&platform, &head).await {
        Outcome::Forward(forward) => Ok(plan(&forward, gate.config(), &head).into()),
        Outcome::Answer(answer) => response(&answer).map(Into::into),
    }
}

/// The names of a client's headers that the entry removes, joined by commas; of those behind a `~`, all
/// spellings but this one. Nothing before the settings are known, and then nothing is forwarded either.
#[wasm_bindgen]
pub fn managed_headers() -> Option<String> {
    let gate = GATE.with_borrow(Clone::clone)?;
    let written = Withheld::here(&gate.config().headers).map(|withheld| match withheld {
        Withheld::Name(name) => name.to_owned(),
        Withheld::Spellings(name) => format!("~{name}"),
    });
    Some(written.collect::<Vec<_>>().join(","))
}

/// The gate; opened with the settings of `platform` by the first request of the isolate. Wrong
/// settings are looked at anew each time, and nothing is served until they are right.
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

/// A plan: where to, the `Cookie` header (`=` stays, `-` goes, `+…` becomes), who may keep the answer
/// (`*` as the origin says, `1` the visitor alone, `-` behind it: `Authorization` goes), then names and
/// values of headers to set: what was asked for, where the origin has an address of its own; the origin's
/// secret; who is there. No part has a line break in it: header
/// values come without, and ours are escaped.
fn plan(forward: &Forward, config: &Config, head: &Head) -> String {
    let mut plan = String::with_capacity(PLAN_BYTES);
    let origin = match &config.origin {
        Origin::Assets(binding) | Origin::Service(binding) => ["binding ", binding, ""],
        Origin::Zone => ["zone ", "", ""],
        Origin::Address(address) => ["address ", address, path_and_query(head.url())],
    };
    plan.extend(origin);
    plan.push_str(match &forward.cookies {
        CookieEdit::Keep => "\n=",
        CookieEdit::Remove => "\n-",
        CookieEdit::Replace(_) => "\n+",
    });
    if let CookieEdit::Replace(cookies) = &forward.cookies {
        plan.push_str(cookies);
    }
    plan.push_str(match forward.cacheable {
        Cacheable::AsTheOriginSays => "\n*",
        Cacheable::Privately => "\n1",
    });
    if forward.keeps_token {
        plan.push('-');
    }
    let mut set = |name: &str, value: &str| plan.extend(["\n", name, "\n", value]);
    if let (Origin::Address(_), Some((scheme, host))) = (&config.origin, scheme_and_host(head.url())) {
        set("x-forwarded-host", host);
        set("x-forwarded-proto", scheme);
    }
    if let Some(secret) = &config.origin_secret {
        set(secret.header.as_ref(), secret.value.expose());
    }
    for (name, value) in &forward.identity {
        set(name.as_ref(), value);
    }
    plan
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

/// Panics when the path asks for it. Only in the build that the tests of panics run.
#[cfg(feature = "panic-drill")]
fn drill(head: &Head<'_>, path: &str) {
    assert!(!head.url().ends_with(path), "drill");
}

#[cfg(feature = "panic-drill")]
async fn drill_later(head: &Head<'_>) {
    drill(head, "/.auth/drill/now");
    worker::Delay::from(core::time::Duration::from_millis(50)).await;
    drill(head, "/.auth/drill/later");
}
