//! The authorization request, its PKCE (RFC 7636), and the authorization response.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use super::{Issuer, Metadata, Registration};
use crate::{edge::Entropy, secret::Secret, time::Lifetime};

/// The longest callback query parsed. Codes of 2 KB are seen, and our `state` can have 5 KB.
const LONGEST: usize = 12_288;
/// Bytes of randomness in a verifier, and in a nonce: 256 bits (RFC 7636, 7.1; Core 15.5.2).
const RANDOM_BYTES: usize = 32;

/// A PKCE verifier: 43 unreserved characters (RFC 7636, 4.1). It goes to the token endpoint and
/// nowhere else.
#[derive(Clone, Debug)]
pub struct Verifier(Secret<String>);

/// A new nonce (Core 15.5.2).
pub fn nonce(entropy: &impl Entropy) -> Secret<String> {
    let mut bytes = [0; RANDOM_BYTES];
    entropy.fill(&mut bytes);
    Secret::new(URL_SAFE_NO_PAD.encode(bytes))
}

impl Verifier {
    /// A new verifier.
    pub fn new(entropy: &impl Entropy) -> Self {
        Self(nonce(entropy))
    }

    /// The verifier, to be kept sealed.
    pub fn secret(&self) -> &Secret<String> {
        &self.0
    }

    /// The challenge, by S256, the only method used here (RFC 7636, 4.2).
    pub fn challenge(&self) -> String {
        challenge(self.0.expose())
    }
}

fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// What a login asks of the provider (Core 3.1.2.1).
#[derive(Debug)]
pub struct AuthorizationRequest<'r> {
    /// The provider.
    pub provider: &'r Registration,
    /// Its metadata.
    pub metadata: &'r Metadata,
    /// Where the answer has to go, exactly.
    pub redirect_uri: &'r str,
    /// The sealed state.
    pub state: &'r str,
    /// The nonce.
    pub nonce: &'r Secret<String>,
    /// The verifier whose challenge is sent.
    pub verifier: &'r Verifier,
    /// `login` or `select_account`, when the person asked for it.
    pub prompt: Option<&'r str>,
    /// How long ago the person may have authenticated, at most (Core 3.1.2.1).
    pub max_age: Option<Lifetime>,
    /// The acceptable authentication context classes, the preferred one first (Core 3.1.2.1).
    pub acr_values: &'r [String],
}

impl AuthorizationRequest<'_> {
    /// The address to send the browser to. It ends in an empty fragment, so that no browser
    /// carries the page's own fragment to the provider.
    pub fn url(&self) -> String {
        let mut own = form_urlencoded::Serializer::new(String::new());
        own.append_pair("response_type", "code")
            .append_pair("client_id", &self.provider.client_id)
            .append_pair("redirect_uri", self.redirect_uri)
            .append_pair("scope", &self.provider.scopes.join(" "))
            .append_pair("state", self.state)
            .append_pair("nonce", self.nonce.expose())
            .append_pair("code_challenge", &self.verifier.challenge())
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(self.prompt.map(|prompt| ("prompt", prompt)))
            .extend_pairs(self.max_age.map(|age| ("max_age", age.seconds().to_string())))
            .extend_pairs((!self.acr_values.is_empty()).then(|| ("acr_values", self.acr_values.join(" "))));
        // Some providers (Apple) read `+` as a plus; `%20` is a space to all. A plus in a value is already `%2B`.
        let own = own.finish().replace('+', "%20");
        let mut url = self.metadata.authorization_endpoint.clone();
        let query = url.query().filter(|query| !query.is_empty()).map(|theirs| format!("{theirs}&{own}"));
        url.set_query(Some(query.as_deref().unwrap_or(&own)));
        url.set_fragment(Some(""));
        url.into()
    }
}

/// The answer in the callback's query (Core 3.1.2.5, 3.1.2.6; RFC 6749, 4.1.2).
#[derive(Debug)]
pub struct AuthorizationResponse {
    /// The state, as it came.
    pub state: String,
    outcome: AuthorizationOutcome,
    issuer: Option<String>,
}

/// What the provider decided.
#[derive(Debug)]
pub enum AuthorizationOutcome {
    /// Signed in: the code to exchange.
    Code(Secret<String>),
    /// Not signed in, and why.
    Error(AuthorizationError),
}

/// An error code (RFC 6749, 4.1.2.1; Core 3.1.2.6). What the provider wrote is compared with the known codes, and
/// never repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorizationError {
    /// The person, or the provider of its own accord, said no.
    AccessDenied,
    /// The provider is in trouble, for now.
    Temporary(&'static str),
    /// The provider refuses what we ask: the settings, here or there, are wrong.
    Refused(&'static str),
}

/// Why an answer is not an authorization response to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// Too long, or with a parameter twice, or without one that is needed.
    #[error("not an authorization response")]
    Malformed,
    /// `iss` names another issuer, or is missing where it was promised (RFC 9207, 2.4).
    #[error("the response names another issuer, or none")]
    Issuer,
}

