//! `/.auth/callback`: the provider's answer becomes a session.

use std::rc::Rc;

use super::{
    Answer, EventKind, Gate, Goal, Rejection, Request, RequestKind, ReturnTo, Trouble,
    discovery::Unproven,
    goal::{LOGIN, SELECT_ACCOUNT},
    login::Start,
    redemption::RedeemableLogin,
};
use crate::{
    claims::Claims,
    edge::{Edge, RequestHead},
    oidc::{
        AuthorizationError, AuthorizationOutcome, AuthorizationResponse, IdToken, IdTokenError, Registration,
        TokenError, TokenResponse, UntrustedIdToken, UserInfo, UserInfoError, token_request, userinfo_request,
    },
    pages::Page,
    secret::Secret,
    session::{Cookies, LoginCookie, LoginState, LogoutHint, PENDING_LIFETIME, PendingLogin, Session},
    time::{Lifetime, Timestamp},
};

/// How old a state may be for a login to restart from it. A sign-in page left open overnight still leads to where it
/// was meant to.
const RESTART_WITHIN: Lifetime = Lifetime::from_seconds(86_400);

/// A code that is about to be exchanged, by the browser that asked for it.
struct Redemption<'r> {
    provider: &'r Registration,
    login: RedeemableLogin,
    code: Secret<String>,
}

impl Gate {
    /// `GET /.auth/callback?code=…&state=…&iss=…`
    ///
    /// Before the code is shown to anybody:
    /// 1. a person's browser came here, with an authorization response (Core 3.1.2.7);
    /// 2. its state is one that this gate sealed on this host;
    /// 3. the login is pending in this browser (RFC 9700, 4.7) – else see [`Gate::resume`];
    /// 4. the issuer that answers is the one that was asked (RFC 9207, 2.4), even in an error. Only this step needs
    ///    the provider's metadata, which are fetched if the gate does not have them.
    ///
    /// Then, once per pending login, in [`Gate::redeem`]:
    ///
    /// 5. the code is exchanged (Core 3.1.3);
    /// 6. the ID token is checked (Core 3.1.3.7);
    /// 7. the userinfo endpoint is asked, where the settings say so (Core 5.3).
    ///
    /// And last:
    ///
    /// 8. a session begins, with a new id, and the browser goes back to the page it wanted.
    pub(super) async fn callback<E: Edge, H: RequestHead>(self: &Rc<Self>, request: &Request<'_, E, H>) -> Answer {
        let site = request.visit.site();
        let home = Goal::page(ReturnTo::home(site));
        // 1. One state, and a code or an error. A prefetch or a script uses nothing up and starts nothing.
        if RequestKind::of(request.head) != RequestKind::Navigation {
            return self.refuse_on_the_way(request, &Rejection::NotNavigation, &home);
        }
        let Ok(response) = AuthorizationResponse::parse(request.visit.query.as_deref().unwrap_or_default()) else {
            return self.refuse_on_the_way(request, &Rejection::Response, &home);
        };
        // 2. A state of ours.
        let Ok(state) = LoginState::open(&response.state, &self.keys, site.host) else {
            return self.refuse_on_the_way(request, &Rejection::Response, &home);
        };
        let goal = Goal::carried(&state, site, &self.config.prefix).unwrap_or_else(|| home.at(&state.provider));
        // 3. Pending in this browser.
        let header = request.head.cookie().unwrap_or_default();
        let cookies = Cookies::parse(&header, request.names());
        let Some((pending, provider)) = self.pending(request, &cookies, &state) else {
            return self.resume(request, &cookies, &state, response.declined(), &goal).await;
        };
        // 4. The issuer that was asked.
        let code = match self.code_of(request, response, provider).await {
            Ok(code) => code,
            // The login stays pending: reloading this page tries again.
            Err(rejection @ (Rejection::ProviderDown(_) | Rejection::KeysDown(_))) => {
                return self.refuse_on_the_way(request, &rejection, &goal);
            }
            // Keycloak's `authentication_expired` asks us to start over.
            Err(Rejection::Provider(AuthorizationError::EXPIRED)) if state.attempt == 0 => {
                return self.resume(request, &cookies, &state, None, &goal).await;
            }
            // Some providers do not know `select_account`, a few not even `login`; without a prompt, all let people
            // sign in.
            Err(Rejection::Provider(error))
                if state.attempt == 0 && goal.prompt().is_some() && error.may_be_about_the_prompt() =>
            {
                let other = (goal.prompt() == Some(SELECT_ACCOUNT)).then_some(LOGIN);
                return self.resume(request, &cookies, &state, None, &goal.asking(other)).await;
            }
            Err(rejection) => return self.finish_without(request, &state, &rejection, &goal),
        };
        // 5. Once.
        let Some(login) = self.redeemed.borrow_mut().redeem(pending) else {
            return self.resume(request, &cookies, &state, None, &goal).await;
        };
        match self.redeem(request, Redemption { provider, login, code }).await {
            Ok((claims, id_token)) => self.begin_session(request, provider, &state, claims, id_token, &goal),
            // The code was exchanged before, in another isolate: treated like a login that is gone.
            Err(Rejection::Token(TokenError::Refused("invalid_grant"))) if state.attempt == 0 => {
                self.resume(request, &cookies, &state, None, &goal).await
            }
            Err(rejection) => self.finish_without(request, &state, &rejection, &goal),
        }
    }

