//! [`PendingLogin`]: a login that was started in this browser and awaits the provider's answer.
//!
//! Two sealed values represent it. The cookie, which only this browser has, holds what redeems a code: verifier and
//! nonce. The `state` parameter travels through the provider and says where the login belongs; it never replaces the
//! cookie, but lets a login whose cookie is gone start over once.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{
    CookieNames,
    seal::{self, NotOurs, Place},
};
use crate::{
    edge::Entropy,
    json::{self, JsonError, Object, Table},
    keyring::{KeyRing, Purpose},
    secret::Secret,
    time::{Lifetime, Timestamp},
};

/// How long a login may await its answer: time enough for a password and a second factor.
pub const PENDING_LIFETIME: Lifetime = Lifetime::from_seconds(600);
/// How many pending logins a browser keeps at once: one for each tab. A cookie has half a kilobyte, or 700 bytes with
/// an issuer of 200 characters: five leave more than half of the 8 KB of headers that servers commonly accept.
pub const PENDING_LIMIT: usize = 5;
/// How long a finished login is remembered, to notice that the session did not stay.
const LANDED_LIFETIME: Lifetime = Lifetime::from_seconds(60);
/// Bytes of randomness in a login's id: 256 bits.
const ID_BYTES: usize = 32;
/// How many characters of the id name its cookie: 72 bits tell a browser's logins apart.
const NAME_CHARACTERS: usize = 12;

/// A login's id: random, the same in its cookie and in its `state`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
#[derive(Clone, Debug)]
pub struct LoginState {
    /// The login's id.
    pub id: LoginId,
    /// The provider asked.
    pub provider: String,
    /// 0 for a login a person started, 1 for the one silent restart.
    pub attempt: u8,
    /// When it was made.
    pub issued: Timestamp,
    /// The page to go back to: a path with its query.
    pub return_to: String,
    /// The path of the page that needs the login, if the login leads to another page.
    pub needed_by: Option<String>,
    /// The method that needs the login, if it is needed for more than opening a page.
    pub method: Option<String>,
    /// What the person asked the provider to do, for the restart: `login` or `select_account`.
    pub prompt: Option<String>,
    /// The key under which the browser keeps the page's fragment, if it does.
    pub fragment: Option<String>,
    /// Whether the page asked for more than a plain sign-in.
    pub step_up: bool,
}

/// What a login's cookie holds.
#[derive(Clone, Debug)]
pub enum LoginCookie {
    /// The login awaits its answer.
    Pending(PendingLogin),
    /// The login was finished a moment ago; the session should be there.
    Landed(Timestamp),
}

impl LoginId {
    /// A new id.
    pub fn new(entropy: &impl Entropy) -> Self {
        let mut id = [0; ID_BYTES];
        entropy.fill(&mut id);
        Self(URL_SAFE_NO_PAD.encode(id))
    }

    fn read(value: Value) -> Result<Self, JsonError> {
        json::text(value).map(Self)
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
    /// [`NotOurs`] when it cannot be sealed, which no text causes.
    pub fn keep(
        &self,
        keys: &KeyRing,
        names: CookieNames,
        host: &str,
        entropy: &impl Entropy,
    ) -> Result<String, NotOurs> {
        let sealed = Object::default()
            .with("id", self.id.0.as_str())
            .with("provider", self.provider.as_str())
            .with("issuer", self.issuer.as_str())
            .with("nonce", self.nonce.expose().as_str())
            .with("verifier", self.verifier.expose().as_str())
            .with("started", self.started);
        line(Object::default().with("p", sealed), &self.id, keys, names, host, PENDING_LIFETIME, entropy)
    }

    fn read(value: Value) -> Result<Self, JsonError> {
        let mut table = Table::of(value)?;
        Ok(Self {
            id: table.required("id", LoginId::read)?,
            provider: table.required("provider", json::text)?,
            issuer: table.required("issuer", json::text)?,
            nonce: Secret::new(table.required("nonce", json::text)?),
            verifier: Secret::new(table.required("verifier", json::text)?),
            started: table.required("started", Timestamp::read)?,
        })
    }
}

impl LoginCookie {
    /// Opens the value of the cookie that belongs to the login with this short id.
    ///
    /// # Errors
    /// [`NotOurs`] for anything that is not a login of this browser, on this host, in its time.
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
        let login = json::read(text.expose()).and_then(Self::read).map_err(|_| NotOurs)?;
        if now.since(login.time()) <= login.lifetime() { Ok(login) } else { Err(NotOurs) }
    }

    /// What the cookie holds: one of the two, `p` or `d`.
    fn read(value: Value) -> Result<Self, JsonError> {
        let mut table = Table::with_only("p d", value)?;
        let landed = |value| Table::of(value)?.required("at", Timestamp::read);
        match (table.given("p", PendingLogin::read)?, table.given("d", landed)?) {
            (Some(login), None) => Ok(Self::Pending(login)),
            (None, Some(at)) => Ok(Self::Landed(at)),
            _ => Err(JsonError::new("is not one of the two")),
        }
    }

    fn lifetime(&self) -> Lifetime {
        match self {
            Self::Pending(_) => PENDING_LIFETIME,
            Self::Landed(_) => LANDED_LIFETIME,
        }
    }

