//! [`Supposition`]: a request that nobody sent, and who would have sent it.

use std::{
    cell::Cell,
    hash::{BuildHasher, Hasher, RandomState},
    rc::Rc,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use portcullis::{
    config::ConfigError,
    edge::{Entropy, RequestHead},
    gate::{Explanation, Gate},
    oidc::IdToken,
    time::Timestamp,
};

use crate::{
    arguments::{Failure, given},
    deployment::Deployment,
};

/// A gate that answers suppositions, with the address that paths belong to.
pub(crate) struct Bench {
    pub(crate) gate: Rc<Gate>,
    /// The settings as they are written.
    pub(crate) written: serde_json::Value,
    home: String,
}

/// A request that nobody sent.
#[derive(Clone, Debug)]
pub(crate) struct Supposition {
    pub(crate) method: String,
    pub(crate) url: String,
    /// By lower-case name.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) address: Option<String>,
    pub(crate) country: Option<String>,
    pub(crate) now: Timestamp,
    pub(crate) person: Option<Person>,
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// A JSON object, as a provider puts it into an ID token.
    pub(crate) claims: String,
    /// The provider's id; `None` for the first of the settings.
    pub(crate) provider: Option<String>,
}

/// Randomness that is thrown away with the process: nothing made with it leaves it.
struct ThrownAway(Cell<u64>);

impl Bench {
    pub(crate) fn new(deployment: &Deployment) -> Result<Self, ConfigError> {
        let mut secret = [0; 32];
        ThrownAway(Cell::new(0)).fill(&mut secret);
        Ok(Self {
            gate: deployment.gate(&STANDARD.encode(secret))?,
            written: deployment.written(),
            home: deployment.addresses().into_iter().next().unwrap_or_default(),
        })
    }

    /// The address meant by a path, or by an address. What stands behind a `#` never leaves a browser.
    pub(crate) fn address(&self, text: &str) -> Result<String, Failure> {
        let sent = text.split('#').next().unwrap_or_default();
        match sent {
            path if path.starts_with('/') => Ok(format!("{}{path}", self.home)),
            address if address.contains("://") => Ok(address.to_owned()),
            _ => Err(given(format!("{text:?} is neither a path (\"/admin/\") nor an address (\"https://…\")"))),
        }
    }

    /// Lets the gate decide, with a real session for the person.
    pub(crate) fn explain(&self, supposed: &mut Supposition) -> Result<Explanation, Failure> {
        if let Some(person) = &supposed.person {
            let token = IdToken::supposed(&person.claims, supposed.now)
                .map_err(|error| given(format!("claims: {error}{}", syntax(&person.claims))))?;
            let first = self.gate.config().providers.first().map(|provider| provider.id.as_str());
            let provider = person.provider.as_deref().or(first).unwrap_or_default();
            let cookie = self.gate.suppose(&token, provider, &supposed.url, supposed.now, &ThrownAway(Cell::new(0)));
            if let Some(cookie) = cookie.map_err(|error| given(format!("{provider}: {error}")))? {
                supposed.add_cookie(cookie);
            }
        }
        Ok(self.gate.explain(supposed, supposed.now))
    }
}

/// Where the JSON is wrong, if that is what is.
fn syntax(claims: &str) -> String {
    serde_json::from_str::<serde_json::Value>(claims).err().map(|error| format!(": {error}")).unwrap_or_default()
}

impl Supposition {
    fn add_cookie(&mut self, cookie: String) {
        match self.headers.iter_mut().find(|(name, _)| name == "cookie") {
            Some((_, value)) => {
                value.push_str("; ");
                value.push_str(&cookie);
            }
            None => self.headers.push(("cookie".to_owned(), cookie)),
        }
    }

    /// Takes a header as it is sent.
    pub(crate) fn add_header(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_name) || value.contains(['\r', '\n', '\0']) {
            return Err(given(format!("{name:?} is not a header: write it as in \"Origin: https://example.com\"")));
        }
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "cf-connecting-ip" => return Err(given("where a request comes from is the platform's to say: use ip")),
            "cf-ipcountry" => return Err(given("where a request comes from is the platform's to say: use country")),
            _ => self.headers.push((name, value.trim().to_owned())),
        }
        Ok(())
    }

    /// Refuses what no platform would say.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if let Some(address) = &self.address
            && address.parse::<core::net::IpAddr>().is_err()
        {
            return Err(given(format!("{address:?} is not an IP address")));
        }
        let is_country =
            |text: &String| text.len() == 2 && text.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9'));
        if let Some(country) = self.country.as_ref().filter(|country| !is_country(country)) {
            return Err(given(format!("{country:?} is not a country: two capital letters")));
        }
        let is_method = |byte: u8| byte.is_ascii_alphabetic() || byte == b'-';
        if self.method.is_empty() || !self.method.bytes().all(is_method) {
            return Err(given(format!("{:?} is not a method", self.method)));
        }
        Ok(())
    }

    /// The address that a browser would ask for instead, where it would write this one otherwise.
    pub(crate) fn browsers_spelling(&self) -> Option<String> {
        url::Url::parse(&self.url).ok().map(String::from).filter(|spelling| *spelling != self.url)
    }
}

impl RequestHead for Supposition {
    fn method(&self) -> &str {
        &self.method
    }

    fn url(&self) -> &str {
        &self.url
    }

    fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> =
            self.headers.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    fn client_address(&self) -> Option<String> {
        self.address.clone()
    }

    fn country(&self) -> Option<String> {
        self.country.clone()
    }
}

impl Entropy for ThrownAway {
    /// The standard library's hash keys come from the system, a pair for each thread.
    fn fill(&self, bytes: &mut [u8]) {
        let state = RandomState::new();
        for chunk in bytes.chunks_mut(8) {
            let mut hasher = state.build_hasher();
            self.0.set(self.0.get().wrapping_add(1));
            hasher.write_u64(self.0.get());
            chunk.iter_mut().zip(hasher.finish().to_be_bytes()).for_each(|(byte, random)| *byte = random);
        }
    }
}
