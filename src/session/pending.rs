//! [`PendingLogin`]: a login that was started in this browser and waits for the provider's answer.
//!
//! Two sealed values stand for it. The cookie, which only this browser has, holds what redeems a
//! code: verifier and nonce. The `state` parameter travels through the provider and says where the
//! login belongs; it never replaces the cookie, but it lets a login whose cookie is gone start
//! over once.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::{
    CookieNames,
    seal::{self, NotOurs, Place},
};
use crate::{
    edge::Entropy,
    keyring::{KeyRing, Purpose},
    secret::Secret,
    time::{Lifetime, Timestamp},
};

/// How long a login may wait for its answer: time enough for a password and a second factor.
pub const PENDING_LIFETIME: Lifetime = Lifetime::from_seconds(600);
/// Pending logins kept at once in a browser: a tab each. Five cookies of a kilobyte or two stay
/// below the 8 KB of headers that servers commonly take.
pub const PENDING_LIMIT: usize = 5;
/// How long a finished login is remembered, to say so when the session did not stay.
const LANDED_LIFETIME: Lifetime = Lifetime::from_seconds(60);
/// Bytes of randomness in a login's id, 256 bits.
const ID_BYTES: usize = 32;
/// Characters of the id that name its cookie: 72 bits tell a browser's logins apart.
const NAME_CHARACTERS: usize = 12;

/// A login's id: random, the same in its cookie and in its `state`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LoginId(String);

/// What redeems the answer, kept in the browser that started the login.
#[derive(Clone, Debug)]
pub struct PendingLogin {
    /// The id.
    pub id: LoginId,
    /// The provider asked.
    pub provider: String,
    /// Its issuer at the time (RFC 9700, 4.4.2).
    pub issuer: String,
    /// The nonce the ID token must repeat.
    pub nonce: Secret<String>,
    /// The PKCE verifier.
    pub verifier: Secret<String>,
    /// When it was started.
    pub started: Timestamp,
}

/// What travels through the provider as `state`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoginState {
    /// The login's id.
    #[serde(rename = "l")]
    pub id: LoginId,
    /// The provider asked.
    #[serde(rename = "p")]
    pub provider: String,
    /// 0 for a login a person started, 1 for the one silent restart.
    #[serde(rename = "n")]
    pub attempt: u8,
    /// When it was made.
    #[serde(rename = "t")]
    pub issued: Timestamp,
    /// The page to go back to: a path with its query.
    #[serde(rename = "r")]
    pub return_to: String,
    /// What the person asked the provider to do, for the restart: `login` or `select_account`.
    #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// The key under which the browser keeps the page's fragment, when there is one.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub fragment: Option<String>,
    /// Whether the page asked for more than any sign-in.
    #[serde(rename = "s", default, skip_serializing_if = "core::ops::Not::not")]
    pub step_up: bool,
}

/// What a login's cookie holds.
#[derive(Clone, Debug)]
pub enum LoginCookie {
    /// The login waits for its answer.
    Pending(PendingLogin),
    /// The login was finished a moment ago; the session should be there.
    Landed(Timestamp),
}

#[derive(Serialize, Deserialize)]
enum Sealed {
    #[serde(rename = "p")]
    Pending { id: LoginId, provider: String, issuer: String, nonce: String, verifier: String, started: Timestamp },
    #[serde(rename = "d")]
    Landed { at: Timestamp },
}

impl LoginId {
    /// A new id.
    pub fn new(entropy: &impl Entropy) -> Self {
        let mut id = [0; ID_BYTES];
        entropy.fill(&mut id);
        Self(URL_SAFE_NO_PAD.encode(id))
    }

    /// The part of it that names the login's cookie and the browser's stored fragment.
    pub fn short(&self) -> &str {
        self.0.get(..NAME_CHARACTERS).unwrap_or(&self.0)
    }
}

impl PendingLogin {
    /// The `Set-Cookie` line that keeps it.
    ///
    /// # Errors
    /// [`NotOurs`] when there is no key to seal with.
    pub fn keep(
        &self,
        keys: &KeyRing,
        names: CookieNames,
        host: &str,
        entropy: &impl Entropy,
    ) -> Result<String, NotOurs> {
        let sealed = Sealed::Pending {
            id: self.id.clone(),
            provider: self.provider.clone(),
            issuer: self.issuer.clone(),
            nonce: self.nonce.expose().clone(),
            verifier: self.verifier.expose().clone(),
            started: self.started,
        };
        line(&sealed, &self.id, keys, names, host, PENDING_LIFETIME, entropy)
    }
}

impl LoginCookie {
    /// Opens the value of the cookie that belongs to the login with this short id.
    ///
    /// # Errors
    /// [`NotOurs`] for everything that is not a login of this browser, on this host, in its time.
    pub fn open(
        short_id: &str,
        value: &str,
        keys: &KeyRing,
        names: CookieNames,
        host: &str,
        now: Timestamp,
    ) -> Result<Self, NotOurs> {
        let name = names.login(short_id);
        let text = Secret::new(seal::open(keys, Place { purpose: Purpose::PendingLogin, name: &name, host }, value)?);
        match serde_json::from_slice(text.expose()).map_err(|_| NotOurs)? {
            Sealed::Pending { id, provider, issuer, nonce, verifier, started }
                if now.since(started) <= PENDING_LIFETIME =>
            {
                let (nonce, verifier) = (Secret::new(nonce), Secret::new(verifier));
                Ok(Self::Pending(PendingLogin { id, provider, issuer, nonce, verifier, started }))
            }
            Sealed::Landed { at } if now.since(at) <= LANDED_LIFETIME => Ok(Self::Landed(at)),
            Sealed::Pending { .. } | Sealed::Landed { .. } => Err(NotOurs),
        }
    }

