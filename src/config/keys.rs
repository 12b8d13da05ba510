//! [`Secrets`]: the Worker secrets behind everything that the gate seals or signs.

use base64::{Engine, engine::general_purpose};

use super::ConfigError;
#[cfg(feature = "check")]
use super::origin_secret::SECRET as ORIGIN_SECRET;
#[cfg(feature = "check")]
use crate::oidc::TokenAuth;
use crate::secret::Secret;

/// The name of the secret that everything is derived from.
pub(crate) const SECRET: &str = "PORTCULLIS_SECRET";
/// The name of the secret that was in use before, for as long as a rotation lasts.
pub(crate) const SECRET_PREVIOUS: &str = "PORTCULLIS_SECRET_PREVIOUS";
/// The name of the secret with which a reverse proxy proves itself.
pub(super) const CHECK_SECRET: &str = "PORTCULLIS_CHECK_SECRET";
/// The name of the one it had before, for as long as a rotation lasts.
const CHECK_SECRET_PREVIOUS: &str = "PORTCULLIS_CHECK_SECRET_PREVIOUS";

/// The shortest secret accepted, in bytes: as long as the SHA-256 that HMAC and HKDF run on (RFC 7518, 3.2; RFC 8725,
/// 3.5).
pub(crate) const SECRET_BYTES: usize = 32;
/// How many different bytes a secret must have. A random one of 32 bytes repeats a byte now and then, but has fewer
/// than 16 different ones less than once in 10^16 draws; typed passwords, repeated words and zeros stay below that.
const DIFFERENT_BYTES: usize = 16;
/// Words that people copy from manuals. They decode as base64, so length alone would let them in.
const WELL_KNOWN: [&str; 5] = ["changeme", "change-me", "secret", "example", "0123456789"];

/// The secrets, decoded.
#[derive(Debug)]
pub struct Secrets {
    /// The one that seals and signs.
    pub current: Secret<Vec<u8>>,
    /// The one that still opens what it sealed or signed before.
    pub previous: Option<Secret<Vec<u8>>>,
}

impl Secrets {
    /// Reads `PORTCULLIS_SECRET` and `PORTCULLIS_SECRET_PREVIOUS` through `secret`.
    ///
    /// # Errors
    /// A secret that is missing, not base64, shorter than 32 bytes, or plainly not random.
    pub fn parse(secret: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let current = secret(SECRET).ok_or_else(|| {
            ConfigError::new(SECRET, "is missing: make one with `openssl rand -base64 32` and store it with `npx wrangler secret put PORTCULLIS_SECRET`, or on your own machine in .dev.vars")
        })?;
        let current = decode(SECRET, current)?;
        let previous = secret(SECRET_PREVIOUS).map(|text| decode(SECRET_PREVIOUS, text)).transpose()?;
        if previous.as_ref().is_some_and(|previous| current.equals(previous.expose())) {
            return Err(ConfigError::new(
                SECRET_PREVIOUS,
                "equals PORTCULLIS_SECRET: put the secret from before the rotation there, or remove it",
            ));
        }
        Ok(Self { current, previous })
    }
}

/// The secrets with which a reverse proxy proves itself: the current one, and the one before it.
///
/// # Errors
/// A secret that is missing or weak, or is one that the gate itself signs with, which the proxy must not have.
pub(super) fn check_secrets(secret: impl Fn(&str) -> Option<String>) -> Result<Vec<Secret<String>>, ConfigError> {
    let present = secret(CHECK_SECRET).ok_or_else(|| {
        ConfigError::new(CHECK_SECRET, "is missing, and check needs it: make one with `openssl rand -base64 32`, store it with `npx wrangler secret put PORTCULLIS_CHECK_SECRET`, and give it to the proxy")
    })?;
    let mut taken = Vec::new();
    for (name, text) in [(CHECK_SECRET, Some(present)), (CHECK_SECRET_PREVIOUS, secret(CHECK_SECRET_PREVIOUS))] {
        let Some(text) = text else { continue };
        decode(name, text.clone())?;
        if let Some(own) = own_secret(&text, &secret) {
            return Err(ConfigError::new(name, format!("equals {own}, which no proxy may know: make another")));
        }
        taken.push(Secret::new(Secret::new(text).expose().trim().to_owned()));
    }
    Ok(taken)
}

/// Refuses a secret for the origin that is one of the gate's own, which no origin may know, or that is well known.
pub(super) fn check_origin_secret(text: &str, secret: &impl Fn(&str) -> Option<String>) -> Result<(), String> {
    let own = [SECRET, SECRET_PREVIOUS, CHECK_SECRET, CHECK_SECRET_PREVIOUS];
    if let Some(own) = own.into_iter().find(|own| is_secret(text, own, secret)) {
        return Err(format!("equals {own}, which no origin may know: make another"));
    }
    let typed = text.to_ascii_lowercase();
    if WELL_KNOWN.iter().any(|word| typed.contains(word)) {
        return Err("is weak or well known: make a random one with `openssl rand -base64 32`".to_owned());
    }
    Ok(())
}

/// The name of the gate's signing secret that `text` equals, if it equals one: nobody else may know those.
pub(super) fn own_secret(text: &str, secret: &impl Fn(&str) -> Option<String>) -> Option<&'static str> {
    [SECRET, SECRET_PREVIOUS].into_iter().find(|own| is_secret(text, own, secret))
}

/// Whether `text` is the secret of this name, in any spelling of the same bytes.
fn is_secret(text: &str, name: &str, secret: &impl Fn(&str) -> Option<String>) -> bool {
    let Some(own) = secret(name).map(Secret::new) else { return false };
    let bytes = |text: &str| decode(name, text.to_owned()).ok();
    bytes(text).zip(bytes(own.expose())).is_some_and(|(one, other)| one.equals(other.expose()))
}

