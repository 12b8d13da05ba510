//! Settings: text in, a [`Config`] out, once; or one [`ConfigError`] that names the setting.
//!
//! Nothing here reads the environment: the adapter hands over the texts. What a [`Config`] holds is parsed and needs
//! no second look. No setting turns off a check of OpenID Connect; those that widen what is believed say so by their
//! names (`email = "trust"`, `types = ["JWT"]`, a rule's `origins`).

mod check;
mod headers;
mod host;
mod keys;
mod origin_secret;
pub mod reference;
mod rule;
mod settings;
mod tokens;

use core::fmt;
use std::rc::Rc;

pub use check::{Check, Proxy};
pub use headers::{Fact, HeaderName, Headers};
pub use host::{Host, Site};
pub(crate) use keys::SECRET;
pub use keys::Secrets;
pub use origin_secret::OriginSecret;
use rule::RuleBook;
pub use rule::{Access, Rule};
use settings::{ProviderSettings, Settings};
pub use tokens::AcceptedTokens;
use tokens::Tokens;

use crate::{
    claims::{Selection, Wanted},
    oidc::{Publisher, Registration, TokenIssuer},
    policy::{Policy, Selector},
    rules::Rules,
    secret::Secret,
    time::Lifetime,
};

/// Where an admitted request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The static-assets binding of this name.
    Assets(String),
    /// The service binding of this name: another Worker.
    Service(String),
    /// The zone's own origin behind the Worker's route.
    Zone,
    /// The server at this address (scheme, host and port; the path stays the request's).
    Address(String),
}

/// Everything the settings say, typed.
#[derive(Debug)]
pub struct Config {
    /// The only hosts served.
    pub hosts: Vec<Host>,
    /// The path under which the gate answers itself; starts with `/`, does not end with one.
    pub prefix: String,
    /// Whether a small page keeps the `#fragment` through a login.
    pub fragment: bool,
    /// How long a session lasts after its login.
    pub session_lifetime: Lifetime,
    /// Where admitted requests go.
    pub origin: Origin,
    /// The reverse proxy that asks about the requests it receives.
    pub check: Option<Check>,
    /// The secret by which the origin recognizes the gate.
    pub origin_secret: Option<OriginSecret>,
    /// The headers that tell the origin who is there.
    pub headers: Rc<Headers>,
    /// The providers people can sign in with, in the order of the chooser. Never empty.
    pub providers: Vec<Registration>,
    /// The issuers whose access tokens rules can take.
    pub token_issuers: Vec<Rc<TokenIssuer>>,
    /// Which claims a session keeps.
    pub selection: Selection,
    /// Whether rules can be switched at run time.
    pub switch: bool,
    book: RuleBook,
    default: Rule,
}

/// A setting that is wrong: which, and why. Shown by the check command and in the log, never to a
/// visitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The setting's full name, as in `providers[0].issuer`.
    pub setting: String,
    /// What is wrong with it, and what to write.
    pub problem: String,
}

impl ConfigError {
    pub(crate) fn new(setting: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { setting: setting.into(), problem: problem.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.setting, self.problem)
    }
}

impl core::error::Error for ConfigError {}

/// The two places where settings can be; exactly one of them is used.
#[derive(Clone, Copy, Debug, Default)]
pub struct SettingsText<'t> {
    /// The variable `PORTCULLIS`, as JSON text.
    pub variable: Option<&'t str>,
    /// The text module `portcullis.json`.
    pub module: Option<&'t str>,
}

impl Config {
    /// Parses the settings. `secret` looks up a Worker secret by its name.
    ///
    /// # Errors
    /// The first setting that is missing, unknown, empty or wrong.
    pub fn parse(text: SettingsText<'_>, secret: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let settings = Settings::parse(text)?;
        let selection = selection(&settings)?;
        let origin = settings.origin.parse()?;
        let origin_secret = OriginSecret::parse(settings.origin.secret_header.as_ref(), &origin, &secret)?;
        let check = settings.check.map(|proxy| Check::parse(proxy, &secret)).transpose()?;
        let providers = registrations(&settings.providers, &secret)?;
        for provider in &providers {
            refuse_shared(provider, check.as_ref(), origin_secret.as_ref(), &secret)?;
        }
        // Access tokens and service tokens count too: a machine's subject may be the same as a person's.
        let several = providers.len() > 1 || !settings.tokens.is_empty();
        let headers = settings.headers.parse(settings.assertion, several, origin_secret.as_ref())?;
        let tokens = Tokens::parse(settings.tokens, &providers, &selection)?;
        let book = RuleBook::parse(settings.rules, &tokens, &settings.hosts, &origin, &settings.prefix.0)?;
        Ok(Self {
            hosts: settings.hosts,
            prefix: settings.prefix.0,
            fragment: settings.fragment,
            session_lifetime: settings.session.parse()?,
            origin,
            check,
            origin_secret,
            headers: Rc::new(headers),
            providers,
            token_issuers: tokens.issuers,
            selection,
            switch: settings.switch,
            book,
            default: Rule {
                name: "(no rule)".to_owned(),
                id: None,
                access: Access::SignedIn(Policy::everyone()),
                tokens: None,
                origins: Vec::new(),
                preflight: false,
            },
        })
    }