    /// The `Set-Cookie` line that remembers that the login `id` was finished at `now`.
    ///
    /// # Errors
    /// [`NotOurs`] when there is no key to seal with.
    pub fn land(
        id: &LoginId,
        keys: &KeyRing,
        names: CookieNames,
        host: &str,
        now: Timestamp,
        entropy: &impl Entropy,
    ) -> Result<String, NotOurs> {
        line(&Sealed::Landed { at: now }, id, keys, names, host, LANDED_LIFETIME, entropy)
    }

    /// When it was started or finished.
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Pending(login) => login.started,
            Self::Landed(at) => *at,
        }
    }
}

fn line(
    sealed: &Sealed,
    id: &LoginId,
    keys: &KeyRing,
    names: CookieNames,
    host: &str,
    lifetime: Lifetime,
    entropy: &impl Entropy,
) -> Result<String, NotOurs> {
    let name = names.login(id.short());
    let text = Secret::new(serde_json::to_vec(sealed).map_err(|_| NotOurs)?);
    let value = seal::seal(keys, Place { purpose: Purpose::PendingLogin, name: &name, host }, text.expose(), entropy)?;
    Ok(names.line(&name, &value, "/", lifetime))
}

impl LoginState {
    /// The value of the `state` parameter.
    ///
    /// # Errors
    /// [`NotOurs`] when there is no key to seal with.
    pub fn seal(&self, keys: &KeyRing, host: &str, entropy: &impl Entropy) -> Result<String, NotOurs> {
        let text = serde_json::to_vec(self).map_err(|_| NotOurs)?;
        seal::seal(keys, Place { purpose: Purpose::State, name: "state", host }, &text, entropy)
    }

    /// Opens a `state` parameter.
    ///
    /// # Errors
    /// [`NotOurs`] for everything that this gate did not seal on this host.
    pub fn open(state: &str, keys: &KeyRing, host: &str) -> Result<Self, NotOurs> {
        let text = seal::open(keys, Place { purpose: Purpose::State, name: "state", host }, state)?;
        serde_json::from_slice(&text).map_err(|_| NotOurs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{edge::tests::Counting, keyring::tests::ring};

    const HOST: &str = "docs.example.com";
    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn kept() -> (PendingLogin, String) {
        let entropy = Counting::default();
        let login = PendingLogin {
            id: LoginId::new(&entropy),
            provider: "work".into(),
            issuer: "https://id.example".into(),
            nonce: Secret::new("n".into()),
            verifier: Secret::new("v".into()),
            started: NOW,
        };
        let line = login.keep(&ring(1, None), CookieNames::new(false), HOST, &entropy).unwrap();
        let value = line.split(['=', ';']).nth(1).unwrap().to_owned();
        (login, value)
    }

    fn open(id: &str, value: &str, host: &str, now: Timestamp) -> Result<LoginCookie, NotOurs> {
        LoginCookie::open(id, value, &ring(1, None), CookieNames::new(false), host, now)
    }

    #[test]
    fn rfc9700_2_1_1_a_pending_login_opens_in_its_cookie_on_its_host_in_its_time() {
        let (login, value) = kept();
        let id = login.id.short();
        assert!(
            matches!(open(id, &value, HOST, NOW), Ok(LoginCookie::Pending(found)) if found.verifier.expose() == "v")
        );
        assert!(open("another", &value, HOST, NOW).is_err());
        assert!(open(id, &value, "docs.example.net", NOW).is_err());
        let later = Timestamp::from_seconds(NOW.seconds() + 600);
        assert!(open(id, &value, HOST, later).is_ok());
        assert!(open(id, &value, HOST, later.after(Lifetime::from_seconds(1))).is_err());
    }

    #[test]
    fn a_state_is_no_cookie_and_a_cookie_no_state() {
        let (login, value) = kept();
        assert!(LoginState::open(&value, &ring(1, None), HOST).is_err());
        let state = LoginState {
            id: login.id.clone(),
            provider: "work".into(),
            attempt: 0,
            issued: NOW,
            return_to: "/".into(),
            prompt: None,
            fragment: None,
            step_up: false,
        };
        let sealed = state.seal(&ring(1, None), HOST, &Counting::default()).unwrap();
        assert!(open(login.id.short(), &sealed, HOST, NOW).is_err());
        assert_eq!(LoginState::open(&sealed, &ring(1, None), HOST).unwrap().id, login.id);
        assert!(LoginState::open(&sealed, &ring(1, None), "docs.example.net").is_err());
    }

    #[test]
    fn what_a_login_keeps_secret_is_not_shown() {
        let (login, _) = kept();
        let shown = format!("{login:?}");
        assert_eq!(shown.matches("Secret(…)").count(), 2, "{shown}");
    }
}
