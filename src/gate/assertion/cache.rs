//! [`AssertionCache`]: the assertions that an isolate has signed, each for as long as it counts.

use std::rc::Rc;

use super::{LEAST_LEFT, LIFETIME};
use crate::{
    claims::Claims,
    gate::{Admitted, admission::Identity},
    ring::Ring,
    session::Session,
    time::Timestamp,
};

/// How many assertions an isolate keeps. A session's claims fit a cookie of 4 KB, and the assertion for such a
/// session has 6 KB: with the sessions this is 3 MB of the 128 that an isolate has.
const MOST: usize = 256;

/// The assertions signed most recently.
#[derive(Debug, Default)]
pub(in crate::gate) struct AssertionCache(Ring<CachedAssertion, MOST>);

/// Whom an assertion is about.
#[derive(Debug)]
pub(super) enum Whom {
    /// The person of this session.
    Person(Session),
    /// The machine with these claims.
    Machine(Rc<Claims>),
}

#[derive(Debug)]
struct CachedAssertion {
    /// When the session began: cheap to compare, and different for nearly all.
    began: Option<Timestamp>,
    whom: Whom,
    /// The site's address: the assertion's `iss`.
    site: String,
    token: String,
    signed: Timestamp,
}

impl Whom {
    pub(super) fn of(admitted: &Admitted) -> Option<Self> {
        match admitted.identity() {
            Identity::Anyone | Identity::Preflight | Identity::Nobody => None,
            Identity::Person(session) => Some(Self::Person(session.clone())),
            Identity::Machine(machine) => Some(Self::Machine(Rc::clone(machine.claims()))),
        }
    }

    pub(super) fn claims(&self) -> &Claims {
        match self {
            Self::Person(session) => session.claims(),
            Self::Machine(claims) => claims,
        }
    }

    fn began(&self) -> Option<Timestamp> {
        match self {
            Self::Person(session) => Some(session.issued()),
            Self::Machine(_) => None,
        }
    }

    /// Compares everything, since what is verified again is another copy.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Person(one), Self::Person(other)) => one == other,
            (Self::Machine(one), Self::Machine(other)) => one == other,
            _ => false,
        }
    }
}

impl CachedAssertion {
    fn is_of(&self, whom: &Whom, site: &str) -> bool {
        self.began == whom.began() && self.whom.is(whom) && self.site == site
    }

    /// Whether it has enough time left. If the clock was set back, it is from the future, and no origin accepts it.
    fn counts(&self, now: Timestamp) -> bool {
        self.signed <= now && now.after(LEAST_LEFT) <= self.signed.after(LIFETIME)
    }
}

impl AssertionCache {
    /// The assertion about somebody at this site, if there is one with enough time left.
    pub(super) fn find(&self, whom: &Whom, site: &str, now: Timestamp) -> Option<String> {
        let kept = self.0.find(|kept| kept.is_of(whom, site))?;
        kept.counts(now).then(|| kept.token.clone())
    }

    /// Keeps an assertion signed `now`, in place of the last one about the same person or machine at the same site,
    /// or else of the oldest.
    pub(super) fn keep(&mut self, whom: Whom, site: &str, token: &str, now: Timestamp) {
        let signed =
            CachedAssertion { began: whom.began(), whom, site: site.to_owned(), token: token.to_owned(), signed: now };
        self.0.replace(signed, |last, new| last.is_of(&new.whom, &new.site));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        claims::{Selection, tests::claims},
        edge::tests::Counting,
        session::Binding,
        time::Lifetime,
    };

    const SITE: &str = "https://docs.example.com";

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + seconds)
    }

    fn session(entropy: &Counting, claims: Claims, begun: u64) -> Session {
        let binding = Binding { host: "docs.example.com", selection: "fp", lifetime: Lifetime::from_seconds(3_600) };
        Session::begin(claims, "https://id.example", binding, at(begun), entropy)
    }

    fn person_of(session: &Session) -> Whom {
        Whom::Person(session.clone())
    }

    fn person() -> Claims {
        claims(&Selection::new(["admins"]), &["admins"], None)
    }

    #[test]
    fn an_assertion_is_found_while_a_minute_is_left() {
        let mut signed = AssertionCache::default();
        let ada = session(&Counting::default(), person(), 0);
        signed.keep(person_of(&ada), SITE, "one", at(100));
        for (second, found) in
            [(99, false), (100, true), (101, true), (340, true), (341, false), (400, false), (401, false)]
        {
            assert_eq!(signed.find(&person_of(&ada), SITE, at(second)).is_some(), found, "{second}");
        }
        signed.keep(person_of(&ada), SITE, "two", at(341));
        assert_eq!(signed.find(&person_of(&ada), SITE, at(341)).as_deref(), Some("two"));
    }

    #[test]
    fn it_is_that_sessions_at_that_site_with_those_claims() {
        let mut signed = AssertionCache::default();
        let entropy = Counting::default();
        let ada = session(&entropy, person(), 0);
        signed.keep(person_of(&ada), SITE, "ada", at(1));
        let copy = session(&Counting::default(), person(), 0);
        assert_eq!(signed.find(&person_of(&copy), SITE, at(1)).as_deref(), Some("ada"));
        // The same id and beginning, as if it had been written anew with other claims.
        let other_claims = session(&Counting::default(), claims(&Selection::default(), &[], None), 0);
        assert_eq!(other_claims.id(), ada.id());
        let others = [
            (&other_claims, SITE),
            (&session(&entropy, person(), 0), SITE),
            (&session(&Counting::default(), person(), 1), SITE),
            (&ada, "https://wiki.example.com"),
            (&ada, "http://docs.example.com"),
        ];
        for (rank, (session, site)) in others.into_iter().enumerate() {
            assert_eq!(signed.find(&person_of(session), site, at(1)), None, "{rank}");
        }
        // A machine is nobody's session, whatever is known of it.
        let machine = || Whom::Machine(Rc::new(person()));
        assert_eq!(signed.find(&machine(), SITE, at(1)), None);
        signed.keep(machine(), SITE, "machine", at(1));
        assert_eq!(signed.find(&machine(), SITE, at(1)).as_deref(), Some("machine"));
        let other = Whom::Machine(Rc::new(claims(&Selection::default(), &[], None)));
        assert_eq!(signed.find(&other, SITE, at(1)), None);
        assert_eq!(signed.find(&person_of(&ada), SITE, at(1)).as_deref(), Some("ada"));
    }

    #[test]
    fn no_more_than_so_many_are_kept_and_the_oldest_goes_first() {
        let mut signed = AssertionCache::default();
        let entropy = Counting::default();
        let sessions: Vec<_> = (0..MOST + 3).map(|_| session(&entropy, person(), 0)).collect();
        for session in &sessions {
            signed.keep(person_of(session), SITE, session.id(), at(1));
        }
        for (rank, session) in sessions.iter().enumerate() {
            let expected = (rank >= 3).then(|| session.id().to_owned());
            assert_eq!(signed.find(&person_of(session), SITE, at(1)), expected, "{rank}");
        }
    }
}
