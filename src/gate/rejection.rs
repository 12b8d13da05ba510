//! [`Rejection`]: every way in which the gate says no, and what it says to whom.
//!
//! The visitor is told what to do, the operator finds a code in the log with the request id, and an attacker learns
//! nothing: no reason on a page is more precise than its code.

pub(super) use super::problem::{challenge, problem, readable};
use super::{
    Answer, EventKind, Gate, Goal, MachineRejection, Request, RequestKind, ReturnTo, Trouble,
    goal::{LOGIN, SELECT_ACCOUNT},
};
use crate::{
    claims::Claims,
    edge::{Edge, RequestHead, Unreachable},
    oidc::{AuthorizationError, IdTokenError, TokenError, UserInfoError},
    pages::{LoginLink, Page, Person, WayOn},
    rules::{Ambiguous, PathError},
};

/// How many characters of an unknown host are logged: a name of 255 octets, with scheme and port.
const LONGEST_HOST: usize = 270;

/// Why a request goes no further.
#[derive(Clone, Debug)]
pub enum Rejection {
    /// The host is not in the settings: as it was asked for, for the log alone.
    Host(String),
    /// Plain HTTP, and more than a read.
    Insecure,
    /// The path cannot be read.
    Path(PathError),
    /// The path can be read in two ways, which two different rules judge.
    Ambiguous(Ambiguous),
    /// The origin could see another method than the one that was judged, or echo what is for it alone.
    DoubtfulMethod,
    /// Under the prefix, but nothing of ours.
    NotFound,
    /// One of the gate's own endpoints, with a method that it does not take.
    Method(&'static str),
    /// A WebSocket or a change that another site requests with our visitor's cookie.
    CrossSite,
    /// Signed in, but not allowed.
    Denied {
        /// What to call the person.
        person: String,
        /// For the log.
        denial: Denial,
    },
    /// Signed in anew, but still not in the way the page asks for: the subject, for the log.
    StepUpUnmet(String),
    /// A login starts by opening a page, and this is something else.
    NotNavigation,
    /// A login was asked for at a provider that the settings do not have.
    UnknownProvider,
    /// The browser returns from a login it finished a moment ago, without the session.
    SessionNotKept,
    /// The provider's metadata are unavailable.
    ProviderDown(Trouble),
    /// The callback's query is not an authorization response, or its `state` is not ours.
    Response,
    /// The response names an issuer other than the one asked, or none although the provider promised to.
    ResponseIssuer,
    /// The login's cookie is gone for the second time.
    LoginNotKept,
    /// The provider says no.
    Provider(AuthorizationError),
    /// The token endpoint cannot be reached.
    TokenEndpointDown(Unreachable),
    /// The token endpoint says no, or nothing usable.
    Token(TokenError),
    /// The provider's keys are unavailable.
    KeysDown(Trouble),
    /// No key of the provider verifies the ID token.
    NoKey,
    /// The ID token fails a check.
    IdToken(IdTokenError),
    /// The userinfo endpoint cannot be asked, or its answer cannot be used.
    UserInfo(UserInfoError),
    /// The userinfo endpoint cannot be reached.
    UserInfoDown(Unreachable),
    /// The claims that rules name do not fit a cookie: the subject, for the log.
    TooManyClaims(String),
    /// A logout that our own page did not ask for.
    ForeignLogout,
    /// An operator closed the whole site for now.
    LockedDown,
    /// A proxy's sub-request does not say, once and in the proxy's own headers, what it asks about.
    SubRequest(&'static str),
    /// A proxy asks about one of the gate's own addresses.
    OwnPath,
    /// A proxy passed on a client's header that the gate would have removed.
    ForgedIdentity(String),
    /// The platform signs no assertion, and without one nothing goes to the origin.
    Unsigned,
    /// Should not happen: a login's state or cookie cannot be sealed.
    Internal,
    /// Should not happen either: no decision was reached.
    Undecided,
    /// A machine's token does not count here.
    Machine(MachineRejection),
}

/// Who was denied, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The provider that the subject belongs to: a subject alone could be two people (Core 5.7).
    pub provider: String,
    /// The id of the person or the machine.
    pub subject: String,
    /// The rule.
    pub rule: String,
    /// The part of its policy that decided.
    pub by: String,
}

impl Denial {
    pub(super) fn new(claims: &Claims, rule: &str, by: String) -> Self {
        let (provider, subject) = (claims.provider().to_owned(), claims.subject().to_owned());
        Self { provider, subject, rule: rule.to_owned(), by }
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let Self { provider, subject, rule, by } = self.clone();
        vec![("provider", provider), ("subject", subject), ("rule", rule), ("by", by)]
    }
}

impl Rejection {
    /// For a host that is not in the settings, as it was asked for: for the log alone, and cut off where it is longer
    /// than any real one (RFC 1035, 2.3.4).
    pub(super) fn host(asked: &str) -> Self {
        Self::Host(asked.chars().take(LONGEST_HOST).collect())
    }

