//! A machine's access token in JWT form, and its checks: RFC 9068, 4, under the rules of RFC 8725.
//!
//! As with the ID token, the steps are spread over three types, each of which needs the one before:
//! [`UntrustedAccessToken::parse`] checks the form, [`UntrustedAccessToken::addressed_to`] checks who issued it, and
//! for whom, and [`AddressedAccessToken::proven`] demands the [`SignatureProof`]. Only that makes an [`AccessToken`].

use std::{collections::BTreeMap, rc::Rc};

use serde_json::Value;

use super::{
    Algorithm, Issuer, JwsError, Publisher, SignatureProof, Signed,
    claim::{claims_at, class_in, is_unread, moment, names_in, text},
    id_token::{ClaimSet, LEEWAY, seconds, subject},
    jws::{PinnedJws, UntrustedJws},
};
use crate::{
    claims::{Claims, Said, Selection},
    time::{Lifetime, Timestamp},
};

/// The longest access token parsed. Servers and proxies accept some 16 KB of headers in all; a token for a person in
/// a hundred groups has 4 KB.
const LONGEST: usize = 16_384;
/// Claims that only tokens of another kind have (RFC 8725, 3.12): the ID token's (OpenID Connect
/// Core 1.0, 2 and 3.3.2.11), and the event of a logout token or another one (RFC 8417, 2.2).
const OTHER_KINDS: [&str; 4] = ["nonce", "at_hash", "c_hash", "events"];

/// A configured issuer whose access tokens rules can name.
#[derive(Clone, Debug)]
pub struct TokenIssuer {
    /// The id that rules name, and that is the provider in the claims.
    pub id: String,
    /// The issuer.
    pub issuer: Issuer,
    /// The audiences that tokens may have: one of these is enough.
    pub audiences: Vec<String>,
    /// The signature algorithms a token may have: the settings pin them, never the token.
    pub algorithms: Vec<Algorithm>,
    /// The types a token may have.
    pub types: Vec<TokenType>,
    /// The claim that lists groups; dots lead into objects.
    pub groups_claim: String,
    /// The claim that lists roles, likewise.
    pub roles_claim: String,
    /// How long metadata, keys and the check of a signature count as fresh.
    pub freshness: Lifetime,
}

/// What a token's header says it is (RFC 7515, 4.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// `at+jwt`: an access token (RFC 9068, 2.1).
    AccessToken,
    /// `JWT`: any token, just as if the header has no type; for issuers from before RFC 9068.
    Jwt,
}

/// A parsed access token. Its header asks for nothing unknown; nothing else has been checked.
pub struct UntrustedAccessToken<'t> {
    jws: UntrustedJws<'t>,
    claims: jwt_compact::Claims<ClaimSet>,
}

/// An access token that says it is from one of the issuers, for us, and current. Its signature has not been verified.
/// It may have to wait for its issuer's keys, and parsed claims can take sixty times the space of their text, so they
/// are read again once the signature is verified.
pub struct AddressedAccessToken<'t> {
    jws: PinnedJws<'t>,
    issuer: Rc<TokenIssuer>,
    subject: String,
    validity: Validity,
}

/// An access token that passed every check.
#[derive(Debug)]
pub struct AccessToken {
    issuer: Rc<TokenIssuer>,
    audience: Option<Value>,
    claims: Rc<Claims>,
    validity: Validity,
    proven: Timestamp,
}

/// When a token counts.
#[derive(Clone, Copy, Debug)]
struct Validity {
    from: Option<Timestamp>,
    until: Timestamp,
}

/// The step that refused an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessTokenError {
    /// Not a token we would check.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// The payload is not a JSON object, names a member twice, or has a time that is not a number.
    #[error("the payload is malformed")]
    Payload,
    /// RFC 9068, 4.
    #[error("iss is no issuer that the rule names")]
    Issuer,
    /// RFC 9068, 4; RFC 8725, 3.11 and 3.12.
    #[error("not an access token by its type")]
    Type,
    /// RFC 9068, 4.
    #[error("aud does not name us")]
    Audience,
    /// RFC 9068, 2.2.
    #[error("sub is missing or malformed")]
    Subject,
    /// RFC 7800, 3.1.
    #[error("bound to a key that was not shown")]
    Bound,
    /// RFC 9068, 4.
    #[error("expired, or without exp")]
    Expired,
    /// RFC 7519, 4.1.5 and 4.1.6.
    #[error("from the future")]
    Future,
    /// RFC 9068, 4.
    #[error("the signature is not proven")]
    Signature,
}