    /// The `Set-Cookie` line that records that the login `id` was finished at `now`.
    ///
    /// # Errors
    /// [`NotOurs`] when it cannot be sealed, which no text causes.
    pub fn land(
        id: &LoginId,
        keys: &KeyRing,
        names: CookieNames,
        host: &str,
        now: Timestamp,
        entropy: &impl Entropy,
    ) -> Result<String, NotOurs> {
        line(
            Object::default().with("d", Object::default().with("at", now)),
            id,
            keys,
            names,
            host,
            LANDED_LIFETIME,
            entropy,
        )
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
    sealed: Object,
    id: &LoginId,
    keys: &KeyRing,
    names: CookieNames,
    host: &str,
    lifetime: Lifetime,
    entropy: &impl Entropy,
) -> Result<String, NotOurs> {
    let name = names.login(id.short());
    let text = Secret::new(json::write(&sealed.into()));
    let value = seal::seal(
        keys,
        Place { purpose: Purpose::PendingLogin, name: &name, host },
        text.expose().as_bytes(),
        entropy,
    )?;
    Ok(names.line(&name, &value, "/", lifetime))
}

impl LoginState {
    /// The value of the `state` parameter.
    ///
    /// # Errors
    /// [`NotOurs`] when it cannot be sealed, which no text causes.
    pub fn seal(&self, keys: &KeyRing, host: &str, entropy: &impl Entropy) -> Result<String, NotOurs> {
        let text = Object::default()
            .with("l", self.id.0.as_str())
            .with("p", self.provider.as_str())
            .with("n", self.attempt)
            .with("t", self.issued)
            .with("r", self.return_to.as_str())
            .with_some("b", self.needed_by.as_deref())
            .with_some("m", self.method.as_deref())
            .with_some("q", self.prompt.as_deref())
            .with_some("f", self.fragment.as_deref())
            .with_some("s", self.step_up.then_some(true));
        let text = json::write(&text.into());
        seal::seal(keys, Place { purpose: Purpose::State, name: "state", host }, text.as_bytes(), entropy)
    }

    /// Opens a `state` parameter.
    ///
    /// # Errors
    /// [`NotOurs`] for anything that this gate did not seal on this host.
    pub fn open(state: &str, keys: &KeyRing, host: &str) -> Result<Self, NotOurs> {
        let text = seal::open(keys, Place { purpose: Purpose::State, name: "state", host }, state)?;
        json::read(text).and_then(Self::read).map_err(|_| NotOurs)
    }

    fn read(value: Value) -> Result<Self, JsonError> {
        let mut table = Table::of(value)?;
        Ok(Self {
            id: table.required("l", LoginId::read)?,
            provider: table.required("p", json::text)?,
            attempt: table.required("n", |attempt| {
                u8::try_from(json::whole(attempt)?).map_err(|_| JsonError::new("is more than a byte"))
            })?,
            issued: table.required("t", Timestamp::read)?,
            return_to: table.required("r", json::text)?,
            needed_by: table.optional("b", json::text)?,
            method: table.optional("m", json::text)?,
            prompt: table.optional("q", json::text)?,
            fragment: table.optional("f", json::text)?,
            step_up: table.given("s", json::flag)?.unwrap_or_default(),
        })
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
            needed_by: None,
            method: None,
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
    fn what_was_sealed_is_taken_whole_or_not_at_all() {
        let pending = r#"{"p":{"id":"i","provider":"work","issuer":"https://id.example","nonce":"n","verifier":"v","started":1}}"#;
        let cookie = |text: &str| json::read(text).and_then(LoginCookie::read);
        assert!(matches!(cookie(pending), Ok(LoginCookie::Pending(login)) if login.nonce.expose() == "n"));
        assert!(matches!(cookie(r#"{"d":{"at":1}}"#), Ok(LoginCookie::Landed(at)) if at.seconds() == 1));
        for text in ["{}", "[]", r#""d""#, r#"{"d":1}"#, r#"{"d":{"at":"1"}}"#, r#"{"d":{"at":1},"e":1}"#] {
            assert!(cookie(text).is_err(), "{text}");
        }
        assert!(cookie(&pending.replacen('{', r#"{"d":{"at":1},"#, 1)).is_err(), "both");
        assert!(cookie(&pending.replace(r#""nonce":"n","#, "")).is_err(), "no nonce");
        assert!(cookie(&pending.replace(r#""nonce":"n""#, r#""nonce":"n","nonce":"n""#)).is_err(), "two nonces");
        let state = r#"{"l":"i","p":"work","n":1,"t":1,"r":"/"}"#;
        let opened = |text: &str| json::read(text).and_then(LoginState::read);
        assert!(opened(state).is_ok_and(|state| state.attempt == 1 && !state.step_up && state.prompt.is_none()));
        for (part, by) in
            [(r#""n":1"#, r#""n":256"#), (r#""n":1"#, r#""n":-1"#), (r#""p":"work","#, ""), ("}", r#","s":1}"#)]
        {
            assert!(opened(&state.replace(part, by)).is_err(), "{by}");
        }
    }

    #[test]
    fn what_a_login_keeps_secret_is_not_shown() {
        let (login, _) = kept();
        let shown = format!("{login:?}");
        assert_eq!(shown.matches("Secret(…)").count(), 2, "{shown}");
    }
}
