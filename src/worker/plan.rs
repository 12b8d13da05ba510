//! The plan by which the entry forwards a request: an array of texts, with the edits to make.
//!
//! It is the same from one request of a page to the next, so the most recent plans are kept as the arrays they
//! became, and used again for whatever is forwarded alike.

use std::cell::RefCell;

use js_sys::{Array, JsString};

use super::head::Head;
use crate::{
    config::{Config, Origin},
    edge::RequestHead,
    gate::{Cacheable, Forward, path_and_query, scheme_and_host},
    ring::Ring,
    session::CookieEdit,
};

/// How many plans an isolate keeps.
const MOST: usize = 64;
/// The longest `Cookie` header in a plan that is kept, in bytes: anybody can send one to a public page.
const LONGEST: usize = 8_192;

thread_local! {
    /// The most recent plans: what each carries out, and its array.
    static PLANS: RefCell<Ring<(Forward, Array), MOST>> = const { RefCell::new(Ring::new()) };
}

/// The plan of `forward`.
pub(super) fn plan(forward: Forward, config: &Config, head: &Head<'_>) -> Array {
    // A plan for `Origin::Address` contains the URL, so it cannot be reused.
    let is_of_one_address = matches!(config.origin, Origin::Address(_));
    if is_of_one_address || matches!(&forward.cookies, CookieEdit::Replace(cookies) if cookies.len() > LONGEST) {
        return array(&forward, config, head);
    }
    if let Some(plan) =
        PLANS.with_borrow(|plans| plans.find(|(kept, _)| *kept == forward).map(|(_, plan)| plan.clone()))
    {
        return plan;
    }
    let plan = array(&forward, config, head);
    PLANS.with_borrow_mut(|plans| plans.keep((forward, plan.clone())));
    plan
}

/// A line each: what kind of origin; where it is; what becomes of the `Cookie` header (`=` it stays, `-` it is
/// removed, `+` it becomes the next line); that line; which caches may keep the answer (`*` as the origin says, `0`
/// the same without its body, `1` the visitor's browser alone; a `-` after it removes `Authorization`). Then names and
/// values of headers to set: the host and scheme that were asked for, if the origin has an address of its own; the
/// origin's secret; who is there. No part has a line break in it: header values arrive without, and ours are escaped.
fn array(forward: &Forward, config: &Config, head: &Head<'_>) -> Array {
    let mut plan = String::new();
    plan.extend(match &config.origin {
        Origin::Assets(binding) | Origin::Service(binding) => ["binding\n", binding, ""],
        Origin::Zone => ["zone\n", "", ""],
        Origin::Address(address) => ["address\n", address, path_and_query(head.url())],
    });
    plan.extend(match &forward.cookies {
        CookieEdit::Keep => ["\n=\n", ""],
        CookieEdit::Remove => ["\n-\n", ""],
        CookieEdit::Replace(cookies) => ["\n+\n", cookies],
    });
    plan.push_str(match forward.cacheable() {
        _ if forward.withholds_body() => "\n0",
        Cacheable::AsTheOriginSays => "\n*",
        Cacheable::Privately => "\n1",
    });
    if forward.withholds_token() {
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
    for (name, value) in forward.identity() {
        set(name.as_ref(), &value);
    }
    JsString::from(plan).split("\n")
}