    /// Step 4: first by what the response says of itself, then by what the provider promises. The keys are fetched
    /// here too, so that no code is spent if they are unavailable.
    async fn code_of<E: Edge, H: RequestHead>(
        self: &Rc<Self>,
        request: &Request<'_, E, H>,
        response: AuthorizationResponse,
        provider: &Registration,
    ) -> Result<Secret<String>, Rejection> {
        response.check_issuer(&provider.issuer, false).map_err(|_| Rejection::ResponseIssuer)?;
        // Without the metadata it is not known what is promised, and so neither whether an error is the provider's.
        let metadata = self.metadata(request, provider).await.map_err(Rejection::ProviderDown)?;
        let promised = metadata.names_issuer_in_response;
        let outcome = response.outcome_from(&provider.issuer, promised).map_err(|_| Rejection::ResponseIssuer)?;
        match outcome {
            AuthorizationOutcome::Error(error) => Err(Rejection::Provider(error)),
            AuthorizationOutcome::Code(code) => {
                self.provider_keys(request, provider, &metadata).await.map_err(Rejection::KeysDown)?;
                Ok(code)
            }
        }
    }

    /// The login that `state` belongs to, when this browser has it: by its whole id, at the same
    /// provider, with the same issuer (RFC 9700, 4.4.2).
    fn pending<E: Edge, H: RequestHead>(
        &self,
        request: &Request<'_, E, H>,
        cookies: &Cookies<'_>,
        state: &LoginState,
    ) -> Option<(PendingLogin, &Registration)> {
        let value = cookies.login(state.id.short())?;
        let opened = LoginCookie::open(
            state.id.short(),
            value,
            &self.keys,
            request.names(),
            request.visit.site().host,
            request.now,
        );
        let Ok(LoginCookie::Pending(pending)) = opened else { return None };
        let provider = self.config.provider(&state.provider)?;
        let same =
            pending.id == state.id && pending.provider == state.provider && pending.issuer == provider.issuer.as_str();
        same.then_some((pending, provider))
    }

