//! [`Settings`]: the shape of the settings as people write them.
//!
//! An unknown key is an error everywhere, so that a misspelt setting is refused and not ignored. So are a `null` and
//! an empty list: they would open what they were meant to close, or close what they were meant to open.

use serde_json::Value;

use super::{
    ConfigError, Host, Origin, Proxy, SettingsText,
    headers::{Choice, HeaderSettings},
    rule::RuleSettings,
    tokens::TokenSettings,
};
use crate::{
    json::{self, JsonError, Table},
    oidc::{Algorithm, EmailTrust, Issuer, ProviderLogout, Registration, TokenAuth},
    secret::Secret,
    time::Lifetime,
};

/// The shortest session: a shorter one would end while people read a page.
const SHORTEST_SESSION: Lifetime = Lifetime::from_seconds(5 * 60);
/// The longest session. It cannot be revoked before it ends, so it ends within a month; browsers keep no cookie for
/// more than 400 days anyway (RFC 6265bis, 5.5).
const LONGEST_SESSION: Lifetime = Lifetime::from_seconds(30 * 86_400);
const DEFAULT_SESSION: Lifetime = Lifetime::from_seconds(8 * 3_600);
/// The shortest freshness: below a minute every login would ask the provider for its keys.
pub(super) const SHORTEST_FRESHNESS: Lifetime = Lifetime::from_seconds(60);
/// The longest freshness: a key that a provider withdrew stops working within a day.
pub(super) const LONGEST_FRESHNESS: Lifetime = Lifetime::from_seconds(86_400);
pub(super) const DEFAULT_FRESHNESS: Lifetime = Lifetime::from_seconds(3_600);

#[derive(Debug)]
pub(super) struct Settings {
    pub(super) hosts: Vec<Host>,
    pub(super) session: SessionSettings,
    pub(super) origin: OriginSettings,
    pub(super) headers: HeaderSettings,
    pub(super) assertion: bool,
    pub(super) fragment: bool,
    pub(super) prefix: Prefix,
    pub(super) check: Option<Proxy>,
    pub(super) switch: bool,
    pub(super) providers: Vec<ProviderSettings>,
    pub(super) tokens: Vec<TokenSettings>,
    pub(super) rules: Vec<RuleSettings>,
}

#[derive(Debug, Default)]
pub(super) struct SessionSettings {
    lifetime: Option<Lifetime>,
}

#[derive(Debug, Default)]
pub(super) struct OriginSettings {
    assets: Option<String>,
    service: Option<String>,
    fetch: Option<String>,
    pub(super) secret_header: Option<Choice>,
}

#[derive(Debug)]
pub(super) struct ProviderSettings {
    pub(super) id: ShortName,
    title: String,
    issuer: Issuer,
    client_id: String,
    audiences: Vec<String>,
    scopes: Option<Vec<String>>,
    algorithms: Option<Vec<Algorithm>>,
    token_auth: TokenAuth,
    userinfo: bool,
    email: EmailTrust,
    groups_claim: Option<String>,
    roles_claim: Option<String>,
    logout: ProviderLogout,
    freshness: Option<Lifetime>,
}

/// The path under which the gate answers itself.
#[derive(Debug)]
pub(super) struct Prefix(pub(super) String);

/// The id of a provider, of tokens or of a rule: part of addresses, of log lines and of the names of secrets.
#[derive(Debug)]
pub(super) struct ShortName(pub(super) String);

impl Settings {
    pub(super) fn parse(text: SettingsText<'_>) -> Result<Self, ConfigError> {
        let module = text.module.map(str::trim).filter(|module| !matches!(*module, "" | "{}"));
        let text = match (text.variable, module) {
            (Some(_), Some(_)) => {
                return Err(ConfigError::new(
                    "PORTCULLIS",
                    "settings stand both in wrangler.toml and in portcullis.json: keep one of them",
                ));
            }
            (Some(text), None) | (None, Some(text)) => text,
            (None, None) => {
                return Err(ConfigError::new(
                    "PORTCULLIS",
                    "there are no settings: add [vars.PORTCULLIS] to wrangler.toml, or fill portcullis.json",
                ));
            }
        };
        let value = json::read_settings(text).and_then(|value| json::refuse_void(&value).map(|()| value));
        value.and_then(Self::read).map_err(|JsonError { place, problem }| {
            ConfigError::new(if place.is_empty() { "PORTCULLIS".to_owned() } else { place }, problem)
        })
    }

