//! [`ServiceToken`]: a secret that the site's owner gave to a program; the settings know only its hash.
//!
//! Its text is `id.secret`, where the secret is 256 random bits in base64url. A hash of so many random bits cannot be
//! searched for, so SHA-256 is enough; and since the id is hashed with it, a secret counts under its own id alone.

use std::rc::Rc;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{claims::Claims, time::Timestamp};

/// The length of the secret: 256 bits in base64url.
const SECRET_LETTERS: usize = 43;

/// A configured service token.
#[derive(Clone, Debug)]
pub struct ServiceToken {
    /// The id that rules name.
    pub id: String,
    /// The SHA-256 of the token's whole text.
    pub hash: [u8; 32],
    /// When it expires.
    pub expires: Timestamp,
    /// The claims it stands for; their provider is its own id.
    pub claims: Rc<Claims>,
}

/// Why a service token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceTokenError {
    /// Not `id.secret`.
    #[error("not a service token by its form")]
    Malformed,
    /// The rule does not name the id.
    #[error("the rule names no such service token")]
    Unknown,
    /// The secret is a different one.
    #[error("the secret is another one")]
    Secret,
    /// Its time has run out.
    #[error("the service token has expired")]
    Expired,
}

impl ServiceToken {
    /// Finds the token of `text` among `tokens`.
    ///
    /// # Errors
    /// 1. The text does not have the form of one.
    /// 2. Its id is not one of `tokens`; ids are not secret.
    /// 3. Its hash is not that of the settings, compared in constant time.
    /// 4. It has expired.
    pub fn find<'t>(tokens: &'t [Rc<Self>], text: &str, now: Timestamp) -> Result<&'t Rc<Self>, ServiceTokenError> {
        // 1. The form.
        let (id, secret) = text.split_once('.').ok_or(ServiceTokenError::Malformed)?;
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if secret.len() != SECRET_LETTERS || !secret.bytes().all(letters) {
            return Err(ServiceTokenError::Malformed);
        }
        // 2. The id.
        let token = tokens.iter().find(|token| token.id == id).ok_or(ServiceTokenError::Unknown)?;
        // 3. The secret.
        if !bool::from(Sha256::digest(text).as_slice().ct_eq(&token.hash)) {
            return Err(ServiceTokenError::Secret);
        }
        // 4. The time.
        if now >= token.expires {
            return Err(ServiceTokenError::Expired);
        }
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::{Selection, tests::claims};

    const SECRET: &str = "9OzB2yxC0a7GrTfWqZk1vLhJmUeXoPn4Ii8d3Rb5Ks-";

    fn token(id: &str) -> Rc<ServiceToken> {
        let hash = Sha256::digest(format!("{id}.{SECRET}")).into();
        let claims = Rc::new(claims(&Selection::default(), &[], None));
        Rc::new(ServiceToken { id: id.to_owned(), hash, expires: Timestamp::from_seconds(1_000), claims })
    }

    fn find(text: &str, seconds: u64) -> Result<String, ServiceTokenError> {
        let tokens = [token("ci"), token("deploy-2")];
        ServiceToken::find(&tokens, text, Timestamp::from_seconds(seconds)).map(|token| token.id.clone())
    }

    #[test]
    fn a_token_is_its_id_and_its_secret_until_it_expires() {
        for (seconds, expected) in [(0, Ok("ci")), (999, Ok("ci")), (1_000, Err(ServiceTokenError::Expired))] {
            assert_eq!(find(&format!("ci.{SECRET}"), seconds), expected.map(str::to_owned), "{seconds}");
        }
        assert_eq!(find(&format!("deploy-2.{SECRET}"), 0).as_deref(), Ok("deploy-2"));
    }

    #[test]
    fn a_change_of_any_character_is_refused() {
        let whole = format!("ci.{SECRET}");
        for position in 0..whole.len() {
            for other in [b'A', b'a', b'0', b'-', b'.', b' ', b',', 0x7f] {
                let mut changed = whole.clone().into_bytes();
                if changed[position] == other {
                    continue;
                }
                changed[position] = other;
                assert!(find(&String::from_utf8(changed).unwrap(), 0).is_err(), "{other} at {position}");
            }
        }
        for cut in 0..whole.len() {
            assert!(find(&whole[..cut], 0).is_err() && find(&whole[cut + 1..], 0).is_err(), "{cut}");
        }
    }

    #[test]
    fn what_has_not_its_form_is_told_from_what_is_wrong() {
        for text in [
            "".to_owned(),
            ".".to_owned(),
            SECRET.to_owned(),
            "ci.".to_owned(),
            format!("ci.{SECRET}="),
            format!("ci..{SECRET}"),
            format!("ci.{SECRET}, ci.{SECRET}"),
            format!("ci {SECRET}"),
        ] {
            assert_eq!(find(&text, 0), Err(ServiceTokenError::Malformed), "{text:?}");
        }
        for id in ["", "CI", "ci ", "deploy", "c"] {
            assert_eq!(find(&format!("{id}.{SECRET}"), 0), Err(ServiceTokenError::Unknown), "{id:?}");
        }
        let other = SECRET.replace('9', "8");
        assert_eq!(find(&format!("ci.{other}"), 0), Err(ServiceTokenError::Secret));
        assert_eq!(find(&format!("ci.{other}"), 2_000), Err(ServiceTokenError::Secret));
    }

    #[test]
    fn a_secret_counts_under_its_own_id() {
        let mut taken = (*token("ci")).clone();
        taken.id = "deploy".to_owned();
        let (tokens, text) = ([Rc::new(taken)], format!("deploy.{SECRET}"));
        let found = ServiceToken::find(&tokens, &text, Timestamp::from_seconds(0));
        assert_eq!(found.err(), Some(ServiceTokenError::Secret));
    }
}
