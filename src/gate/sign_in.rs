//! What a visitor without a session gets: a login, a page that offers one, or a 401.

use super::{Answer, Endpoint, Gate, Goal, Request, RequestKind, ReturnTo, rejection};
use crate::{
    edge::{Edge, RequestHead},
    pages::Page,
    policy::StepUp,
    rules::RequestPath,
};

impl Gate {
    /// By the kind of request:
    ///
    /// * a page opened in a tab: 302 to the login;
    /// * a page in a frame, or a form: 401 with a page whose link opens in the whole tab;
    /// * anything else: 401 with problem details, never a redirect, never a login started.
    ///
    /// Where there is a session and `step_up` says what it lacks, a 401 carries the challenge of RFC 9470, 3; the
    /// login itself finds out what to ask for.
    pub(super) fn ask_to_sign_in<E: Edge, H: RequestHead>(
        &self,
        request: &Request<'_, E, H>,
        step_up: &StepUp,
    ) -> Answer {
        let site = request.visit.site();
        let page = ReturnTo::parse(&request.visit.address(), site, &self.config.prefix)
            .unwrap_or_else(|| ReturnTo::home(site));
        let answer = match RequestKind::of(request.head) {
            RequestKind::Navigation => {
                return Answer::redirect(302, &format!("{}{}", site.address, self.login_path(&Goal::page(page))));
            }
            RequestKind::Framed => self
                .page(request, 401, &Page::SignInFirst { sign_in: self.login_path(&self.goal_of(request, page)) })
                .with("www-authenticate", &challenge(site.host, step_up)),
            RequestKind::Script => {
                let answer = self.unauthenticated(request, page, step_up);
                rejection::readable(answer, &request.visit)
            }
        };
        // RFC 6750, 3: no error where no token was shown.
        if request.visit.takes_bearer {
            answer.with("www-authenticate", &format!("Bearer realm=\"{}\"", site.host))
        } else {
            answer
        }
    }

    /// 401 for a script: it can show `login_url` to the person, but must not follow it itself.
    pub(super) fn unauthenticated<E: Edge, H: RequestHead>(
        &self,
        request: &Request<'_, E, H>,
        page: ReturnTo,
        step_up: &StepUp,
    ) -> Answer {
        let site = request.visit.site();
        let login_url = format!("{}{}", site.address, self.login_path(&self.goal_of(request, page)));
        let (code, title, detail) = if step_up.is_nothing() {
            ("sign_in_required", "Sign in first", "There is no session. Open login_url in a tab to sign in.")
        } else {
            (
                "step_up_required",
                "Sign in again",
                "This needs a newer or a stronger sign-in. Open login_url in a tab to sign in again.",
            )
        };
        rejection::problem(401, code, title, detail, &request.id, (None, Some(&login_url)))
            .with("www-authenticate", &challenge(site.host, step_up))
    }

    /// The goal of the login that this request needs: where rules differ by method, that may be more than opening the
    /// page.
    pub(super) fn goal_of<E: Edge, H: RequestHead>(&self, request: &Request<'_, E, H>, page: ReturnTo) -> Goal {
        let (method, visit) = (request.head.method(), &request.visit);
        let turns_on_method = RequestPath::parse(&visit.path)
            .is_ok_and(|path| self.config.matcher().turns_on_method(&path, visit.site().host));
        Goal::of(page, None, (turns_on_method && method != "HEAD").then(|| method.to_owned()))
    }

    /// The path that starts a login for this.
    pub(super) fn login_path(&self, goal: &Goal) -> String {
        format!("{}?{}", self.path_of(Endpoint::Login), goal.query())
    }
}

fn challenge(host: &str, step_up: &StepUp) -> String {
    let mut challenge = rejection::challenge(host);
    if !step_up.is_nothing() {
        challenge.push_str(&step_up.challenge());
    }
    challenge
}
