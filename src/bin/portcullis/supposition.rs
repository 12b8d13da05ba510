//! [`Supposition`]: a request that nobody sent, and who would have sent it.

use std::{
    cell::Cell,
    hash::{BuildHasher, Hasher, RandomState},
    rc::Rc,
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use portcullis::{
    config::ConfigError,
    edge::{Entropy, Original, RequestHead},
    gate::{Explanation, Gate, NotSupposed, TOKEN_HEADER},
    time::Timestamp,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    arguments::{Failure, given},
    deployment::Deployment,
};

/// A gate that answers suppositions, and the address that paths belong to.
pub(crate) struct Bench {
    pub(crate) gate: Rc<Gate>,
    /// The settings as they are written.
    pub(crate) written: Value,
    home: String,
    /// The secret that every service token has here.
    service_secret: String,
}

/// A request that nobody sent.
#[derive(Clone, Debug)]
pub(crate) struct Supposition {
    pub(crate) method: String,
    /// As the gate sees it.
    pub(crate) url: String,
    /// As it is sent.
    pub(crate) sent: String,
    /// By lower-case name.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) address: Option<String>,
    pub(crate) country: Option<String>,
    pub(crate) now: Timestamp,
    pub(crate) asker: Option<Asker>,
}

/// Who would have sent it.
#[derive(Clone, Debug)]
pub(crate) enum Asker {
    /// Somebody who is signed in.
    Person {
        /// A JSON object, as a provider puts it into an ID token.
        claims: String,
        /// The provider's id; `None` for the first in the settings.
        provider: Option<String>,
    },
    /// A machine with a token.
    Machine {
        /// The id of the token, or of its issuer, in the settings.
        token: String,
        /// A JSON object, as the issuer puts it into an access token.
        claims: Option<String>,
    },
}

/// The last second of the year 9999.
const LATEST: Timestamp = Timestamp::from_seconds(253_402_300_799);

/// Randomness that is thrown away with the process: nothing made with it leaves the process.
struct ThrownAway(Cell<u64>);

impl Bench {
    pub(crate) fn new(deployment: &Deployment) -> Result<Self, ConfigError> {
        let random = ThrownAway(Cell::new(0));
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        let secret = STANDARD.encode(bytes);
        random.fill(&mut bytes);
        let service_secret = URL_SAFE_NO_PAD.encode(bytes);
        let gate = deployment.gate(&secret, |settings| replace_hashes(settings, &service_secret))?;
        let home = deployment.addresses(&gate.config().hosts).into_iter().next().unwrap_or_default();
        Ok(Self { gate, written: deployment.written(), home, service_secret })
    }

    /// The address that a path, or an address, stands for. What follows a `#` never leaves a browser.
    pub(crate) fn address(&self, text: &str) -> Result<String, Failure> {
        let sent = text.split('#').next().unwrap_or_default();
        if sent.starts_with('/') {
            return Ok(format!("{}{sent}", self.home));
        }
        let parts = sent.split_once("://").map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
        let Some((scheme, rest)) = parts.filter(|(scheme, _)| matches!(scheme.as_str(), "https" | "http")) else {
            return Err(given(format!("{text:?} is neither a path (\"/admin/\") nor an address (\"https://…\")")));
        };
        if rest.split(['/', '\\', '?']).next().is_some_and(|host| host.contains('@')) {
            return Err(given("an address with a name in front of the host: no browser sends that, so leave it out"));
        }
        Ok(format!("{scheme}://{rest}"))
    }

    /// The address as the gate sees it: the platform resolves plain dots first, and no others.
    pub(crate) fn seen(sent: &str) -> String {
        let (address, query) = sent.split_at(sent.find('?').unwrap_or(sent.len()));
        let Some((scheme, (host, path))) =
            address.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('/')?)))
        else {
            return sent.to_owned();
        };
        let mut segments: Vec<&str> = Vec::new();
        let mut names_folder = false;
        for segment in path.split('/') {
            names_folder = matches!(segment, "." | "..");
            match segment {
                "." => {}
                ".." => _ = segments.pop(),
                segment => segments.push(segment),
            }
        }
        if names_folder {
            segments.push("");
        }
        format!("{scheme}://{host}/{}{query}", segments.join("/"))
    }

    /// Lets the gate decide, with a real session for the person.
    pub(crate) fn explain(&self, supposed: &mut Supposition) -> Result<Explanation, Failure> {
        match supposed.asker.clone() {
            Some(Asker::Person { claims, provider }) => {
                let first = self.gate.config().providers.first().map(|provider| provider.id.as_str());
                let provider = provider.as_deref().or(first).unwrap_or_default();
                let random = ThrownAway(Cell::new(0));
                let cookie = self.gate.suppose(&claims, provider, &supposed.url, supposed.now, &random);
                let cookie = cookie.map_err(|error| match error {
                    NotSupposed::IdToken(error) => given(format!("claims: {error}{}", syntax(&claims))),
                    error => given(format!("{provider}: {error}")),
                });
                if let Some(cookie) = cookie? {
                    supposed.add_cookie(cookie);
                }
            }
            Some(Asker::Machine { token, claims }) => {
                let header = self.token(&token, claims, supposed.now)?;
                supposed.headers.push(header);
            }
            None => {}
        }
        Ok(self.gate.explain(supposed, supposed.now))
    }

    /// The header in which the token of this id, or of the issuer with this id, is shown.
    fn token(&self, id: &str, claims: Option<String>, now: Timestamp) -> Result<(String, String), Failure> {
        let tokens = self.written.get("tokens").and_then(Value::as_array).into_iter().flatten();
        let mut tokens = tokens.filter(|token| token.get("id").and_then(Value::as_str) == Some(id));
        let Some(token) = tokens.next() else {
            return Err(given(format!("there is neither a service token nor an issuer {id:?} in tokens")));
        };
        if token.get("hash").is_some() {
            return match claims {
                None => Ok((TOKEN_HEADER.to_owned(), format!("{id}.{}", self.service_secret))),
                Some(_) => {
                    Err(given(format!("{id} is a service token, of which the settings say everything: no claims")))
                }
            };
        }
        let claims = claims.unwrap_or_else(|| serde_json::json!({ "sub": id }).to_string());
        let header = self.gate.suppose_machine(id, &claims, now);
        Ok(("authorization".to_owned(), header.map_err(|error| given(format!("claims: {error}{}", syntax(&claims))))?))
    }
}