impl AuthorizationResponse {
    /// Parses the query of the callback: exactly one `state`, and either one `code` or one `error`. Other parameters
    /// are ignored (RFC 6749, 4.1.2); `error_description` too, except for the one text with which Keycloak asks for
    /// the login to start again.
    ///
    /// # Errors
    /// [`ResponseError::Malformed`]
    pub fn parse(query: &str) -> Result<Self, ResponseError> {
        if query.len() > LONGEST {
            return Err(ResponseError::Malformed);
        }
        let [mut state, mut code, mut error, mut issuer] = [const { None }; 4];
        let mut expired = false;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let slot = match name.as_ref() {
                "state" => &mut state,
                "code" => &mut code,
                "error" => &mut error,
                "iss" => &mut issuer,
                "error_description" => {
                    expired = value == "authentication_expired";
                    continue;
                }
                _ => continue,
            };
            if slot.replace(value.into_owned()).is_some() {
                return Err(ResponseError::Malformed);
            }
        }
        let outcome = match (code.filter(|code| !code.is_empty()), error) {
            (Some(code), None) => AuthorizationOutcome::Code(Secret::new(code)),
            (None, Some(error)) if expired && error == "temporarily_unavailable" => {
                AuthorizationOutcome::Error(AuthorizationError::EXPIRED)
            }
            (None, Some(error)) => AuthorizationOutcome::Error(AuthorizationError::from_code(&error)),
            _ => return Err(ResponseError::Malformed),
        };
        Ok(Self { state: state.ok_or(ResponseError::Malformed)?, outcome, issuer })
    }

    /// The error, unless another attempt may end differently. Until the issuer is checked, anybody may have sent it.
    pub fn declined(&self) -> Option<AuthorizationError> {
        match &self.outcome {
            AuthorizationOutcome::Error(
                error @ (AuthorizationError::AccessDenied | AuthorizationError::Refused(_)),
            ) => Some(*error),
            _ => None,
        }
    }

    /// The outcome, from the issuer that was asked, after [`AuthorizationResponse::check_issuer`].
    ///
    /// # Errors
    /// [`ResponseError::Issuer`]
    pub fn outcome_from(self, asked: &Issuer, promised: bool) -> Result<AuthorizationOutcome, ResponseError> {
        self.check_issuer(asked, promised)?;
        Ok(self.outcome)
    }

    /// RFC 9207, 2.4: the issuer that answers, if it names itself, is the one that was asked; and it does name itself
    /// if its metadata promise it (`promised`). Errors are held to this as well.
    ///
    /// # Errors
    /// [`ResponseError::Issuer`]
    pub fn check_issuer(&self, asked: &Issuer, promised: bool) -> Result<(), ResponseError> {
        match &self.issuer {
            Some(issuer) if issuer == asked.as_str() => Ok(()),
            None if !promised => Ok(()),
            _ => Err(ResponseError::Issuer),
        }
    }
}

impl AuthorizationError {
    /// The person signed in in another tab meanwhile, or waited for too long (Keycloak).
    pub const EXPIRED: Self = Self::Temporary("authentication_expired");

    /// Whether it may be the answer to a `prompt` that the provider does not know (Core 3.1.2.1, 3.1.2.6).
    pub fn may_be_about_the_prompt(self) -> bool {
        matches!(self.as_str(), "account_selection_required" | "interaction_required" | "invalid_request")
    }

    fn from_code(code: &str) -> Self {
        match code {
            "access_denied" => Self::AccessDenied,
            "server_error" => Self::Temporary("server_error"),
            "temporarily_unavailable" => Self::Temporary("temporarily_unavailable"),
            "login_required" => Self::Temporary("login_required"),
            "interaction_required" => Self::Temporary("interaction_required"),
            "account_selection_required" => Self::Temporary("account_selection_required"),
            // The last: OpenID Connect Core Error Code unmet_authentication_requirements 1.0.
            "consent_required" | "unmet_authentication_requirements" => Self::AccessDenied,
            // Codes of Okta's, Apple's and Auth0's own.
            "user_canceled_request" | "user_cancelled_authorize" | "unauthorized" => Self::AccessDenied,
            "invalid_request" => Self::Refused("invalid_request"),
            "unauthorized_client" => Self::Refused("unauthorized_client"),
            "unsupported_response_type" => Self::Refused("unsupported_response_type"),
            "invalid_scope" => Self::Refused("invalid_scope"),
            "request_not_supported" => Self::Refused("request_not_supported"),
            // Codes of RFC 6749, 5.2 and codes of no specification, which providers send here all the same.
            "invalid_client" => Self::Refused("invalid_client"),
            "invalid_resource" => Self::Refused("invalid_resource"),
            "redirect_uri_mismatch" => Self::Refused("redirect_uri_mismatch"),
            _ => Self::Refused("other"),
        }
    }

