//! What a machine shows in place of a session, on rules that take it: an access token in `Authorization: Bearer` (RFC
//! 6750, 2.1), or a service token in a header of its own.
//!
//! Where a token is shown, it decides, and the cookie is not looked at. A machine cannot sign in, so the answer to a
//! bad token is never a redirect and never a page (RFC 6750, 3).

use std::rc::Rc;

use super::{Answer, Denial, EventKind, Gate, Request, Trouble, discovery::Unproven, rejection, rule_match::RuleMatch};
use crate::{
    claims::Claims,
    config::AcceptedTokens,
    edge::{Edge, RequestHead},
    oidc::{AccessTokenError, UntrustedAccessToken},
    policy::{Denied, StepUp},
    secret::Secret,
    service_token::{ServiceToken, ServiceTokenError},
    time::Timestamp,
};

/// The header of a service token, lower case. No origin ever sees it, in any spelling.
pub const TOKEN_HEADER: &str = "portcullis-token";

/// A machine whose token was checked. Only this file makes one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Machine {
    scheme: Scheme,
    claims: Rc<Claims>,
    forward: bool,
}

/// What a request shows.
#[derive(Debug)]
pub(super) enum Shown {
    /// A token that counts.
    Machine(Machine),
    /// An access token whose signature has yet to be verified, which takes a while.
    Unchecked(Unchecked),
}

/// An access token that has not been checked yet, and the tokens that the rule takes.
#[derive(Debug)]
pub struct Unchecked {
    token: Secret<String>,
    taken: Rc<AcceptedTokens>,
}

/// How a token is shown, and so how the challenge names what is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Bearer,
    Service,
}

/// Why a machine is refused.
#[derive(Clone, Debug)]
pub struct MachineRejection {
    scheme: Scheme,
    why: Why,
}

#[derive(Clone, Debug)]
enum Why {
    /// Two tokens, or something that does not have a token's form.
    Malformed,
    AccessToken(AccessTokenError),
    ServiceToken(ServiceTokenError),
    /// No key of the issuer verifies the access token.
    NoKey,
    /// The policy does not admit it.
    Denied(Box<Denial>),
    /// The policy asks for a different authentication from the one behind the token.
    StepUp(Box<Denial>, Box<StepUp>),
    /// The issuer's keys are unavailable.
    KeysDown(Trouble),
}

impl AsRef<Claims> for Machine {
    fn as_ref(&self) -> &Claims {
        &self.claims
    }
}

impl Machine {
    pub(super) fn claims(&self) -> &Rc<Claims> {
        &self.claims
    }

    /// Whether `Authorization` holds a token that is kept from the origin.
    pub(super) fn withholds_token(&self) -> bool {
        self.scheme == Scheme::Bearer && !self.forward
    }

    /// Turns a denial by the policy into a rejection.
    pub(super) fn denied(&self, rule: &str, denied: Denied) -> MachineRejection {
        let denial = Box::new(Denial::new(&self.claims, rule, denied.by));
        self.scheme.refuse(match denied.step_up {
            Some(step_up) => Why::StepUp(denial, Box::new(step_up)),
            None => Why::Denied(denial),
        })
    }
}

impl Gate {
    /// What a request shows on a rule that takes tokens: nothing, or one token (RFC 6750, 2: no request
    /// uses more than one method). `Authorization` belongs to the origin where the rule takes no access
    /// tokens, and where it has another scheme.
    pub(super) fn shown(
        &self,
        head: &impl RequestHead,
        taken: &Rc<AcceptedTokens>,
        now: Timestamp,
    ) -> Result<Option<Shown>, MachineRejection> {
        let authorization = if taken.issuers.is_empty() { None } else { head.header("authorization") };
        let access_token = match authorization.as_deref() {
            Some(header) => bearer(header).map_err(|why| Scheme::Bearer.refuse(why))?,
            None => None,
        };
        match (access_token, head.header(TOKEN_HEADER)) {
            (None, None) => Ok(None),
            (Some(token), None) => self.access_token(token, taken, now).map(Some),
            (None, Some(text)) => service_token(&text, taken, now).map(Some),
            (Some(_), Some(_)) => Err(Scheme::Bearer.refuse(Why::Malformed)),
        }
    }