impl TokenType {
    /// The type that the settings call by this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "at+jwt" => Some(Self::AccessToken),
            "JWT" => Some(Self::Jwt),
            _ => None,
        }
    }
}

impl TokenIssuer {
    /// The issuer as a publisher of keys.
    pub fn publisher(&self) -> Publisher<'_> {
        Publisher {
            id: &self.id,
            issuer: &self.issuer,
            algorithms: &self.algorithms,
            freshness: self.freshness,
            signs_in: false,
        }
    }

    /// RFC 9068, 4: `at+jwt` or `application/at+jwt`, and nothing else unless the settings say so.
    fn takes_type(&self, name: Option<&str>) -> bool {
        self.types.iter().any(|kind| match kind {
            TokenType::AccessToken => name.is_some_and(|name| {
                name.eq_ignore_ascii_case("at+jwt") || name.eq_ignore_ascii_case("application/at+jwt")
            }),
            TokenType::Jwt => name.is_none_or(|name| name.eq_ignore_ascii_case("JWT")),
        })
    }

    /// RFC 9068, 4: the audience names us, whomever else it names.
    fn is_addressed(&self, audience: Option<&Value>) -> bool {
        let ours = |value: &Value| value.as_str().is_some_and(|name| self.audiences.iter().any(|own| own == name));
        match audience {
            Some(Value::Array(names)) => names.iter().all(Value::is_string) && names.iter().any(ours),
            Some(name) => ours(name),
            None => false,
        }
    }
}

/// Which of `issuers` a token means by `iss` and `aud`. Two entries may have the same issuer and differ in what they
/// take: then the first that the token is addressed to.
fn meant_by<'i>(issuers: &'i [Rc<TokenIssuer>], named: &str, audience: Option<&Value>) -> Option<&'i Rc<TokenIssuer>> {
    let of_issuer = || issuers.iter().filter(|issuer| issuer.issuer.as_str() == named);
    of_issuer().find(|issuer| issuer.is_addressed(audience)).or_else(|| of_issuer().next())
}

impl<'t> UntrustedAccessToken<'t> {
    /// Parses `text`.
    ///
    /// # Errors
    /// 1. RFC 7515: three parts, and a header that asks for no extension (4.1.11) and no compression (RFC 8725, 3.6).
    ///    An encrypted token is refused, since none was agreed on.
    /// 2. RFC 7519, 4: a payload in which no member occurs twice.
    pub fn parse(text: &'t str) -> Result<Self, AccessTokenError> {
        if text.len() > LONGEST {
            return Err(JwsError::Malformed.into());
        }
        let jws = UntrustedJws::parse(text)?;
        let claims = jws.claims().ok_or(AccessTokenError::Payload)?;
        Ok(Self { jws, claims })
    }

