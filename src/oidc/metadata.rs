//! [`Metadata`]: what a provider publishes about itself (OpenID Connect Discovery 1.0).

use url::Url;

use super::{Issuer, Publisher, Registration, TokenAuth};
use crate::json::{self, JsonError, Table};

/// How many characters of another issuer the log shows: more than an issuer has.
const LONGEST_SHOWN: usize = 200;

/// A provider's metadata, checked.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// Where people sign in.
    pub authorization_endpoint: Url,
    /// Where codes are exchanged.
    pub token_endpoint: Url,
    /// Where the keys are.
    pub jwks_uri: Url,
    /// Where more is known about a person.
    pub userinfo_endpoint: Option<Url>,
    /// Where people sign out (RP-Initiated Logout 1.0, 2.1).
    pub end_session_endpoint: Option<Url>,
    /// Whether every authorization response names its issuer (RFC 9207, 3).
    pub names_issuer_in_response: bool,
    token_auth_methods: Option<Vec<String>>,
    /// Whether the provider knows the prompt `select_account`, which is assumed where it lists none.
    selects_account: bool,
}

/// Metadata that is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Not the JSON object it should be, or a required member is missing.
    #[error("not a metadata document: {0}")]
    Malformed(String),
    /// It speaks for another issuer than the one asked (Discovery 4.3): this one, as far as a log shows it.
    #[error("the document is for another issuer than the settings name: {0:?}")]
    OtherIssuer(String),
    /// An endpoint that is not https.
    #[error("{0} is not an https address")]
    Endpoint(&'static str),
}

/// Members of Discovery 1.0, 3, RFC 9207, 3, RP-Initiated Logout, 2.1 and Initiating User Registration 1.0, 4.2.
struct Document {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    authorization_response_iss_parameter_supported: bool,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    selects_account: bool,
}

impl Document {
    fn read(text: &str) -> Result<Self, JsonError> {
        let mut table = Table::of(json::read(text)?)?;
        Ok(Self {
            issuer: table.required("issuer", json::text)?,
            authorization_endpoint: table.optional("authorization_endpoint", json::text)?,
            token_endpoint: table.optional("token_endpoint", json::text)?,
            jwks_uri: table.required("jwks_uri", json::text)?,
            // For these four, an unexpected form counts as absent, and keeps nobody out.
            userinfo_endpoint: table.optional("userinfo_endpoint", |url| Ok(json::text(url).ok()))?.flatten(),
            end_session_endpoint: table.optional("end_session_endpoint", |url| Ok(json::text(url).ok()))?.flatten(),
            token_endpoint_auth_methods_supported: table
                .optional("token_endpoint_auth_methods_supported", |methods| Ok(json::texts(methods).ok()))?
                .flatten(),
            selects_account: table
                .optional("prompt_values_supported", |prompts| Ok(json::texts(prompts).ok()))?
                .flatten()
                .is_none_or(|prompts| prompts.iter().any(|prompt| prompt == "select_account")),
            authorization_response_iss_parameter_supported: table
                .optional("authorization_response_iss_parameter_supported", json::flag)?
                .unwrap_or_default(),
        })
    }
}

/// Where the metadata of `issuer` are: a slash at its end is removed first (Discovery 4.1).
pub fn discovery_url(issuer: &Issuer) -> String {
    let base = issuer.as_str().strip_suffix('/').unwrap_or(issuer.as_str());
    format!("{base}/.well-known/openid-configuration")
}