    /// The code to search for: in the log, and in `docs/codes.md`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Host(_) => "host_unknown",
            Self::Insecure => "plain_http",
            Self::Path(_) => "path_unreadable",
            Self::Ambiguous(_) => "path_ambiguous",
            Self::DoubtfulMethod => "method_doubtful",
            Self::NotFound => "not_found",
            Self::Method(_) => "method_not_allowed",
            Self::CrossSite => "cross_site",
            Self::Denied { .. } => "not_allowed",
            Self::StepUpUnmet(_) => "step_up_unmet",
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
            Self::TooManyClaims(_) => "claims_too_large",
            Self::ForeignLogout => "logout_cross_site",
            Self::LockedDown => "locked_down",
            Self::SubRequest(_) => "check_malformed",
            Self::OwnPath => "check_own_path",
            Self::ForgedIdentity(_) => "check_identity",
            Self::Unsigned => "assertion_unsigned",
            Self::Internal | Self::Undecided => "internal",
            Self::Machine(rejection) => rejection.code(),
        }
    }

    /// The status.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Host(_) => 421,
            Self::Path(_)
            | Self::Ambiguous(_)
            | Self::DoubtfulMethod
            | Self::SubRequest(_)
            | Self::ForgedIdentity(_)
            | Self::Insecure
            | Self::UnknownProvider
            | Self::Response
            | Self::ResponseIssuer
            | Self::LoginNotKept
            | Self::SessionNotKept => 400,
            Self::NotNavigation => 401,
            Self::CrossSite
            | Self::Denied { .. }
            | Self::StepUpUnmet(_)
            | Self::ForeignLogout
            | Self::OwnPath
            | Self::Provider(AuthorizationError::AccessDenied)
            | Self::TooManyClaims(_) => 403,
            Self::NotFound => 404,
            Self::Method(_) => 405,
            Self::Unsigned | Self::Internal | Self::Undecided => 500,
            Self::Machine(rejection) => rejection.status(),
            Self::Provider(_) | Self::Token(_) | Self::NoKey | Self::IdToken(_) | Self::UserInfo(_) => 502,
            Self::ProviderDown(_)
            | Self::TokenEndpointDown(_)
            | Self::KeysDown(_)
            | Self::UserInfoDown(_)
            | Self::LockedDown => 503,
        }
    }

    /// How it is logged; `None` for what strangers can cause at will and nobody needs to know.
    const fn event(&self) -> Option<EventKind> {
        match self {
            Self::NotFound | Self::Method(_) | Self::NotNavigation | Self::LockedDown => None,
            Self::Denied { .. } | Self::StepUpUnmet(_) => Some(EventKind::Denied),
            Self::Machine(rejection) => Some(rejection.event()),
            Self::Host(_)
            | Self::Insecure
            | Self::Path(_)
            | Self::Ambiguous(_)
            | Self::DoubtfulMethod
            | Self::CrossSite
            | Self::SubRequest(_)
            | Self::OwnPath
            | Self::ForgedIdentity(_)
            | Self::Unsigned
            | Self::Undecided
            | Self::ForeignLogout => Some(EventKind::Refused),
            Self::UnknownProvider
            | Self::SessionNotKept
            | Self::ProviderDown(_)
            | Self::Response
            | Self::ResponseIssuer
            | Self::LoginNotKept
            | Self::Provider(_)
            | Self::TokenEndpointDown(_)
            | Self::Token(_)
            | Self::KeysDown(_)
            | Self::NoKey
            | Self::IdToken(_)
            | Self::UserInfo(_)
            | Self::UserInfoDown(_)
            | Self::TooManyClaims(_)
            | Self::Internal => Some(EventKind::LoginFailed),
        }
    }

    /// The fields logged beside the code: who was denied by what, or one `detail`. What others wrote has a field of
    /// its own, so that it cannot pass for what the gate says.
    fn fields(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Denied { denial, .. } => denial.fields(),
            Self::StepUpUnmet(subject) | Self::TooManyClaims(subject) => vec![("subject", subject.clone())],
            Self::Machine(rejection) => {
                rejection.denial().map_or_else(|| vec![("detail", rejection.detail())], Denial::fields)
            }
            _ => vec![("detail", self.detail())],
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Host(asked) => asked.clone(),
            Self::Path(error) => error.to_string(),
            Self::SubRequest(header) => (*header).to_owned(),
            Self::ForgedIdentity(header) => header.clone(),
            Self::ProviderDown(trouble) | Self::KeysDown(trouble) => trouble.detail(),
            Self::Provider(error) => error.as_str().to_owned(),
            Self::TokenEndpointDown(why) | Self::UserInfoDown(why) => why.as_str().to_owned(),
            Self::Token(error) => error.to_string(),
            Self::IdToken(error) => error.to_string(),
            Self::UserInfo(error) => error.to_string(),
            _ => String::new(),
        }
    }

    /// Where the visitor can go from here.
    fn way_on(&self, gate: &Gate, goal: &Goal) -> WayOn {
        match self {
            Self::Denied { .. } | Self::Provider(AuthorizationError::AccessDenied) | Self::TooManyClaims(_) => {
                WayOn::AnotherAccount(gate.login_link(&goal.asking(Some(SELECT_ACCOUNT))))
            }
            // By signing in anew: some providers ignore `max_age` and `acr_values`, but nearly all know this prompt.
            Self::StepUpUnmet(_) => WayOn::TryAgain(gate.login_link(&goal.asking(Some(LOGIN)))),
            Self::SessionNotKept
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
            | Self::NotNavigation => WayOn::TryAgain(gate.login_link(goal)),
            Self::ForeignLogout => WayOn::SignOut(gate.path_of(super::Endpoint::Logout)),
            Self::Host(_) | Self::Insecure | Self::LockedDown => WayOn::Nowhere,
            Self::Path(_)
            | Self::Ambiguous(_)
            | Self::DoubtfulMethod
            | Self::NotFound
            | Self::Method(_)
            | Self::CrossSite
            | Self::SubRequest(_)
            | Self::OwnPath
            | Self::ForgedIdentity(_)
            | Self::Unsigned
            | Self::Internal
            | Self::Undecided
            | Self::Machine(_) => WayOn::Home,
        }
    }
}

