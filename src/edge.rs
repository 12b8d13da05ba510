//! [`Edge`]: the one port through which the gate touches the world, and the head of a request.
//!
//! The Worker implements it with the platform, the tests with a World that has a virtual clock, seeded randomness, a
//! scripted provider and faults on demand. Nothing else knows which one it is talking to.

use core::future::Future;
use std::borrow::Cow;

use crate::{
    gate::Event,
    keyring::{PublicPoint, SigningKey},
    oidc::{Algorithm, PublicKey},
    secret::Secret,
    session::VerifiedCookies,
    time::{Lifetime, Timestamp},
};

/// Randomness. The only source of it.
pub trait Entropy {
    /// Fills `bytes` with unpredictable bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// The world as the gate sees it. A handle that is cheap to clone.
pub trait Edge: Entropy + Clone + 'static {
    /// The time. The only clock.
    fn now(&self) -> Timestamp;

    /// Calls a provider. Follows no redirect; gives up after [`Call::deadline`]; reads no more than
    /// [`Call::limit`] bytes of the answer.
    async fn fetch(&self, call: Call) -> Result<Reply, Unreachable>;

    /// Reads a text from KV; `None` if there is none.
    async fn read(&self, key: &str) -> Result<Option<String>, Unreachable>;

    /// Reads a text from the shared cache (KV). A failure is a miss, and so is an answer that does not come soon.
    async fn load(&self, key: &str) -> Option<String> {
        self.read(key).await.ok().flatten()
    }

    /// Writes a text to the shared cache (KV) for `lifetime`. A failure is ignored.
    async fn store(&self, key: &str, text: String, lifetime: Lifetime);

    /// Whether `signature` is `algorithm`'s signature over `message` by `key`; no, if it cannot be checked.
    async fn verify(&self, algorithm: Algorithm, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool;

    /// The ES256 signature over `message` by `key`: two numbers of 32 bytes (RFC 7518, 3.4). `None` if the platform
    /// does not sign.
    async fn sign(&self, key: &SigningKey, message: &[u8]) -> Option<Vec<u8>>;

    /// The public half of `key`.
    async fn public_point(&self, key: &SigningKey) -> Option<PublicPoint>;

    /// Waits, in milliseconds.
    async fn pause(&self, milliseconds: u32);

    /// Runs `task` alongside the request, and beyond its end.
    fn in_background(&self, task: impl Future<Output = ()> + 'static);

    /// Writes a line to the log.
    fn log(&self, event: &Event);
}

/// The head of a request, read lazily: each read may cross a boundary.
pub trait RequestHead {
    /// The method, as it was sent.
    fn method(&self) -> &str;
    /// The address, as a URL parser writes it: `scheme://host[:port]/path[?query]`.
    fn url(&self) -> &str;
    /// The value of a header, by its lower-case name; several lines arrive joined by a comma.
    fn header(&self, name: &str) -> Option<String>;
    /// The value of `Cookie`: every decision reads it, so it is not copied if it is at hand.
    fn cookie(&self) -> Option<Cow<'_, str>> {
        self.header("cookie").map(Cow::Owned)
    }
    /// What the value of `Cookie` holds, if exactly that text was read before.
    fn verified_cookies(&self) -> Option<&VerifiedCookies> {
        None
    }
    /// The address it came from, as the platform saw it: never from a header that the client sends.
    fn client_address(&self) -> Option<String>;
    /// The country it came from, likewise: two capital letters (ISO 3166-1 alpha-2), `T1` for Tor.
    fn country(&self) -> Option<String>;
    /// The names of the headers, lower case.
    fn names(&self) -> Vec<String>;
    /// The head of the request that this one asks about, and whose headers it repeats. Where that request came from
    /// is not known.
    fn of_original(&self, original: Original) -> Self
    where
        Self: Sized;
}

/// What a proxy's sub-request says about the request that it asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// Its method.
    pub method: String,
    /// Its address.
    pub url: String,
    /// Its `Upgrade` header, or another sign of a WebSocket.
    pub upgrade: Option<String>,
}

/// A call to a provider.
#[derive(Debug)]
pub struct Call {
    /// The address: https (or http on this machine).
    pub url: String,
    /// `GET`, or `POST` with a form.
    pub form: Option<Secret<String>>,
    /// The value of `Authorization`.
    pub authorization: Option<Secret<String>>,
    /// The longest answer read, in bytes after decompression.
    pub limit: usize,
    /// The longest time the whole call may take.
    pub deadline: Lifetime,
}

/// A provider's answer.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body; a body that is not UTF-8 or over the limit is [`Unreachable`] instead.
    pub body: String,
}

/// Why there is no usable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// No connection, or it broke.
    Network,
    /// It took too long.
    Deadline,
    /// The answer is longer than the limit.
    TooLong,
    /// The answer is not text.
    NotText,
}

impl Unreachable {
    /// A word for the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Deadline => "deadline",
            Self::TooLong => "too_long",
            Self::NotText => "not_text",
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use core::cell::Cell;

    use super::*;

    /// Bytes counted up: never the same twice.
    #[derive(Default)]
    pub(crate) struct Counting(Cell<u64>);

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            for chunk in bytes.chunks_mut(8) {
                self.0.set(self.0.get() + 1);
                let count = self.0.get().to_be_bytes();
                chunk.copy_from_slice(&count[..chunk.len()]);
            }
        }
    }
}
