//! [`Registration`]: what the relying party and the provider agreed on.

use core::fmt;

use serde_json::Value;

use super::{Algorithm, metadata::is_endpoint};
use crate::{
    json::{self, JsonError},
    secret::Secret,
    time::Lifetime,
};

/// An issuer identifier, kept byte for byte: it is only ever compared whole (Core 3.1.3.7 step 2,
/// RFC 9207, 2.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer(String);

/// How the client authenticates at the token endpoint (Core 9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenAuth {
    /// As the provider's metadata say, `client_secret_basic` preferred; `none` without a secret.
    #[default]
    Auto,
    /// `client_secret_basic`
    Basic,
    /// `client_secret_post`
    Post,
    /// `none`: a public client, with PKCE alone.
    None,
}

/// What an email address from a provider is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmailTrust {
    /// An address counts when the provider says `email_verified: true`.
    #[default]
    Demand,
    /// This provider's addresses are as good as verified: it hands them out itself.
    Trust,
    /// No address of this provider ever counts.
    Never,
}

/// How a person signs out at the provider, if the metadata has an `end_session_endpoint`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProviderLogout {
    /// As RP-Initiated Logout 1.0 says.
    #[default]
    Standard,
    /// As Amazon Cognito does: with `client_id` and `logout_uri`, and nothing else.
    LogoutUri,
    /// Not at all: a logout ends the session here.
    None,
}

/// One configured provider.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The id in addresses and logs.
    pub id: String,
    /// What people read on the chooser and on buttons.
    pub title: String,
    /// The issuer.
    pub issuer: Issuer,
    /// The client id.
    pub client_id: String,
    /// The client secret; `None` for a public client.
    pub client_secret: Option<Secret<String>>,
    /// Who else an ID token may be for, besides us (Core 3.1.3.7, step 3).
    pub audiences: Vec<String>,
    /// The scopes asked for, including `openid`.
    pub scopes: Vec<String>,
    /// The signature algorithms an ID token may have: the settings pin them, never the token.
    pub algorithms: Vec<Algorithm>,
    /// How to authenticate at the token endpoint.
    pub token_auth: TokenAuth,
    /// Whether the userinfo endpoint is asked as well.
    pub userinfo: bool,
    /// When an email address counts as verified.
    pub email: EmailTrust,
    /// The claim that lists a person's groups; dots lead into objects.
    pub groups_claim: String,
    /// The claim that lists a person's roles, likewise.
    pub roles_claim: String,
    /// How a person signs out there.
    pub logout: ProviderLogout,
    /// How long metadata and keys count as fresh.
    pub freshness: Lifetime,
}

/// Whose metadata and keys are meant: a provider that people sign in with, or an issuer of tokens.
#[derive(Clone, Copy, Debug)]
pub struct Publisher<'p> {
    /// The id in the settings: no two share one, be they providers or issuers of tokens.
    pub id: &'p str,
    /// The issuer.
    pub issuer: &'p Issuer,
    /// The signature algorithms its tokens may have.
    pub algorithms: &'p [Algorithm],
    /// How long metadata and keys count as fresh.
    pub freshness: Lifetime,
    /// Whether people sign in there, so that it must have the endpoints for that.
    pub signs_in: bool,
}

impl Registration {
    /// The provider as a publisher of metadata and keys.
    pub fn publisher(&self) -> Publisher<'_> {
        Publisher {
            id: &self.id,
            issuer: &self.issuer,
            algorithms: &self.algorithms,
            freshness: self.freshness,
            signs_in: true,
        }
    }
}

impl TokenAuth {
    pub(crate) fn read(value: Value) -> Result<Self, JsonError> {
        json::variant(
            value,
            &[("auto", Self::Auto), ("basic", Self::Basic), ("post", Self::Post), ("none", Self::None)],
        )
    }
}

impl EmailTrust {
    pub(crate) fn read(value: Value) -> Result<Self, JsonError> {
        json::variant(value, &[("demand", Self::Demand), ("trust", Self::Trust), ("never", Self::Never)])
    }
}

impl ProviderLogout {
    pub(crate) fn read(value: Value) -> Result<Self, JsonError> {
        json::variant(value, &[("standard", Self::Standard), ("logout_uri", Self::LogoutUri), ("none", Self::None)])
    }
}

impl Issuer {
    /// Takes an issuer: https (http on this machine), without query and fragment (Discovery 1.0, 3).
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refuse = |why: &str| Err(format!("{text:?} is not an issuer: {why}"));
        let Ok(url) = url::Url::parse(text) else {
            return refuse("write the address the provider gives, as in \"https://id.example.com\"");
        };
        if text.trim() != text || text.contains(['?', '#']) {
            return refuse("it has a query, a fragment or a space");
        }
        if !is_endpoint(&url, true) {
            return refuse("it must be https (http only for localhost), without user or password");
        }
        if text.contains("{") || text.contains("/.well-known/") {
            return refuse("write the issuer itself, not a template or the address of its metadata");
        }
        Ok(Self(text.to_owned()))
    }

    /// The issuer as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the provider runs on this machine, so that http is allowed.
    pub(super) fn is_local(&self) -> bool {
        self.0.starts_with("http://")
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A registration as the settings would give it.
    pub(crate) fn registration(issuer: &str) -> Registration {
        Registration {
            id: "work".into(),
            title: "Example Corp".into(),
            issuer: Issuer::parse(issuer).unwrap(),
            client_id: "client".into(),
            client_secret: Some(Secret::new("s3:cr%t+ü".into())),
            audiences: Vec::new(),
            scopes: vec!["openid".into(), "email".into()],
            algorithms: vec![Algorithm::Rs256],
            token_auth: TokenAuth::Auto,
            userinfo: false,
            email: EmailTrust::Demand,
            groups_claim: "groups".into(),
            roles_claim: "roles".into(),
            logout: ProviderLogout::Standard,
            freshness: Lifetime::from_seconds(3_600),
        }
    }

    #[test]
    fn discovery_3_an_issuer_is_https_without_query_and_fragment() {
        for text in [
            "https://id.example",
            "https://id.example/",
            "https://id.example/realms/x",
            "http://localhost:9000",
            "http://127.0.0.1:1",
        ] {
            assert_eq!(Issuer::parse(text).unwrap().as_str(), text);
        }
        for text in [
            "",
            "id.example",
            "http://id.example",
            "https://id.example?x",
            "https://id.example#x",
            "https://u:p@id.example",
            " https://id.example",
            "https://login.example/{tenantid}/v2.0",
            "https://id.example/.well-known/openid-configuration",
            "ftp://localhost",
            "http://localhost.evil.test",
        ] {
            assert!(Issuer::parse(text).is_err(), "{text:?}");
        }
    }
}