fn decode(name: &str, text: String) -> Result<Secret<Vec<u8>>, ConfigError> {
    let text = Secret::new(text);
    let digits = text.expose().trim().trim_end_matches('=');
    let bytes = general_purpose::STANDARD_NO_PAD
        .decode(digits)
        .or_else(|_| general_purpose::URL_SAFE_NO_PAD.decode(digits))
        .map_err(|_| ConfigError::new(name, "is not base64: make one with `openssl rand -base64 32`"))?;
    let bytes = Secret::new(bytes);
    let length = bytes.expose().len();
    if length < SECRET_BYTES {
        return Err(ConfigError::new(
            name,
            format!("has {length} bytes, and {SECRET_BYTES} are the least: make one with `openssl rand -base64 32`"),
        ));
    }
    let mut seen = [false; 256];
    for byte in bytes.expose() {
        if let Some(mark) = seen.get_mut(usize::from(*byte)) {
            *mark = true;
        }
    }
    let different = seen.iter().filter(|mark| **mark).count();
    let spelled = String::from_utf8_lossy(bytes.expose()).to_ascii_lowercase();
    let typed = text.expose().to_ascii_lowercase();
    if different < DIFFERENT_BYTES || WELL_KNOWN.iter().any(|word| spelled.contains(word) || typed.contains(word)) {
        return Err(ConfigError::new(name, "is weak or well known: make a random one with `openssl rand -base64 32`"));
    }
    Ok(bytes)
}

/// The name of the Worker secret that holds the client secret of provider `id`.
pub(super) fn client_secret_name(id: &str) -> String {
    format!("PORTCULLIS_{}_CLIENT_SECRET", id.to_ascii_uppercase().replace('-', "_"))
}

#[cfg(feature = "check")]
impl super::Config {
    /// The names of the secrets that these settings call for, each with whether a client could do without it, as a
    /// public one.
    pub fn secrets(&self) -> Vec<(String, bool)> {
        let confidential = self.providers.iter().filter(|provider| provider.token_auth != TokenAuth::None);
        let clients =
            confidential.map(|provider| (client_secret_name(&provider.id), provider.token_auth == TokenAuth::Auto));
        let others = [(CHECK_SECRET, self.check.is_some()), (ORIGIN_SECRET, self.origin_secret.is_some())];
        let others = others.into_iter().filter(|(_, wanted)| *wanted).map(|(name, _)| (name.to_owned(), false));
        [(SECRET.to_owned(), false)].into_iter().chain(clients).chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "6U5hmtGXyCS0oHhJxTfR1BzZkQ2wLrNp8vMaEdYcKf4=";

    fn parse(current: Option<&str>, previous: Option<&str>) -> Result<Secrets, ConfigError> {
        Secrets::parse(|name| match name {
            SECRET => current.map(str::to_owned),
            SECRET_PREVIOUS => previous.map(str::to_owned),
            _ => None,
        })
    }

    #[test]
    fn rfc8725_3_5_weak_secrets_are_refused_by_name() {
        let padded = |text: &str| general_purpose::STANDARD.encode(text);
        let rows = [
            None,
            Some(String::new()),
            Some("not base64!".to_owned()),
            Some(general_purpose::STANDARD.encode([7_u8; 31])),
            Some(general_purpose::STANDARD.encode([0_u8; 32])),
            Some(padded("passwordpasswordpasswordpassword")),
            Some(padded("please-change-me-before-you-deploy-this-gate")),
            Some(padded("0123456789abcdef0123456789abcdef")),
        ];
        for row in rows {
            let error = parse(row.as_deref(), None).expect_err("a weak secret");
            assert_eq!(error.setting, SECRET, "{row:?}");
            if let Some(text) = row.as_deref().filter(|text| !text.is_empty()) {
                assert!(!error.problem.contains(text), "the error repeats the secret");
            }
        }
        assert!(parse(Some(GOOD), None).is_ok());
    }

    #[test]
    fn the_previous_secret_is_judged_alike_and_must_be_another() {
        assert_eq!(parse(Some(GOOD), Some("short")).expect_err("short").setting, SECRET_PREVIOUS);
        assert_eq!(parse(Some(GOOD), Some(GOOD)).expect_err("the same").setting, SECRET_PREVIOUS);
    }

    #[test]
    fn a_proxys_secret_is_as_strong_and_none_of_our_own() {
        const PROXYS: &str = "Qp3vN8xYt1KdRz6WmLc0UeHs5BjGfAo2iTn9ZkXyMw4=";
        let parse = |now: Option<&str>, before: Option<&str>| {
            let find = |name: &str| match name {
                SECRET => Some(GOOD),
                CHECK_SECRET => now,
                CHECK_SECRET_PREVIOUS => before,
                _ => None,
            };
            check_secrets(|name| find(name).map(str::to_owned)).map(|secrets| secrets.len())
        };
        let unpadded = GOOD.trim_end_matches('=');
        for now in [None, Some(""), Some("c2hvcnQ="), Some("not base64!"), Some(GOOD), Some(unpadded)] {
            assert_eq!(parse(now, None).expect_err("a wrong secret").setting, CHECK_SECRET, "{now:?}");
        }
        for before in ["", "c2hvcnQ=", GOOD] {
            assert_eq!(parse(Some(PROXYS), Some(before)).expect_err("wrong").setting, CHECK_SECRET_PREVIOUS);
        }
        assert_eq!((parse(Some(PROXYS), None), parse(Some(PROXYS), Some(PROXYS))), (Ok(1), Ok(2)));
    }

    #[test]
    fn client_secrets_are_named_after_the_provider() {
        assert_eq!(client_secret_name("my-work"), "PORTCULLIS_MY_WORK_CLIENT_SECRET");
    }
}