    /// An access token that this isolate verified before counts at once, if it has not expired and this rule takes it
    /// as the same issuer's: another rule may have taken it as another's.
    fn access_token(&self, token: &str, taken: &Rc<AcceptedTokens>, now: Timestamp) -> Result<Shown, MachineRejection> {
        let known = self.tokens.borrow().known(token);
        let claims = known.as_ref().map_or(Ok(None), |known| known.claims(&taken.issuers, now));
        Ok(match claims.map_err(|error| Scheme::Bearer.refuse(Why::AccessToken(error)))?.cloned() {
            Some(claims) => Shown::Machine(Machine { scheme: Scheme::Bearer, claims, forward: taken.forward }),
            None => Shown::Unchecked(Unchecked { token: Secret::new(token.to_owned()), taken: Rc::clone(taken) }),
        })
    }

    /// Whether `Authorization` holds a token that is kept from the origin, where none decides: a token for the gate is
    /// not the origin's, even where everybody passes.
    pub(super) fn withholds_token(&self, rules: &RuleMatch<'_>, head: &impl RequestHead) -> bool {
        let is_withheld = |taken: &AcceptedTokens| !taken.issuers.is_empty() && !taken.forward;
        let mut rules = core::iter::once(rules.rule).chain(self.beside(rules));
        rules.any(|rule| rule.tokens.as_deref().is_some_and(is_withheld))
            && head.header("authorization").is_some_and(|header| !matches!(bearer(&header), Ok(None)))
    }

    /// Checks an access token (RFC 9068, 4) and remembers it: then [`Gate::decide`] finds it.
    ///
    /// No call is made unless the token is from an issuer of the rule, for us, and current. The keys have a budget of
    /// their own, so that invented tokens keep nobody from signing in.
    pub(super) async fn verify<E: Edge, H: RequestHead>(
        self: &Rc<Self>,
        request: &Request<'_, E, H>,
        unchecked: &Unchecked,
    ) -> Result<(), MachineRejection> {
        let refused = |error| Scheme::Bearer.refuse(Why::AccessToken(error));
        let text = unchecked.token.expose();
        let token = UntrustedAccessToken::parse(text)
            .and_then(|token| token.addressed_to(&unchecked.taken.issuers, request.now))
            .map_err(refused)?;
        let issuer = Rc::clone(token.issuer());
        let proof = self.prove(request, issuer.publisher(), &token.signed()).await.map_err(|why| {
            Scheme::Bearer.refuse(match why {
                Unproven::NoKey => Why::NoKey,
                Unproven::MetadataDown(trouble) | Unproven::KeysDown(trouble) | Unproven::NewKeysDown(trouble) => {
                    Why::KeysDown(trouble)
                }
            })
        })?;
        let token = token.proven(&proof, request.now, &self.config.selection).map_err(refused)?;
        self.tokens.borrow_mut().remember(text, Rc::new(token));
        Ok(())
    }
}

fn service_token(text: &str, taken: &Rc<AcceptedTokens>, now: Timestamp) -> Result<Shown, MachineRejection> {
    let token = ServiceToken::find(&taken.service, text, now).map_err(|error| {
        Scheme::Service.refuse(match error {
            ServiceTokenError::Malformed => Why::Malformed,
            error => Why::ServiceToken(error),
        })
    })?;
    Ok(Shown::Machine(Machine { scheme: Scheme::Service, claims: Rc::clone(&token.claims), forward: false }))
}

/// The token in `Authorization`: `Bearer`, spaces, and the characters of RFC 6750, 2.1. Several header lines arrive
/// joined by commas; a bearer token that is not the only credential is refused.
fn bearer(header: &str) -> Result<Option<&str>, Why> {
    let scheme = |credentials: &str| {
        let name = credentials.trim_start().split([' ', '\t']).next().unwrap_or_default();
        name.eq_ignore_ascii_case("Bearer")
    };
    if !header.split(',').any(scheme) {
        return Ok(None);
    }
    let token = header.split_once(' ').filter(|(name, _)| name.eq_ignore_ascii_case("Bearer"));
    let letters = |token: &&str| {
        let letters = token.trim_end_matches('=');
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        !letters.is_empty() && letters.bytes().all(letter)
    };
    token.map(|(_, rest)| rest.trim_start_matches(' ')).filter(letters).map(Some).ok_or(Why::Malformed)
}

impl Scheme {
    const fn refuse(self, why: Why) -> MachineRejection {
        MachineRejection { scheme: self, why }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Service => "Portcullis-Token",
        }
    }
}

