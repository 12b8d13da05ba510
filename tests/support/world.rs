//! [`World`]: an [`Edge`] in which nothing happens by itself.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    pin::Pin,
    rc::Rc,
};

use futures_executor::block_on;
use portcullis::{
    config::{ConfigError, SettingsText},
    edge::{Call, Edge, Entropy, Reply, Unreachable},
    gate::{Event, Gate, Outcome},
    keyring::{PublicPoint, SigningKey},
    oidc::{Algorithm, PublicKey},
    time::{Lifetime, Timestamp},
};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore, SeedableRng},
};
use serde_json::{Value, json};

pub use super::{head::Head, kv::Reading};
use super::{kv::Kv, provider::Provider, signature};

pub const HOST: &str = "https://docs.example.com";
pub const SECRET: &str = "kX0b9S1u5pQ2v8YwR7tZ3mN6cJ4hL0aGdFeUiOyTrWs=";
pub const OTHER_SECRET: &str = "Zm9Tq1xWv7Rk2LpYc8HsJd4Nb6GaUe0ItoXzMwQyVfE=";
pub const CHECK_SECRET: &str = "Qp3vN8xYt1KdRz6WmLc0UeHs5BjGfAo2iTn9ZkXyMw4=";
/// A Monday in 2027.
const BEGIN: u64 = 1_800_000_000;

/// A handle on the world: clones are the same one.
#[derive(Clone)]
pub struct World(Rc<Inner>);

struct Inner {
    /// In milliseconds.
    now: Cell<u64>,
    /// How many looks of a waiting request a call to a provider takes.
    distance: Cell<usize>,
    random: RefCell<ChaCha20Rng>,
    kv: RefCell<Kv>,
    providers: RefCell<Vec<Provider>>,
    calls: RefCell<Vec<String>>,
    events: RefCell<Vec<Event>>,
    background: RefCell<Vec<Task>>,
    signatures: Cell<usize>,
    signs_nothing: Cell<bool>,
    pauses: Cell<usize>,
    waited: Cell<u32>,
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Lets the others go on once.
struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    }
}

impl World {
    /// A world in which one provider, `work`, does what it should.
    pub fn new() -> Self {
        let random = ChaCha20Rng::seed_from_u64(7);
        Self(Rc::new(Inner {
            now: Cell::new(BEGIN * 1_000),
            distance: Cell::new(1),
            random: RefCell::new(random),
            kv: RefCell::default(),
            providers: RefCell::new(vec![Provider::new("https://id.example")]),
            calls: RefCell::default(),
            events: RefCell::default(),
            background: RefCell::default(),
            signatures: Cell::default(),
            signs_nothing: Cell::default(),
            pauses: Cell::default(),
            waited: Cell::default(),
        }))
    }

    /// Adds a second provider.
    pub fn add_provider(&self, issuer: &str) {
        self.0.providers.borrow_mut().push(Provider::new(issuer));
    }

    /// Changes the first provider.
    pub fn provider<T>(&self, change: impl FnOnce(&mut Provider) -> T) -> T {
        change(&mut self.0.providers.borrow_mut()[0])
    }

    /// Changes the provider of this issuer.
    pub fn provider_of<T>(&self, issuer: &str, change: impl FnOnce(&mut Provider) -> T) -> T {
        let mut providers = self.0.providers.borrow_mut();
        change(providers.iter_mut().find(|provider| provider.issuer == issuer).expect("a provider"))
    }

    /// Asks the provider that `url` belongs to: where its answer leads.
    pub fn authorize(&self, url: &str, person: &str) -> Option<String> {
        let mut providers = self.0.providers.borrow_mut();
        let provider = providers.iter_mut().find(|provider| url.starts_with(&provider.issuer))?;
        let nonce_of_code = self.0.random.borrow_mut().next_u64();
        Some(provider.authorize(url, person, nonce_of_code))
    }

    pub fn pass(&self, seconds: u64) {
        self.0.now.set(self.0.now.get() + seconds * 1_000);
    }

    pub fn now_seconds(&self) -> i64 {
        self.seconds().try_into().expect("a time of this world")
    }

    fn seconds(&self) -> u64 {
        self.0.now.get() / 1_000
    }

    /// From now on calls to providers take as long as a request does that looks this often.
    pub fn set_distance(&self, looks: usize) {
        self.0.distance.set(looks);
    }

    pub fn set_kv_lag(&self, seconds: u64) {
        self.0.kv.borrow_mut().lag = seconds;
    }

