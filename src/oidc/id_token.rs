//! The ID token and its checks: OpenID Connect Core 1.0, 3.1.3.7, step by step and in order, except that 7 and 8 come
//! with 1, since no claim is read under an algorithm that the settings do not pin.
//!
//! The steps are spread over three types, each of which needs the one before: [`UntrustedIdToken::parse`] takes steps
//! 1, 7 and 8, [`UntrustedIdToken::addressed_to_us`] steps 2 to 5, and [`AddressedIdToken::proven`] step 6, by
//! demanding the [`SignatureProof`], and steps 9 to 13. Only the last makes an [`IdToken`], and only an [`IdToken`]
//! makes [`Claims`] of a login.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::{
    Algorithm, EmailTrust, JwsError, Registration, SignatureProof, Signed, UserInfo,
    claim::{claims_at, class_in, is_unread, moment, names_in, text},
    jws::{PinnedJws, UntrustedJws},
};
use crate::{
    claims::{Claims, Said, Selection},
    json::{self, JsonError, Table},
    secret::Secret,
    time::{Lifetime, Timestamp},
};

/// How far a provider's clock may be off (Core 3.1.3.7, steps 9 and 10).
pub(super) const LEEWAY: Lifetime = Lifetime::from_seconds(60);
/// How old an ID token may be when it arrives. It was made for a login that waits ten minutes at most; an hour
/// forgives a clock that is badly off, and no more.
const OLDEST: Lifetime = Lifetime::from_seconds(3_600);
/// The longest subject (Core 2).
const SUBJECT_BYTES: usize = 255;

/// A parsed ID token. Its header names an algorithm that the settings pin; nothing else has been checked.
pub struct UntrustedIdToken<'t> {
    provider: &'t Registration,
    jws: PinnedJws<'t>,
    claims: jwt_compact::Claims<ClaimSet>,
}

/// An ID token that says it is from the provider, for us. Its signature has not been verified.
pub struct AddressedIdToken<'t> {
    provider: &'t Registration,
    jws: PinnedJws<'t>,
    claims: jwt_compact::Claims<ClaimSet>,
    subject: String,
}

/// An ID token that passed every check, and the provider that it passed them for.
#[derive(Debug)]
pub struct IdToken<'p> {
    provider: &'p Registration,
    subject: String,
    issued: Timestamp,
    claims: BTreeMap<String, Value>,
}

/// The step that refused an ID token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// Steps 1, 7 and 8: not a token we would check.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// The payload is not a JSON object, names a member twice, or has a time that is not a number.
    #[error("the payload is malformed")]
    Payload,
    /// Step 2.
    #[error("iss is not the provider's issuer")]
    Issuer,
    /// Step 3.
    #[error("aud does not name us, or somebody unknown")]
    Audience,
    /// Steps 4 and 5.
    #[error("azp is another client, or missing where aud names several")]
    AuthorizedParty,
    /// Core 2: `sub` is 1 to 255 characters of ASCII.
    #[error("sub is missing or malformed")]
    Subject,
    /// Step 6.
    #[error("the signature is not proven")]
    Signature,
    /// Step 9.
    #[error("expired, or without exp")]
    Expired,
    /// Step 10, and RFC 7519, 4.1.5.
    #[error("from the future, too old, or without iat")]
    Issued,
    /// Step 11.
    #[error("nonce is not this login's")]
    Nonce,
    /// Core 3.1.3.8.
    #[error("at_hash is another access token's")]
    AccessTokenHash,
}

impl<'t> UntrustedIdToken<'t> {
    /// Parses `text`, which `provider` sent: every further step is about this provider.
    ///
    /// # Errors
    /// Step 1: an encrypted token is refused, since none was agreed on. Steps 7 and 8: the
    /// algorithm is one the settings pin, and never a symmetric one, which no setting can name.
    pub fn parse(text: &'t str, provider: &'t Registration) -> Result<Self, IdTokenError> {
        let jws = UntrustedJws::parse(text)?;
        // RFC 8725, 3.11: a token that names a type is not an ID token unless that is the plain one.
        if jws.token_type().is_some_and(|name| !name.eq_ignore_ascii_case("JWT")) {
            return Err(JwsError::Type.into());
        }
        let jws = jws.pinned(&provider.algorithms)?;
        let claims = jws.claims().ok_or(IdTokenError::Payload)?;
        Ok(Self { provider, jws, claims })
    }

