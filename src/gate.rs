//! The gate: one request in, one outcome out.
//!
//! # The walk of a request
//! 1. [`Gate::decide`], synchronous and pure, takes the head of the request and the time. It arrives
//!    (`arrival.rs`: host, path, scheme, own address), its rules are found (`rule_match.rs`), and it is
//!    admitted (`admission.rs`: token or session, same-origin, policy). What is admitted ends here as a
//!    [`Forward`], with no I/O of the gate's own.
//! 2. [`Gate::respond`] takes what is left, asynchronously: a login to start, one of the gate's own endpoints to
//!    answer for, a refusal to explain.
//!
//! Every flow reads top to bottom in one file: `login.rs`, `callback.rs`, `logout.rs`.

mod admission;
mod answer;
mod arrival;
mod assertion;
mod bearer;
mod budget;
mod callback;
mod check;
mod client;
mod discovery;
mod document_cache;
mod endpoint;
mod event;
#[cfg(feature = "check")]
mod explanation;
mod forward;
mod goal;
mod login;
mod logout;
mod method;
mod misconfigured;
mod problem;
mod redemption;
mod rejection;
mod return_to;
mod rule_match;
mod same_origin;
mod sign_in;
mod stripped_header;
mod switch_state;
mod trouble;
mod visit;
mod words;

use std::{cell::RefCell, rc::Rc};

pub use admission::{Admitted, Decision, Finding};
pub use answer::Answer;
use assertion::{AssertionCache, AssertionKeys};
pub use bearer::{MachineRejection, TOKEN_HEADER, Unchecked};
use discovery::Knowledge;
pub use endpoint::Endpoint;
pub use event::{Event, EventKind};
#[cfg(feature = "check")]
pub use explanation::{Chosen, Explanation, NotSupposed, Reading, Watcher};
pub use forward::{Cacheable, Forward};
use goal::Goal;
pub use method::METHOD_HEADERS;
pub use misconfigured::misconfigured;
use redemption::RedeemedLogins;
pub use rejection::{Denial, Rejection};
pub use return_to::ReturnTo;
pub use stripped_header::StrippedHeader;
use switch_state::SwitchState;
pub use trouble::Trouble;
pub use visit::{RequestKind, Visit, path_and_query, scheme_and_host};

use crate::{
    config::{Config, ConfigError, Fact, SECRET, Secrets, SettingsText, Site},
    edge::{Edge, RequestHead},
    json::Object,
    keyring::KeyRing,
    oidc::AccessToken,
    pages::{self, Page},
    policy::StepUp,
    session::{
        Binding, CookieNames, Cookies, Session, SessionError, SignedSession, VerificationCache, VerifiedCookies,
    },
    time::Timestamp,
};

/// How many characters of a path the log shows: anybody can send longer ones.
const LONGEST_PATH: usize = 1_024;

/// The gate of one isolate: the settings, the keys derived from the secrets, and what it has
/// learned of the providers.
#[derive(Debug)]
pub struct Gate {
    config: Config,
    keys: KeyRing,
    knowledge: RefCell<Knowledge>,
    redeemed: RefCell<RedeemedLogins>,
    sessions: RefCell<VerificationCache<SignedSession>>,
    tokens: RefCell<VerificationCache<AccessToken>>,
    switches: RefCell<SwitchState>,
    assertions: RefCell<AssertionCache>,
    published: RefCell<Option<Rc<AssertionKeys>>>,
}

/// How a request ends.
#[derive(Debug)]
pub enum Outcome {
    /// It goes to the origin.
    Forward(Forward),
    /// The gate answers.
    Answer(Answer),
}

/// A request as it came, with the one id that is shown on its page and on each of its lines in the log.
struct Asked<'r, E, H> {
    edge: &'r E,
    head: &'r H,
    now: Timestamp,
    id: String,
}

/// A request on its way through the asynchronous part of the gate.
pub(crate) struct Request<'r, E, H> {
    edge: &'r E,
    head: &'r H,
    now: Timestamp,
    id: String,
    visit: Visit,
}

