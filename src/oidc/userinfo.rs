//! The userinfo endpoint (Core 5.3).

use std::collections::BTreeMap;

use serde_json::Value;
use url::Url;

use super::{ANSWER_BYTES, ANSWER_DEADLINE, IdToken, id_token::ClaimSet};
use crate::{
    edge::{Call, Reply},
    secret::Secret,
};

/// What the userinfo endpoint says about the person who signed in.
#[derive(Debug)]
pub struct UserInfo(BTreeMap<String, Value>);

/// Why an answer is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserInfoError {
    /// The settings ask for it, but the provider's metadata do not name it.
    #[error("the metadata has no userinfo_endpoint")]
    NoEndpoint,
    /// The settings ask for it, but there is no access token to ask with.
    #[error("there was no access token in the token endpoint's answer")]
    NoAccessToken,
    /// A status other than 200.
    #[error("the userinfo endpoint answered with status {0}")]
    Status(u16),
    /// Not a JSON object; signed answers were not agreed on.
    #[error("the answer is not a JSON object")]
    Malformed,
    /// It is about somebody else (Core 5.3.2).
    #[error("sub is not the ID token's")]
    Subject,
}

/// Asks with the access token in the header, never in the address (Core 5.3.1).
pub fn userinfo_request(endpoint: &Url, access_token: &Secret<String>) -> Call {
    Call {
        url: endpoint.to_string(),
        form: None,
        authorization: Some(Secret::new(format!("Bearer {}", access_token.expose()))),
        limit: ANSWER_BYTES,
        deadline: ANSWER_DEADLINE,
    }
}

impl UserInfo {
    /// Reads the answer; it must be about the person of `id_token`.
    ///
    /// # Errors
    /// See [`UserInfoError`].
    pub fn parse(reply: &Reply, id_token: &IdToken<'_>) -> Result<Self, UserInfoError> {
        if reply.status != 200 {
            return Err(UserInfoError::Status(reply.status));
        }
        let ClaimSet(claims) = ClaimSet::read(&reply.body).map_err(|_| UserInfoError::Malformed)?;
        if claims.get("sub").and_then(Value::as_str) != Some(id_token.subject()) {
            return Err(UserInfoError::Subject);
        }
        Ok(Self(claims))
    }

    pub(super) fn claims(&self) -> &BTreeMap<String, Value> {
        &self.0
    }
}
