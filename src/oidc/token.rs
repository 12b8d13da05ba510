//! The token request and its response (RFC 6749, 4.1.3; Core 3.1.3).

use base64::{Engine, engine::general_purpose::STANDARD};
use url::form_urlencoded;

use super::{ANSWER_BYTES, ANSWER_DEADLINE, Metadata, Registration, TokenAuth};
use crate::{
    edge::{Call, Reply},
    json::{self, JsonError, Table},
    secret::Secret,
};

/// What the provider returns for a code.
#[derive(Debug)]
pub struct TokenResponse {
    /// The ID token, not parsed yet.
    pub id_token: Secret<String>,
    /// The access token, for the userinfo endpoint.
    pub access_token: Option<Secret<String>>,
}

/// Why an answer gives no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The provider refuses, with this code (RFC 6749, 5.2).
    #[error("the token endpoint refused: {0}")]
    Refused(&'static str),
    /// A status other than 200, without an error code.
    #[error("the token endpoint answered with status {0}")]
    Status(u16),
    /// Not the JSON object it should be.
    #[error("the answer is not a token response")]
    Malformed,
    /// A token of another type than Bearer (Core 3.1.3.3).
    #[error("token_type is not Bearer")]
    Type,
    /// No ID token: the provider does not take us for an OpenID client.
    #[error("there is no id_token")]
    NoIdToken,
}

/// Members of RFC 6749, 5.1 and 5.2, and Core 3.1.3.3. One that occurs twice is an error.
struct Document {
    error: Option<String>,
    token_type: Option<String>,
    id_token: Option<String>,
    access_token: Option<String>,
}

impl Document {
    fn read(text: &str) -> Result<Self, JsonError> {
        let mut table = Table::of(json::read(text)?)?;
        Ok(Self {
            error: table.optional("error", json::text)?,
            token_type: table.optional("token_type", json::text)?,
            id_token: table.optional("id_token", json::text)?,
            access_token: table.optional("access_token", json::text)?,
        })
    }
}

/// The request that exchanges `code`.
pub fn token_request(
    provider: &Registration,
    metadata: &Metadata,
    code: &Secret<String>,
    redirect_uri: &str,
    verifier: &Secret<String>,
) -> Call {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", code.expose())
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("code_verifier", verifier.expose());
    let mut authorization = None;
    match (metadata.token_auth(provider), &provider.client_secret) {
        (TokenAuth::Basic, Some(secret)) => authorization = Some(basic(&provider.client_id, secret)),
        (TokenAuth::Post, Some(secret)) => {
            form.append_pair("client_id", &provider.client_id).append_pair("client_secret", secret.expose());
        }
        _ => {
            form.append_pair("client_id", &provider.client_id);
        }
    }
    Call {
        url: metadata.token_endpoint.to_string(),
        form: Some(Secret::new(form.finish())),
        authorization,
        limit: ANSWER_BYTES,
        deadline: ANSWER_DEADLINE,
    }
}

/// RFC 6749, 2.3.1: both parts are form-encoded before they are joined.
fn basic(client_id: &str, secret: &Secret<String>) -> Secret<String> {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = Secret::new(format!("{}:{}", encode(client_id), encode(secret.expose())));
    Secret::new(format!("Basic {}", STANDARD.encode(pair.expose())))
}

impl TokenResponse {
    /// Reads the answer to [`token_request`].
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn parse(reply: &Reply) -> Result<Self, TokenError> {
        let document = Document::read(&reply.body);
        if let Ok(Document { error: Some(error), .. }) = &document {
            return Err(TokenError::Refused(error_code(error)));
        }
        if reply.status != 200 {
            return Err(TokenError::Status(reply.status));
        }
        let document = document.map_err(|_| TokenError::Malformed)?;
        if !document.token_type.is_some_and(|name| name.eq_ignore_ascii_case("Bearer")) {
            return Err(TokenError::Type);
        }
        Ok(Self {
            id_token: document.id_token.map(Secret::new).ok_or(TokenError::NoIdToken)?,
            access_token: document.access_token.filter(|token| !token.is_empty()).map(Secret::new),
        })
    }
}

