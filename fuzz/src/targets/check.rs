use std::rc::Rc;

use futures_executor::block_on;
use portcullis::{
    config::SettingsText,
    gate::{Gate, Outcome},
};
use serde_json::{Value, json};

use super::text_of;
use crate::site::{CHECK_SECRET, HOST_NAME, Head, Outside, SESSION, SETTINGS, secret, tokens};

const NGINX: [&str; 4] = ["portcullis-method", "portcullis-proto", "portcullis-host", "portcullis-uri"];
const FORWARDED: [&str; 4] = ["x-forwarded-method", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-uri"];
/// What a client may send through the proxy beside its question, one of each.
const CLIENTS: [&str; 5] = ["x_auth_subject", "x-original-url", "forwarded", "x-http-method-override", "upgrade"];

thread_local! {
    static GATES: [(bool, Rc<Gate>); 2] = [("nginx", true), ("caddy", false)].map(|(proxy, nginx)| (nginx, open(proxy)));
}

/// A question of a proxy: its method, its scheme, its host and its path on a line each, and then one header
/// of the client's in the order of [`CLIENTS`] on a line each, empty for none.
///
/// Whatever stands there, the proxy is told to go on only with a request that the gate would forward if it
/// came here itself, as the same person; and nobody but the proxy is told anything.
pub fn check(data: &[u8]) {
    let text = text_of(data, &[("$HOST", HOST_NAME)]);
    let mut lines = text.split('\n');
    let question: [&str; 4] = core::array::from_fn(|_| lines.next().unwrap_or_default());
    let beside: Vec<_> = CLIENTS.into_iter().zip(lines).filter(|(_, value)| !value.is_empty()).collect();
    for (nginx, gate) in GATES.with(Clone::clone) {
        for cookie in [None, Some(tokens().0)] {
            let family = if nginx { NGINX } else { FORWARDED };
            let question = ask(&family, &question, &beside, cookie.as_deref());
            let (status, subject) = answered(&gate, &question.clone().with("portcullis-check", CHECK_SECRET));
            if status == 202 {
                let [method, scheme, host, path] = question_of(&question, &family);
                let itself = beside.iter().filter(|(name, _)| *name != "upgrade");
                let itself = itself
                    .fold(Head::new(&method, &format!("{scheme}://{host}{path}")), |head, (name, value)| {
                        head.with(name, value)
                    });
                assert_eq!(forwarded(&gate, &with_cookie(itself, cookie.as_deref())), Some(subject), "{question:?}");
            } else {
                assert!((400..=503).contains(&status) || status == 302 || status == 308, "{status}: {question:?}");
                assert!(!nginx || status >= 400, "{status}: {question:?}");
            }
            // Without the proof, and with a wrong one, there is nothing here.
            for proof in ["", "x", &CHECK_SECRET[1..]] {
                assert_eq!(answered(&gate, &question.clone().with("portcullis-check", proof)).0, 404, "{question:?}");
            }
        }
    }
}

fn open(proxy: &str) -> Rc<Gate> {
    let mut settings: Value = serde_json::from_str(SETTINGS).expect("settings");
    settings["check"] = json!(proxy);
    Gate::open(SettingsText { variable: Some(&settings.to_string()), module: None }, secret).expect("settings")
}

fn ask(
    family: &[&'static str; 4],
    question: &[&str; 4],
    beside: &[(&'static str, &str)],
    cookie: Option<&str>,
) -> Head {
    let head = Head::new("GET", &format!("https://{HOST_NAME}/.auth/check"));
    let said = family.iter().copied().zip(question.iter().copied()).chain(beside.iter().copied());
    with_cookie(said.fold(head, |head, (name, value)| head.with(name, value)), cookie)
}

fn with_cookie(head: Head, cookie: Option<&str>) -> Head {
    match cookie {
        Some(session) => head.with("cookie", &format!("{SESSION}={session}")),
        None => head,
    }
}

fn question_of(question: &Head, family: &[&'static str; 4]) -> [String; 4] {
    family.map(|name| question.value(name).unwrap_or_default().to_owned())
}

/// Status, and who it is about.
fn answered(gate: &Rc<Gate>, head: &Head) -> (u16, Option<String>) {
    match block_on(gate.respond(&Outside::new(), head)) {
        Outcome::Answer(answer) => {
            (answer.status, answer.header("x-auth-subject").map(str::to_owned).filter(|text| !text.is_empty()))
        }
        Outcome::Forward(forward) => panic!("a question is never forwarded: {forward:?}"),
    }
}

/// Whom a request is forwarded for, if it is.
fn forwarded(gate: &Rc<Gate>, head: &Head) -> Option<Option<String>> {
    match block_on(gate.respond(&Outside::new(), head)) {
        Outcome::Forward(forward) => {
            Some(forward.identity().into_iter().find(|(name, _)| *name == "x-auth-subject").map(|(_, value)| value))
        }
        Outcome::Answer(_) => None,
    }
}
