//! [`Session`]: who is signed in, carried by a signed cookie.
//!
//! A login writes it, a logout clears it, nothing else does. It lasts for the time the settings
//! give, counted from its login, and it is judged without any I/O: the cookie is a JWT signed with
//! HS256 under a key derived for this purpose alone.
//!
//! This room knows cookies, seals and what they hold; it knows no token endpoint and no policy.

mod cookie;
mod hint;
mod pending;
mod seal;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::DateTime;
pub use cookie::{COOKIE_BYTES, CookieEdit, CookieNames, Cookies};
pub use hint::LogoutHint;
use jwt_compact::{
    AlgorithmExt, Header, UntrustedToken,
    alg::{Hs256, Hs256Key},
};
pub use pending::{LoginCookie, LoginId, LoginState, PENDING_LIFETIME, PENDING_LIMIT, PendingLogin};
pub use seal::NotOurs;
use serde::{Deserialize, Serialize};

use crate::{
    claims::Claims,
    edge::Entropy,
    keyring::{KeyRing, Purpose},
    time::{Lifetime, Timestamp},
};

/// The header's `typ`, so that no other JWT of ours could ever be taken for a session
/// (RFC 8725, 3.11).
const TYPE: &str = "portcullis-session+jwt";
/// Bytes of randomness in a session's id (RFC 6265bis, 8.4).
const ID_BYTES: usize = 16;

/// Who is signed in, since when and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    id: String,
    claims: Claims,
    issued: Timestamp,
    expires: Timestamp,
}

/// What a session is bound to: it opens only where all of it is the same.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'b> {
    /// The host of the login.
    pub host: &'b str,
    /// The fingerprint of the claims the settings select.
    pub selection: &'b str,
}

/// A cookie that is no session here and now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// Not signed by us, or not a session.
    #[error("not a session of ours")]
    NotOurs,
    /// Its time is over.
    #[error("expired")]
    Expired,
    /// It belongs to another host.
    #[error("of another host")]
    OtherHost,
    /// The settings select other claims than it kept, or know its provider no more: a login at the
    /// next navigation renews it.
    #[error("selected by other settings")]
    OtherSettings,
}

/// The session would not fit into a cookie: the claims that rules name are too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// The JWT's payload beside `iat` and `exp`.
#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    /// The provider's issuer.
    iss: String,
    /// The host.
    aud: String,
    /// The session's id.
    sid: String,
    /// The selection's fingerprint.
    fp: String,
    who: Claims,
}

impl Session {
    /// A new session, with an id of its own, from `now` on.
    pub fn begin(claims: Claims, now: Timestamp, lifetime: Lifetime, entropy: &impl Entropy) -> Self {
        let mut id = [0; ID_BYTES];
        entropy.fill(&mut id);
        Self { id: URL_SAFE_NO_PAD.encode(id), claims, issued: now, expires: now.after(lifetime) }
    }

    /// The value of the session cookie.
    ///
    /// # Errors
    /// [`TooLong`] when it would not fit beside the cookie's name.
    pub fn sign(&self, keys: &KeyRing, issuer: &str, binding: Binding<'_>) -> Result<String, TooLong> {
        let keys = keys.current().ok_or(TooLong)?;
        let header = Header::empty().with_key_id(keys.id()).with_token_type(TYPE);
        let mut claims = jwt_compact::Claims::new(Payload {
            iss: issuer.to_owned(),
            aud: binding.host.to_owned(),
            sid: self.id.clone(),
            fp: binding.selection.to_owned(),
            who: self.claims.clone(),
        });
        claims.issued_at = moment(self.issued);
        claims.expiration = moment(self.expires);
        let key = Hs256Key::new(keys.key(Purpose::Session).expose());
        let token = Hs256.token(&header, &claims, &key).map_err(|_| TooLong)?;
        if token.len() > COOKIE_BYTES { Err(TooLong) } else { Ok(token) }
    }

    /// Opens a session cookie. `is_issuer_of` says whether a provider of this id and issuer is in
    /// the settings.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub fn open(
        cookie: &str,
        keys: &KeyRing,
        binding: Binding<'_>,
        is_issuer_of: impl Fn(&str, &str) -> bool,
        now: Timestamp,
    ) -> Result<Self, SessionError> {
        let payload = verify(cookie, keys)?;
        let (issued, expires) = payload.issued_at.zip(payload.expiration).ok_or(SessionError::NotOurs)?;
        let (issued, expires) = timestamp(issued).zip(timestamp(expires)).ok_or(SessionError::NotOurs)?;
        if now >= expires {
            return Err(SessionError::Expired);
        }
        let Payload { iss, aud, sid, fp, who } = payload.custom;
        if aud != binding.host {
            return Err(SessionError::OtherHost);
        }
        if fp != binding.selection || !is_issuer_of(who.provider(), &iss) {
            return Err(SessionError::OtherSettings);
        }
        Ok(Self { id: sid, claims: who, issued, expires })
    }

    /// The session's id: new at each login.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Who is signed in.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// When it ends.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }
}

fn verify(cookie: &str, keys: &KeyRing) -> Result<jwt_compact::Claims<Payload>, SessionError> {
    if cookie.len() > COOKIE_BYTES {
        return Err(SessionError::NotOurs);
    }
    let token = UntrustedToken::new(cookie).map_err(|_| SessionError::NotOurs)?;
    if token.header().token_type.as_deref() != Some(TYPE) {
        return Err(SessionError::NotOurs);
    }
    let generation = keys
        .generations()
        .find(|keys| token.header().key_id.as_deref() == Some(keys.id()))
        .ok_or(SessionError::NotOurs)?;
    let key = Hs256Key::new(generation.key(Purpose::Session).expose());
    let verified = Hs256.validator(&key).validate(&token).map_err(|_| SessionError::NotOurs)?;
    Ok(verified.into_parts().1)
}

fn moment(timestamp: Timestamp) -> Option<DateTime<chrono::Utc>> {
    DateTime::from_timestamp(i64::try_from(timestamp.seconds()).ok()?, 0)
}

fn timestamp(moment: DateTime<chrono::Utc>) -> Option<Timestamp> {
    u64::try_from(moment.timestamp()).ok().map(Timestamp::from_seconds)
}

#[cfg(test)]
mod tests;