    fn read(value: Value) -> Result<Self, JsonError> {
        let mut table = Table::with_only(
            "hosts session origin headers assertion fragment prefix check switch providers tokens rules",
            value,
        )?;
        Ok(Self {
            hosts: table.required("hosts", |hosts| json::list_of(hosts, |host| json::parsed(host, Host::parse)))?,
            session: table.given("session", SessionSettings::read)?.unwrap_or_default(),
            origin: table.given("origin", OriginSettings::read)?.unwrap_or_default(),
            headers: table.given("headers", HeaderSettings::read)?.unwrap_or_default(),
            assertion: table.given("assertion", json::flag)?.unwrap_or_default(),
            fragment: table.given("fragment", json::flag)?.unwrap_or(true),
            prefix: table.given("prefix", |prefix| json::parsed(prefix, Prefix::parse))?.unwrap_or_default(),
            check: table.optional("check", Proxy::read)?,
            switch: table.given("switch", json::flag)?.unwrap_or_default(),
            providers: table.given("providers", |all| json::list_of(all, ProviderSettings::read))?.unwrap_or_default(),
            tokens: table.given("tokens", |all| json::list_of(all, TokenSettings::read))?.unwrap_or_default(),
            rules: table.given("rules", |all| json::list_of(all, RuleSettings::read))?.unwrap_or_default(),
        })
    }
}

impl SessionSettings {
    fn read(value: Value) -> Result<Self, JsonError> {
        let mut table = Table::with_only("lifetime", value)?;
        Ok(Self { lifetime: table.optional("lifetime", Lifetime::read)? })
    }

    pub(super) fn parse(&self) -> Result<Lifetime, ConfigError> {
        within("session.lifetime", self.lifetime.unwrap_or(DEFAULT_SESSION), SHORTEST_SESSION, LONGEST_SESSION)
    }
}

impl OriginSettings {
    fn read(value: Value) -> Result<Self, JsonError> {
        let mut table = Table::with_only("assets service fetch secret_header", value)?;
        Ok(Self {
            assets: table.optional("assets", json::text)?,
            service: table.optional("service", json::text)?,
            fetch: table.optional("fetch", json::text)?,
            secret_header: table.optional("secret_header", Choice::read)?,
        })
    }

    pub(super) fn parse(&self) -> Result<Origin, ConfigError> {
        let binding = |kind: &str, name: &str| {
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(ConfigError::new(
                    format!("origin.{kind}"),
                    format!("{name:?} is not the name of a binding"),
                ));
            }
            Ok(name.to_owned())
        };
        match (&self.assets, &self.service, &self.fetch) {
            (None, None, None) => Ok(Origin::Assets("ASSETS".to_owned())),
            (Some(name), None, None) => binding("assets", name).map(Origin::Assets),
            (None, Some(name), None) => binding("service", name).map(Origin::Service),
            (None, None, Some(zone)) if zone == "zone" => Ok(Origin::Zone),
            (None, None, Some(address)) => origin_address(address).map(Origin::Address),
            _ => Err(ConfigError::new("origin", "names more than one of assets, service and fetch: keep one")),
        }
    }
}

pub(super) fn origin_address(text: &str) -> Result<String, ConfigError> {
    let problem = || {
        ConfigError::new(
            "origin.fetch",
            format!(
                "{text:?} is not an origin: write \"zone\", or https, host and port as in \"https://origin.example.com\""
            ),
        )
    };
    let url = url::Url::parse(text).map_err(|_| problem())?;
    let bare = url.path() == "/"
        && !text.contains('*')
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let local = url.host_str().is_some_and(super::host::is_loopback);
    if !bare || !(url.scheme() == "https" || url.scheme() == "http" && local) {
        return Err(problem());
    }
    Ok(url.origin().ascii_serialization())
}

impl ProviderSettings {
    fn read(value: Value) -> Result<Self, JsonError> {
        let mut table = Table::with_only(
            "id title issuer client_id audiences scopes algorithms token_auth userinfo email groups_claim roles_claim \
             logout freshness",
            value,
        )?;
        Ok(Self {
            id: table.required("id", ShortName::read)?,
            title: table.required("title", json::text)?,
            issuer: table.required("issuer", |issuer| json::parsed(issuer, Issuer::parse))?,
            client_id: table.required("client_id", json::text)?,
            audiences: table.given("audiences", json::texts)?.unwrap_or_default(),
            scopes: table.optional("scopes", json::texts)?,
            algorithms: table.optional("algorithms", |all| json::list_of(all, Algorithm::read))?,
            token_auth: table.given("token_auth", TokenAuth::read)?.unwrap_or_default(),
            userinfo: table.given("userinfo", json::flag)?.unwrap_or_default(),
            email: table.given("email", EmailTrust::read)?.unwrap_or_default(),
            groups_claim: table.optional("groups_claim", json::text)?,
            roles_claim: table.optional("roles_claim", json::text)?,
            logout: table.given("logout", ProviderLogout::read)?.unwrap_or_default(),
            freshness: table.optional("freshness", Lifetime::read)?,
        })
    }

