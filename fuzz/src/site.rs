//! One gate, and a world around it in which nothing happens by itself.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    pin::Pin,
    rc::Rc,
};

use futures_executor::block_on;
use portcullis::{
    claims::Claims,
    config::{Secrets, SettingsText},
    edge::{Call, Edge, Entropy, Original, Reply, RequestHead, Unreachable},
    gate::{Answer, Event, Forward, Gate, Outcome},
    keyring::{KeyRing, PublicPoint, SigningKey},
    oidc::{Algorithm, PublicKey},
    session::{Binding, Session},
    time::{Lifetime, Timestamp},
};
use serde_json::json;
use url::Url;

pub(crate) const HOST_NAME: &str = "docs.example.com";
pub(crate) const HOST: &str = "https://docs.example.com";
pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const SESSION: &str = "__Host-portcullis";
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const SECRET: &str = "kX0b9S1u5pQ2v8YwR7tZ3mN6cJ4hL0aGdFeUiOyTrWs=";

pub(crate) const SETTINGS: &str = r#"{
    "hosts": ["docs.example.com"],
    "providers": [{
        "id": "work", "title": "Example Corp", "issuer": "https://id.example", "client_id": "client", "algorithms": ["EdDSA"]
    }],
    "rules": [
        { "path": "/open/**", "sso": false },
        { "path": "/optional/**", "sso": "optional" },
        { "path": "/read/**", "methods": ["GET"], "sso": false },
        { "path": "/files/*/open", "sso": false },
        { "path": "/admin/**", "allow": [{ "group": "admins" }] },
        { "path": "/bob/**", "require": [{ "email": "bob@example.com" }] },
        { "path": "/fresh/**", "require": [{ "max_age": "5m" }, { "acr": "urn:mfa" }] },
        { "path": "/api/**", "tokens": ["api"] }
    ],
    "tokens": [{ "id": "api", "issuer": "https://id.example", "audiences": ["https://docs.example.com"], "algorithms": ["EdDSA"] }]
}"#;
/// The patterns of those rules that ask for nobody.
pub(crate) const OPEN_PATHS: [&str; 3] = ["/open/**", "/optional/**", "/files/*/open"];
/// Those that ask for nobody when the method is one of these.
pub(crate) const OPEN_METHODS: [(&str, &[&str]); 1] = [("/read/**", &["GET", "HEAD"])];

const METADATA: &str = r#"{
    "issuer": "https://id.example", "authorization_endpoint": "https://id.example/authorize",
    "token_endpoint": "https://id.example/token", "jwks_uri": "https://id.example/jwks"
}"#;
/// RFC 8037, appendix A.2.
const KEYS: &str = r#"{ "keys": [{
    "kty": "OKP", "crv": "Ed25519", "kid": "key-1", "alg": "EdDSA", "use": "sig", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
}] }"#;

/// What a proxy proves itself by.
pub(crate) const CHECK_SECRET: &str = "YKEVAO3i5p65iCdD0bTrsHkgJch+fTIB8KOTeuR0oJg=";

/// The secrets of the settings.
pub(crate) fn secret(name: &str) -> Option<String> {
    match name {
        "PORTCULLIS_SECRET" => Some(SECRET.to_owned()),
        "PORTCULLIS_CHECK_SECRET" => Some(CHECK_SECRET.to_owned()),
        _ => None,
    }
}

/// The secret itself.
pub(crate) fn secret_bytes() -> Vec<u8> {
    Secrets::parse(secret).expect("a secret").current.expose().clone()
}

/// The keys that the gate derives.
pub(crate) fn keys() -> KeyRing {
    KeyRing::derive(&Secrets::parse(secret).expect("a secret")).expect("keys")
}

/// A new isolate.
fn open() -> Rc<Gate> {
    Gate::open(SettingsText { variable: Some(SETTINGS), module: None }, secret).expect("settings")
}

thread_local! {
    static GATE: Rc<Gate> = open();
    static STARTED: Started = Started::new();
    static TOKENS: (String, String) = (token("ada", &["admins"]), token("bob", &[]));
}