    /// A word for the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::Temporary(code) | Self::Refused(code) => code,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{edge::tests::Counting, oidc::registration::tests::registration};

    #[test]
    fn rfc7636_appendix_b() {
        assert_eq!(
            challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn rfc7636_4_1_verifiers_are_43_unreserved_characters_and_never_the_same() {
        let entropy = Counting::default();
        let verifiers: Vec<String> = (0..100).map(|_| Verifier::new(&entropy).secret().expose().clone()).collect();
        for (rank, verifier) in verifiers.iter().enumerate() {
            assert_eq!(verifier.len(), 43);
            assert!(verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)));
            assert!(!verifiers.iter().skip(rank + 1).any(|other| other == verifier));
        }
    }

    #[test]
    fn oidc_core_3_1_2_1_the_request() {
        let document = r#"{"issuer":"https://id.example","authorization_endpoint":"https://id.example/a?tenant=x","token_endpoint":"https://id.example/t","jwks_uri":"https://id.example/j"}"#;
        let provider = registration("https://id.example");
        let metadata = Metadata::parse(document, provider.publisher()).unwrap();
        let entropy = Counting::default();
        let (nonce, verifier) = (nonce(&entropy), Verifier::new(&entropy));
        let request = AuthorizationRequest {
            provider: &provider,
            metadata: &metadata,
            redirect_uri: "https://docs.example.com/.auth/callback",
            state: "s",
            nonce: &nonce,
            verifier: &verifier,
            prompt: Some("login"),
            max_age: Some(Lifetime::from_seconds(300)),
            acr_values: &["a".to_owned(), "b".to_owned()],
        };
        let url = request.url();
        assert!(url.ends_with('#') && !url.contains(verifier.secret().expose()));
        let url = url::Url::parse(&url).unwrap();
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let expected = [
            ("tenant", "x"),
            ("response_type", "code"),
            ("client_id", "client"),
            ("redirect_uri", "https://docs.example.com/.auth/callback"),
            ("scope", "openid email"),
            ("state", "s"),
            ("nonce", nonce.expose()),
            ("code_challenge", &verifier.challenge()),
            ("code_challenge_method", "S256"),
            ("prompt", "login"),
            ("max_age", "300"),
            ("acr_values", "a b"),
        ];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn oidc_core_3_1_2_7_responses_have_one_state_and_a_code_or_an_error() {
        for query in [
            "state=s&code=c",
            "code=c&state=s&session_state=x&session_state=y",
            "state=s&error=access_denied",
            "state=s&code=c&iss=i",
        ] {
            assert!(AuthorizationResponse::parse(query).is_ok(), "{query}");
        }
        for query in [
            "",
            "state=s",
            "code=c",
            "state=s&code=",
            "state=s&code=c&error=e",
            "state=s&state=s&code=c",
            "state=s&code=c&code=c",
            "state=s&error=a&error=a",
            "state=s&code=c&iss=i&iss=i",
            "State=s&code=c",
        ] {
            assert!(AuthorizationResponse::parse(query).is_err(), "{query}");
        }
        assert!(AuthorizationResponse::parse(&format!("state=s&code={}", "c".repeat(LONGEST))).is_err());
    }

    #[test]
    fn rfc9207_2_4_the_issuer_is_compared_whole_and_missed_when_promised() {
        let asked = Issuer::parse("https://id.example").unwrap();
        let check = |query: &str, promised| AuthorizationResponse::parse(query).unwrap().check_issuer(&asked, promised);
        for promised in [false, true] {
            for outcome in ["code=c", "error=access_denied"] {
                assert!(check(&format!("state=s&{outcome}&iss=https://id.example"), promised).is_ok());
                for other in ["https://id.example/", "https://evil.test", "", "https://ID.example", "http://id.example"]
                {
                    assert!(check(&format!("state=s&{outcome}&iss={other}"), promised).is_err(), "{other}");
                }
                assert_eq!(check(&format!("state=s&{outcome}"), promised).is_err(), promised);
            }
        }
    }

    #[test]
    fn rfc6749_4_1_2_1_what_the_provider_writes_is_never_repeated() {
        let AuthorizationOutcome::Error(error) =
            AuthorizationResponse::parse("state=s&error=<script>").unwrap().outcome
        else {
            panic!("an error")
        };
        assert_eq!(error.as_str(), "other");
    }
}
