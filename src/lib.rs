//! **Portcullis**: single sign-on in front of any site, at the edge.
//!
//! One Cloudflare Worker that takes every request to a site, signs people in with OpenID Connect,
//! remembers them by a signed cookie, and passes what is admitted on to the origin with the
//! visitor's identity attached. The origin is a static site, another Worker, or any server.
//!
//! # Scope
//! A relying party for the authorization code flow with PKCE, at one provider or several; sessions without a store;
//! rules by host, path and method, with policies on a person's claims, and step-up; machine tokens; identity headers
//! for the origin, or a signed assertion; logout here and at the provider; a run-time switch; and a check endpoint
//! for proxies that ask.
//!
//! # Not in scope
//! Being an identity provider, storing users or passwords, rewriting content, filtering traffic by anything but
//! identity.
//!
//! # The map
//! A pure core that decides, a thin asynchronous gate that orders the steps, one adapter that
//! touches the world.
//!
//! | room | what it owns |
//! |---|---|
//! | [`gate`] | the order of events, the gate's own endpoints, every answer |
//! | [`edge`] | the one port to the world, the head of a request |
//! | [`config`] | settings: text in, types out, once |
//! | [`rules`] | the readings of a path, patterns, the first match |
//! | [`policy`] | who may pass |
//! | [`oidc`] | OpenID Connect: what to send, what an answer means |
//! | [`session`] | the session, pending logins, cookies, seals |
//! | [`pages`] | what a person sees |
//! | [`switch`] | what an operator changed at run time |
//! | `worker` | the platform (wasm32 only) |
//!
//! [`claims`], `json`, [`keyring`], `ring`, [`secret`], [`service_token`], [`time`] and [`wildcard`] are nouns
//! that the rooms share.
//!
//! # One request's walk
//! [`gate::Gate::decide`] takes the head and the time. Signed in and allowed, or public: it ends there,
//! synchronously, with the edits to make on the way to the origin. Otherwise [`gate::Gate::respond`] takes over: it
//! answers for one of the gate's own endpoints, refuses, sends 401 to anything that is not a page in a tab, and
//! starts a login for a page that is (`gate/login.rs`). The login comes back to `gate/callback.rs`, where
//! [`oidc::UntrustedIdToken`] becomes an [`oidc::IdToken`] check by check, an [`oidc::IdToken`] becomes
//! [`claims::Claims`], and claims become a [`session::Session`].
//!
//! Each of those types is made only by the checks on the one before it, so skipping a stage does not compile.
//!
//! # What does not compile
//! Each example is followed by one that differs from it in a single place, and compiles.
//!
//! To skip steps 2 to 5 of an ID token's checks (Core 3.1.3.7):
//!
//! ```compile_fail,E0599
//! use portcullis::{oidc::*, secret::Secret, time::Timestamp};
//! fn check<'t>(
//!     token: UntrustedIdToken<'t>,
//!     proof: &SignatureProof,
//!     nonce: &Secret<String>,
//!     now: Timestamp,
//! ) -> Result<IdToken<'t>, IdTokenError> {
//!     token.proven(proof, nonce, None, now)
//! }
//! ```
//! ```
//! use portcullis::{oidc::*, secret::Secret, time::Timestamp};
//! fn check<'t>(
//!     token: UntrustedIdToken<'t>,
//!     proof: &SignatureProof,
//!     nonce: &Secret<String>,
//!     now: Timestamp,
//! ) -> Result<IdToken<'t>, IdTokenError> {
//!     token.addressed_to_us()?.proven(proof, nonce, None, now)
//! }
//! ```
//!
//! To claim that a signature was checked when it was not:
//!
//! ```compile_fail,E0451
//! use portcullis::{oidc::*, secret::Secret, time::Timestamp};
//! fn check<'t>(
//!     token: AddressedIdToken<'t>,
//!     proof: &SignatureProof,
//!     nonce: &Secret<String>,
//!     now: Timestamp,
//! ) -> Result<IdToken<'t>, IdTokenError> {
//!     token.proven(&SignatureProof { digest: [0; 32] }, nonce, None, now)
//! }
//! ```
//! ```
//! use portcullis::{oidc::*, secret::Secret, time::Timestamp};
//! fn check<'t>(
//!     token: AddressedIdToken<'t>,
//!     proof: &SignatureProof,
//!     nonce: &Secret<String>,
//!     now: Timestamp,
//! ) -> Result<IdToken<'t>, IdTokenError> {
//!     token.proven(proof, nonce, None, now)
//! }
//! ```
//!
//! To take claims from a token before its checks are done:
//!
//! ```compile_fail,E0599
//! use portcullis::{claims::{Claims, Selection}, oidc::*};
//! fn select(token: AddressedIdToken<'_>, selection: &Selection) -> Claims {
//!     token.claims(None, selection)
//! }
//! ```
//! ```
//! use portcullis::{claims::{Claims, Selection}, oidc::*};
//! fn select(token: IdToken<'_>, selection: &Selection) -> Claims {
//!     token.claims(None, selection)
//! }
//! ```
//!
//! To read who is signed in from a cookie that was signed once, but may no longer count here:
//!
//! ```compile_fail,E0599
//! use portcullis::{claims::Claims, keyring::KeyRing, session::*};
//! fn who(cookie: &str, keys: &KeyRing) -> Option<Claims> {
//!     SignedSession::verify(cookie, keys).ok().map(|session| session.claims().clone())
//! }
//! ```
//! ```
//! use portcullis::{claims::Claims, keyring::KeyRing, session::*, time::Timestamp};
//! fn who(cookie: &str, keys: &KeyRing, binding: Binding<'_>, now: Timestamp) -> Option<Claims> {
//!     Session::open(cookie, keys, binding, |_, _| true, now).ok().map(|session| session.claims().clone())
//! }
//! ```
//!
//! To take somebody for admitted whom no policy admitted:
//!
//! ```compile_fail,E0423
//! use portcullis::{policy::{Facts, Granted, Policy}, session::Session};
//! fn grant(policy: &Policy, session: Session, facts: &Facts<'_>) -> Option<Granted<Session>> {
//!     Some(Granted(session))
//! }
//! ```
//! ```
//! use portcullis::{policy::{Facts, Granted, Policy}, session::Session};
//! fn grant(policy: &Policy, session: Session, facts: &Facts<'_>) -> Option<Granted<Session>> {
//!     policy.grant(session, facts).ok()
//! }
//! ```
//!
//! To admit a request that no rule admitted:
//!
//! ```compile_fail,E0624
//! use portcullis::{edge::RequestHead, gate::*, time::Timestamp};
//! fn admit(gate: &Gate, head: &impl RequestHead, now: Timestamp) -> Option<Admitted> {
//!     match gate.decide(head, now) {
//!         Decision::Sign(admitted, ..) => Some(admitted),
//!         _ => Some(Admitted::anyone()),
//!     }
//! }
//! ```
//! ```
//! use portcullis::{edge::RequestHead, gate::*, time::Timestamp};
//! fn admit(gate: &Gate, head: &impl RequestHead, now: Timestamp) -> Option<Admitted> {
//!     match gate.decide(head, now) {
//!         Decision::Sign(admitted, ..) => Some(admitted),
//!         _ => None,
//!     }
//! }
//! ```
//!
//! To forward a request that was admitted, but for which an assertion has to be signed first:
//!
//! ```compile_fail,E0624
//! use portcullis::{config::Headers, edge::RequestHead, gate::*, session::CookieEdit, time::Timestamp};
//! fn pass(gate: &Gate, head: &impl RequestHead, now: Timestamp, names: &std::rc::Rc<Headers>) -> Option<Forward> {
//!     match gate.decide(head, now) {
//!         Decision::Forward(forward) => Some(forward),
//!         Decision::Sign(admitted, cookies, _) => Forward::new(admitted, cookies, names, None).ok(),
//!         _ => None,
//!     }
//! }
//! ```
//! ```
//! use portcullis::{config::Headers, edge::RequestHead, gate::*, session::CookieEdit, time::Timestamp};
//! fn pass(gate: &Gate, head: &impl RequestHead, now: Timestamp, names: &std::rc::Rc<Headers>) -> Option<Forward> {
//!     match gate.decide(head, now) {
//!         Decision::Forward(forward) => Some(forward),
//!         Decision::Sign(admitted, cookies, _) => None,
//!         _ => None,
//!     }
//! }
//! ```

#![cfg_attr(not(target_arch = "wasm32"), forbid(unsafe_code))]

// It can make claims from what nobody signed, for the command that explains decisions.
#[cfg(all(feature = "check", target_arch = "wasm32"))]
compile_error!("the feature `check` is for commands alone: the Worker is built without it");

pub mod claims;
pub mod config;
pub mod edge;
pub mod gate;
mod json;
pub mod keyring;
pub mod oidc;
pub mod pages;
pub mod policy;
mod ring;
pub mod rules;
pub mod secret;
pub mod service_token;
pub mod session;
pub mod switch;
pub mod time;
pub mod wildcard;
#[cfg(target_arch = "wasm32")]
pub mod worker;
