//! [`Rejection`]: every way in which the gate says no, and what it says to whom.
//!
//! The visitor reads what to do, the operator finds a code in the log with the request id, and an
//! attacker learns nothing: no reason is more precise on a page than its code's meaning.

use super::{Answer, Audience, Event, EventKind, Gate, MachineRejection, Request, ReturnTo, Visit};
use crate::{
    config::ConfigError,
    edge::{Edge, RequestHead, Unreachable},
    oidc::{AuthorizationError, IdTokenError, TokenError, UserInfoError},
    pages::{self, Page, WayOn},
    rules::{Ambiguous, PathError},
};

/// Why a request goes no further.
#[derive(Clone, Debug)]
pub enum Rejection {
    /// The host is none of the settings'.
    Host,
    /// Plain http, and more than a read.
    Insecure,
    /// The path cannot be read.
    Path(PathError),
    /// The path can be read in two ways that two rules judge.
    Ambiguous(Ambiguous),
    /// A rule asks for the method, and the origin could take another one.
    DoubtfulMethod,
    /// Under the prefix, and nothing of ours.
    NotFound,
    /// An own endpoint, with a method it does not take.
    Method(&'static str),
    /// A WebSocket or a change that another site asks for with our visitor's cookie.
    CrossSite,
    /// Signed in, and not allowed.
    Denied {
        /// What to call the person.
        person: String,
        /// The person's id, for the log.
        subject: String,
        /// The rule.
        rule: String,
        /// The list of its policy that decided.
        by: String,
    },
    /// Signed in anew, and still not in the way the page asks for.
    StepUpUnmet,
    /// A login is started by opening a page, and this is something else.
    NotNavigation,
    /// A login was asked for at a provider that the settings do not have.
    UnknownProvider,
    /// The browser returns from a login it finished a moment ago, without the session.
    SessionNotKept,
    /// The provider's metadata cannot be had.
    ProviderDown(Trouble),
    /// The callback's query is no authorization response, or its `state` none of ours.
    Response,
    /// The response names another issuer than the one asked.
    ResponseIssuer,
    /// The login's cookie is gone for the second time.
    LoginNotKept,
    /// The provider says no.
    Provider(AuthorizationError),
    /// The token endpoint cannot be reached.
    TokenEndpointDown(Unreachable),
    /// The token endpoint says no, or nothing that could be used.
    Token(TokenError),
    /// The provider's keys cannot be had.
    KeysDown(Trouble),
    /// No key of the provider verifies the ID token.
    NoKey,
    /// The ID token fails a check.
    IdToken(IdTokenError),
    /// The userinfo endpoint cannot be used.
    UserInfo(UserInfoError),
    /// The userinfo endpoint cannot be reached.
    UserInfoDown(Unreachable),
    /// The claims that rules name do not fit a cookie.
    TooManyClaims,
    /// A logout that our own page did not ask for.
    ForeignLogout,
    /// The platform signs no assertion, and without one nothing goes to the origin.
    Unsigned,
    /// Nothing can be sealed.
    NoKeys,
    /// A token of a machine does not count here.
    Machine(MachineRejection),
}

/// Why something a provider publishes cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It was called too often just now.
    Budget,
    /// No answer.
    Unreachable(Unreachable),
    /// An answer with this status.
    Status(u16),
    /// An answer that cannot be used, and why.
    Unusable(String),
}

impl Trouble {
    /// For the log.
    pub fn detail(&self) -> String {
        match self {
            Self::Budget => "called too often just now".to_owned(),
            Self::Unreachable(why) => why.as_str().to_owned(),
            Self::Status(status) => format!("status {status}"),
            Self::Unusable(why) => why.clone(),
        }
    }
}