    /// Steps 3 to 9: who issued it, for whom, about whom, and for how long.
    ///
    /// # Errors
    /// The first step that fails.
    pub fn addressed_to(
        self,
        issuers: &[Rc<TokenIssuer>],
        now: Timestamp,
    ) -> Result<AddressedAccessToken<'t>, AccessTokenError> {
        let claims = &self.claims.custom.0;
        // 3. The issuer is one of them, byte for byte; two entries for it may differ in what they take.
        let named = text(claims, "iss").ok_or(AccessTokenError::Issuer)?;
        let audience = claims.get("aud");
        let issuer = Rc::clone(meant_by(issuers, named, audience).ok_or(AccessTokenError::Issuer)?);
        // 4. It is an access token, and has no claim that only another kind has.
        if !issuer.takes_type(self.jws.token_type()) || OTHER_KINDS.iter().any(|name| claims.contains_key(*name)) {
            return Err(AccessTokenError::Type);
        }
        // 5. The algorithm is one that the settings pin for this issuer; never "none", never symmetric.
        let jws = self.jws.pinned(&issuer.algorithms)?;
        // 6. The audience.
        if !issuer.is_addressed(audience) {
            return Err(AccessTokenError::Audience);
        }
        // 7. The subject.
        let subject = subject(claims).ok_or(AccessTokenError::Subject)?.to_owned();
        // 8. Whoever has it may use it: if nobody asked for the key, a token bound to one by DPoP (RFC 9449) or
        //    mutual TLS (RFC 8705) would be worth something to a thief.
        if claims.contains_key("cnf") {
            return Err(AccessTokenError::Bound);
        }
        // 9. It is current.
        let until = seconds(self.claims.expiration).ok_or(AccessTokenError::Expired)?;
        let moment = |time| match time {
            Some(time) => seconds(Some(time)).map(Some).ok_or(AccessTokenError::Future),
            None => Ok(None),
        };
        let from = moment(self.claims.not_before)?.max(moment(self.claims.issued_at)?);
        let validity = Validity { from, until };
        validity.check(now)?;
        Ok(AddressedAccessToken { jws, issuer, subject, validity })
    }
}

impl AddressedAccessToken<'_> {
    /// The configured issuer that the token names: its keys count, and nobody else's.
    pub fn issuer(&self) -> &Rc<TokenIssuer> {
        &self.issuer
    }

    /// What the signature has to be verified on.
    pub fn signed(&self) -> Signed<'_> {
        self.jws.signed()
    }

    /// Step 10: the signature was verified.
    ///
    /// # Errors
    /// [`AccessTokenError::Signature`]
    pub fn proven(
        self,
        proof: &SignatureProof,
        now: Timestamp,
        selection: &Selection,
    ) -> Result<AccessToken, AccessTokenError> {
        if !proof.is_for(self.issuer.publisher(), &self.signed()) {
            return Err(AccessTokenError::Signature);
        }
        let ClaimSet(claims) = self.jws.claims().ok_or(AccessTokenError::Payload)?.custom;
        let token = AccessToken::of(self.issuer, &self.subject, &claims, self.validity, now, selection);
        Ok(AccessToken { proven: proof.as_of(), ..token })
    }
}

impl AccessToken {
    /// A token with these claims that nobody signed, valid for an hour: for the command that explains decisions. It
    /// does not exist in the Worker: the feature does not compile for it (see `lib.rs`).
    ///
    /// # Errors
    /// [`AccessTokenError::Payload`] and [`AccessTokenError::Subject`], as for a token that was sent.
    #[cfg(feature = "check")]
    pub fn supposed(
        issuer: &Rc<TokenIssuer>,
        claims: &str,
        now: Timestamp,
        selection: &Selection,
    ) -> Result<Self, AccessTokenError> {
        let ClaimSet(claims) = ClaimSet::read(claims).map_err(|_| AccessTokenError::Payload)?;
        let subject = subject(&claims).ok_or(AccessTokenError::Subject)?.to_owned();
        let validity = Validity { from: None, until: now.after(Lifetime::from_seconds(3_600)) };
        Ok(Self::of(Rc::clone(issuer), &subject, &claims, validity, now, selection))
    }

    fn of(
        issuer: Rc<TokenIssuer>,
        subject: &str,
        claims: &BTreeMap<String, Value>,
        validity: Validity,
        now: Timestamp,
        selection: &Selection,
    ) -> Self {
        let names = |path: &str| {
            let mut names = names_in(&[claims], path);
            // RFC 9068, 2.2.3: scopes are one text, separated by spaces.
            if matches!(path, "scope" | "scp") {
                let scopes = names.list.iter().flat_map(|scopes| scopes.split_ascii_whitespace());
                names.list = scopes.map(str::to_owned).collect();
            }
            names
        };
        // A moment in the future would be fresh for ever.
        let authenticated = claims.get("auth_time").and_then(moment);
        let said = Said {
            // Nobody vouches for it, so it can keep somebody out where it is named, but admits nobody.
            email: text(claims, "email").map(str::to_owned),
            email_unread: is_unread(claims, "email"),
            groups: names(&issuer.groups_claim),
            roles: names(&issuer.roles_claim),
            // RFC 9068, 2.2.1: how the person authenticated on whose behalf the token was issued.
            acr: class_in(claims),
            amr: names_in(&[claims], "amr"),
            auth_time: authenticated.filter(|authenticated| *authenticated <= now.after(LEEWAY)),
            more: claims_at(selection, &[claims]),
            ..Said::default()
        };
        let audience = claims.get("aud").cloned();
        let claims = Rc::new(Claims::select(&issuer.id, subject, said, selection));
        Self { issuer, audience, claims, validity, proven: now }
    }