impl MachineRejection {
    /// The code to search for: in the log, and in `docs/codes.md`.
    pub const fn code(&self) -> &'static str {
        match self.why {
            Why::Malformed => "token_malformed",
            Why::AccessToken(_) | Why::ServiceToken(_) | Why::NoKey => "token_invalid",
            Why::StepUp(..) => "token_step_up",
            Why::Denied(_) => "token_not_allowed",
            Why::KeysDown(_) => "token_keys_unavailable",
        }
    }

    /// The status.
    pub const fn status(&self) -> u16 {
        match self.why {
            Why::Malformed => 400,
            Why::AccessToken(_) | Why::ServiceToken(_) | Why::NoKey | Why::StepUp(..) => 401,
            Why::Denied(_) => 403,
            Why::KeysDown(_) => 503,
        }
    }

    /// The parameters of the challenge after its realm: the error of RFC 6750, 3.1, or what RFC 9470, 3 puts in its
    /// place. `None` where the token is not to blame.
    fn error(&self) -> Option<String> {
        let error = match &self.why {
            Why::Malformed => "invalid_request",
            Why::AccessToken(_) | Why::ServiceToken(_) | Why::NoKey => "invalid_token",
            Why::StepUp(_, step_up) => return Some(step_up.challenge()),
            Why::Denied(_) => "insufficient_scope",
            Why::KeysDown(_) => return None,
        };
        Some(format!(", error=\"{error}\""))
    }

    pub(super) const fn event(&self) -> EventKind {
        match self.why {
            Why::Denied(_) | Why::StepUp(..) => EventKind::Denied,
            _ => EventKind::Refused,
        }
    }

    /// Who was denied, and by what, if the policy denied.
    pub(super) fn denial(&self) -> Option<&Denial> {
        match &self.why {
            Why::Denied(denial) | Why::StepUp(denial, _) => Some(denial),
            _ => None,
        }
    }

    /// What the operator reads besides the code.
    pub(super) fn detail(&self) -> String {
        match &self.why {
            Why::AccessToken(error) => error.to_string(),
            Why::ServiceToken(error) => error.to_string(),
            Why::NoKey => "no key of the issuer verifies it".to_owned(),
            Why::KeysDown(trouble) => trouble.detail(),
            Why::Malformed | Why::Denied(_) | Why::StepUp(..) => String::new(),
        }
    }

    /// What is said to whoever runs the machine: a title and a sentence.
    pub(super) const fn words(&self) -> (&'static str, &'static str) {
        match self.why {
            Why::Malformed => ("One token", "Show one token, in one header, in its form."),
            Why::AccessToken(_) | Why::ServiceToken(_) | Why::NoKey => (
                "The token is not accepted",
                "It has expired, is not meant for this address, or is not what its issuer signed. Get another one.",
            ),
            Why::StepUp(..) => (
                "Authenticate again",
                "The token is good, and this address asks for a newer or a stronger authentication.",
            ),
            Why::Denied(_) => ("Not allowed", "The token is good, and this address is not for its holder."),
            Why::KeysDown(_) => ("Try again", "The token cannot be checked at the moment."),
        }
    }

    /// The answer: always problem details, with the challenge of RFC 6750, 3.
    pub(super) fn answer(&self, request: &str, realm: &str) -> Answer {
        let (title, text) = self.words();
        let answer = rejection::problem(self.status(), self.code(), title, text, request, (None, None));
        match self.error() {
            Some(error) => {
                let scheme = self.scheme.as_str();
                answer.with("www-authenticate", &format!("{scheme} realm=\"{realm}\"{error}"))
            }
            None => answer.with("retry-after", "30"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6750_2_1_a_bearer_token_is_one_word_of_its_letters() {
        for (header, token) in [
            ("Bearer abc", "abc"),
            ("bearer abc", "abc"),
            ("BEARER abc", "abc"),
            ("Bearer   abc", "abc"),
            ("Bearer a-b.c_d~e+f/0==", "a-b.c_d~e+f/0=="),
        ] {
            assert_eq!(bearer(header).ok(), Some(Some(token)), "{header}");
        }
        for header in [
            "Bearer",
            "Bearer ",
            "Bearer\tabc",
            "Bearer a b",
            "Bearer =",
            "Bearer a=b",
            "Bearer a,b",
            "Bearer a, Bearer a",
            "Bearer a, Bearer b",
            "Bearer a, Basic b",
            "Basic b, Bearer a",
            "Basic b,bearer a",
            "Basic b, Bearer",
            "Bearer \"a\"",
            "Bearer ä",
            " Bearer a",
            " Bearer",
            "Bearer a,",
        ] {
            assert!(matches!(bearer(header), Err(Why::Malformed)), "{header}");
        }
    }

    #[test]
    fn another_scheme_is_the_origins() {
        for header in
            ["", "Basic Zm9vOmJhcg==", "DPoP abc", "Digest realm=\"x\", nonce=\"y\"", "Bearerabc", "Bear er", "abc"]
        {
            assert!(matches!(bearer(header), Ok(None)), "{header}");
        }
    }
}
