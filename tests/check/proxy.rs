//! A reverse proxy that asks: what it sends, and what it must get.

use std::borrow::Cow;

use portcullis::gate::Answer;
use serde_json::{Value, json};

use crate::support::{
    browser::Browser,
    world::{CHECK_SECRET, Head, Isolate, World, settings},
};

pub(crate) const NGINX: [&str; 4] = ["portcullis-method", "portcullis-proto", "portcullis-host", "portcullis-uri"];
pub(crate) const FORWARDED: [&str; 4] =
    ["x-forwarded-method", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-uri"];

pub(crate) fn family(proxy: &str) -> [&'static str; 4] {
    if proxy == "nginx" { NGINX } else { FORWARDED }
}

pub(crate) fn isolate(world: &World, proxy: &str) -> Isolate {
    world.isolate(&with_check(proxy, settings()))
}

pub(crate) fn with_check(proxy: &str, mut settings: Value) -> Value {
    settings["check"] = json!(proxy);
    settings
}

/// A sub-request without a client's headers.
pub(crate) fn bare(proxy: &str, [method, scheme, host, path]: [&str; 4]) -> Head {
    let values = [method, scheme, host, path];
    let head = Head::new("GET", "/.auth/check").with("portcullis-check", CHECK_SECRET);
    family(proxy).into_iter().zip(values).fold(head, |head, (name, value)| head.with(name, value))
}

pub(crate) fn ask(proxy: &str, method: &str, path: &str) -> Head {
    bare(proxy, [method, "https", "docs.example.com", path])
}

/// As of a page that is opened in a tab.
pub(crate) fn navigation(head: Head) -> Head {
    head.with("sec-fetch-mode", "navigate").with("sec-fetch-dest", "document").with("accept", "text/html")
}

pub(crate) fn send(isolate: &Isolate, head: &Head) -> Answer {
    let answer = isolate.answer(head);
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{head:?}");
    assert_eq!(answer.header("set-cookie"), None, "{head:?}");
    answer
}

pub(crate) fn status(isolate: &Isolate, head: &Head) -> u16 {
    send(isolate, head).status
}

/// Where a person with a session is, and the cookies of it.
pub(crate) fn cookies(isolate: &Isolate, person: &str) -> String {
    let browser = Browser::new(person);
    browser.open(isolate, "/somewhere");
    format!("__Host-portcullis={}", browser.cookie("__Host-portcullis").unwrap())
}

/// The same but for the request's id.
pub(crate) fn without_id(answer: &Answer) -> (u16, Vec<(Cow<'static, str>, String)>, String) {
    let (before, after) = answer.body.split_once("\"request\":\"").unwrap_or((&answer.body, ""));
    (answer.status, answer.headers.clone(), format!("{before}{}", after.get(12..).unwrap_or_default()))
}
