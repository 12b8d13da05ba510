//! What machines show: issuers' access tokens, and the gate's own service tokens; and which of them a rule takes.

use std::rc::Rc;

use serde_json::Value;

use super::{
    ConfigError,
    settings::{DEFAULT_FRESHNESS, LONGEST_FRESHNESS, SHORTEST_FRESHNESS, ShortName, within},
};
use crate::{
    claims::{Claims, Said, Selection},
    json::{self, JsonError, Table},
    oidc::{Algorithm, Issuer, Registration, TokenIssuer, TokenType},
    service_token::ServiceToken,
    time::{Lifetime, Timestamp},
};

/// The tokens that a rule takes.
#[derive(Clone, Debug, Default)]
pub struct AcceptedTokens {
    /// Issuers whose access tokens count, in `Authorization: Bearer`.
    pub issuers: Vec<Rc<TokenIssuer>>,
    /// Service tokens that count, in `Portcullis-Token`.
    pub service: Vec<Rc<ServiceToken>>,
    /// Whether the origin sees the access token.
    pub forward: bool,
}

impl AcceptedTokens {
    /// Whether the other rule takes the same, in any order.
    pub fn is_like(&self, other: &Self) -> bool {
        self.is_within(other) && other.is_within(self) && self.forward == other.forward
    }

    fn is_within(&self, other: &Self) -> bool {
        self.issuers.iter().all(|one| other.issuers.iter().any(|issuer| issuer.id == one.id))
            && self.service.iter().all(|one| other.service.iter().any(|token| token.id == one.id))
    }
}

/// All configured tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) issuers: Vec<Rc<TokenIssuer>>,
    pub(super) service: Vec<Rc<ServiceToken>>,
}

/// One entry: with `issuer`, an issuer of access tokens; with `hash`, a service token.
#[derive(Debug)]
pub(super) struct TokenSettings {
    pub(super) id: ShortName,
    issuer: Option<String>,
    audiences: Option<Vec<String>>,
    algorithms: Option<Vec<Algorithm>>,
    types: Option<Vec<String>>,
    groups_claim: Option<String>,
    roles_claim: Option<String>,
    freshness: Option<Lifetime>,
    hash: Option<String>,
    expires: Option<String>,
    name: Option<String>,
    groups: Option<Vec<String>>,
}

impl Tokens {
    /// Reads the table.
    ///
    /// # Errors
    /// The setting that is empty or wrong; an id that is used twice, even if once by a provider: id and subject
    /// together name who is there.
    pub(super) fn parse(
        settings: Vec<TokenSettings>,
        providers: &[Registration],
        selection: &Selection,
    ) -> Result<Self, ConfigError> {
        let mut tokens = Self { issuers: Vec::new(), service: Vec::new() };
        for (rank, token) in settings.into_iter().enumerate() {
            let wrong = |name: &str, problem: &str| ConfigError::new(format!("tokens[{rank}].{name}"), problem);
            let id = &token.id.0;
            let is_used = providers.iter().any(|provider| provider.id == *id)
                || tokens.issuers.iter().any(|issuer| issuer.id == *id)
                || tokens.service.iter().any(|earlier| earlier.id == *id);
            if is_used {
                return Err(wrong("id", "is used twice: providers and tokens share their ids"));
            }
            if token.issuer.is_some() {
                tokens.issuers.push(Rc::new(token.issuer(providers, wrong)?));
            } else {
                let token = token.service(selection, wrong)?;
                if tokens.service.iter().any(|earlier| earlier.hash == token.hash) {
                    return Err(wrong("hash", "is another token's: make one with `npm run token -- ID`"));
                }
                tokens.service.push(Rc::new(token));
            }
        }
        Ok(tokens)
    }

