//! [`OriginSecret`]: the secret by which the origin recognizes the gate.

use super::{
    ConfigError, Origin,
    headers::{Choice, HeaderName},
    keys::check_origin_secret,
};
use crate::secret::Secret;

/// The name of the Worker secret.
pub(super) const SECRET: &str = "PORTCULLIS_ORIGIN_SECRET";
/// The shortest secret. Whoever finds the origin's address may try as often as the origin answers: 16 characters of
/// base64 are 96 bits.
const SHORTEST: usize = 16;

/// A header that goes to the origin with every request, and to nobody else, so that the origin can
/// refuse what did not come through the gate.
#[derive(Debug)]
pub struct OriginSecret {
    /// Its name.
    pub header: HeaderName,
    /// Its value: visible ASCII.
    pub value: Secret<String>,
}

impl OriginSecret {
    pub(super) fn parse(
        choice: Option<&Choice>,
        origin: &Origin,
        secret: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, ConfigError> {
        let header = match choice {
            None | Some(Choice::Switch(false)) => return Ok(None),
            Some(Choice::Switch(true)) => HeaderName::usual("x-origin-secret"),
            Some(Choice::Name(text)) => {
                HeaderName::parse(text).map_err(|problem| ConfigError::new("origin.secret_header", problem))?
            }
        };
        if matches!(origin, Origin::Assets(_) | Origin::Service(_)) {
            return Err(ConfigError::new(
                "origin.secret_header",
                "is for origin.fetch alone: a binding can be reached by this Worker and by nobody else",
            ));
        }
        let value = Secret::new(secret(SECRET).ok_or_else(|| {
            ConfigError::new(SECRET, "is missing, and origin.secret_header asks for it: make one with `openssl rand -base64 32` and store it with `npx wrangler secret put PORTCULLIS_ORIGIN_SECRET`")
        })?);
        // RFC 9110, 5.5: what a header's value can hold unchanged.
        if !value.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError::new(SECRET, "has characters that a header cannot carry: use letters and digits"));
        }
        if value.expose().len() < SHORTEST {
            return Err(ConfigError::new(
                SECRET,
                format!("is shorter than {SHORTEST} characters: make one with `openssl rand -base64 32`"),
            ));
        }
        check_origin_secret(value.expose(), &secret).map_err(|problem| ConfigError::new(SECRET, problem))?;
        Ok(Some(Self { header, value }))
    }
}