impl Gate {
    fn login_link(&self, goal: &Goal) -> LoginLink {
        LoginLink { address: self.login_path(goal), key: goal.fragment().map(str::to_owned) }
    }

    /// Says no: logs it, and answers in the form the sender can use.
    pub(super) fn refuse<E: Edge, H: RequestHead>(&self, request: &Request<'_, E, H>, rejection: &Rejection) -> Answer {
        let here = ReturnTo::parse(&request.visit.address(), request.visit.site(), &self.config.prefix);
        let here = here.unwrap_or_else(|| ReturnTo::home(request.visit.site()));
        // Only a denial offers a login for this very request; other paths may be expensive to parse again.
        let goal = match rejection {
            Rejection::Denied { .. } => self.goal_of(request, here),
            _ => Goal::page(here),
        };
        self.refuse_on_the_way(request, rejection, &goal)
    }

    /// The same, where the goal of a new attempt is known.
    pub(super) fn refuse_on_the_way<E: Edge, H: RequestHead>(
        &self,
        request: &Request<'_, E, H>,
        rejection: &Rejection,
        goal: &Goal,
    ) -> Answer {
        if let Some(kind) = rejection.event() {
            let fields = rejection.fields();
            let fields = fields.iter().map(|(name, value)| (*name, value.as_str()));
            let fields: Vec<_> =
                goal.provider().map(|provider| ("provider", provider)).into_iter().chain(fields).collect();
            request.log(kind, rejection.code(), &fields);
        }
        if let Rejection::Machine(rejection) = rejection {
            return readable(rejection.answer(&request.id, request.visit.site().host), &request.visit);
        }
        let (title, text) = rejection.words();
        let status = rejection.status();
        let person = match rejection {
            Rejection::Denied { person, .. } => Some(person.clone()),
            _ => None,
        };
        let way_on = rejection.way_on(self, goal);
        let answer = if RequestKind::of(request.head) == RequestKind::Script {
            let another = match &way_on {
                WayOn::AnotherAccount(login) => Some(format!("{}{}", request.visit.site().address, login.address)),
                _ => None,
            };
            // Another origin's page may read this, so it is not told who is signed in.
            let person = person.as_deref().filter(|_| request.visit.reader.is_none());
            problem(status, rejection.code(), title, text, &request.id, (person, another.as_deref()))
        } else {
            let person = person.map(|name| Person { name, sign_out: self.path_of(super::Endpoint::Logout) });
            self.page(request, status, &Page::Refusal { code: rejection.code(), title, text, person, way_on })
        };
        let answer = match rejection {
            Rejection::Method(methods) => answer.with("allow", methods),
            Rejection::ProviderDown(_)
            | Rejection::KeysDown(_)
            | Rejection::TokenEndpointDown(_)
            | Rejection::UserInfoDown(_) => answer.with("retry-after", "30"),
            Rejection::LockedDown => answer.with("retry-after", "300"),
            _ => answer,
        };
        let answer =
            if status == 401 { answer.with("www-authenticate", &challenge(request.visit.site().host)) } else { answer };
        readable(answer, &request.visit)
    }
}

#[cfg(test)]
mod tests;