impl Metadata {
    /// Parses the metadata of `publisher`. An issuer at which nobody signs in – a build service that issues tokens to
    /// its jobs – need not have endpoints for that; its own address then stands in for them, and nothing calls it.
    ///
    /// # Errors
    /// See [`MetadataError`].
    pub fn parse(text: &str, publisher: Publisher<'_>) -> Result<Self, MetadataError> {
        let issuer = publisher.issuer;
        let document = Document::read(text).map_err(|error| MetadataError::Malformed(error.to_string()))?;
        if document.issuer != issuer.as_str() {
            return Err(MetadataError::OtherIssuer(document.issuer.chars().take(LONGEST_SHOWN).collect()));
        }
        let endpoint = |text: &str| Url::parse(text).ok().filter(|url| is_endpoint(url, issuer.is_local()));
        let required = |name: &'static str, text: &str| endpoint(text).ok_or(MetadataError::Endpoint(name));
        let of_sign_in = |name: &'static str, text: Option<&str>| match text {
            Some(text) if publisher.signs_in => required(name, text),
            None if publisher.signs_in => Err(MetadataError::Malformed(format!("missing field `{name}`"))),
            _ => required(name, issuer.as_str()),
        };
        Ok(Self {
            authorization_endpoint: of_sign_in("authorization_endpoint", document.authorization_endpoint.as_deref())?,
            token_endpoint: of_sign_in("token_endpoint", document.token_endpoint.as_deref())?,
            jwks_uri: required("jwks_uri", &document.jwks_uri)?,
            // These two are extras: a broken one counts as absent, and keeps nobody out.
            userinfo_endpoint: document.userinfo_endpoint.as_deref().and_then(endpoint),
            end_session_endpoint: document.end_session_endpoint.as_deref().and_then(endpoint),
            names_issuer_in_response: document.authorization_response_iss_parameter_supported,
            token_auth_methods: document.token_endpoint_auth_methods_supported,
            selects_account: document.selects_account,
        })
    }

    /// The prompt to send for somebody who wants this one: `login`, which also lets another account sign in, where
    /// the provider does not let people choose one.
    pub fn prompt(&self, wanted: &'static str) -> &'static str {
        if self.selects_account { wanted } else { "login" }
    }

    /// How `client` authenticates at the token endpoint: never [`TokenAuth::Auto`].
    ///
    /// Metadata without a list mean `client_secret_basic` (Discovery 3). Many lists omit `none` although public
    /// clients work, so a missing secret alone decides that.
    pub fn token_auth(&self, client: &Registration) -> TokenAuth {
        let lists = |method: &str| {
            self.token_auth_methods.as_ref().is_some_and(|methods| methods.iter().any(|listed| listed == method))
        };
        match client.token_auth {
            TokenAuth::Auto if client.client_secret.is_none() => TokenAuth::None,
            TokenAuth::Auto if lists("client_secret_post") && !lists("client_secret_basic") => TokenAuth::Post,
            TokenAuth::Auto => TokenAuth::Basic,
            chosen => chosen,
        }
    }
}