    /// How what this provider says becomes claims, where that is not the usual way. Sessions made in another way are
    /// renewed: an address that is no longer believed must not live on in one.
    pub(super) fn reading(&self) -> Option<String> {
        let usual = self.email == EmailTrust::Demand && self.groups_claim.is_none() && self.roles_claim.is_none();
        (!usual).then(|| format!("{} {:?} {:?} {:?}", self.id.0, self.email, self.groups_claim, self.roles_claim))
    }

    /// The registration these settings describe.
    pub(super) fn register(
        &self,
        rank: usize,
        client_secret: Option<Secret<String>>,
    ) -> Result<Registration, ConfigError> {
        let setting = |name: &str| format!("providers[{rank}].{name}");
        let not_empty = |name: &str, value: &str| {
            if value.trim().is_empty() {
                return Err(ConfigError::new(setting(name), "is empty"));
            }
            Ok(value.to_owned())
        };
        let scopes = self.scopes.clone().unwrap_or_else(|| ["openid", "email", "profile"].map(str::to_owned).to_vec());
        if !scopes.iter().any(|scope| scope == "openid") {
            return Err(ConfigError::new(setting("scopes"), "lacks \"openid\", without which no ID token comes"));
        }
        // RFC 6749, 3.3: a scope is printable ASCII without space, quote and backslash.
        let odd = |scope: &String| {
            scope.is_empty() || !scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
        };
        if let Some(scope) = scopes.iter().find(|scope| odd(scope)) {
            return Err(ConfigError::new(setting("scopes"), format!("{scope:?} is not a scope")));
        }
        let algorithms = self.algorithms.clone().unwrap_or_else(|| vec![Algorithm::Rs256]);
        match (self.token_auth, client_secret.is_some()) {
            (TokenAuth::Basic | TokenAuth::Post, false) => {
                return Err(ConfigError::new(
                    setting("token_auth"),
                    format!("needs the secret {}", super::keys::client_secret_name(&self.id.0)),
                ));
            }
            (TokenAuth::None, true) => {
                return Err(ConfigError::new(
                    setting("token_auth"),
                    "is \"none\", yet there is a client secret: remove one of them",
                ));
            }
            _ => {}
        }
        Ok(Registration {
            id: self.id.0.clone(),
            title: not_empty("title", &self.title)?,
            issuer: self.issuer.clone(),
            client_id: not_empty("client_id", &self.client_id)?,
            client_secret,
            audiences: self.audiences.iter().map(|one| not_empty("audiences", one)).collect::<Result<_, _>>()?,
            scopes,
            algorithms,
            token_auth: self.token_auth,
            userinfo: self.userinfo,
            email: self.email,
            groups_claim: not_empty("groups_claim", self.groups_claim.as_deref().unwrap_or("groups"))?,
            roles_claim: not_empty("roles_claim", self.roles_claim.as_deref().unwrap_or("roles"))?,
            logout: self.logout,
            freshness: within(
                &setting("freshness"),
                self.freshness.unwrap_or(DEFAULT_FRESHNESS),
                SHORTEST_FRESHNESS,
                LONGEST_FRESHNESS,
            )?,
        })
    }
}

pub(super) fn within(
    setting: &str,
    value: Lifetime,
    shortest: Lifetime,
    longest: Lifetime,
) -> Result<Lifetime, ConfigError> {
    if value < shortest || value > longest {
        return Err(ConfigError::new(setting, format!("{value} is out of bounds: from {shortest} to {longest}")));
    }
    Ok(value)
}

impl Default for Prefix {
    fn default() -> Self {
        Self("/.auth".to_owned())
    }
}

impl Prefix {
    fn parse(text: &str) -> Result<Self, String> {
        let segment = |segment: &str| {
            !segment.is_empty()
                && !segment.ends_with('.')
                && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
        };
        if !text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(segment)) {
            return Err(format!(
                "{text:?} is not a prefix: write it as in \"/.auth\", of letters, digits, \"-\", \"_\", \".\" and \"~\", without a slash at the end or a dot at the end of a name"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl ShortName {
    pub(super) fn read(value: Value) -> Result<Self, JsonError> {
        json::parsed(value, |text| {
            let short = (1..=32).contains(&text.len());
            if !short || !text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
                return Err(format!("{text:?} is not an id: up to 32 lower-case letters, digits and \"-\""));
            }
            Ok(Self(text.to_owned()))
        })
    }
}