    /// Who the token stands for where `issuers` are taken: the claims of a remembered token, if it still counts.
    /// `None` where it has to be checked anew: the keys that proved it are no longer fresh, or it was checked as
    /// another issuer's.
    ///
    /// # Errors
    /// [`AccessTokenError::Expired`], [`AccessTokenError::Future`]
    pub fn claims(&self, issuers: &[Rc<TokenIssuer>], now: Timestamp) -> Result<Option<&Rc<Claims>>, AccessTokenError> {
        // A key that the issuer withdrew must stop counting, for everything it signed.
        let is_fresh = now >= self.proven && now.since(self.proven) < self.issuer.freshness;
        let meant = meant_by(issuers, self.issuer.issuer.as_str(), self.audience.as_ref());
        if !is_fresh || meant.is_none_or(|issuer| issuer.id != self.issuer.id) {
            return Ok(None);
        }
        self.validity.check(now).map(|()| Some(&self.claims))
    }
}

impl Validity {
    fn check(self, now: Timestamp) -> Result<(), AccessTokenError> {
        if now >= self.until.after(LEEWAY) {
            return Err(AccessTokenError::Expired);
        }
        if self.from.is_some_and(|from| from > now.after(LEEWAY)) {
            return Err(AccessTokenError::Future);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::json;

    use super::*;
    use crate::oidc::{KeySet, registration::tests::registration};

    #[test]
    fn rfc9068_4_the_proof_of_one_token_is_none_of_another() {
        let issuers = [Rc::new(TokenIssuer {
            id: "api".into(),
            issuer: registration("https://id.example").issuer,
            audiences: vec!["docs".into()],
            algorithms: vec![Algorithm::EdDsa],
            types: vec![TokenType::AccessToken],
            groups_claim: "groups".into(),
            roles_claim: "roles".into(),
            freshness: Lifetime::from_seconds(60),
        })];
        let (header, now) = (json!({ "alg": "EdDSA", "typ": "at+jwt" }), Timestamp::from_seconds(1_000));
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let [robot, mallory] = ["robot", "mallory"].map(|subject| {
            let claims = json!({ "iss": "https://id.example", "aud": "docs", "sub": subject, "exp": 2_000 });
            format!("{}.{}.{}", part(&header), part(&claims), URL_SAFE_NO_PAD.encode([7; 64]))
        });
        let addressed =
            |text| UntrustedAccessToken::parse(text).and_then(|token| token.addressed_to(&issuers, now)).unwrap();
        let jwk = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode([1; 32]) }] });
        let keys = KeySet::parse(&jwk.to_string()).unwrap();
        let key = keys.candidates(Algorithm::EdDsa, None, &[Algorithm::EdDsa]).next().unwrap();
        // As if the signature of mallory's had been checked.
        let proof = |publisher| SignatureProof::assertion(publisher, &addressed(&mallory).signed(), key, now);
        let proven = |text, proof| addressed(text).proven(proof, now, &Selection::default()).map(|_| ());
        let (own, signature) = (proof(issuers[0].publisher()), Err(AccessTokenError::Signature));
        assert_eq!((proven(&mallory, &own), proven(&robot, &own)), (Ok(()), signature));
        // And one by the key of another issuer is none either.
        let others = proof(Publisher { id: "other", ..issuers[0].publisher() });
        assert_eq!(proven(&mallory, &others), signature);
    }
}