impl Gate {
    /// Opens the gate with these settings. `secret` looks up a Worker secret.
    ///
    /// # Errors
    /// The setting that is wrong.
    pub fn open(settings: SettingsText<'_>, secret: impl Fn(&str) -> Option<String>) -> Result<Rc<Self>, ConfigError> {
        let keys = KeyRing::derive(&Secrets::parse(&secret)?)
            .ok_or_else(|| ConfigError::new(SECRET, "no keys can be derived from it: draw another one"))?;
        let config = Config::parse(settings, secret)?;
        Ok(Rc::new(Self {
            config,
            keys,
            knowledge: RefCell::default(),
            redeemed: RefCell::default(),
            sessions: RefCell::default(),
            assertions: RefCell::default(),
            published: RefCell::default(),
            tokens: RefCell::default(),
            switches: RefCell::default(),
        }))
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Answers everything that [`Gate::decide`] does not forward, and decides what comes when a look at the switches
    /// is due.
    pub async fn respond<E: Edge>(self: &Rc<Self>, edge: &E, head: &impl RequestHead) -> Outcome {
        self.look_at_switches(edge).await;
        let asked = Asked { edge, head, now: edge.now(), id: request_id(edge) };
        match self.decide(head, asked.now) {
            Decision::Own(endpoint, visit) => Outcome::Answer(self.answer(endpoint, &asked.at(visit)).await),
            decision => self.conclude(asked, decision).await,
        }
    }

    /// Turns a decision into an outcome. The gate's own endpoints are left to [`Gate::answer`].
    async fn conclude<E: Edge, H: RequestHead>(
        self: &Rc<Self>,
        asked: Asked<'_, E, H>,
        mut decision: Decision,
    ) -> Outcome {
        if let Decision::Watched(inner, findings, visit) = decision {
            asked.at(visit).report(&findings);
            decision = *inner;
        }
        if let Decision::Verify(unchecked, visit) = decision {
            let request = asked.at(visit);
            if let Err(rejection) = self.verify(&request, &unchecked).await {
                return Outcome::Answer(self.refuse(&request, &Rejection::Machine(rejection)));
            }
            // The token is remembered now, so `decide` judges it. Its findings were logged above.
            decision = match self.decide(asked.head, asked.now) {
                Decision::Watched(inner, ..) => *inner,
                decision => decision,
            };
        }
        let (rejection, visit) = match decision {
            Decision::Forward(forward) => return Outcome::Forward(forward),
            Decision::Sign(admitted, cookies, visit) => {
                return self.sign_and_pass(&asked.at(visit), admitted, cookies).await;
            }
            Decision::Own(_, visit) => (Rejection::NotFound, visit),
            Decision::SignIn(visit) => {
                return Outcome::Answer(self.ask_to_sign_in(&asked.at(visit), &StepUp::default()));
            }
            Decision::StepUp(step_up, visit) => {
                return Outcome::Answer(self.ask_to_sign_in(&asked.at(visit), &step_up));
            }
            // A `Watched` never contains another.
            Decision::Watched(_, _, visit) => (Rejection::Undecided, visit),
            Decision::Secure(visit) => match url::Url::parse(&visit.secure_address()) {
                Ok(address) => return Outcome::Answer(Answer::redirect(308, address.as_str())),
                Err(_) => (Rejection::host(visit.site().host), visit),
            },
            Decision::Verify(_, visit) => (Rejection::Undecided, visit),
            Decision::Refuse(rejection, visit) => (rejection, visit),
        };
        Outcome::Answer(self.refuse(&asked.at(visit), &rejection))
    }

    /// Answers for the gate's own endpoints, each an exact path with its methods.
    async fn answer<E: Edge, H: RequestHead>(
        self: &Rc<Self>,
        endpoint: Endpoint,
        request: &Request<'_, E, H>,
    ) -> Answer {
        let method = request.head.method();
        let read = matches!(method, "GET" | "HEAD");
        match (endpoint, method) {
            (Endpoint::Login, _) if read => self.login(request).await,
            (Endpoint::Callback, "GET") => self.callback(request).await,
            (Endpoint::Logout, "GET") => self.ask_to_sign_out(request).await,
            (Endpoint::Logout, "POST") => self.logout(request).await,
            (Endpoint::SignedOut, _) if read => self.signed_out(request),
            (Endpoint::SignedIn, _) if read => self.signed_in(request),
            (Endpoint::Me, _) if read => self.me(request),
            (Endpoint::Jwks, _) if self.config.headers.name(Fact::Assertion).is_none() => {
                self.refuse(request, &Rejection::NotFound)
            }
            (Endpoint::Jwks, _) if read => self.jwks(request).await,
            (Endpoint::Client, _) if read => self.client_script(request),
            (Endpoint::Check, _) => self.check(request).await,
            (Endpoint::Health, _) if read => Answer::text(200, "ok\n"),
            _ => self.refuse(request, &Rejection::Method(endpoint.methods())),
        }
    }

    /// `/.auth/signed-out`: the page after a logout, with a way back in.
    fn signed_out<E: Edge, H: RequestHead>(&self, request: &Request<'_, E, H>) -> Answer {
        let sign_in = self.login_path(&Goal::page(ReturnTo::home(request.visit.site())));
        self.page(request, 200, &Page::SignedOut { sign_in })
    }

    /// `/.auth/me`: who the session says you are; fields by name, never a token.
    fn me<E: Edge, H: RequestHead>(&self, request: &Request<'_, E, H>) -> Answer {
        match self.session(request.head, request.visit.site(), request.now) {
            Some(session) => {
                let claims = session.claims();
                Answer::json(
                    200,
                    "application/json",
                    Object::default()
                        .with("subject", claims.subject())
                        .with("provider", claims.provider())
                        .with("email", claims.email())
                        .with("email_verified", claims.verified_email().is_some())
                        .with("name", claims.name())
                        .with("groups", claims.groups())
                        .with("expires", session.expires()),
                )
            }
            None => self.unauthenticated(request, ReturnTo::home(request.visit.site()), &StepUp::default()),
        }
    }

    /// The session of a request, if it has one that counts here and now.
    fn session(&self, head: &impl RequestHead, site: Site<'_>, now: Timestamp) -> Option<Session> {
        let header = head.cookie()?;
        self.session_of(&Cookies::parse(&header, CookieNames::new(site.development)), site, now)
    }

    fn session_of(&self, cookies: &Cookies<'_>, site: Site<'_>, now: Timestamp) -> Option<Session> {
        self.open_session(cookies, site, now).ok()
    }

    fn open_session(&self, cookies: &Cookies<'_>, site: Site<'_>, now: Timestamp) -> Result<Session, SessionError> {
        let cookie = cookies.session().ok_or(SessionError::Absent)?;
        let signed = self.sessions.borrow_mut().verify(cookie, &self.keys)?;
        self.check_session(&signed, site, now)
    }

    /// The session of a cookie that one of our keys signed, if it counts here and now.
    fn check_session(
        &self,
        signed: &Rc<SignedSession>,
        site: Site<'_>,
        now: Timestamp,
    ) -> Result<Session, SessionError> {
        let is_issuer_of = |id: &str, issuer: &str| {
            self.config.provider(id).is_some_and(|provider| provider.issuer.as_str() == issuer)
        };
        signed.check(self.binding(site), is_issuer_of, now)
    }

    /// Reads a `Cookie` header once for all requests that bring the same one, either on a development host or on the
    /// others. `None` if there is nothing in it to remember.
    pub fn verify_cookies(&self, header: String, development: bool) -> Option<VerifiedCookies> {
        let names = CookieNames::new(development);
        VerifiedCookies::read(header, names, &mut self.sessions.borrow_mut(), &self.keys)
    }

    fn binding<'b>(&'b self, site: Site<'b>) -> Binding<'b> {
        Binding {
            host: site.host,
            selection: self.config.selection.fingerprint(),
            lifetime: self.config.session_lifetime,
        }
    }

    /// The path of one of the gate's own endpoints.
    fn path_of(&self, endpoint: Endpoint) -> String {
        format!("{}/{}", self.config.prefix, endpoint.name())
    }

    /// One of the gate's own pages, for this request.
    fn page<E: Edge, H: RequestHead>(&self, request: &Request<'_, E, H>, status: u16, page: &Page) -> Answer {
        Answer::page(status, &pages::render(page, &request.id))
    }
}

impl<'r, E: Edge, H: RequestHead> Asked<'r, E, H> {
    fn at(&self, visit: Visit) -> Request<'r, E, H> {
        Request { edge: self.edge, head: self.head, now: self.now, id: self.id.clone(), visit }
    }
}