/// Whether `url` may be called: https, or http on this machine where `local` says so; without user name, password and
/// fragment.
pub(super) fn is_endpoint(url: &Url, local: bool) -> bool {
    let here = url.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
    let scheme = url.scheme() == "https" || url.scheme() == "http" && here && local;
    scheme && url.username().is_empty() && url.password().is_none() && url.fragment().is_none()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::oidc::registration::tests::registration;

    const ISSUER: &str = "https://id.example";

    fn document() -> Value {
        json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://id.example/authorize",
            "token_endpoint": "https://id.example/token",
            "jwks_uri": "https://id.example/jwks",
        })
    }

    fn parse(document: &Value) -> Result<Metadata, MetadataError> {
        Metadata::parse(&document.to_string(), registration(ISSUER).publisher())
    }

    #[test]
    fn discovery_4_1_one_slash_goes() {
        for (issuer, url) in [
            ("https://id.example", "https://id.example/.well-known/openid-configuration"),
            ("https://id.example/", "https://id.example/.well-known/openid-configuration"),
            ("https://id.example/a/", "https://id.example/a/.well-known/openid-configuration"),
            ("https://id.example/a//", "https://id.example/a//.well-known/openid-configuration"),
        ] {
            assert_eq!(discovery_url(&Issuer::parse(issuer).unwrap()), url);
        }
    }

    #[test]
    fn discovery_4_3_the_issuer_is_compared_byte_for_byte() {
        for other in [
            "https://id.example/",
            "https://ID.example",
            "http://id.example",
            "https://id.example:443",
            "https://id.exampleINVALID",
            "",
        ] {
            let mut document = document();
            document["issuer"] = other.into();
            assert_eq!(parse(&document).unwrap_err(), MetadataError::OtherIssuer(other.into()), "{other}");
        }
        let mut long = document();
        long["issuer"] = "\n".repeat(201).into();
        let shown = format!("the document is for another issuer than the settings name: \"{}\"", "\\n".repeat(200));
        assert_eq!(parse(&long).unwrap_err().to_string(), shown);
        assert!(parse(&document()).is_ok());
    }

    #[test]
    fn discovery_3_required_members_and_https() {
        for member in ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"] {
            let mut document = document();
            document.as_object_mut().unwrap().remove(member);
            assert!(matches!(parse(&document), Err(MetadataError::Malformed(_))), "{member}");
        }
        for member in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
            for url in [
                "http://id.example/x",
                "http://localhost/x",
                "javascript:alert(1)",
                "data:,x",
                "/x",
                "",
                "https://u@id.example/x",
                "https://:p@id.example/x",
                "https://id.example/#x",
                "file:///etc/passwd",
            ] {
                let mut document = document();
                document[member] = url.into();
                assert_eq!(parse(&document).unwrap_err(), MetadataError::Endpoint(member), "{member} {url}");
            }
        }
    }

    #[test]
    fn an_issuer_on_this_machine_may_do_without_https_there_alone() {
        let local = registration("http://localhost:8080");
        for (url, good) in [
            ("http://localhost:8080/x", true),
            ("http://127.0.0.1/x", true),
            ("http://[::1]:8080/x", true),
            ("https://id.example/x", true),
            ("http://id.example/x", false),
            ("http://localhost.id.example/x", false),
            ("ftp://localhost/x", false),
        ] {
            let mut document = document();
            (document["issuer"], document["jwks_uri"]) = ("http://localhost:8080".into(), url.into());
            assert_eq!(Metadata::parse(&document.to_string(), local.publisher()).is_ok(), good, "{url}");
        }
    }

    #[test]
    fn discovery_4_2_anything_but_a_document_is_refused() {
        for text in ["", "null", "[]", "<html>", "{}", "{\"issuer\":1}"] {
            assert!(Metadata::parse(text, registration(ISSUER).publisher()).is_err(), "{text}");
        }
    }

    #[test]
    fn an_issuer_of_tokens_alone_needs_no_place_to_sign_in() {
        let client = registration(ISSUER);
        let publisher = Publisher { signs_in: false, ..client.publisher() };
        for (text, good) in [
            (r#"{"issuer":"https://id.example","jwks_uri":"https://id.example/jwks"}"#, true),
            (r#"{"issuer":"https://id.example","jwks_uri":"https://id.example/jwks","token_endpoint":"none"}"#, true),
            (r#"{"issuer":"https://id.example","jwks_uri":"http://id.example/jwks"}"#, false),
            (r#"{"issuer":"https://id.example"}"#, false),
            (r#"{"issuer":"https://id.example/","jwks_uri":"https://id.example/jwks"}"#, false),
        ] {
            assert_eq!(Metadata::parse(text, publisher).is_ok(), good, "{text}");
            assert!(Metadata::parse(text, client.publisher()).is_err(), "{text}");
        }
    }

    #[test]
    fn broken_extras_are_as_good_as_none() {
        let mut document = document();
        document["userinfo_endpoint"] = "nonsense".into();
        document["end_session_endpoint"] = "http://id.example/out".into();
        let metadata = parse(&document).unwrap();
        assert!(metadata.userinfo_endpoint.is_none() && metadata.end_session_endpoint.is_none());
        for (name, value) in [
            ("userinfo_endpoint", serde_json::json!(false)),
            ("end_session_endpoint", serde_json::json!([])),
            ("token_endpoint_auth_methods_supported", serde_json::json!("client_secret_basic")),
            ("token_endpoint_auth_methods_supported", serde_json::json!([null])),
            ("authorization_response_iss_parameter_supported", serde_json::json!(null)),
        ] {
            let mut document = self::document();
            document[name] = value.clone();
            assert!(parse(&document).is_ok(), "{name} {value}");
        }
        // Whether `iss` is promised has to be known.
        document["authorization_response_iss_parameter_supported"] = "yes".into();
        assert!(parse(&document).is_err());
    }

    #[test]
    fn oidc_core_9_the_client_authenticates_with_its_registered_method() {
        let auth = |methods: Option<&[&str]>, secret: bool, chosen: TokenAuth| {
            let mut document = document();
            if let Some(methods) = methods {
                document["token_endpoint_auth_methods_supported"] = methods.into();
            }
            let mut client = registration(ISSUER);
            client.token_auth = chosen;
            client.client_secret = client.client_secret.filter(|_| secret);
            parse(&document).unwrap().token_auth(&client)
        };
        assert_eq!(auth(None, true, TokenAuth::Auto), TokenAuth::Basic);
        assert_eq!(auth(Some(&["client_secret_post"]), true, TokenAuth::Auto), TokenAuth::Post);
        assert_eq!(auth(Some(&["client_secret_post", "client_secret_basic"]), true, TokenAuth::Auto), TokenAuth::Basic);
        assert_eq!(auth(Some(&["none", "client_secret_post"]), true, TokenAuth::Auto), TokenAuth::Post);
        assert_eq!(auth(Some(&["private_key_jwt"]), true, TokenAuth::Auto), TokenAuth::Basic);
        assert_eq!(auth(Some(&["client_secret_basic"]), false, TokenAuth::Auto), TokenAuth::None);
        assert_eq!(auth(Some(&["client_secret_basic"]), true, TokenAuth::Post), TokenAuth::Post);
    }
}