/// An isolate that has been there for a while.
pub(crate) fn gate() -> Rc<Gate> {
    GATE.with(Rc::clone)
}

/// A login that waits for its answer.
pub(crate) fn started() -> Started {
    STARTED.with(Clone::clone)
}

/// The sessions of ada, who is an admin, and of bob.
pub(crate) fn tokens() -> (String, String) {
    TOKENS.with(Clone::clone)
}

fn token(person: &str, groups: &[&str]) -> String {
    let claims = Claims::try_from(json!({
        "sub": person, "idp": "work", "email": format!("{person}@example.com"), "ev": true, "groups": groups,
        "acr": "urn:mfa", "auth_time": NOW.seconds() - 60,
    }))
    .expect("claims");
    let (gate, outside) = (gate(), Outside::new());
    Session::begin(claims, ISSUER, binding(&gate), NOW, &outside).sign(&keys()).expect("a session")
}

fn binding(gate: &Gate) -> Binding<'_> {
    Binding {
        host: HOST_NAME,
        selection: gate.config().selection.fingerprint(),
        lifetime: gate.config().session_lifetime,
    }
}

/// A login that was started, in the browser that started it.
#[derive(Clone)]
pub(crate) struct Started {
    pub(crate) state: String,
    pub(crate) nonce: String,
    /// The cookie of the pending login: its value, and the part of its name that is its own.
    pub(crate) pending: String,
    pub(crate) short_id: String,
}

impl Started {
    fn new() -> Self {
        let answer = login_answer(&Outside::new());
        let (name, value) = cookie(&answer, "__Host-portcullis-login-").expect("a cookie of the login");
        let address = answer.body.split("<a ").find(|tag| tag.contains("id=\"continue\"")).expect("a link");
        let address = address.split("href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("an address");
        let url = Url::parse(&address.replace("&amp;", "&")).expect("an address");
        let query =
            |wanted: &str| url.query_pairs().find(|(name, _)| name == wanted).expect("a parameter").1.into_owned();
        Self { state: query("state"), nonce: query("nonce"), pending: value, short_id: name }
    }
}

/// What a new isolate answers to somebody who opens the login.
pub(crate) fn login_answer(outside: &Outside) -> Answer {
    send(outside, &navigation(&format!("{HOST}/.auth/login?return_to=/x")))
}

/// What a new isolate answers to the browser of [`started`] that comes back to `url`.
pub(crate) fn callback_answer(outside: &Outside, url: &str) -> Answer {
    let login = started();
    let cookie = format!("__Host-portcullis-login-{}={}", login.short_id, login.pending);
    send(outside, &navigation(url).with("cookie", &cookie))
}

/// The session that an answer begins.
pub(crate) fn session_of(answer: &Answer) -> Option<Session> {
    let (rest, value) = cookie(answer, SESSION)?;
    assert!(rest.is_empty());
    let session = Session::open(&value, &keys(), binding(&gate()), |_, issuer| issuer == ISSUER, NOW);
    Some(session.expect("a session that is set opens"))
}

/// A cookie that an answer sets: the rest of its name, and its value.
fn cookie(answer: &Answer, prefix: &str) -> Option<(String, String)> {
    let lines = answer.headers.iter().filter(|(name, _)| *name == "set-cookie");
    lines
        .filter_map(|(_, line)| line.split(';').next()?.strip_prefix(prefix)?.split_once('='))
        .find(|(name, value)| !value.is_empty() && (prefix != SESSION || name.is_empty()))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// Sends a request that the gate answers itself; whatever it is, the answer is one that a platform takes.
fn send(outside: &Outside, head: &Head) -> Answer {
    respond(outside, head).unwrap_or_else(|forward| panic!("forwarded: {head:?}: {forward:?}"))
}

/// What a new isolate does with a request: its answer, or how it is forwarded.
pub(crate) fn respond(outside: &Outside, head: &Head) -> Result<Answer, Forward> {
    let answer = match block_on(open().respond(outside, head)) {
        Outcome::Answer(answer) => answer,
        Outcome::Forward(forward) => return Err(forward),
    };
    assert!((200..=599).contains(&answer.status));
    for (name, value) in &answer.headers {
        assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{name}: {value:?}");
    }
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    Ok(answer)
}

fn navigation(url: &str) -> Head {
    Head::new("GET", url).with("sec-fetch-mode", "navigate").with("sec-fetch-dest", "document")
}

/// The head of a request.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    method: String,
    url: String,
    headers: Vec<(&'static str, String)>,
}

impl Head {
    pub(crate) fn new(method: &str, url: &str) -> Self {
        Self { method: method.to_owned(), url: url.to_owned(), headers: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The value of a header, as it was put there.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str())
    }
}

impl RequestHead for Head {
    fn method(&self) -> &str {
        &self.method
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn header(&self, name: &str) -> Option<String> {
        self.value(name).map(str::to_owned)
    }

    fn client_address(&self) -> Option<String> {
        None
    }

    fn country(&self) -> Option<String> {
        None
    }

    fn names(&self) -> Vec<String> {
        self.headers.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    fn of_original(&self, original: Original) -> Self {
        Self { method: original.method, url: original.url, headers: self.headers.clone() }
    }
}

/// The world: a provider that gives what it is told, a KV with one entry for every key.
#[derive(Clone)]
pub(crate) struct Outside {
    pub(crate) token_reply: String,
    /// Whether every signature is good, or none.
    pub(crate) verifies: bool,
    /// Whether the provider cannot be reached.
    pub(crate) unplugged: bool,
    pub(crate) kv: Option<String>,
    pub(crate) entropy: Rc<Cell<u64>>,
    pub(crate) calls: Rc<RefCell<Vec<String>>>,
    pub(crate) background: Rc<RefCell<Vec<Task>>>,
}

pub(crate) type Task = Pin<Box<dyn Future<Output = ()>>>;

impl Outside {
    pub(crate) fn new() -> Self {
        let (entropy, calls, background) = (Rc::default(), Rc::default(), Rc::default());
        Self { token_reply: "{}".to_owned(), verifies: false, unplugged: false, kv: None, entropy, calls, background }
    }

    /// The addresses that were called.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.borrow().clone()
    }
}

impl Entropy for Outside {
    /// Counted up: the same at every run.
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            self.entropy.set(self.entropy.get() + 1);
            chunk.copy_from_slice(&self.entropy.get().to_be_bytes()[..chunk.len()]);
        }
    }
}

impl Edge for Outside {
    fn now(&self) -> Timestamp {
        NOW
    }

