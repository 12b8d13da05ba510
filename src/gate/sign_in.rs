//! What a visitor without a session gets: a login, a page that offers one, or a 401.

use super::{Answer, Audience, Endpoint, Gate, Request, ReturnTo, rejection};
use crate::{
    edge::{Edge, RequestHead},
    pages::Page,
    policy::StepUp,
    rules::RequestPath,
};

/// The longest method that a login is told of: the longest registered one has 17 letters.
const LONGEST_METHOD: usize = 32;

impl Gate {
    /// The contract's table:
    ///
    /// * a page opened in a tab: 302 to the login;
    /// * a page in a frame, a form: 401 with a page whose link opens at the top;
    /// * anything else: 401 with problem details, never a redirect, never a login started.
    ///
    /// Where there is a session and `step_up` says what it lacks, the same with the challenge of
    /// RFC 9470, 3; the login finds out by itself what to ask for.
    pub(super) fn ask_to_sign_in<E: Edge, H: RequestHead>(
        &self,
        request: &Request<'_, E, H>,
        step_up: &StepUp,
    ) -> Answer {
        let site = request.visit.site();
        let back = ReturnTo::parse(&request.visit.address(), site, &self.config.prefix)
            .unwrap_or_else(|| ReturnTo::home(site));
        let answer = match Audience::of(request.head) {
            Audience::Navigation => {
                return Answer::redirect(302, &format!("{}{}", site.address, self.login_path(&back)));
            }
            Audience::Framed => self
                .page(request, 401, &Page::SignInFirst { sign_in: self.login_path_for(request, &back) })
                .with("www-authenticate", &challenge(site.host, step_up)),
            Audience::Script => {
                let answer = self.unauthenticated(request, &back, step_up);
                rejection::readable(answer, &request.visit)
            }
        };
        // RFC 6750, 3: without an error, where nothing was shown.
        if request.visit.takes_bearer {
            answer.with("www-authenticate", &format!("Bearer realm=\"{}\"", site.host))
        } else {
            answer
        }
    }

    /// 401 for a script: it can show `login_url` to the person, and must not follow it itself.
    pub(super) fn unauthenticated<E: Edge, H: RequestHead>(
        &self,
        request: &Request<'_, E, H>,
        back: &ReturnTo,
        step_up: &StepUp,
    ) -> Answer {
        let site = request.visit.site();
        let login_url = format!("{}{}", site.address, self.login_path_for(request, back));
        let (code, title, detail) = if step_up.is_nothing() {
            ("sign_in_required", "Sign in first", "There is no session. Open login_url in a tab to sign in.")
        } else {
            (
                "step_up_required",
                "Sign in again",
                "This needs a newer or a stronger sign-in. Open login_url in a tab to sign in again.",
            )
        };
        rejection::problem(401, code, title, detail, &request.id, Some(&login_url))
            .with("www-authenticate", &challenge(site.host, step_up))
    }

    /// The same for a request that may be another than one that opens the page, where rules differ by method:
    /// one may ask more of it.
    fn login_path_for<E: Edge, H: RequestHead>(&self, request: &Request<'_, E, H>, back: &ReturnTo) -> String {
        let (login, method, visit) = (self.login_path(back), request.head.method(), &request.visit);
        let turns_on_method = RequestPath::parse(&visit.path)
            .is_ok_and(|path| self.config.matcher().turns_on_method(&path, visit.site().host));
        let opens_the_page = matches!(method, "GET" | "HEAD");
        if turns_on_method && !opens_the_page && is_method(method) { format!("{login}&method={method}") } else { login }
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

/// Whether this may be the method of a request that a rule names: letters, as all registered ones have, and the
/// marks of some (RFC 9110, 16.1.1).
pub(super) fn is_method(text: &str) -> bool {
    (1..=LONGEST_METHOD).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || b"-_".contains(&byte))
}

fn challenge(host: &str, step_up: &StepUp) -> String {
    let mut challenge = rejection::challenge(host);
    if !step_up.is_nothing() {
        challenge.push_str(&step_up.challenge());
    }
    challenge
}