    /// Steps 5 to 7.
    async fn redeem<E: Edge, H: RequestHead>(
        self: &Rc<Self>,
        request: &Request<'_, E, H>,
        redemption: Redemption<'_>,
    ) -> Result<(Claims, Secret<String>), Rejection> {
        let Redemption { provider, login, code } = redemption;
        let pending = login.pending();
        let metadata = self.metadata(request, provider).await.map_err(Rejection::ProviderDown)?;
        // 5. The code, which is not spent on a login that could not be finished.
        let userinfo = match &metadata.userinfo_endpoint {
            Some(endpoint) if provider.userinfo => Some(endpoint),
            None if provider.userinfo => return Err(Rejection::UserInfo(UserInfoError::NoEndpoint)),
            _ => None,
        };
        let call = token_request(provider, &metadata, &code, &self.redirect_uri(request), &pending.verifier);
        let reply = request.edge.fetch(call).await.map_err(Rejection::TokenEndpointDown)?;
        let tokens = TokenResponse::parse(&reply).map_err(Rejection::Token)?;
        // 6. The ID token.
        let id_token = self.check_id_token(request, provider, &tokens, pending).await?;
        // 7. Userinfo.
        let userinfo = match userinfo {
            Some(endpoint) => {
                let access_token = tokens.access_token.as_ref().ok_or(UserInfoError::NoAccessToken);
                let call = userinfo_request(endpoint, access_token.map_err(Rejection::UserInfo)?);
                let reply = request.edge.fetch(call).await.map_err(Rejection::UserInfoDown)?;
                Some(UserInfo::parse(&reply, &id_token).map_err(Rejection::UserInfo)?)
            }
            None => None,
        };
        Ok((id_token.claims(userinfo.as_ref(), &self.config.selection), tokens.id_token))
    }