    /// Steps 2 to 5: who issued it, and for whom.
    ///
    /// # Errors
    /// The first step that fails.
    pub fn addressed_to_us(self) -> Result<AddressedIdToken<'t>, IdTokenError> {
        let (provider, claims) = (self.provider, &self.claims.custom.0);
        // 2. The issuer is the provider's, byte for byte.
        if text(claims, "iss") != Some(provider.issuer.as_str()) {
            return Err(IdTokenError::Issuer);
        }
        // 3. The audience is us, and nobody we do not know.
        let is_us = |audience: &Value| audience.as_str() == Some(&provider.client_id);
        let is_known =
            |audience: &Value| audience.as_str().is_some_and(|one| provider.audiences.iter().any(|known| known == one));
        let (for_us, for_others) = match claims.get("aud") {
            Some(Value::Array(audiences)) => {
                let others = audiences.iter().filter(|audience| !is_us(audience));
                (audiences.iter().any(is_us) && others.clone().all(is_known), others.count() > 0)
            }
            audience => (audience.is_some_and(is_us), false),
        };
        if !for_us {
            return Err(IdTokenError::Audience);
        }
        // 4, 5. The authorized party is us, if there is one; there must be one where the token is for others too.
        if claims.get("azp").map_or(for_others, |party| !is_us(party)) {
            return Err(IdTokenError::AuthorizedParty);
        }
        let subject = subject(claims).ok_or(IdTokenError::Subject)?.to_owned();
        Ok(AddressedIdToken { provider, jws: self.jws, claims: self.claims, subject })
    }
}

impl<'t> AddressedIdToken<'t> {
    /// The provider that sent the token: its keys count, and nobody else's.
    pub fn provider(&self) -> &'t Registration {
        self.provider
    }

    /// What the signature has to be verified on.
    pub fn signed(&self) -> Signed<'_> {
        self.jws.signed()
    }

    /// Steps 6 and 9 to 13: the signature was verified, the token is current, and it is this login's.
    ///
    /// # Errors
    /// The first step that fails.
    pub fn proven(
        self,
        proof: &SignatureProof,
        nonce: &Secret<String>,
        access_token: Option<&Secret<String>>,
        now: Timestamp,
    ) -> Result<IdToken<'t>, IdTokenError> {
        // 6. (7, 8: done by parsing.) The signature.
        if !proof.is_for(self.provider.publisher(), &self.signed()) {
            return Err(IdTokenError::Signature);
        }
        // 9. Not expired.
        let expires = seconds(self.claims.expiration).ok_or(IdTokenError::Expired)?;
        if now >= expires.after(LEEWAY) {
            return Err(IdTokenError::Expired);
        }
        // 10. Issued just now; `nbf`, if there is one, has passed.
        let issued = seconds(self.claims.issued_at).ok_or(IdTokenError::Issued)?;
        let not_before =
            self.claims.not_before.map_or(Some(issued), |moment| seconds(Some(moment))).ok_or(IdTokenError::Issued)?;
        let latest = now.after(LEEWAY);
        if issued > latest || not_before > latest || now.since(issued) > OLDEST {
            return Err(IdTokenError::Issued);
        }
        // 11. The nonce is this login's.
        let claims = self.claims.custom.0;
        if !text(&claims, "nonce").is_some_and(|found| nonce.equals(found.as_bytes())) {
            return Err(IdTokenError::Nonce);
        }
        // 12, 13. acr and auth_time: judged by the rule that asked for them (see gate/callback.rs).
        // 3.1.3.8. The access token is the one the ID token was made with.
        if let (Some(hash), Some(access_token)) = (claims.get("at_hash"), access_token)
            && hash.as_str() != Some(&access_token_hash(self.jws.signed().algorithm, access_token))
        {
            return Err(IdTokenError::AccessTokenHash);
        }
        Ok(IdToken { provider: self.provider, subject: self.subject, issued, claims })
    }
}

impl<'p> IdToken<'p> {
    /// A token with these claims that nobody signed: for the command that explains decisions, whose gate has a key of
    /// its own and no origin. It does not exist in the Worker: the feature does not compile for it (see `lib.rs`).
    ///
    /// # Errors
    /// [`IdTokenError::Payload`] and [`IdTokenError::Subject`], as for a token that was sent.
    #[cfg(feature = "check")]
    pub fn supposed(claims: &str, provider: &'p Registration, now: Timestamp) -> Result<Self, IdTokenError> {
        let ClaimSet(claims) = ClaimSet::read(claims).map_err(|_| IdTokenError::Payload)?;
        let issued = claims.get("iat").and_then(moment).unwrap_or(now);
        let subject = subject(&claims).ok_or(IdTokenError::Subject)?.to_owned();
        Ok(Self { provider, subject, issued, claims })
    }

    /// Who signed in (`sub`).
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The claims that the settings select, from the ID token first, and where it is silent from the userinfo answer,
    /// if the provider was asked for one.
    pub fn claims(&self, userinfo: Option<&UserInfo>, selection: &Selection) -> Claims {
        let provider = self.provider;
        let nothing = BTreeMap::new();
        let more = userinfo.map_or(&nothing, UserInfo::claims);
        let says = |name: &str| self.claims.get(name).is_some_and(|value| !value.is_null());
        let source = |name: &str| if says(name) { &self.claims } else { more };
        let from = source("email");
        let said = Said {
            email: text(from, "email").map(str::to_owned),
            email_unread: is_unread(&self.claims, "email") || is_unread(more, "email"),
            email_verified: match provider.email {
                // Some write it as a text (Apple, Amazon Cognito). Nothing else is a yes: not 1, not silence.
                EmailTrust::Demand => match from.get("email_verified") {
                    Some(Value::Bool(verified)) => *verified,
                    Some(Value::String(verified)) => verified == "true",
                    _ => false,
                },
                EmailTrust::Trust => true,
                EmailTrust::Never => false,
            },
            name: text(source("name"), "name").map(str::to_owned),
            groups: names_in(&[&self.claims, more], &provider.groups_claim),
            roles: names_in(&[&self.claims, more], &provider.roles_claim),
            // How somebody authenticated is the ID token's to say (Core 2).
            acr: class_in(&self.claims),
            amr: names_in(&[&self.claims], "amr"),
            auth_time: self.authenticated(),
            more: claims_at(selection, &[&self.claims, more]),
        };
        Claims::select(&provider.id, &self.subject, said, selection)
    }

