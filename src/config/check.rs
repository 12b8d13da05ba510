//! [`Check`]: the reverse proxy that asks about the requests it receives, and how it proves itself.

use serde_json::Value;

use super::{ConfigError, keys};
use crate::{
    json::{self, JsonError},
    secret::Secret,
};

/// Which proxy asks. This decides in which headers the request is described, and what form of answer the proxy can
/// use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// nginx with `auth_request`.
    Nginx,
    /// Caddy with `forward_auth`.
    Caddy,
    /// Traefik with `forwardAuth`.
    Traefik,
}

/// A proxy, and the secret that it shares with the gate.
#[derive(Debug)]
pub struct Check {
    /// Which it is.
    pub proxy: Proxy,
    secrets: Vec<Secret<String>>,
}

impl Proxy {
    pub(super) fn read(value: Value) -> Result<Self, JsonError> {
        json::variant(value, &[("nginx", Self::Nginx), ("caddy", Self::Caddy), ("traefik", Self::Traefik)])
    }
}

impl Check {
    pub(super) fn parse(proxy: Proxy, secret: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        Ok(Self { proxy, secrets: keys::check_secrets(secret)? })
    }

    /// Whether `presented` is the proxy's secret.
    pub fn is_proven_by(&self, presented: &str) -> bool {
        self.secrets.iter().fold(false, |proven, secret| proven | secret.equals(presented.as_bytes()))
    }
}
