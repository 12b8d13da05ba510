//! [`Session`]: who is signed in, carried by a signed cookie.
//!
//! A login writes it, a logout clears it, nothing else does. It lasts for as long as the settings say, counted from
//! its login, and it is judged without any I/O: the cookie is a JWT signed with HS256 under a key derived for this
//! purpose alone.
//!
//! This room knows cookies, seals and what they hold; it knows no token endpoint and no policy.

mod cookie;
mod hint;
mod pending;
mod seal;
mod token;
mod verification_cache;
mod verified_cookies;

use std::rc::Rc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
pub use cookie::{COOKIE_BYTES, CookieEdit, CookieNames, Cookies};
pub use hint::LogoutHint;
pub use pending::{LoginCookie, LoginId, LoginState, PENDING_LIFETIME, PENDING_LIMIT, PendingLogin};
pub use seal::NotOurs;
use serde_json::Value;
pub use verification_cache::VerificationCache;
pub use verified_cookies::VerifiedCookies;

use crate::{
    claims::Claims,
    edge::Entropy,
    json::{self, JsonError, Object, Table},
    keyring::KeyRing,
    time::{Lifetime, Timestamp},
};

/// Bytes of randomness in a session's id (RFC 6265bis, 8.4).
const ID_BYTES: usize = 16;

/// Who is signed in here and now. A login begins one, and [`SignedSession::check`] recovers it: nothing else makes
/// one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session(Rc<SignedSession>);

/// What a session cookie says, once one of our keys is known to have signed it: who is signed in, where, since when
/// and until when (RFC 7519, 4). It is always the same for the same cookie, and admits nobody: only a [`Session`]
/// tells who it is.
#[derive(Debug, PartialEq, Eq)]
pub struct SignedSession {
    /// First, so that the derived comparison begins with it: it differs between any two sessions.
    id: String,
    issuer: String,
    host: String,
    issued: Timestamp,
    expires: Timestamp,
    selection: String,
    claims: Claims,
}

/// What a session is bound to: it counts only where all of this matches.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'b> {
    /// The host of the login.
    pub host: &'b str,
    /// The fingerprint of the claims the settings select.
    pub selection: &'b str,
    /// How long the settings let sessions last. Shortening this also ends the sessions that have lasted longer.
    pub lifetime: Lifetime,
}

/// Why a cookie is not a session here and now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// There is no session cookie, or more than one.
    #[error("none")]
    Absent,
    /// Not signed by us, or not a session.
    #[error("not a session of ours")]
    NotOurs,
    /// Its time has run out.
    #[error("expired")]
    Expired,
    /// It belongs to another host.
    #[error("of another host")]
    OtherHost,
    /// The settings select other claims than it kept, or no longer have its provider: a login at the next navigation
    /// renews it.
    #[error("selected by other settings")]
    OtherSettings,
}

/// The session would not fit into a cookie: the claims that rules name are too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl Session {
    /// A new session with a new id, valid from `now` for as long as the binding says.
    pub fn begin(claims: Claims, issuer: &str, binding: Binding<'_>, now: Timestamp, entropy: &impl Entropy) -> Self {
        let mut id = [0; ID_BYTES];
        entropy.fill(&mut id);
        Self(Rc::new(SignedSession {
            issuer: issuer.to_owned(),
            host: binding.host.to_owned(),
            id: URL_SAFE_NO_PAD.encode(id),
            issued: now,
            expires: now.after(binding.lifetime),
            selection: binding.selection.to_owned(),
            claims,
        }))
    }

    /// The value of the session cookie.
    ///
    /// # Errors
    /// [`TooLong`] when it would not fit beside the cookie's name.
    pub fn sign(&self, keys: &KeyRing) -> Result<String, TooLong> {
        let payload = json::write(&self.0.written().into());
        let token = token::sign(keys.current(), payload.as_bytes());
        if token.len() > COOKIE_BYTES { Err(TooLong) } else { Ok(token) }
    }

    /// Opens a session cookie: [`SignedSession::verify`] and [`SignedSession::check`].
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
        Rc::new(SignedSession::verify(cookie, keys)?).check(binding, is_issuer_of, now)
    }

    /// The session's id: new at each login.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// When it began.
    pub fn issued(&self) -> Timestamp {
        self.0.issued
    }

    /// Who is signed in.
    pub fn claims(&self) -> &Claims {
        &self.0.claims
    }

    /// When it ends.
    pub fn expires(&self) -> Timestamp {
        self.0.expires
    }
}

impl AsRef<Claims> for Session {
    fn as_ref(&self) -> &Claims {
        &self.0.claims
    }
}

impl SignedSession {
    /// Reads a cookie that one of our keys signed.
    ///
    /// # Errors
    /// [`SessionError::NotOurs`]
    pub fn verify(cookie: &str, keys: &KeyRing) -> Result<Self, SessionError> {
        if cookie.len() > COOKIE_BYTES {
            return Err(SessionError::NotOurs);
        }
        let payload = token::verify(cookie, keys).ok_or(SessionError::NotOurs)?;
        json::read(payload).and_then(Self::read).map_err(|_| SessionError::NotOurs)
    }

    fn read(value: Value) -> Result<Self, JsonError> {
        let mut table = Table::of(value)?;
        Ok(Self {
            issuer: table.required("iss", json::text)?,
            host: table.required("aud", json::text)?,
            id: table.required("sid", json::text)?,
            issued: table.required("iat", Timestamp::read)?,
            expires: table.required("exp", Timestamp::read)?,
            selection: table.required("fp", json::text)?,
            claims: table.required("who", Claims::read)?,
        })
    }

    fn written(&self) -> Object {
        Object::default()
            .with("iss", self.issuer.as_str())
            .with("aud", self.host.as_str())
            .with("sid", self.id.as_str())
            .with("iat", self.issued)
            .with("exp", self.expires)
            .with("fp", self.selection.as_str())
            .with("who", &self.claims)
    }

    /// The session, if it counts here and now. `is_issuer_of` says whether the settings have a provider of this id
    /// with this issuer.
    ///
    /// # Errors
    /// See [`SessionError`].
    pub fn check(
        self: &Rc<Self>,
        binding: Binding<'_>,
        is_issuer_of: impl Fn(&str, &str) -> bool,
        now: Timestamp,
    ) -> Result<Session, SessionError> {
        if now >= self.expires || now >= self.issued.after(binding.lifetime) {
            return Err(SessionError::Expired);
        }
        if self.host != binding.host {
            return Err(SessionError::OtherHost);
        }
        if self.selection != binding.selection || !is_issuer_of(self.claims.provider(), &self.issuer) {
            return Err(SessionError::OtherSettings);
        }
        Ok(Session(Rc::clone(self)))
    }
}

#[cfg(test)]
mod tests;
