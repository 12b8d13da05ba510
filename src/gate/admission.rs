//! [`Gate::decide`]: the hot path. Head of the request and time in, [`Decision`] out.

use std::rc::Rc;

use super::{Endpoint, Forward, Gate, Rejection, Visit, visit::Address};
use crate::{
    config::{Access, Origin, Site},
    edge::RequestHead,
    policy::Granted,
    rules::{PathError, RequestPath},
    session::{CookieEdit, Cookies, Session},
    time::Timestamp,
};

/// What is to happen with a request.
#[derive(Debug)]
pub enum Decision {
    /// A rule admits it.
    Forward(Forward),
    /// A rule admits it, and an assertion is to be signed before it goes on.
    Sign(Admitted, CookieEdit, Visit),
    /// It is for one of the gate's own endpoints.
    Own(Endpoint, Visit),
    /// A rule asks for sign-in, and there is no session.
    SignIn(Visit),
    /// It came over plain http and is asked to come again over https.
    Secure(Visit),
    /// It goes nowhere.
    Refuse(Rejection, Visit),
}

/// Proof that a rule admits a request. Only this file makes one, and [`Forward`] demands it.
#[derive(Debug)]
pub struct Admitted(Identity);

/// Who is admitted.
#[derive(Debug)]
pub(super) enum Identity {
    /// Everybody; nobody looked who it is.
    Anyone,
    /// This session's person, whom the rule's policy granted it.
    Person(Rc<Session>),
}

impl Admitted {
    fn anyone() -> Self {
        Self(Identity::Anyone)
    }

    /// The policy's word is what makes a session count.
    fn person(session: Rc<Session>, _granted: &Granted, _origin: &SameOrigin) -> Self {
        Self(Identity::Person(session))
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.0
    }
}

/// Proof that a request which a cookie admits was not sent by another site's page.
struct SameOrigin(());

impl Gate {
    /// Decides a request. Pure: no I/O, no clock, no randomness.
    ///
    /// 1. the host is one of the settings' (else 421);
    /// 2. the path can be read (else 400);
    /// 3. it came over https, or to this machine;
    /// 4. it is not the gate's own, in any reading (else an own endpoint, or 404);
    /// 5. all its readings choose the same rule (else 400);
    /// 6. the rule is public, or
    /// 7. there is a session,
    /// 8. the request is not another site's doing (else 403),
    /// 9. and the rule's policy grants it (else 403).
    pub fn decide(&self, head: &impl RequestHead, now: Timestamp) -> Decision {
        let Some(address) = Address::split(head.url()) else {
            return Decision::Refuse(Rejection::Host, Visit::nowhere());
        };
        // 1. The host.
        let Some(site) = Site::find(&self.config.hosts, address.base) else {
            return Decision::Refuse(Rejection::Host, Visit::nowhere());
        };
        // 2. The path.
        let path = match RequestPath::parse(address.path) {
            Ok(path) => path,
            Err(error) => return Decision::Refuse(Rejection::Path(error), Visit::new(site, address)),
        };
        // 3. The scheme.
        if !site.is_secure() {
            let visit = Visit::new(site, address);
            let read = matches!(head.method(), "GET" | "HEAD");
            return if read { Decision::Secure(visit) } else { Decision::Refuse(Rejection::Insecure, visit) };
        }
        // 4. Our own.
        if path.touches(&self.config.prefix) {
            let endpoint = path.is_plain().then(|| Endpoint::find(path.as_sent(), &self.config.prefix)).flatten();
            let visit = Visit::new(site, address);
            return match endpoint {
                Some(endpoint) => Decision::Own(endpoint, visit),
                None => Decision::Refuse(Rejection::NotFound, visit),
            };
        }
        // What is fetched by its address is parsed once more on the way.
        if let (Origin::Address(origin), false) = (&self.config.origin, path.is_plain())
            && !url::Url::parse(&format!("{origin}{}", path.as_sent())).is_ok_and(|url| url.path() == path.as_sent())
        {
            return Decision::Refuse(Rejection::Path(PathError::Rewritten), Visit::new(site, address));
        }
        // 5. The rule.
        let rule = match self.config.matcher().first_match(&path) {
            Ok(rank) => self.config.rule(rank),
            Err(error) => return Decision::Refuse(Rejection::Ambiguous(error), Visit::new(site, address)),
        };
        // The header is read once: for the session, and for what the origin gets of it.
        let header = head.header("cookie");
        let names = crate::session::CookieNames::new(site.development);
        let cookies = header.as_deref().map(|header| Cookies::parse(header, names)).unwrap_or_default();
        let edit = if header.is_some() { cookies.for_origin() } else { CookieEdit::Keep };
        // 6. Public.
        let policy = match &rule.access {
            Access::Public => {
                return Decision::Forward(Forward::new(&Admitted::anyone(), edit, &self.config.headers, None));
            }
            Access::SignedIn(policy) => policy,
        };
        // 7. The session.
        let visit = Visit::new(site, address);
        let Some(session) = self.session_of(&cookies, &visit, now) else {
            return Decision::SignIn(visit);
        };
        // 8. Whose doing it is.
        let Some(same_origin) = SameOrigin::check(head, &visit.site) else {
            return Decision::Refuse(Rejection::CrossSite, visit);
        };
        // 9. The policy.
        match policy.judge(session.claims()) {
            Ok(granted) => {
                let admitted = Admitted::person(session, &granted, &same_origin);
                self.pass(admitted, edit, visit, now)
            }
            Err(_) => {
                let person = session.claims().shown_as().to_owned();
                let subject = session.claims().subject().to_owned();
                Decision::Refuse(Rejection::Denied { person, subject, rule: rule.path.clone() }, visit)
            }
        }
    }
}

impl SameOrigin {
    /// A browser sends our cookie along with a WebSocket that any site opens, and with a form that
    /// a page of a sibling host posts. So what is not a plain read must say it comes from us.
    fn check(head: &impl RequestHead, site: &Site) -> Option<Self> {
        let read = matches!(head.method(), "GET" | "HEAD" | "OPTIONS");
        if read && head.header("upgrade").is_none() {
            return Some(Self(()));
        }
        is_same_origin(head, site).then_some(Self(()))
    }
}

/// Whether a request says it was sent by a page of `site` itself. `Sec-Fetch-Site` decides where
/// there is one: no page can set it. `Origin` is `null` on a form of a page that sends no referrer,
/// and any other origin than ours contradicts.
pub(super) fn is_same_origin(head: &impl RequestHead, site: &Site) -> bool {
    let origin = head.header("origin");
    match head.header("sec-fetch-site") {
        Some(relation) => {
            relation == "same-origin" && origin.is_none_or(|origin| origin == "null" || origin == site.address)
        }
        None => origin.is_some_and(|origin| origin == site.address),
    }
}

impl Visit {
    /// For a request whose host is none of ours, of which nothing is repeated.
    fn nowhere() -> Self {
        let site = Site { address: String::new(), host: String::new(), development: false };
        Self { site, path: String::new(), query: None }
    }
}
