//! The signed assertion: a JWT (RFC 7519) by which the origin knows that the gate, and nobody else,
//! says who is there.
//!
//! # The walk
//! 1. `decide` admits somebody. Where an assertion is asked for and one is at hand ([`AssertionCache`]), the
//!    request goes on at once.
//! 2. Otherwise it is [`Decision::Sign`], and `respond` has one signed by the platform, keeps it for the requests
//!    that follow, and lets this one go on.
//!
//! Without a signature nothing goes on: an origin that asks for assertions must not get a request
//! that merely lacks one.

mod cache;

use std::rc::Rc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
pub(super) use cache::AssertionCache;
use cache::Whom;

use super::{Admitted, Answer, Decision, Forward, Gate, Outcome, Rejection, Request, rule_match::RuledRequest};
use crate::{
    claims::Claims,
    config::{Fact, Site},
    edge::{Edge, RequestHead},
    json::{self, Object},
    keyring::PublicPoint,
    session::CookieEdit,
    time::{Lifetime, Timestamp},
};

/// How long an assertion lasts: long enough to be used for every image of a page, and short enough that one leaked
/// from the origin's log is stale when it is found.
const LIFETIME: Lifetime = Lifetime::from_seconds(5 * 60);
/// With less than this left, a new one is signed: the origin's clock may be fast, and a request may wait.
const LEAST_LEFT: Lifetime = Lifetime::from_seconds(60);
/// Its type, which nothing else that the gate or a provider signs has (RFC 8725, 3.11).
const TYPE: &str = "portcullis-assertion+jwt";
/// Bytes of randomness in `jti`.
const ID_BYTES: usize = 16;
/// How long the key set may be kept. An origin that meets a key it does not know asks again anyway.
const KEYS_LIFETIME: &str = "public, max-age=300";

/// What is made of the keys' public halves, once.
#[derive(Debug)]
pub(super) struct AssertionKeys {
    /// The header of every assertion, encoded.
    header: String,
    /// The key set.
    keys: String,
}

impl Gate {
    /// Passes on what a rule admits: at once, unless an assertion has to be signed first.
    pub(super) fn pass<H: RequestHead>(
        &self,
        admitted: Admitted,
        cookies: CookieEdit,
        ruled: &RuledRequest<'_, '_, H>,
    ) -> Decision {
        let (site, now) = (ruled.arrival().site(), ruled.arrival().now());
        let assertion = self.kept_assertion(&admitted, site, now);
        match Forward::new(admitted, cookies, &self.config.headers, assertion) {
            Ok(forward) => Decision::Forward(forward),
            Err((admitted, cookies)) => Decision::Sign(admitted, cookies, ruled.readable_visit()),
        }
    }

    /// The assertion about whoever is admitted, if one is asked for and at hand.
    fn kept_assertion(&self, admitted: &Admitted, site: Site<'_>, now: Timestamp) -> Option<String> {
        self.config.headers.name(Fact::Assertion)?;
        self.assertions.borrow().find(&Whom::of(admitted)?, site.address, now)
    }

    /// Signs an assertion for whoever is admitted, keeps it, and lets the request go on with it.
    pub(super) async fn sign_and_pass<E: Edge, H: RequestHead>(
        &self,
        request: &Request<'_, E, H>,
        admitted: Admitted,
        cookies: CookieEdit,
    ) -> Outcome {
        let mut assertion = None;
        if let Some(whom) = Whom::of(&admitted) {
            assertion = self.sign(request, whom.claims()).await;
            if let Some(token) = &assertion {
                self.assertions.borrow_mut().keep(whom, request.visit.site().address, token, request.now);
            }
        }
        match Forward::new(admitted, cookies, &self.config.headers, assertion) {
            Ok(forward) => Outcome::Forward(forward),
            Err(_) => Outcome::Answer(self.refuse(request, &Rejection::Unsigned)),
        }
    }

    async fn sign<E: Edge, H: RequestHead>(&self, request: &Request<'_, E, H>, claims: &Claims) -> Option<String> {
        let published = self.published(request.edge).await?;
        let message = format!("{}.{}", published.header, URL_SAFE_NO_PAD.encode(payload(request, claims)));
        let signature = request.edge.sign(self.keys.current().assertion(), message.as_bytes()).await?;
        Some(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// `/.auth/jwks.json`: the public keys (RFC 7517, 5), including that of the previous secret.
    pub(super) async fn jwks<E: Edge, H: RequestHead>(&self, request: &Request<'_, E, H>) -> Answer {
        match self.published(request.edge).await {
            Some(published) => Answer::text(200, &published.keys)
                .with_instead("content-type", "application/jwk-set+json")
                .with_instead("cache-control", KEYS_LIFETIME),
            None => self.refuse(request, &Rejection::Unsigned),
        }
    }

    /// What is made of the keys' public halves, which the platform computes once per isolate.
    async fn published<E: Edge>(&self, edge: &E) -> Option<Rc<AssertionKeys>> {
        if let Some(known) = self.published.borrow().as_ref() {
            return Some(Rc::clone(known));
        }
        let mut published = AssertionKeys { header: String::new(), keys: r#"{"keys":["#.to_owned() };
        for generation in self.keys.generations() {
            published.add(&edge.public_point(generation.assertion()).await?);
        }
        published.keys.push_str("]}\n");
        let published = Rc::new(published);
        *self.published.borrow_mut() = Some(Rc::clone(&published));
        Some(published)
    }
}

impl AssertionKeys {
    /// Adds a key. The one that signs comes first.
    fn add(&mut self, point: &PublicPoint) {
        let (id, members) = (point.thumbprint(), point.members());
        if self.header.is_empty() {
            self.header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"ES256","kid":"{id}","typ":"{TYPE}"}}"#));
        } else {
            self.keys.push(',');
        }
        self.keys.push_str(&format!(r#"{{"alg":"ES256","use":"sig","kid":"{id}",{members}}}"#));
    }
}

fn payload<E: Edge, H: RequestHead>(request: &Request<'_, E, H>, claims: &Claims) -> String {
    let mut id = [0; ID_BYTES];
    request.edge.fill(&mut id);
    let (site, now) = (request.visit.site(), request.now);
    let payload = Object::default()
        .with("iss", site.address)
        .with("aud", site.host)
        .with("sub", claims.subject())
        .with("idp", claims.provider())
        // An address that nobody verified would let a person pass for another at the origin.
        .with_some("email", claims.verified_email())
        .with("groups", claims.groups())
        .with("iat", now)
        .with("exp", now.after(LIFETIME))
        .with("jti", URL_SAFE_NO_PAD.encode(id));
    json::write(&payload.into())
}
