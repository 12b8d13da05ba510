//! Starting a login: `/.auth/login`, and the one silent restart.

use super::{Answer, EventKind, Gate, Goal, Rejection, Request, RequestKind, ReturnTo, goal::prompt};
use crate::{
    edge::{Edge, RequestHead},
    oidc::{AuthorizationRequest, Registration, Verifier, nonce},
    pages::{Choice, Page},
    session::{Cookies, LoginCookie, LoginId, LoginState, NotOurs, PENDING_LIMIT, PendingLogin, SessionError},
};
use std::rc::Rc;
use url::form_urlencoded;

/// The most login cookies that are looked at in one request, or deleted in one answer; a browser that sends more did
/// not get them from us.
const MOST_COOKIES: usize = 20;

/// What `/.auth/login` was asked for.
struct LoginParameters {
    provider: Option<String>,
    goal: Goal,
}

/// A login that is about to be sent to its provider.
pub(super) struct Start<'s> {
    pub(super) provider: &'s Registration,
    pub(super) goal: &'s Goal,
    /// 0 when a person started it, 1 for the restart.
    pub(super) attempt: u8,
}

/// The ways into the provider's sign-in page.
pub(super) struct Started {
    /// The address to go to if the page had no fragment.
    pub(super) address: String,
    /// The same login, with a state that says the browser keeps a fragment under this key.
    pub(super) with_fragment: (String, String),
    /// The cookies of the login: its own, and deletions of those that make room.
    pub(super) cookies: Vec<String>,
}

impl Gate {
    /// `GET /.auth/login?return_to=…&for=…&method=…&provider=…&prompt=…`
    ///
    /// 1. it is a person opening a page, and not a prefetch (else 401); HEAD only asks whether there is a page, and
    ///    starts nothing (RFC 9110, 9.3.2);
    /// 2. the parameters say what is asked for;
    /// 3. if a login that finished a moment ago left no session, a page says so;
    /// 4. with several providers and no choice made, the chooser;
    /// 5. the login starts, and a small page keeps the fragment on the way.
    pub(super) async fn login<E: Edge, H: RequestHead>(self: &Rc<Self>, request: &Request<'_, E, H>) -> Answer {
        // 1. A page that a person opens.
        if RequestKind::of(request.head) != RequestKind::Navigation {
            return self.refuse(request, &Rejection::NotNavigation);
        }
        if request.head.method() == "HEAD" {
            return Answer::empty(200);
        }
        // 2. What is asked for.
        let wanted = self.wanted(request);
        // 3. No loop.
        if let Some(deletions) = self.landed_without_session(request) {
            return self.refuse_on_the_way(request, &Rejection::SessionNotKept, &wanted.goal).with_cookies(deletions);
        }
        // 4. Which provider.
        let provider = match (&wanted.provider, self.config.providers.as_slice()) {
            (Some(id), _) => self.config.provider(id),
            (None, [only]) => Some(only),
            (None, _) => return self.page(request, 200, &self.chooser(&wanted)),
        };
        let Some(provider) = provider else {
            return self.refuse_on_the_way(request, &Rejection::UnknownProvider, &wanted.goal);
        };
        // 5. Off to the provider.
        let start = Start { provider, goal: &wanted.goal, attempt: 0 };
        match self.start(request, &start).await {
            Ok(started) if self.config.fragment => {
                let (with_fragment, key) = started.with_fragment;
                let page =
                    Page::Continue { title: provider.title.clone(), address: started.address, with_fragment, key };
                self.page(request, 200, &page).with_cookies(started.cookies)
            }
            Ok(started) => Answer::redirect(302, &started.address).with_cookies(started.cookies),
            Err(rejection) => self.refuse_on_the_way(request, &rejection, &wanted.goal.at(&provider.id)),
        }
    }

    /// Makes a pending login and the authorization request for it. Everything about it is fresh:
    /// id, nonce, verifier.
    pub(super) async fn start<E: Edge, H: RequestHead>(
        self: &Rc<Self>,
        request: &Request<'_, E, H>,
        start: &Start<'_>,
    ) -> Result<Started, Rejection> {
        let provider = start.provider;
        let metadata = self.metadata(request, provider).await.map_err(Rejection::ProviderDown)?;
        let (edge, site) = (request.edge, request.visit.site());
        let (id, nonce, verifier) = (LoginId::new(edge), nonce(edge), Verifier::new(edge));
        let redirect_uri = self.redirect_uri(request);
        let session = self.session(request.head, request.visit.site(), request.now);
        let step_up = self.step_up_for(start.goal, request.head, site, session.as_ref(), request.now);
        let (needed_by, method) = start.goal.beside();
        let prompt = start.goal.prompt().map(|wanted| metadata.prompt(wanted));
        let state = LoginState {
            id: id.clone(),
            provider: provider.id.clone(),
            attempt: start.attempt,
            issued: request.now,
            return_to: start.goal.return_to().path_and_query().to_owned(),
            needed_by,
            method,
            prompt: start.goal.prompt().map(str::to_owned),
            fragment: start.goal.fragment().map(str::to_owned),
            step_up: !step_up.is_nothing(),
        };
        let key = id.short().to_owned();
        let address = |state: &LoginState| -> Result<String, NotOurs> {
            let state = state.seal(&self.keys, site.host, edge)?;
            let request = AuthorizationRequest {
                provider,
                metadata: &metadata,
                redirect_uri: &redirect_uri,
                state: &state,
                nonce: &nonce,
                verifier: &verifier,
                prompt: prompt.or(step_up.anew.then_some("login")),
                max_age: step_up.max_age,
                acr_values: &step_up.classes,
            };
            Ok(request.url())
        };
        let plain = address(&state).map_err(|_| Rejection::Internal)?;
        let with_fragment =
            address(&LoginState { fragment: Some(key.clone()), ..state }).map_err(|_| Rejection::Internal)?;
        let pending = PendingLogin {
            id,
            provider: provider.id.clone(),
            issuer: provider.issuer.as_str().to_owned(),
            nonce: nonce.clone(),
            verifier: verifier.secret().clone(),
            started: request.now,
        };
        let mut cookies = self.make_room(request);
        cookies.push(pending.keep(&self.keys, request.names(), site.host, edge).map_err(|_| Rejection::Internal)?);
        request.log(
            EventKind::LoginStarted,
            if start.attempt == 0 { "started" } else { "restarted" },
            &[("provider", &provider.id)],
        );
        Ok(Started { address: plain, with_fragment: (with_fragment, key), cookies })
    }

