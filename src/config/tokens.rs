//! What machines show: the issuers of access tokens and the gate's own service tokens, and which of
//! them a rule takes.

use std::rc::Rc;

use serde::{Deserialize, Deserializer, de::Error};

use super::{
    ConfigError,
    settings::{DEFAULT_FRESHNESS, LONGEST_FRESHNESS, ProviderId, SHORTEST_FRESHNESS, within},
};
use crate::{
    claims::{Assertion, Claims, Selection},
    oidc::{Algorithm, Issuer, Registration, TokenIssuer, TokenType},
    service_token::ServiceToken,
    time::{Lifetime, Timestamp},
};

/// The tokens that a rule takes.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// Issuers whose access tokens count, in `Authorization: Bearer`.
    pub issuers: Vec<Rc<TokenIssuer>>,
    /// Service tokens that count, in `Portcullis-Token`.
    pub service: Vec<Rc<ServiceToken>>,
    /// Whether the origin sees the access token.
    pub forward: bool,
}

/// All tokens of the settings.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) issuers: Vec<Rc<TokenIssuer>>,
    pub(super) service: Vec<Rc<ServiceToken>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenIssuerSettings {
    id: ProviderId,
    issuer: Issuer,
    audiences: Vec<String>,
    algorithms: Option<Vec<Algorithm>>,
    types: Option<Vec<TokenType>>,
    groups_claim: Option<String>,
    freshness: Option<Lifetime>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServiceTokenSettings {
    id: ProviderId,
    hash: Hash,
    expires: Day,
    name: Option<String>,
    #[serde(default)]
    groups: Vec<String>,
}

/// A SHA-256 in hexadecimal.
#[derive(Debug, PartialEq, Eq)]
struct Hash([u8; 32]);

/// The first moment of a day, UTC.
#[derive(Debug, PartialEq, Eq)]
struct Day(Timestamp);

impl Tokens {
    /// Reads the two tables.
    ///
    /// # Errors
    /// The setting that is empty or wrong; an id that is used twice, also by a provider: with the
    /// subject it names who is there.
    pub(super) fn parse(
        issuers: Vec<TokenIssuerSettings>,
        service: Vec<ServiceTokenSettings>,
        providers: &[Registration],
        selection: &Selection,
    ) -> Result<Self, ConfigError> {
        let mut taken: Vec<String> = providers.iter().map(|provider| provider.id.clone()).collect();
        let mut unused = |setting: String, id: &str| {
            if taken.iter().any(|earlier| earlier == id) {
                let problem =
                    format!("{id:?} is used twice: providers, token issuers and service tokens share their ids");
                return Err(ConfigError::new(setting, problem));
            }
            taken.push(id.to_owned());
            Ok(())
        };
        let mut tokens = Self { issuers: Vec::new(), service: Vec::new() };
        for (rank, issuer) in issuers.into_iter().enumerate() {
            let setting = format!("token_issuers[{rank}]");
            unused(format!("{setting}.id"), &issuer.id.0)?;
            tokens.issuers.push(Rc::new(issuer.parse(&setting, providers)?));
        }
        for (rank, token) in service.into_iter().enumerate() {
            let setting = format!("service_tokens[{rank}]");
            unused(format!("{setting}.id"), &token.id.0)?;
            if tokens.service.iter().any(|earlier| earlier.hash == token.hash.0) {
                let problem = "is another token's: make one with `npm run token -- ID`";
                return Err(ConfigError::new(format!("{setting}.hash"), problem));
            }
            tokens.service.push(Rc::new(token.parse(selection)));
        }
        Ok(tokens)
    }

    /// The tokens of these ids.
    ///
    /// # Errors
    /// An empty list, an id that no table has, and a token to forward where none is taken that the
    /// origin could see.
    pub(super) fn taken(
        &self,
        setting: &str,
        ids: Option<&[String]>,
        forward: bool,
    ) -> Result<Option<Rc<Taken>>, ConfigError> {
        let mut taken = Taken { forward, ..Taken::default() };
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
        if ids.is_some_and(<[String]>::is_empty) {
            let problem = "is empty: name the tokens to take, or leave it out";
            return Err(ConfigError::new(format!("{setting}.tokens"), problem));
        }
        if forward && taken.issuers.is_empty() {
            let problem = "stands beside no token issuer in tokens, and service tokens are never forwarded";
            return Err(ConfigError::new(format!("{setting}.forward_token"), problem));
        }
        Ok(ids.map(|_| Rc::new(taken)))
    }
}

impl TokenIssuerSettings {
    fn parse(self, setting: &str, providers: &[Registration]) -> Result<TokenIssuer, ConfigError> {
        let wrong = |name: &str, problem: &str| ConfigError::new(format!("{setting}.{name}"), problem);
        let algorithms = self.algorithms.unwrap_or_else(|| vec![Algorithm::Rs256]);
        let types = self.types.unwrap_or_else(|| vec![TokenType::AccessToken]);
        let groups_claim = self.groups_claim.unwrap_or_else(|| "groups".to_owned());
        if self.audiences.is_empty() || self.audiences.iter().any(|audience| audience.trim().is_empty()) {
            return Err(wrong("audiences", "is empty: name what the issuer puts into aud for this site"));
        }
        if algorithms.is_empty() {
            return Err(wrong("algorithms", "is empty: leave it out for RS256"));
        }
        if types.is_empty() {
            return Err(wrong("types", "is empty: leave it out for \"at+jwt\""));
        }
        if groups_claim.trim().is_empty() {
            return Err(wrong("groups_claim", "is empty"));
        }
        // An ID token is for the client, an access token for the site (RFC 9068, 5). Where the type does
        // not tell them apart, the audience must.
        let client =
            |provider: &Registration| provider.issuer == self.issuer && self.audiences.contains(&provider.client_id);
        if types.contains(&TokenType::Jwt) && providers.iter().any(client) {
            return Err(wrong(
                "audiences",
                "names the client id of a login, whose ID tokens would pass for access tokens: take \"JWT\" out of types, or let the issuer name the site",
            ));
        }
        let freshness = within(
            &format!("{setting}.freshness"),
            self.freshness.unwrap_or(DEFAULT_FRESHNESS),
            SHORTEST_FRESHNESS,
            LONGEST_FRESHNESS,
        )?;
        let (id, issuer, audiences) = (self.id.0, self.issuer, self.audiences);
        Ok(TokenIssuer { id, issuer, audiences, algorithms, types, groups_claim, freshness })
    }
}

impl ServiceTokenSettings {
    fn parse(self, selection: &Selection) -> ServiceToken {
        let id = self.id.0;
        let said = Assertion { name: self.name, groups: self.groups, ..Assertion::default() };
        let claims = Rc::new(Claims::select(&id, &id, said, selection));
        ServiceToken { id, hash: self.hash.0, expires: self.expires.0, claims }
    }
}

impl Hash {
    fn parse(text: &str) -> Option<Self> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => byte.checked_sub(b'0'),
            b'a'..=b'f' => byte.checked_sub(b'a').and_then(|digit| digit.checked_add(10)),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
        Some(Self(bytes?.try_into().ok()?)).filter(|_| rest.is_empty())
    }
}

