//! [`Attempt`]: one whole login with an ID token of one's own making, and what the gate said to it.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "each test file uses its own part of it; a helper of a test may panic"
)]

use std::fmt;

use portcullis::oidc::{Algorithm, IdTokenError};
use serde_json::{Value, json};

use crate::support::{
    browser::{Arrival, Browser},
    provider::Provider,
    signature::Signer,
    world::{Isolate, World, settings},
};

/// What became of a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A session of this subject.
    Accepted(String),
    /// No session: the code of the log, and its detail.
    Refused(String, String),
}

/// A world in which one login is made.
pub(crate) struct Attempt {
    pub(crate) world: World,
    settings: Value,
}

impl Attempt {
    /// With the settings most tests have, and these algorithms pinned.
    pub(crate) fn new(pinned: &[Algorithm]) -> Self {
        let mut settings = settings();
        if let Some(provider) = settings.pointer_mut("/providers/0") {
            provider["algorithms"] = json!(pinned.iter().map(|algorithm| algorithm.as_str()).collect::<Vec<_>>());
        }
        Self { world: World::new(), settings }
    }

    /// With one more setting of the provider.
    pub(crate) fn setting(mut self, name: &str, value: Value) -> Self {
        self.settings["providers"][0][name] = value;
        self
    }

    /// With a second provider beside the first.
    pub(crate) fn and_provider(mut self, id: &str, issuer: &str) -> Self {
        self.world.add_provider(issuer);
        let other = json!({ "id": id, "title": id, "issuer": issuer, "client_id": "client", "algorithms": ["EdDSA"] });
        self.settings.pointer_mut("/providers").and_then(Value::as_array_mut).unwrap().push(other);
        self
    }

    pub(crate) fn provider(self, change: impl FnOnce(&mut Provider)) -> Self {
        self.world.provider(change);
        self
    }

    pub(crate) fn isolate(&self) -> Isolate {
        self.world.isolate(&self.settings)
    }

    /// Signs in, and makes sure that a refusal leaves nothing behind.
    pub(crate) fn verdict(&self) -> Verdict {
        let isolate = self.isolate();
        let browser = Browser::new("ada");
        let arrival = browser.open(&isolate, "/.auth/login?provider=work&return_to=%2Fmembers");
        if let Arrival::Origin(..) = arrival {
            return Verdict::Accepted(arrival.identity("x-auth-subject").unwrap());
        }
        let log = self.world.log();
        let last: Value = serde_json::from_str(log.lines().next_back().unwrap()).unwrap();
        let (status, body) = arrival.page();
        let names = browser.cookie_names();
        assert!(!names.iter().any(|name| name.ends_with("portcullis") || name.contains("hint")), "{names:?}");
        assert!((400..600).contains(&status), "{status} {body}");
        let member = |name: &str| last.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        assert_eq!(member("event"), "login_failed", "{log}");
        Verdict::Refused(member("code"), member("detail"))
    }
}

impl Verdict {
    pub(crate) fn accepted() -> Self {
        Self::Accepted("ada".to_owned())
    }

    /// Refused by this step of the ID token's checks.
    pub(crate) fn step(error: IdTokenError) -> Self {
        Self::Refused("id_token_invalid".to_owned(), error.to_string())
    }

    /// Refused because no key of the provider's verifies it.
    pub(crate) fn no_key() -> Self {
        Self::Refused("key_unknown".to_owned(), String::new())
    }

    pub(crate) fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(subject) => write!(formatter, "accepted as {subject}"),
            Self::Refused(code, detail) => write!(formatter, "{code}: {detail}"),
        }
    }
}

/// A login whose token is what `forge` makes of the provider's signer and the right claims. The
/// provider signs with `algorithm`, which the settings pin.
pub(crate) fn attempt(algorithm: Algorithm, forge: impl Fn(&Signer, &Value) -> String + 'static) -> Attempt {
    Attempt::new(&[algorithm]).provider(|provider| {
        provider.signer = Signer::new(algorithm, Some("key-1"));
        provider.published = vec![provider.signer.jwk()];
        let signer = provider.signer.clone();
        provider.forge = Some(Box::new(move |claims| forge(&signer, claims)));
    })
}

pub(crate) fn forged(forge: impl Fn(&Signer, &Value) -> String + 'static) -> Verdict {
    attempt(Algorithm::EdDsa, forge).verdict()
}

/// Rightly signed, under exactly this header.
pub(crate) fn under(header: impl Into<String>) -> Verdict {
    let header = header.into();
    forged(move |signer, claims| signer.sign_text(&header, claims.to_string().as_bytes()))
}

/// Rightly signed, under the ordinary header with these members besides.
pub(crate) fn under_with(members: &str) -> Verdict {
    under(format!(r#"{{"alg":"EdDSA","kid":"key-1",{members}}}"#))
}