impl Rejection {
    /// The code to search for: in the log, and in `docs/codes.md`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Host => "host_unknown",
            Self::Insecure => "plain_http",
            Self::Path(_) => "path_unreadable",
            Self::Ambiguous(_) => "path_ambiguous",
            Self::DoubtfulMethod => "method_doubtful",
            Self::NotFound => "not_found",
            Self::Method(_) => "method_not_allowed",
            Self::CrossSite => "cross_site",
            Self::Denied { .. } => "not_allowed",
            Self::StepUpUnmet => "step_up_unmet",
            Self::NotNavigation => "login_not_navigation",
            Self::UnknownProvider => "provider_unknown",
            Self::SessionNotKept => "session_not_kept",
            Self::ProviderDown(_) => "metadata_unavailable",
            Self::Response => "response_malformed",
            Self::ResponseIssuer => "response_issuer",
            Self::LoginNotKept => "login_not_kept",
            Self::Provider(AuthorizationError::AccessDenied) => "access_denied",
            Self::Provider(AuthorizationError::Temporary(_)) => "provider_error",
            Self::Provider(AuthorizationError::Refused(_)) => "request_refused",
            Self::TokenEndpointDown(_) => "token_endpoint_unavailable",
            Self::Token(_) => "token_refused",
            Self::KeysDown(_) => "keys_unavailable",
            Self::NoKey => "key_unknown",
            Self::IdToken(_) => "id_token_invalid",
            Self::UserInfo(_) => "userinfo_invalid",
            Self::UserInfoDown(_) => "userinfo_unavailable",
            Self::TooManyClaims => "claims_too_large",
            Self::ForeignLogout => "logout_cross_site",
            Self::Unsigned => "assertion_unsigned",
            Self::NoKeys => "internal",
            Self::Machine(rejection) => rejection.code(),
        }
    }

    /// The status.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Host => 421,
            Self::Path(_)
            | Self::Ambiguous(_)
            | Self::DoubtfulMethod
            | Self::Insecure
            | Self::UnknownProvider
            | Self::Response
            | Self::ResponseIssuer
            | Self::LoginNotKept
            | Self::SessionNotKept => 400,
            Self::NotNavigation => 401,
            Self::CrossSite
            | Self::Denied { .. }
            | Self::StepUpUnmet
            | Self::ForeignLogout
            | Self::Provider(AuthorizationError::AccessDenied)
            | Self::TooManyClaims => 403,
            Self::NotFound => 404,
            Self::Method(_) => 405,
            Self::Unsigned | Self::NoKeys => 500,
            Self::Machine(rejection) => rejection.status(),
            Self::Provider(_) | Self::Token(_) | Self::NoKey | Self::IdToken(_) | Self::UserInfo(_) => 502,
            Self::ProviderDown(_) | Self::TokenEndpointDown(_) | Self::KeysDown(_) | Self::UserInfoDown(_) => 503,
        }
    }

    /// How it is logged; `None` for what strangers cause at will and nobody needs to know.
    const fn event(&self) -> Option<EventKind> {
        match self {
            Self::NotFound | Self::Method(_) | Self::NotNavigation => None,
            Self::Denied { .. } | Self::StepUpUnmet => Some(EventKind::Denied),
            Self::Machine(rejection) => Some(rejection.event()),
            Self::Host
            | Self::Insecure
            | Self::Path(_)
            | Self::Ambiguous(_)
            | Self::DoubtfulMethod
            | Self::CrossSite
            | Self::ForeignLogout
            | Self::Unsigned => Some(EventKind::Refused),
            _ => Some(EventKind::LoginFailed),
        }
    }

    /// What the operator reads beside the code.
    fn detail(&self) -> String {
        match self {
            Self::Path(error) => error.to_string(),
            Self::Denied { subject, rule, by, .. } => format!("subject {subject}, rule {rule}, by {by}"),
            Self::ProviderDown(trouble) | Self::KeysDown(trouble) => trouble.detail(),
            Self::Provider(error) => error.as_str().to_owned(),
            Self::TokenEndpointDown(why) | Self::UserInfoDown(why) => why.as_str().to_owned(),
            Self::Token(error) => error.to_string(),
            Self::IdToken(error) => error.to_string(),
            Self::UserInfo(error) => error.to_string(),
            Self::Machine(rejection) => rejection.detail(),
            _ => String::new(),
        }
    }

    /// What the visitor reads: what happened, and what to do.
    const fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::Host => {
                ("Wrong address", "This address is not served here. Check it, and open the site by the name you know.")
            }
            Self::Insecure => {
                ("Not encrypted", "This site takes data over https only. Open it again with https:// in front.")
            }
            Self::Path(_) | Self::Ambiguous(_) => (
                "This address cannot be opened",
                "The address has characters in it that could be read in more than one way. Check the link, or start from the first page.",
            ),
            Self::DoubtfulMethod => (
                "Not possible",
                "The request asks for one thing and says another. Send it with the method it is meant with.",
            ),
            Self::NotFound => ("Page not found", "There is nothing at this address."),
            Self::Method(_) => ("Not possible", "This address does not take this kind of request."),
            Self::CrossSite => (
                "Not from here",
                "Another site tried to do this in your name, so it was not done. If it was you, start from this site's own pages.",
            ),
            Self::Denied { .. } => (
                "You cannot open this page",
                "This page is for others. If you think it should be for you too, ask the people who run this site.",
            ),
            Self::StepUpUnmet => (
                "A stronger sign-in is needed",
                "This page asks for a sign-in that the sign-in service did not make just now, such as with a second factor. Try again with one, or ask the people who run this site.",
            ),
            Self::NotNavigation => ("Sign in first", "Open this address in a tab of its own to sign in."),
            Self::UnknownProvider => {
                ("Unknown sign-in", "This site does not offer that sign-in. Choose one of its own.")
            }
            Self::SessionNotKept => (
                "Your browser did not keep the sign-in",
                "You signed in, but your browser did not send the cookie that says so. Allow cookies for this site, check that your clock is right, and try again.",
            ),
            Self::LoginNotKept => (
                "Your browser does not keep cookies",
                "Signing in needs a cookie, and your browser did not send back the one this site gave it. Allow cookies for this site and try again.",
            ),
            Self::Response => (
                "This sign-in cannot be continued",
                "The link that brought you here is incomplete or not from this site. Start again.",
            ),
            Self::ResponseIssuer | Self::Token(_) | Self::NoKey | Self::IdToken(_) | Self::UserInfo(_) => (
                "Signing in did not work",
                "The sign-in service gave an answer that could not be accepted. Try again; if it happens again, tell the people who run this site.",
            ),
            Self::Provider(AuthorizationError::AccessDenied) => (
                "Sign-in was declined",
                "The sign-in was cancelled, or the sign-in service does not let your account in here. You can try again or use another account.",
            ),
            Self::Provider(AuthorizationError::Temporary(_))
            | Self::ProviderDown(_)
            | Self::TokenEndpointDown(_)
            | Self::KeysDown(_)
            | Self::UserInfoDown(_) => (
                "The sign-in service does not answer",
                "Signing in is not possible at the moment. Wait a little and try again. People who are signed in already are not affected.",
            ),
            Self::Provider(AuthorizationError::Refused(_)) => (
                "The sign-in service refused",
                "This site is not set up correctly at the sign-in service. Tell the people who run this site.",
            ),
            Self::TooManyClaims => (
                "Your account has too many groups",
                "This site needs to remember more of your groups than it can. Tell the people who run this site.",
            ),
            Self::ForeignLogout => (
                "You are still signed in",
                "Another site tried to sign you out. To sign out, use this site's own button.",
            ),
            Self::Machine(rejection) => rejection.words(),
            Self::Unsigned | Self::NoKeys => {
                ("Something went wrong", "This is a fault of this site. Tell the people who run it.")
            }
        }
    }

    /// Where the visitor can go from here.
    fn way_on(&self, gate: &Gate, back: &ReturnTo) -> WayOn {
        match self {
            Self::Denied { .. } | Self::Provider(AuthorizationError::AccessDenied) | Self::TooManyClaims => {
                WayOn::AnotherAccount(format!("{}&prompt=select_account", gate.login_path(back)))
            }
            Self::SessionNotKept
            | Self::StepUpUnmet
            | Self::LoginNotKept
            | Self::Response
            | Self::ResponseIssuer
            | Self::Provider(_)
            | Self::ProviderDown(_)
            | Self::TokenEndpointDown(_)
            | Self::Token(_)
            | Self::KeysDown(_)
            | Self::NoKey
            | Self::IdToken(_)
            | Self::UserInfo(_)
            | Self::UserInfoDown(_)
            | Self::UnknownProvider
            | Self::NotNavigation => WayOn::TryAgain(gate.login_path(back)),
            Self::ForeignLogout => WayOn::SignOut(gate.path_of(super::Endpoint::Logout)),
            Self::Host | Self::Insecure => WayOn::Nowhere,
            _ => WayOn::Home,
        }
    }
}