    /// The patterns of the rules, compiled.
    pub fn matcher(&self) -> &Rules {
        &self.book.matcher
    }

    /// What is allowed but probably not meant, for the check command.
    pub fn warnings(&self) -> &[String] {
        &self.book.warnings
    }

    /// The rule of this rank; without a rank, the default, which asks for sign-in.
    pub fn rule(&self, rank: Option<usize>) -> &Rule {
        rank.and_then(|rank| self.book.rules.get(rank)).unwrap_or(&self.default)
    }

    /// Whether a rule has this id.
    pub fn has_rule(&self, id: &str) -> bool {
        self.book.rules.iter().any(|rule| rule.id.as_deref() == Some(id))
    }

    /// The provider of this id.
    pub fn provider(&self, id: &str) -> Option<&Registration> {
        self.providers.iter().find(|provider| provider.id == id)
    }

    /// The provider or the token issuer of this id.
    pub fn publisher(&self, id: &str) -> Option<Publisher<'_>> {
        let issuer = || self.token_issuers.iter().find(|issuer| issuer.id == id).map(|issuer| issuer.publisher());
        self.provider(id).map(Registration::publisher).or_else(issuer)
    }
}

/// What sessions have to keep for the rules to be judged.
fn selection(settings: &Settings) -> Result<Selection, ConfigError> {
    let mut selectors = Vec::new();
    for (rank, rule) in settings.rules.iter().enumerate() {
        rule.selectors().for_each(|selector| selector.walk(&mut |one| selectors.push((rank, one))));
    }
    let is_known = |id: &String| {
        let tokens = settings.tokens.iter().map(|token| &token.id);
        settings.providers.iter().map(|provider| &provider.id).chain(tokens).any(|known| known.0 == *id)
    };
    for (rank, selector) in &selectors {
        if let Selector::Provider(ids) = selector
            && let Some(unknown) = ids.iter().find(|id| !is_known(id))
        {
            return Err(ConfigError::new(format!("rules[{rank}]"), format!("there is no provider {unknown:?}")));
        }
    }
    let readings: Vec<String> = settings.providers.iter().filter_map(ProviderSettings::reading).collect();
    let wanted = selectors.into_iter().flat_map(|(_, selector)| selector.wanted());
    Ok(wanted.chain(readings.iter().map(|reading| Wanted::As(reading))).collect())
}

fn registrations(
    settings: &[ProviderSettings],
    secret: impl Fn(&str) -> Option<String>,
) -> Result<Vec<Registration>, ConfigError> {
    if settings.is_empty() {
        return Err(ConfigError::new(
            "providers",
            "is missing: name at least one provider with id, title, issuer and client_id",
        ));
    }
    let mut parsed: Vec<Registration> = Vec::with_capacity(settings.len());
    for (rank, provider) in settings.iter().enumerate() {
        let id = &provider.id.0;
        if parsed.iter().any(|earlier| earlier.id == *id) {
            return Err(ConfigError::new(format!("providers[{rank}].id"), format!("{id:?} is used twice")));
        }
        let name = keys::client_secret_name(id);
        // A line break is not part of a secret (RFC 6749, A.2), and is easily pasted after it.
        let client_secret = secret(&name).map(|mut text| {
            text.truncate(text.trim_end_matches(['\r', '\n']).len());
            Secret::new(text)
        });
        if client_secret.as_ref().is_some_and(|value| value.expose().trim().is_empty()) {
            return Err(ConfigError::new(name, "is empty: give the client secret, or remove it for a public client"));
        }
        parsed.push(provider.register(rank, client_secret)?);
    }
    Ok(parsed)
}

/// Refuses a client secret that is also used elsewhere: the provider is told it with each login, and must not be able
/// to sign what the gate signs, or to pass for the gate or its proxy.
fn refuse_shared(
    provider: &Registration,
    check: Option<&Check>,
    origin: Option<&OriginSecret>,
    secret: &impl Fn(&str) -> Option<String>,
) -> Result<(), ConfigError> {
    let Some(text) = provider.client_secret.as_ref().map(|text| text.expose().trim()) else { return Ok(()) };
    let shared = keys::own_secret(text, secret)
        .or_else(|| check.filter(|check| check.is_proven_by(text)).map(|_| keys::CHECK_SECRET))
        .or_else(|| origin.filter(|origin| origin.value.equals(text.as_bytes())).map(|_| origin_secret::SECRET));
    match shared {
        Some(other) => Err(ConfigError::new(
            keys::client_secret_name(&provider.id),
            format!("equals {other}, and the provider is told it: make another of the two"),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
pub(crate) use headers::tests::headers;
#[cfg(test)]
mod tests;
