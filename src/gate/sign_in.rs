//! What a visitor without a session gets: a login, a page that offers one, or a 401.

use super::{Answer, Audience, Endpoint, Gate, Request, ReturnTo, rejection};
use crate::{
    edge::{Edge, RequestHead},
    pages::Page,
};

impl Gate {
    /// The contract's table:
    ///
    /// * a page opened in a tab: 302 to the login;
    /// * a page in a frame, a form: 401 with a page whose link opens at the top;
    /// * anything else: 401 with problem details, never a redirect, never a login started.
    pub(super) fn ask_to_sign_in<E: Edge, H: RequestHead>(&self, request: &Request<'_, E, H>) -> Answer {
        let site = &request.visit.site;
        let back = ReturnTo::parse(&request.visit.address(), site, &self.config.prefix)
            .unwrap_or_else(|| ReturnTo::home(site));
        match Audience::of(request.head) {
            Audience::Navigation => Answer::redirect(302, &format!("{}{}", site.address, self.login_path(&back))),
            Audience::Framed => self
                .page(request, 401, &Page::SignInFirst { sign_in: self.login_path(&back) })
                .with("www-authenticate", &rejection::challenge(&site.host)),
            Audience::Script => self.unauthenticated(request, &back),
        }
    }

    /// 401 for a script: it can show `login_url` to the person, and must not follow it itself.
    pub(super) fn unauthenticated<E: Edge, H: RequestHead>(
        &self,
        request: &Request<'_, E, H>,
        back: &ReturnTo,
    ) -> Answer {
        let site = &request.visit.site;
        let login_url = format!("{}{}", site.address, self.login_path(back));
        rejection::problem(
            401,
            "sign_in_required",
            "Sign in first",
            "There is no session. Open login_url in a tab to sign in.",
            &request.id,
            Some(&login_url),
        )
        .with("www-authenticate", &rejection::challenge(&site.host))
    }

    /// The path that starts a login and leads to `back`.
    pub(super) fn login_path(&self, back: &ReturnTo) -> String {
        // A path that begins with two slashes would be read as a host when it stands alone.
        let page =
            if back.path_and_query().starts_with("//") { back.address() } else { back.path_and_query().to_owned() };
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("return_to", &page).finish();
        format!("{}?{query}", self.path_of(Endpoint::Login))
    }
}