impl Gate {
    /// Says no: logs it, and answers in the form the sender can use.
    pub(super) fn refuse<E: Edge, H: RequestHead>(&self, request: &Request<'_, E, H>, rejection: &Rejection) -> Answer {
        let here = ReturnTo::parse(&request.visit.address(), &request.visit.site, &self.config.prefix);
        self.refuse_with_way_back(request, rejection, &here.unwrap_or_else(|| ReturnTo::home(&request.visit.site)))
    }

    /// The same, with the page that a new attempt leads to.
    pub(super) fn refuse_with_way_back<E: Edge, H: RequestHead>(
        &self,
        request: &Request<'_, E, H>,
        rejection: &Rejection,
        back: &ReturnTo,
    ) -> Answer {
        if let Some(kind) = rejection.event() {
            request.log(kind, rejection.code(), &[("detail", &rejection.detail())]);
        }
        if let Rejection::Machine(rejection) = rejection {
            return readable(rejection.answer(&request.id, &request.visit.site.host), &request.visit);
        }
        let (title, text) = rejection.words();
        let status = rejection.status();
        let answer = if Audience::of(request.head) == Audience::Script {
            problem(status, rejection.code(), title, text, &request.id, None)
        } else {
            let person = match rejection {
                Rejection::Denied { person, .. } => Some(person.clone()),
                _ => None,
            };
            self.page(
                request,
                status,
                &Page::Refusal { code: rejection.code(), title, text, person, way_on: rejection.way_on(self, back) },
            )
        };
        let answer = match rejection {
            Rejection::Method(methods) => answer.with("allow", methods),
            Rejection::ProviderDown(_) | Rejection::KeysDown(_) => answer.with("retry-after", "30"),
            _ => answer,
        };
        let answer =
            if status == 401 { answer.with("www-authenticate", &challenge(&request.visit.site.host)) } else { answer };
        readable(answer, &request.visit)
    }
}