    /// The tokens of these ids.
    ///
    /// # Errors
    /// An id that no entry has, or `forward` where no token is taken that the origin could see.
    pub(super) fn taken(
        &self,
        setting: &str,
        ids: Option<&[String]>,
        forward: bool,
    ) -> Result<Option<Rc<AcceptedTokens>>, ConfigError> {
        let mut taken = AcceptedTokens { forward, ..AcceptedTokens::default() };
        for id in ids.unwrap_or_default() {
            let issuer = self.issuers.iter().find(|issuer| issuer.id == *id);
            let service = self.service.iter().find(|token| token.id == *id);
            if issuer.is_none() && service.is_none() {
                let problem = format!("{id:?} is the id of no token issuer and of no service token");
                return Err(ConfigError::new(format!("{setting}.tokens"), problem));
            }
            taken.issuers.extend(issuer.cloned());
            taken.service.extend(service.cloned());
        }
        if forward && taken.issuers.is_empty() {
            let problem = "stands beside no token issuer in tokens, and service tokens are never forwarded";
            return Err(ConfigError::new(format!("{setting}.forward_token"), problem));
        }
        Ok(ids.map(|_| Rc::new(taken)))
    }
}

impl TokenSettings {
    pub(super) fn read(value: Value) -> Result<Self, JsonError> {
        let mut table = Table::with_only(
            "id issuer audiences algorithms types groups_claim roles_claim freshness hash expires name groups",
            value,
        )?;
        Ok(Self {
            id: table.required("id", ShortName::read)?,
            issuer: table.optional("issuer", json::text)?,
            audiences: table.optional("audiences", json::texts)?,
            algorithms: table.optional("algorithms", |all| json::list_of(all, Algorithm::read))?,
            types: table.optional("types", json::texts)?,
            groups_claim: table.optional("groups_claim", json::text)?,
            roles_claim: table.optional("roles_claim", json::text)?,
            freshness: table.optional("freshness", Lifetime::read)?,
            hash: table.optional("hash", json::text)?,
            expires: table.optional("expires", json::text)?,
            name: table.optional("name", json::text)?,
            groups: table.optional("groups", json::texts)?,
        })
    }

    fn issuer(
        self,
        providers: &[Registration],
        wrong: impl Fn(&str, &str) -> ConfigError,
    ) -> Result<TokenIssuer, ConfigError> {
        if self.hash.is_some() || self.expires.is_some() || self.name.is_some() || self.groups.is_some() {
            return Err(wrong("issuer", "stands beside hash, expires, name or groups, which a service token has"));
        }
        let issuer = Issuer::parse(&self.issuer.unwrap_or_default()).map_err(|problem| wrong("issuer", &problem))?;
        let audiences = self.audiences.unwrap_or_default();
        if audiences.is_empty() || audiences.iter().any(|audience| audience.trim().is_empty()) {
            return Err(wrong("audiences", "is empty: name what the issuer puts into aud for this site"));
        }
        let algorithms = self.algorithms.unwrap_or_else(|| vec![Algorithm::Rs256]);
        let types = match self.types {
            Some(names) => names.iter().map(|name| TokenType::named(name)).collect(),
            None => Some(vec![TokenType::AccessToken]),
        };
        let types = types.ok_or_else(|| wrong("types", "names a type other than \"at+jwt\" and \"JWT\""))?;
        let groups_claim = self.groups_claim.unwrap_or_else(|| "groups".to_owned());
        let roles_claim = self.roles_claim.unwrap_or_else(|| "roles".to_owned());
        for (name, claim) in [("groups_claim", &groups_claim), ("roles_claim", &roles_claim)] {
            if claim.trim().is_empty() {
                return Err(wrong(name, "is empty"));
            }
        }
        // An ID token is for the client, an access token for the site (RFC 9068, 5). Where the type does not tell
        // them apart, the audience must.
        let is_client = |provider: &Registration| {
            let of_id_tokens =
                |audience: &String| *audience == provider.client_id || provider.audiences.contains(audience);
            provider.issuer == issuer && audiences.iter().any(of_id_tokens)
        };
        if types.contains(&TokenType::Jwt) && providers.iter().any(is_client) {
            return Err(wrong(
                "audiences",
                "names the client id of a login, or another audience of its ID tokens, which would pass for access tokens: take \"JWT\" out of types, or let the issuer name the site",
            ));
        }
        let freshness = self.freshness.unwrap_or(DEFAULT_FRESHNESS);
        let freshness = within("freshness", freshness, SHORTEST_FRESHNESS, LONGEST_FRESHNESS)
            .map_err(|error| wrong("freshness", &error.problem))?;
        Ok(TokenIssuer { id: self.id.0, issuer, audiences, algorithms, types, groups_claim, roles_claim, freshness })
    }