/// The codes of RFC 6749, 5.2; anything else that the provider wrote is never repeated.
fn error_code(code: &str) -> &'static str {
    [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    ]
    .into_iter()
    .find(|known| *known == code)
    .unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::registration::tests::registration;

    fn parse(status: u16, body: &str) -> Result<TokenResponse, TokenError> {
        TokenResponse::parse(&Reply { status, body: body.to_owned() })
    }

    #[test]
    fn rfc6749_2_3_1_credentials_are_form_encoded_before_they_are_joined() {
        let header = basic("a:b%c", &Secret::new("s3:cr%t+ü ".into()));
        let decoded = STANDARD.decode(header.expose().strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(String::from_utf8(decoded).unwrap(), "a%3Ab%25c:s3%3Acr%25t%2B%C3%BC+");
    }

    #[test]
    fn oidc_core_3_1_3_1_the_request_by_method() {
        let call = |auth: TokenAuth, secret: bool| {
            let mut provider = registration("https://id.example");
            provider.token_auth = auth;
            provider.client_secret = provider.client_secret.filter(|_| secret);
            let document = r#"{"issuer":"https://id.example","authorization_endpoint":"https://id.example/a","token_endpoint":"https://id.example/t","jwks_uri":"https://id.example/j"}"#;
            let metadata = Metadata::parse(document, provider.publisher()).unwrap();
            token_request(
                &provider,
                &metadata,
                &Secret::new("c".into()),
                "https://g.example/cb",
                &Secret::new("v".into()),
            )
        };
        let form = |call: &Call| call.form.as_ref().unwrap().expose().clone();
        let common = "grant_type=authorization_code&code=c&redirect_uri=https%3A%2F%2Fg.example%2Fcb&code_verifier=v";
        let basic = call(TokenAuth::Basic, true);
        assert_eq!((form(&basic).as_str(), basic.authorization.is_some()), (common, true));
        let post = call(TokenAuth::Post, true);
        assert_eq!(form(&post), format!("{common}&client_id=client&client_secret=s3%3Acr%25t%2B%C3%BC"));
        assert!(post.authorization.is_none());
        let public = call(TokenAuth::Auto, false);
        assert_eq!(form(&public), format!("{common}&client_id=client"));
    }

    #[test]
    fn oidc_core_3_1_3_3_the_type_is_bearer_in_any_case() {
        for name in ["Bearer", "bearer", "bEARER"] {
            assert!(parse(200, &format!(r#"{{"token_type":"{name}","id_token":"t"}}"#)).is_ok());
        }
        for body in [r#"{"token_type":"DPoP","id_token":"t"}"#, r#"{"id_token":"t"}"#] {
            assert_eq!(parse(200, body).unwrap_err(), TokenError::Type, "{body}");
        }
    }

    #[test]
    fn oidc_core_3_1_3_5_anything_but_a_token_response_is_refused() {
        let whole = r#"{"token_type":"Bearer","id_token":"t"}"#;
        let rows = [
            (302, "", TokenError::Status(302)),
            (500, "<html>", TokenError::Status(500)),
            (201, whole, TokenError::Status(201)),
            (200, "<html>", TokenError::Malformed),
            (200, "access_token=x&token_type=bearer", TokenError::Malformed),
            (200, "[]", TokenError::Malformed),
            (200, r#"{"token_type":"Bearer","id_token":"a","id_token":"b"}"#, TokenError::Malformed),
            (200, r#"{"token_type":"Bearer","id_token":1}"#, TokenError::Malformed),
            (200, r#"{"token_type":"Bearer"}"#, TokenError::NoIdToken),
            (
                200,
                r#"{"error":"invalid_grant","token_type":"Bearer","id_token":"t"}"#,
                TokenError::Refused("invalid_grant"),
            ),
            (400, r#"{"error":"invalid_client"}"#, TokenError::Refused("invalid_client")),
            (400, r#"{"error":"<script>"}"#, TokenError::Refused("other")),
        ];
        for (status, body, error) in rows {
            assert_eq!(parse(status, body).unwrap_err(), error, "{status} {body}");
        }
    }
}
