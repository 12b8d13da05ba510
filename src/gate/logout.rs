//! `/.auth/logout`: asks, ends the session, and signs out at the provider (RP-Initiated Logout 1.0).

use std::rc::Rc;

use super::{Answer, Endpoint, EventKind, Gate, Rejection, Request, same_origin::is_same_origin};
use crate::{
    edge::{Edge, RequestHead},
    oidc::{Registration, end_session_endpoint, end_session_url},
    pages::Page,
    session::{Cookies, LogoutHint, Session},
};

/// In the query of the form's address: the page's policy lets the browser go to the provider's logout, which was
/// known when the page was made.
const WITH_PROVIDER: &str = "provider";

impl Gate {
    /// `GET /.auth/logout`: a page that asks. Its policy lets the form lead to the provider's logout, and from there
    /// to whatever other host signs people out: Chromium holds the redirects that follow a form to `form-action`.
    pub(super) async fn ask_to_sign_out<E: Edge, H: RequestHead>(
        self: &Rc<Self>,
        request: &Request<'_, E, H>,
    ) -> Answer {
        let header = request.head.cookie().unwrap_or_default();
        let cookies = Cookies::parse(&header, request.names());
        let session = self.session_of(&cookies, request.visit.site(), request.now);
        let (provider, _) = self.provider_of(request, &cookies);
        let end_session = match provider {
            Some(provider) => self
                .metadata_soon(request, provider)
                .await
                .and_then(|metadata| end_session_endpoint(provider, &metadata)),
            None => None,
        };
        let path = self.path_of(Endpoint::Logout);
        let page = Page::SignOut {
            person: session.map(|session| session.claims().shown_as()),
            action: if end_session.is_some() { format!("{path}?{WITH_PROVIDER}") } else { path },
            leads_to: end_session.map(|endpoint| endpoint.origin().ascii_serialization()),
        };
        // Without a referrer the form's `Origin` would be `null`, and a browser that sends no Fetch metadata could
        // not show that the form is ours.
        self.page(request, 200, &page).with_instead("referrer-policy", "same-origin")
    }

    /// `POST /.auth/logout`
    ///
    /// 1. our own page asks (checked before any cookie is touched);
    /// 2. the gate's cookies are deleted, whether they can be opened or not: the session's, the hint's, and those of
    ///    logins, of which a browser keeps five;
    /// 3. the browser goes to the provider's logout if there is one, else to the page that follows a logout.
    pub(super) async fn logout<E: Edge, H: RequestHead>(self: &Rc<Self>, request: &Request<'_, E, H>) -> Answer {
        // 1. Our own page.
        if !is_same_origin(request.head, request.visit.site()) {
            return self.refuse(request, &Rejection::ForeignLogout);
        }
        // 2. The cookies.
        let header = request.head.cookie().unwrap_or_default();
        let cookies = Cookies::parse(&header, request.names());
        let names = request.names();
        let mut lines =
            vec![names.deletion(&names.session(), "/"), names.deletion(&names.hint(), &self.path_of(Endpoint::Logout))];
        lines.extend(self.login_deletions(request, &cookies));
        let session = self.session_of(&cookies, request.visit.site(), request.now);
        let said = |of: fn(&Session) -> &str| session.as_ref().map_or("", of);
        let (provider, subject) =
            (said(|session| session.claims().provider()), said(|session| session.claims().subject()));
        request.log(
            EventKind::Logout,
            "signed_out",
            &[("provider", provider), ("subject", subject), ("session", said(Session::id))],
        );
        // 3. The provider, or the page.
        let signed_out = format!("{}{}", request.visit.site().address, self.path_of(Endpoint::SignedOut));
        let (provider, hint) = self.provider_of(request, &cookies);
        let end_session = match provider {
            Some(provider) if request.visit.query.as_deref() == Some(WITH_PROVIDER) => {
                let metadata = self.metadata_soon(request, provider).await;
                metadata
                    .and_then(|metadata| end_session_endpoint(provider, &metadata))
                    .map(|endpoint| (provider, endpoint))
            }
            _ => None,
        };
        let address = match end_session {
            Some((provider, endpoint)) => {
                end_session_url(&endpoint, provider, hint.as_ref().map(|hint| &hint.id_token), &signed_out)
            }
            None => signed_out,
        };
        Answer::redirect(303, &address).with_cookies(lines)
    }

    /// The provider of the session, or of the hint when the session is over; and the hint, if it belongs to that
    /// session, and so to that provider.
    fn provider_of<E: Edge, H: RequestHead>(
        &self,
        request: &Request<'_, E, H>,
        cookies: &Cookies<'_>,
    ) -> (Option<&Registration>, Option<LogoutHint>) {
        let hint = cookies
            .hint()
            .and_then(|value| LogoutHint::open(value, &self.keys, request.names(), request.visit.site().host));
        let session = self.session_of(cookies, request.visit.site(), request.now);
        let id = session
            .as_ref()
            .map(|session| session.claims().provider())
            .or(hint.as_ref().map(|hint| hint.provider.as_str()));
        let provider = id.and_then(|id| self.config.provider(id));
        let is_of_it = |hint: &LogoutHint| session.as_ref().is_none_or(|session| hint.session == session.id());
        (provider, hint.filter(is_of_it))
    }
}