    fn service(
        self,
        selection: &Selection,
        wrong: impl Fn(&str, &str) -> ConfigError,
    ) -> Result<ServiceToken, ConfigError> {
        let of_issuer = self.audiences.is_some() || self.algorithms.is_some() || self.types.is_some();
        let of_issuer = of_issuer || self.groups_claim.is_some() || self.roles_claim.is_some();
        if of_issuer || self.freshness.is_some() {
            return Err(wrong("issuer", "is missing, beside what only an issuer of access tokens has"));
        }
        // The text may be the secret itself, put in the wrong place: it is not repeated.
        let hash = self.hash.as_deref().and_then(hash).ok_or_else(|| {
            wrong("hash", "is not a SHA-256 in 64 hexadecimal digits, lower case: `npm run token -- ID` prints it; an issuer of access tokens has issuer in its place")
        })?;
        let expires = self.expires.as_deref().and_then(midnight).ok_or_else(|| {
            wrong(
                "expires",
                "is not a day: write the first one on which the token is worth nothing, as in \"2027-06-30\"",
            )
        })?;
        let id = self.id.0;
        let said = Said { name: self.name, groups: self.groups.unwrap_or_default().into(), ..Said::default() };
        let claims = Rc::new(Claims::select(&id, &id, said, selection));
        Ok(ServiceToken { id, hash, expires, claims })
    }
}

/// A SHA-256 in hexadecimal.
fn hash(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| if byte.is_ascii_uppercase() { None } else { char::from(byte).to_digit(16) };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let mut hash = [0; 32];
    if pairs.len() != hash.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
        *byte = u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?;
    }
    Some(hash)
}

/// The first moment of a day, UTC.
fn midnight(text: &str) -> Option<Timestamp> {
    let mut parts = text.splitn(3, '-');
    let mut number = |length: usize| {
        let part = parts.next()?;
        let digits = part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
        if digits { part.parse::<u32>().ok() } else { None }
    };
    let (year, month, day) = (number(4)?, number(2)?, number(2)?);
    let date = chrono::NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    u64::try_from(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp()).ok().map(Timestamp::from_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_utc() {
        let rows = [
            ("1970-01-01", Some(0)),
            ("2027-06-30", Some(1_814_313_600)),
            ("2028-02-29", Some(1_835_395_200)),
            ("2027-02-29", None),
            ("2027-13-01", None),
            ("2027-6-30", None),
            ("2027-06-30T00:00:00Z", None),
            ("27-06-30", None),
            ("1969-12-31", None),
            ("+027-06-30", None),
            ("2027-06-30-01", None),
            ("", None),
        ];
        for (text, seconds) in rows {
            assert_eq!(midnight(text), seconds.map(Timestamp::from_seconds), "{text:?}");
        }
    }

    #[test]
    fn a_hash_has_64_digits_in_lower_case() {
        let text = format!("{}0f", "a1".repeat(31));
        assert_eq!(hash(&text).map(|hash| (hash[0], hash[31])), Some((0xa1, 0x0f)));
        for other in
            [text.to_uppercase(), text.replacen('a', "g", 1), format!("{text}0"), format!("{text}00"), "a1".repeat(31)]
        {
            assert_eq!(hash(&other), None, "{other}");
        }
    }
}