/// Gives every configured service token the same secret, since no settings hold its own.
fn replace_hashes(settings: &mut Value, secret: &str) {
    for token in settings.get_mut("tokens").and_then(Value::as_array_mut).into_iter().flatten() {
        let text = format!("{}.{secret}", token.get("id").and_then(Value::as_str).unwrap_or_default());
        if let Some(hash) = token.get_mut("hash") {
            *hash = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
        }
    }
}

/// Where the JSON is wrong, if it is.
fn syntax(claims: &str) -> String {
    serde_json::from_str::<Value>(claims).err().map(|error| format!(": {error}")).unwrap_or_default()
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

    /// Adds a header as it is sent.
    pub(crate) fn add_header(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_name) || value.contains(['\r', '\n', '\0']) {
            return Err(given(format!("{name:?} is not a header: write it as in \"Origin: https://example.com\"")));
        }
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "host" => return Err(given("the host that is asked for is the address's: write it there")),
            "cf-connecting-ip" => return Err(given("where a request comes from is the platform's to say: use ip")),
            "cf-ipcountry" => return Err(given("where a request comes from is the platform's to say: use country")),
            _ => self.headers.push((name, value.trim().to_owned())),
        }
        Ok(())
    }

    /// Refuses what no platform would report.
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
        if self.now > LATEST {
            return Err(given("the time is in seconds since 1970, and before the year 10000"));
        }
        Ok(())
    }

    /// The address that a browser would request instead, if it would write this one differently.
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

    fn names(&self) -> Vec<String> {
        self.headers.iter().map(|(name, _)| name.clone()).collect()
    }

    fn of_original(&self, original: Original) -> Self {
        let Original { method, url, upgrade } = original;
        let mut headers = self.headers.clone();
        headers.retain(|(name, _)| name != "upgrade");
        headers.extend(upgrade.map(|upgrade| ("upgrade".to_owned(), upgrade)));
        let (now, asker) = (self.now, self.asker.clone());
        Self { method, sent: url.clone(), url, headers, address: None, country: None, now, asker }
    }
}

impl Entropy for ThrownAway {
    /// The standard library's hash keys come from the system, a pair for each thread.
    #[expect(clippy::disallowed_methods, reason = "this is the commands' `Entropy`, and they have no adapter")]
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
