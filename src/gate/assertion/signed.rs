//! [`Signed`]: the assertions that an isolate has signed, each for as long as it counts.

use std::rc::Rc;

use super::{LEAST_LEFT, LIFETIME};
use crate::{session::Session, time::Timestamp};

/// Assertions kept per isolate. A session's claims fit a cookie of 4 KB, and the assertion of such a one
/// has 6: with the sessions this is 3 MB of the 128 that an isolate has.
const MOST: usize = 256;

/// The assertions signed last, in a ring.
#[derive(Debug, Default)]
pub(in crate::gate) struct Signed {
    assertions: Vec<Kept>,
    next: usize,
}

#[derive(Debug)]
struct Kept {
    /// When the session began: cheap to compare, and different for nearly all.
    began: Timestamp,
    session: Rc<Session>,
    /// The site's address: the assertion's `iss`.
    site: String,
    token: String,
    signed: Timestamp,
}

impl Kept {
    fn is_of(&self, session: &Rc<Session>, site: &str) -> bool {
        self.began == session.issued()
            // A session that was verified anew is another copy of the same: all of it is compared.
            && (Rc::ptr_eq(&self.session, session) || self.session == *session)
            && self.site == site
    }

    /// A clock that was set back makes it one of the future, which no origin takes.
    fn counts(&self, now: Timestamp) -> bool {
        self.signed <= now && now.after(LEAST_LEFT) <= self.signed.after(LIFETIME)
    }
}

impl Signed {
    /// The assertion for this session at this site, if there is one with enough time left.
    pub(super) fn find(&self, session: &Rc<Session>, site: &str, now: Timestamp) -> Option<String> {
        let kept = self.assertions.iter().find(|kept| kept.is_of(session, site))?;
        kept.counts(now).then(|| kept.token.clone())
    }

    /// Keeps an assertion that was signed `now`, in the place of the session's last one or the oldest.
    pub(super) fn keep(&mut self, session: &Rc<Session>, site: &str, token: &str, now: Timestamp) {
        let kept = Kept {
            began: session.issued(),
            session: Rc::clone(session),
            site: site.to_owned(),
            token: token.to_owned(),
            signed: now,
        };
        if let Some(last) = self.assertions.iter_mut().find(|last| last.is_of(session, site)) {
            *last = kept;
            return;
        }
        match self.assertions.get_mut(self.next) {
            Some(oldest) => *oldest = kept,
            None => self.assertions.push(kept),
        }
        self.next = self.next.saturating_add(1) % MOST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        claims::{Claims, Selection, tests::claims},
        edge::tests::Counting,
        session::Binding,
        time::Lifetime,
    };

    const SITE: &str = "https://docs.example.com";

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + seconds)
    }

    fn session(entropy: &Counting, claims: Claims, begun: u64) -> Rc<Session> {
        let binding = Binding { host: "docs.example.com", selection: "fp", lifetime: Lifetime::from_seconds(3_600) };
        Rc::new(Session::begin(claims, "https://id.example", binding, at(begun), entropy))
    }

    fn person() -> Claims {
        claims(&Selection::new(["admins"]), &["admins"], None)
    }

    #[test]
    fn an_assertion_is_found_while_a_minute_is_left() {
        let mut signed = Signed::default();
        let ada = session(&Counting::default(), person(), 0);
        signed.keep(&ada, SITE, "one", at(100));
        for (second, found) in
            [(99, false), (100, true), (101, true), (340, true), (341, false), (400, false), (401, false)]
        {
            assert_eq!(signed.find(&ada, SITE, at(second)).is_some(), found, "{second}");
        }
        signed.keep(&ada, SITE, "two", at(341));
        assert_eq!(signed.find(&ada, SITE, at(341)).as_deref(), Some("two"));
        assert_eq!(signed.assertions.len(), 1);
    }

    #[test]
    fn it_is_that_sessions_at_that_site_with_those_claims() {
        let mut signed = Signed::default();
        let entropy = Counting::default();
        let ada = session(&entropy, person(), 0);
        signed.keep(&ada, SITE, "ada", at(1));
        let copy = Rc::new(Session::clone(&ada));
        assert_eq!(signed.find(&copy, SITE, at(1)).as_deref(), Some("ada"));
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
            assert_eq!(signed.find(session, site, at(1)), None, "{rank}");
        }
    }

    #[test]
    fn no_more_than_so_many_are_kept_and_the_oldest_goes_first() {
        let mut signed = Signed::default();
        let entropy = Counting::default();
        let sessions: Vec<_> = (0..MOST + 3).map(|_| session(&entropy, person(), 0)).collect();
        for session in &sessions {
            signed.keep(session, SITE, session.id(), at(1));
        }
        assert_eq!(signed.assertions.len(), MOST);
        for (rank, session) in sessions.iter().enumerate() {
            let expected = (rank >= 3).then(|| session.id().to_owned());
            assert_eq!(signed.find(session, SITE, at(1)), expected, "{rank}");
        }
    }
}