    async fn check_id_token<'t, E: Edge, H: RequestHead>(
        self: &Rc<Self>,
        request: &Request<'_, E, H>,
        provider: &'t Registration,
        tokens: &'t TokenResponse,
        pending: &PendingLogin,
    ) -> Result<IdToken<'t>, Rejection> {
        let refused = |error: IdTokenError| Rejection::IdToken(error);
        let addressed = UntrustedIdToken::parse(tokens.id_token.expose(), provider)
            .and_then(UntrustedIdToken::addressed_to_us)
            .map_err(refused)?;
        let publisher = addressed.provider().publisher();
        let proof = self.prove(request, publisher, &addressed.signed()).await.map_err(|why| match why {
            Unproven::MetadataDown(trouble) => Rejection::ProviderDown(trouble),
            Unproven::KeysDown(trouble) => Rejection::KeysDown(trouble),
            Unproven::NoKey | Unproven::NewKeysDown(Trouble::Budget) => Rejection::NoKey,
            Unproven::NewKeysDown(trouble) => Rejection::KeysDown(trouble),
        })?;
        addressed.proven(&proof, &pending.nonce, tokens.access_token.as_ref(), request.edge.now()).map_err(refused)
    }

    /// Step 8: begins the session.
    fn begin_session<E: Edge, H: RequestHead>(
        &self,
        request: &Request<'_, E, H>,
        provider: &Registration,
        state: &LoginState,
        claims: Claims,
        id_token: Secret<String>,
        goal: &Goal,
    ) -> Answer {
        let (edge, names, host, lifetime) =
            (request.edge, request.names(), request.visit.site().host, self.config.session_lifetime);
        let subject = claims.subject().to_owned();
        let session =
            Session::begin(claims, provider.issuer.as_str(), self.binding(request.visit.site()), edge.now(), edge);
        let Ok(cookie) = session.sign(&self.keys) else {
            return self.finish_without(request, state, &Rejection::TooManyClaims(subject), goal);
        };
        let Ok(landed) = LoginCookie::land(&state.id, &self.keys, names, host, request.now, edge) else {
            return self.finish_without(request, state, &Rejection::Internal, goal);
        };
        let logout = self.path_of(super::Endpoint::Logout);
        let hint = LogoutHint { provider: provider.id.clone(), session: session.id().to_owned(), id_token }.keep(
            &self.keys,
            names,
            (host, &logout),
            lifetime,
            edge,
        );
        let lines = [
            names.line(&names.session(), &cookie, "/", lifetime),
            landed,
            // If the hint does not fit, that of an earlier login is deleted all the same.
            hint.unwrap_or_else(|| names.deletion(&names.hint(), &logout)),
        ];
        request.log(
            EventKind::LoginFinished,
            "finished",
            &[("provider", &provider.id), ("subject", &subject), ("session", session.id())],
        );
        // Core 3.1.3.7, steps 12 and 13: what was needed beyond a sign-in was asked of the provider once; the rule
        // that needs it says whether it was given.
        if state.step_up && self.lacks(request, goal, &session, edge.now()) {
            return self.refuse_on_the_way(request, &Rejection::StepUpUnmet(subject), goal).with_cookies(lines);
        }
        self.go_back(request, goal).with_cookies(lines)
    }

    /// Whether the session still lacks what the page's rule asks of a sign-in.
    fn lacks<E: Edge, H: RequestHead>(
        &self,
        request: &Request<'_, E, H>,
        goal: &Goal,
        session: &Session,
        now: Timestamp,
    ) -> bool {
        !self.step_up_for(goal, request.head, request.visit.site(), Some(session), now).is_nothing()
    }

    /// Back to the page: at once, or by a page that restores the fragment where the browser keeps one for this login.
    fn go_back<E: Edge, H: RequestHead>(&self, request: &Request<'_, E, H>, goal: &Goal) -> Answer {
        match goal.fragment() {
            Some(key) => {
                self.page(request, 200, &Page::Arrive { address: goal.return_to().address(), key: key.to_owned() })
            }
            None => Answer::redirect(303, &goal.return_to().address()),
        }
    }

    /// The login is not, or no longer, pending here: the back button, a reload, a tab left open overnight, a browser
    /// that keeps no cookies.
    ///
    /// * A session that is what the login was for: on to the page. A session that lacks the step-up the login wanted
    ///   counts as none; the second attempt says so.
    /// * No session, and the provider declined: say so. Nobody is sent back there unasked.
    /// * No session, and the first attempt: once more, without a question. The code is left alone.
    /// * No session, and the second attempt: a browser that shows none of our cookies, though they have not expired,
    ///   does not keep cookies, and the page says so. The attempt is sealed in the state, so there is no third.
    async fn resume<E: Edge, H: RequestHead>(
        self: &Rc<Self>,
        request: &Request<'_, E, H>,
        cookies: &Cookies<'_>,
        state: &LoginState,
        declined: Option<AuthorizationError>,
        goal: &Goal,
    ) -> Answer {
        let session = self.session_of(cookies, request.visit.site(), request.now);
        let session = session.filter(|session| is_what_was_asked_for(session, state));
        let lacks = |session: &&Session| state.step_up && self.lacks(request, goal, session, request.now);
        let lacking = session.as_ref().filter(lacks);
        if session.is_some() && lacking.is_none() {
            return self.go_back(request, goal);
        }
        if let Some(error) = declined {
            return self.refuse_on_the_way(request, &Rejection::Provider(error), goal);
        }
        if state.attempt > 0 {
            if let Some(session) = lacking {
                let subject = session.claims().subject().to_owned();
                return self.refuse_on_the_way(request, &Rejection::StepUpUnmet(subject), goal);
            }
            let lost = cookies.are_none_of_ours() && request.now.since(state.issued) <= PENDING_LIFETIME;
            let rejection = if lost { Rejection::LoginNotKept } else { Rejection::Response };
            return self.refuse_on_the_way(request, &rejection, goal);
        }
        let (Some(provider), true) =
            (self.config.provider(&state.provider), request.now.since(state.issued) <= RESTART_WITHIN)
        else {
            return self.refuse_on_the_way(request, &Rejection::Response, goal);
        };
        let start = Start { provider, goal, attempt: 1 };
        match self.start(request, &start).await {
            Ok(started) => Answer::redirect(302, &started.address).with_cookies(started.cookies),
            Err(rejection) => self.refuse_on_the_way(request, &rejection, goal),
        }
    }

    /// The login is over, without a session: its cookie is deleted.
    fn finish_without<E: Edge, H: RequestHead>(
        &self,
        request: &Request<'_, E, H>,
        state: &LoginState,
        rejection: &Rejection,
        goal: &Goal,
    ) -> Answer {
        let name = request.names().login(state.id.short());
        self.refuse_on_the_way(request, rejection, goal).with_cookies([request.names().deletion(&name, "/")])
    }
}

/// Whether a session will do in place of a login that was lost: one that began since then, or one of the same
/// provider if nothing but a sign-in was wanted. Otherwise whoever lacks a second factor, or wants another account,
/// would be sent round in circles.
fn is_what_was_asked_for(session: &Session, state: &LoginState) -> bool {
    let wanted_more = state.step_up || state.prompt.is_some() || session.claims().provider() != state.provider;
    !wanted_more || session.issued() >= state.issued
}