/// Pages of an origin that the rule trusts may read the answer (Fetch, 3.2.3): it says how to go on.
pub(super) fn readable(answer: Answer, visit: &Visit) -> Answer {
    let Some(origin) = &visit.reader else { return answer };
    answer
        .with("access-control-allow-origin", origin)
        .with("access-control-allow-credentials", "true")
        .with("access-control-expose-headers", "www-authenticate")
        .with("vary", "origin")
}

/// The answer to everything while the settings are wrong: the log says what is, the page does not.
pub fn misconfigured<E: Edge>(edge: &E, head: &impl RequestHead, error: &ConfigError) -> Answer {
    let request = super::request_id(edge);
    let event = Event::new(EventKind::SettingsWrong, "settings_wrong", &request);
    edge.log(&event.with("setting", &error.setting).with("problem", &error.problem));
    let (title, text) = (
        "This site is not set up",
        "The gate in front of this site has wrong settings. Tell the people who run it; their log says what is wrong.",
    );
    if Audience::of(head) == Audience::Script {
        return problem(500, "settings_wrong", title, text, &request, None);
    }
    Answer::page(
        500,
        &pages::render(
            &Page::Refusal { code: "settings_wrong", title, text, person: None, way_on: WayOn::Nowhere },
            &request,
        ),
    )
}

/// Problem details (RFC 9457).
pub(super) fn problem(
    status: u16,
    code: &str,
    title: &str,
    detail: &str,
    request: &str,
    login_url: Option<&str>,
) -> Answer {
    let mut problem = serde_json::json!({ "type": "about:blank", "title": title, "status": status, "code": code, "detail": detail, "request": request });
    if let (Some(members), Some(url)) = (problem.as_object_mut(), login_url) {
        members.insert("login_url".to_owned(), url.into());
    }
    Answer::json(status, "application/problem+json", &problem)
}

/// The challenge that a 401 must carry (RFC 9110, 15.5.2): the scheme is the session cookie.
pub(super) fn challenge(host: &str) -> String {
    format!("Cookie realm=\"{host}\"")
}
