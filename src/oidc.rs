//! OpenID Connect, as a relying party sees it: values in, values out.
//!
//! # In scope
//! Discovery 1.0, the authorization code flow of Core 1.0 with PKCE (RFC 7636) and the `iss` parameter (RFC 9207), ID
//! token validation by the steps of Core 3.1.3.7, the userinfo endpoint, RP-Initiated Logout 1.0; machines' access
//! tokens in JWT form (RFC 9068).
//!
//! # Out of scope
//! Implicit and hybrid flows, encrypted ID tokens, symmetric ID token signatures (HS256), signed userinfo answers.
//!
//! This room makes no call, reads no clock and knows neither cookies nor the gate's addresses: it
//! says what to send, and what an answer means.

mod access_token;
mod authorization;
mod claim;
mod id_token;
mod jwks;
mod jws;
mod logout;
mod metadata;
mod registration;
mod token;
mod userinfo;

pub use access_token::{
    AccessToken, AccessTokenError, AddressedAccessToken, TokenIssuer, TokenType, UntrustedAccessToken,
};
pub use authorization::{
    AuthorizationError, AuthorizationOutcome, AuthorizationRequest, AuthorizationResponse, ResponseError, Verifier,
    nonce,
};
#[cfg(test)]
pub(crate) use claim::{claims_at, names_in};
#[cfg(test)]
pub(crate) use claim::{class_in, is_unread};
pub use id_token::{AddressedIdToken, IdToken, IdTokenError, UntrustedIdToken};
pub use jwks::{KeySet, KeySetError, Material, PublicKey};
pub use jws::{Algorithm, JwsError, SignatureProof, Signed};
pub use logout::{end_session_endpoint, end_session_url};
pub use metadata::{Metadata, MetadataError, discovery_url};
pub use registration::{EmailTrust, Issuer, ProviderLogout, Publisher, Registration, TokenAuth};
pub use token::{TokenError, TokenResponse, token_request};
pub use userinfo::{UserInfo, UserInfoError, userinfo_request};

use crate::time::Lifetime;

/// The longest answer read from a provider. The largest seen in the field is a key set of some 60 KB; a token answer
/// for a person in 1,000 groups is just as large.
pub const ANSWER_BYTES: usize = 262_144;
/// The longest a provider may take for one answer. A person waits for up to five in a row: metadata, keys, the token,
/// the keys once more, userinfo.
pub const ANSWER_DEADLINE: Lifetime = Lifetime::from_seconds(8);