    /// Where providers send people back to: one exact address per site.
    pub(super) fn redirect_uri<E: Edge, H: RequestHead>(&self, request: &Request<'_, E, H>) -> String {
        format!("{}{}", request.visit.site().address, self.path_of(super::Endpoint::Callback))
    }

    fn wanted<E: Edge, H: RequestHead>(&self, request: &Request<'_, E, H>) -> LoginParameters {
        let query = request.visit.query.as_deref().unwrap_or_default();
        let value = |wanted: &str| {
            form_urlencoded::parse(query.as_bytes())
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.into_owned())
        };
        let site = request.visit.site();
        let page = |name: &str| value(name).and_then(|text| ReturnTo::parse(&text, site, &self.config.prefix));
        LoginParameters {
            provider: value("provider"),
            goal: Goal::of(page("return_to").unwrap_or_else(|| ReturnTo::home(site)), page("for"), value("method"))
                .asking(prompt(value("prompt").as_deref())),
        }
    }

    fn chooser(&self, wanted: &LoginParameters) -> Page {
        let choices = self.config.providers.iter().map(|provider| {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair("provider", &provider.id).finish();
            Choice { title: provider.title.clone(), address: format!("{}&{query}", self.login_path(&wanted.goal)) }
        });
        Page::Chooser { choices: choices.collect() }
    }

    /// If a login finished within the last minute and there is no session: deletions of the cookies that say so.
    /// Another round would loop.
    ///
    /// A session that was made under other settings did stay, and a login renews it; but not three times within a
    /// minute: while a deployment spreads, old and new settings may answer in turn.
    fn landed_without_session<E: Edge, H: RequestHead>(&self, request: &Request<'_, E, H>) -> Option<Vec<String>> {
        let header = request.head.cookie()?;
        let cookies = Cookies::parse(&header, request.names());
        let most = match self.open_session(&cookies, request.visit.site(), request.now) {
            Ok(_) => return None,
            Err(SessionError::OtherSettings) => 2,
            Err(_) => 0,
        };
        let landed: Vec<String> = self
            .own_logins(request, &cookies)
            .filter(|(_, login)| matches!(login, Some(LoginCookie::Landed(_))))
            .map(|(id, _)| request.names().deletion(&request.names().login(id), "/"))
            .collect();
        (landed.len() > most).then_some(landed)
    }

    /// Deletes the login cookies that cannot be opened, and the oldest, so that with one more there are
    /// [`PENDING_LIMIT`].
    fn make_room<E: Edge, H: RequestHead>(&self, request: &Request<'_, E, H>) -> Vec<String> {
        let Some(header) = request.head.cookie() else { return Vec::new() };
        let cookies = Cookies::parse(&header, request.names());
        // The youngest first; those that cannot be opened last.
        let mut logins: Vec<(&str, Option<LoginCookie>)> = Vec::new();
        for (id, login) in self.own_logins(request, &cookies) {
            let time = login.as_ref().map(LoginCookie::time);
            let rank = logins.partition_point(|(_, other)| other.as_ref().map(LoginCookie::time) >= time);
            logins.insert(rank, (id, login));
        }
        let over = logins
            .iter()
            .enumerate()
            .filter(|(rank, (_, login))| login.is_none() || *rank >= PENDING_LIMIT.saturating_sub(1));
        over.map(|(_, (id, _))| request.names().deletion(&request.names().login(id), "/")).collect()
    }

    /// Deletes this browser's login cookies: all of them, unless there are more than could be ours.
    pub(super) fn login_deletions<E: Edge, H: RequestHead>(
        &self,
        request: &Request<'_, E, H>,
        cookies: &Cookies<'_>,
    ) -> Vec<String> {
        let names = request.names();
        let ids = cookies.logins().iter().map(|(id, _)| *id).filter(|id| is_cookie_name_part(id));
        ids.take(MOST_COOKIES).map(|id| names.deletion(&names.login(id), "/")).collect()
    }

    fn own_logins<'c, E: Edge, H: RequestHead>(
        &self,
        request: &Request<'_, E, H>,
        cookies: &Cookies<'c>,
    ) -> impl Iterator<Item = (&'c str, Option<LoginCookie>)> {
        cookies.logins().iter().filter(|(id, _)| is_cookie_name_part(id)).take(MOST_COOKIES).map(|(id, value)| {
            (
                *id,
                LoginCookie::open(id, value, &self.keys, request.names(), request.visit.site().host, request.now).ok(),
            )
        })
    }
}

/// What may be in the name of a cookie that we delete; any other cookie cannot be ours.
fn is_cookie_name_part(id: &str) -> bool {
    id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