impl<E: Edge, H: RequestHead> Request<'_, E, H> {
    fn names(&self) -> CookieNames {
        self.visit.cookie_names()
    }

    /// Logs a line for each finding of a rule in report mode.
    fn report(&self, findings: &[Finding]) {
        for finding in findings {
            let (code, by) = match &finding.denied_by {
                Some(by) => ("would_deny", by.as_str()),
                None => ("would_admit", ""),
            };
            self.log(
                EventKind::Report,
                code,
                &[("rule", &finding.rule), ("provider", &finding.provider), ("subject", &finding.subject), ("by", by)],
            );
        }
    }

    fn log(&self, kind: EventKind, code: &'static str, fields: &[(&'static str, &str)]) {
        let path: String = self.visit.path.chars().take(LONGEST_PATH).collect();
        let mut event = Event::new(kind, code, &self.id).with("host", self.visit.site().host).with("path", &path);
        for (name, value) in fields {
            event = event.with(name, value);
        }
        self.edge.log(&event);
    }
}

/// A new request id: 12 characters that can be read aloud.
pub fn request_id(entropy: &impl crate::edge::Entropy) -> String {
    // Crockford's base 32: no i, l, o and u.
    const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut bytes = [0; 12];
    entropy.fill(&mut bytes);
    bytes.iter().filter_map(|byte| LETTERS.get(usize::from(byte & 31))).map(|letter| char::from(*letter)).collect()
}