    async fn fetch(&self, call: Call) -> Result<Reply, Unreachable> {
        self.calls.borrow_mut().push(call.url.clone());
        let body = match call.url.rsplit('/').next() {
            _ if self.unplugged => return Err(Unreachable::Network),
            Some("openid-configuration") => METADATA,
            Some("jwks") => KEYS,
            Some("token") => &self.token_reply,
            _ => return Err(Unreachable::Network),
        };
        Ok(Reply { status: 200, body: body.to_owned() })
    }

    async fn read(&self, _key: &str) -> Result<Option<String>, Unreachable> {
        Ok(self.kv.clone())
    }

    async fn load(&self, _key: &str) -> Option<String> {
        self.kv.clone()
    }

    async fn store(&self, _key: &str, _text: String, _lifetime: Lifetime) {}

    async fn sign(&self, _key: &SigningKey, _message: &[u8]) -> Option<Vec<u8>> {
        None
    }

    async fn public_point(&self, _key: &SigningKey) -> Option<PublicPoint> {
        None
    }

    async fn verify(&self, _algorithm: Algorithm, _key: &PublicKey, _message: &[u8], _signature: &[u8]) -> bool {
        self.verifies
    }

    /// What was left to the background is done meanwhile: nothing in it waits.
    async fn pause(&self, _milliseconds: u32) {
        let tasks = self.background.take();
        for task in tasks {
            task.await;
        }
    }

    fn in_background(&self, task: impl Future<Output = ()> + 'static) {
        self.background.borrow_mut().push(Box::pin(task));
    }

    fn log(&self, _event: &Event) {}
}

/// RFC 4648, 5, without padding.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(LETTERS[(group >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}