    /// `auth_time`, unless it is later than the token: that would make a session fresh for ever.
    fn authenticated(&self) -> Option<Timestamp> {
        let authenticated = self.claims.get("auth_time").and_then(moment);
        authenticated.filter(|authenticated| *authenticated <= self.issued.after(LEEWAY))
    }
}

/// `sub`: 1 to 255 characters of ASCII.
pub(super) fn subject(claims: &BTreeMap<String, Value>) -> Option<&str> {
    text(claims, "sub").filter(|subject| {
        (1..=SUBJECT_BYTES).contains(&subject.len()) && subject.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
    })
}

pub(super) fn seconds(moment: Option<chrono::DateTime<chrono::Utc>>) -> Option<Timestamp> {
    u64::try_from(moment?.timestamp()).ok().map(Timestamp::from_seconds)
}

/// Core 3.1.3.6: the left half of the access token's hash, by the hash of the token's `alg`. For
/// EdDSA the hash is SHA-512, which Ed25519 is built on.
fn access_token_hash(algorithm: Algorithm, access_token: &Secret<String>) -> String {
    let token = access_token.expose().as_bytes();
    let hash = match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => Sha256::digest(token).to_vec(),
        Algorithm::Rs384 | Algorithm::Ps384 => Sha384::digest(token).to_vec(),
        Algorithm::Rs512 | Algorithm::Ps512 | Algorithm::EdDsa => Sha512::digest(token).to_vec(),
    };
    URL_SAFE_NO_PAD.encode(hash.get(..hash.len() >> 1).unwrap_or_default())
}

/// The members of a payload. None occurs twice, however deep (RFC 7519, 4 leaves this open; two readers that choose
/// differently are how tokens get misread).
pub(super) struct ClaimSet(pub(super) BTreeMap<String, Value>);

impl ClaimSet {
    pub(super) fn read(text: &str) -> Result<Self, JsonError> {
        Ok(Self(json::by_name(Table::of(json::read(text)?)?.into_members())))
    }
}

impl<'de> Deserialize<'de> for ClaimSet {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        match json::strictly(reader)? {
            Value::Object(members) => Ok(Self(json::by_name(members))),
            _ => Err(D::Error::custom("not an object")),
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::json;

    use super::*;
    use crate::oidc::{Algorithm, KeySet, Publisher, registration::tests::registration};

    #[test]
    fn oidc_core_3_1_3_7_6_the_proof_of_one_token_is_none_of_another() {
        let mut provider = registration("https://id.example");
        provider.algorithms = vec![Algorithm::EdDsa];
        let token = |subject: &str| {
            let claims = json!({
                "iss": "https://id.example", "aud": "client", "sub": subject, "nonce": "n", "iat": 1_000, "exp": 2_000,
            });
            let parts = [json!({ "alg": "EdDSA" }), claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
            format!("{}.{}", parts.join("."), URL_SAFE_NO_PAD.encode([7; 64]))
        };
        let (ada, mallory) = (token("ada"), token("mallory"));
        let addressed =
            |text| UntrustedIdToken::parse(text, &provider).and_then(UntrustedIdToken::addressed_to_us).unwrap();
        let jwk = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode([1; 32]) }] });
        let keys = KeySet::parse(&jwk.to_string()).unwrap();
        let key = keys.candidates(Algorithm::EdDsa, None, &[Algorithm::EdDsa]).next().unwrap();
        let (nonce, now) = (Secret::new("n".to_owned()), Timestamp::from_seconds(1_000));
        // As if the signature of mallory's had been checked.
        let signed_by = |publisher| SignatureProof::assertion(publisher, &addressed(&mallory).signed(), key, now);
        let proof = signed_by(provider.publisher());
        assert!(addressed(&mallory).proven(&proof, &nonce, None, now).is_ok());
        assert_eq!(addressed(&ada).proven(&proof, &nonce, None, now).unwrap_err(), IdTokenError::Signature);
        // Nor is one by the key of another provider a proof of this one's.
        let others = signed_by(Publisher { id: "other", ..provider.publisher() });
        assert_eq!(addressed(&mallory).proven(&others, &nonce, None, now).unwrap_err(), IdTokenError::Signature);
    }
}