    pub fn fill_kv(&self) {
        self.0.kv.borrow_mut().full = true;
    }

    pub fn set_kv_reading(&self, reading: Reading) {
        self.0.kv.borrow_mut().reading = reading;
    }

    /// Writes an entry as somebody else does who can write KV; `None` removes it.
    pub fn put_kv(&self, key: &str, text: Option<String>) {
        self.0.kv.borrow_mut().put(key, text, self.seconds());
    }

    /// Puts `text` in the place of every entry.
    pub fn overwrite_kv(&self, change: impl Fn(&str) -> String) {
        for versions in self.0.kv.borrow_mut().entries.values_mut() {
            for (_, text) in versions.iter_mut() {
                *text = text.as_deref().map(&change);
            }
        }
    }

    pub fn kv_entries(&self) -> usize {
        self.0.kv.borrow().entries.len()
    }

    /// Reads and writes of KV so far.
    pub fn kv_counts(&self) -> (usize, usize) {
        let kv = self.0.kv.borrow();
        (kv.reads, kv.writes)
    }

    /// The calls to providers since the last look, as `METHOD url`.
    pub fn take_calls(&self) -> Vec<String> {
        self.0.calls.take()
    }

    /// The log since the last look, as `event code`.
    pub fn take_events(&self) -> Vec<String> {
        let events = self.0.events.take();
        events.iter().map(|event| format!("{} {}", event.kind().as_str(), event.code())).collect()
    }

    /// The whole log so far.
    pub fn log(&self) -> String {
        self.0.events.borrow().iter().map(Event::to_json).collect::<Vec<_>>().join("\n")
    }

    /// How often a request waited, since the last look.
    pub fn take_pauses(&self) -> usize {
        self.0.pauses.take()
    }

    /// How long requests waited, in milliseconds, since the last look.
    pub fn take_waited(&self) -> u32 {
        self.0.waited.take()
    }

    /// How often the platform signed so far.
    pub fn signatures(&self) -> usize {
        self.0.signatures.get()
    }

    /// From now on the platform signs nothing.
    pub fn stop_signing(&self) {
        self.0.signs_nothing.set(true);
    }

    /// Runs what was left for after the answer.
    pub fn run_background(&self) {
        loop {
            let tasks = self.0.background.take();
            if tasks.is_empty() {
                return;
            }
            tasks.into_iter().for_each(block_on);
        }
    }

    /// What was left for after the answer goes on while somebody waits, up to its own next wait.
    async fn go_on_in_background(&self) {
        let tasks = self.0.background.take();
        for mut task in tasks {
            let ended =
                std::future::poll_fn(|context| std::task::Poll::Ready(task.as_mut().poll(context).is_ready())).await;
            if !ended {
                self.0.background.borrow_mut().push(task);
            }
        }
    }

    /// An isolate: a gate with a memory of its own, in this world.
    pub fn isolate(&self, settings: &Value) -> Isolate {
        self.try_isolate(settings, SECRET, None).expect("settings")
    }

    pub fn try_isolate(&self, settings: &Value, secret: &str, previous: Option<&str>) -> Result<Isolate, ConfigError> {
        let text = settings.to_string();
        let gate = Gate::open(SettingsText { variable: Some(&text), module: Some("{}") }, |name| match name {
            "PORTCULLIS_SECRET" => Some(secret.to_owned()),
            "PORTCULLIS_SECRET_PREVIOUS" => previous.map(str::to_owned),
            "PORTCULLIS_CHECK_SECRET" => Some(CHECK_SECRET.to_owned()),
            "PORTCULLIS_WORK_CLIENT_SECRET" => Some("client-secret".to_owned()),
            _ => None,
        })?;
        Ok(Isolate { gate, world: self.clone() })
    }
}

/// One isolate of the Worker.
#[derive(Clone)]
pub struct Isolate {
    pub gate: Rc<Gate>,
    pub world: World,
}