impl Day {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut number = |length: usize| {
            let part =
                parts.next().filter(|part| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()))?;
            part.parse::<u32>().ok()
        };
        let (year, month, day) = (number(4)?, number(2)?, number(2)?);
        let date = chrono::NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
        let moment = date.and_hms_opt(0, 0, 0)?.and_utc().timestamp();
        Some(Self(Timestamp::from_seconds(u64::try_from(moment).ok()?))).filter(|_| parts.next().is_none())
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // What stands there may be the secret itself, put in the wrong place: it is not repeated.
        Self::parse(&String::deserialize(deserializer)?).ok_or_else(|| {
            D::Error::custom("is not a SHA-256 in 64 hexadecimal digits, lower case: `npm run token -- ID` prints it")
        })
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "{text:?} is not a day: write the first one on which the token is worth nothing, as in \"2027-06-30\""
            ))
        })
    }
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
            assert_eq!(Day::parse(text), seconds.map(|seconds| Day(Timestamp::from_seconds(seconds))), "{text:?}");
        }
    }

    #[test]
    fn a_hash_has_64_digits_in_lower_case() {
        let text = format!("{}0f", "a1".repeat(31));
        assert_eq!(Hash::parse(&text).map(|hash| (hash.0[0], hash.0[31])), Some((0xa1, 0x0f)));
        for other in
            [text.to_uppercase(), text.replacen('a', "g", 1), format!("{text}0"), format!("{text}00"), "a1".repeat(31)]
        {
            assert_eq!(Hash::parse(&other), None, "{other}");
        }
    }
}