impl Isolate {
    /// Sends requests at once.
    pub fn send_together(&self, heads: &[Head]) -> Vec<Outcome> {
        let mut pending: Vec<_> =
            heads.iter().map(|head| (Box::pin(self.gate.respond(&self.world, head)), None)).collect();
        block_on(std::future::poll_fn(|context| {
            for (future, outcome) in pending.iter_mut().filter(|(_, outcome)| outcome.is_none()) {
                if let std::task::Poll::Ready(ready) = future.as_mut().poll(context) {
                    *outcome = Some(ready);
                }
            }
            let done = pending.iter().all(|(_, outcome)| outcome.is_some());
            if done { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        }));
        pending.into_iter().filter_map(|(_, outcome)| outcome).collect()
    }

    /// Sends a request whose client goes away before there is an answer: the platform drops what it was doing,
    /// but for what was left to the background.
    pub fn hang_up(&self, head: &Head) {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let pending = Box::pin(self.gate.respond(&self.world, head)).as_mut().poll(&mut context);
        assert!(pending.is_pending(), "answered at once");
    }

    /// The same where the platform drops the background as well.
    pub fn cut_off(&self, head: &Head) {
        self.hang_up(head);
        self.world.0.background.borrow_mut().clear();
    }

    /// Sends a request.
    pub fn send(&self, head: &Head) -> Outcome {
        block_on(self.gate.respond(&self.world, head))
    }
}

/// The settings most tests start from: `/open/**` is public, `/admin/**` is for admins.
pub fn settings() -> Value {
    json!({
        "hosts": ["docs.example.com"],
        "providers": [{
            "id": "work", "title": "Example Corp", "issuer": "https://id.example", "client_id": "client",
            "algorithms": ["EdDSA"],
        }],
        "rules": [
            { "path": "/open/**", "sso": false },
            { "path": "/admin/**", "allow": [{ "group": "admins" }, { "email": "ceo@example.com" }] },
        ],
    })
}

/// The same with a second provider, `other`.
pub fn two_providers() -> Value {
    let mut two = settings();
    two["providers"].as_array_mut().expect("a list").push(json!({
        "id": "other", "title": "Other", "issuer": "https://other.example", "client_id": "client", "algorithms": ["EdDSA"],
    }));
    two
}

impl Entropy for World {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.random.borrow_mut().fill_bytes(bytes);
    }
}

impl Edge for World {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.seconds())
    }

    async fn fetch(&self, call: Call) -> Result<Reply, Unreachable> {
        let method = if call.form.is_some() { "POST" } else { "GET" };
        self.0.calls.borrow_mut().push(format!("{method} {}", call.url));
        // The network takes a while: others go on meanwhile.
        for _ in 0..self.0.distance.get() {
            Pause(false).await;
        }
        let mut providers = self.0.providers.borrow_mut();
        let provider = providers.iter_mut().find(|provider| call.url.starts_with(&provider.issuer));
        provider.ok_or(Unreachable::Network)?.answer(&call, self.seconds())
    }

    async fn read(&self, key: &str) -> Result<Option<String>, Unreachable> {
        self.0.kv.borrow_mut().reads += 1;
        let reading = self.0.kv.borrow().reading;
        match reading {
            Reading::Works => {}
            Reading::Fails => return Err(Unreachable::Network),
            Reading::Slow => Pause(false).await,
            Reading::Drags => {
                for _ in 0..1_000 {
                    Pause(false).await;
                }
            }
        }
        Ok(self.0.kv.borrow().seen(key, self.seconds()))
    }

    async fn store(&self, key: &str, text: String, _lifetime: Lifetime) {
        let mut kv = self.0.kv.borrow_mut();
        kv.writes += 1;
        if !kv.full {
            kv.put(key, Some(text), self.seconds());
        }
    }

    async fn verify(&self, algorithm: Algorithm, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        signature::verify(algorithm, key, message, signature)
    }

    async fn sign(&self, key: &SigningKey, message: &[u8]) -> Option<Vec<u8>> {
        self.0.signatures.set(self.0.signatures.get() + 1);
        Pause(false).await;
        (!self.0.signs_nothing.get()).then(|| signature::sign(key, message))
    }

    async fn public_point(&self, key: &SigningKey) -> Option<PublicPoint> {
        Pause(false).await;
        Some(signature::public_point(key))
    }

    async fn pause(&self, milliseconds: u32) {
        self.0.now.set(self.0.now.get() + u64::from(milliseconds));
        self.0.pauses.set(self.0.pauses.get() + 1);
        self.0.waited.set(self.0.waited.get() + milliseconds);
        self.go_on_in_background().await;
        Pause(false).await;
    }

    fn in_background(&self, task: impl Future<Output = ()> + 'static) {
        self.0.background.borrow_mut().push(Box::pin(task));
    }

    fn log(&self, event: &Event) {
        self.0.events.borrow_mut().push(event.clone());
    }
}
