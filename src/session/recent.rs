//! [`Recent`]: the sessions that an isolate has verified, so that a page with twenty pictures costs
//! one signature and not twenty-one.
//!
//! A cookie is found here only if it is, byte for byte, one whose signature was checked; whether it
//! counts here and now is checked each time. What is remembered is what the cookie says of itself, so
//! forgetting it changes nothing.

use std::rc::Rc;

use subtle::ConstantTimeEq;

use super::{Session, SessionError};
use crate::keyring::KeyRing;

/// Sessions remembered per isolate. With the longest cookie of 4 KB and as much again for what it
/// says, this is 2 MB of the 128 that an isolate has; only sessions of ours get in.
const MOST: usize = 256;
/// The end of a cookie's signature tells sessions apart: 48 of its 256 bits.
const TAIL: usize = 8;

/// The sessions that were verified last, in a ring.
#[derive(Debug, Default)]
pub struct Recent {
    sessions: Vec<Verified>,
    next: usize,
}

#[derive(Debug)]
struct Verified {
    tail: [u8; TAIL],
    cookie: String,
    session: Rc<Session>,
}

impl Recent {
    /// The session of `cookie`: remembered, or verified now.
    ///
    /// # Errors
    /// [`SessionError::NotOurs`]
    pub fn verify(&mut self, cookie: &str, keys: &KeyRing) -> Result<Rc<Session>, SessionError> {
        let tail = *cookie.as_bytes().last_chunk().ok_or(SessionError::NotOurs)?;
        let known = self.sessions.iter().find(|known| known.tail == tail);
        if let Some(known) = known
            && is_same(known.cookie.as_bytes(), cookie.as_bytes())
        {
            return Ok(Rc::clone(&known.session));
        }
        let session = Rc::new(Session::verify(cookie, keys)?);
        let verified = Verified { tail, cookie: cookie.to_owned(), session: Rc::clone(&session) };
        match self.sessions.get_mut(self.next) {
            Some(oldest) => *oldest = verified,
            None => self.sessions.push(verified),
        }
        self.next = self.next.saturating_add(1) % MOST;
        Ok(session)
    }
}

/// Compares in a time that depends on the lengths alone, eight bytes at a step.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let (one_words, one_rest) = one.as_chunks::<8>();
    let (other_words, other_rest) = other.as_chunks::<8>();
    let words = one_words.iter().zip(other_words);
    let difference = words.fold(0, |sum, (a, b)| sum | (u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b)));
    let rest_is_same = bool::from(one_rest.ct_eq(other_rest));
    one.len() == other.len() && (difference == 0) & rest_is_same
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        claims::{Selection, tests::claims},
        edge::tests::Counting,
        keyring::tests::ring,
        session::Binding,
        time::{Lifetime, Timestamp},
    };

    fn cookies(count: usize) -> Vec<String> {
        let (keys, entropy) = (ring(1, None), Counting::default());
        let binding = Binding { host: "docs.example.com", selection: "fp", lifetime: Lifetime::from_seconds(3_600) };
        let cookie = |_| {
            let claims = claims(&Selection::default(), &[], None);
            let session = Session::begin(claims, "https://id.example", binding, Timestamp::from_seconds(1), &entropy);
            session.sign(&keys).unwrap()
        };
        (0..count).map(cookie).collect()
    }

    #[test]
    fn a_remembered_session_is_the_verified_one() {
        let (mut recent, keys) = (Recent::default(), ring(1, None));
        for cookie in cookies(3) {
            let first = recent.verify(&cookie, &keys).unwrap();
            assert!(Rc::ptr_eq(&first, &recent.verify(&cookie, &keys).unwrap()));
            assert_eq!(*first, Session::verify(&cookie, &keys).unwrap());
        }
    }

    #[test]
    fn a_cookie_that_shares_its_end_with_a_remembered_one_is_verified_for_itself() {
        let (mut recent, keys) = (Recent::default(), ring(1, None));
        let cookie = cookies(1).remove(0);
        recent.verify(&cookie, &keys).unwrap();
        for position in 0..cookie.len() - TAIL {
            let mut changed = cookie.clone().into_bytes();
            changed[position] ^= 1;
            assert!(recent.verify(&String::from_utf8(changed).unwrap(), &keys).is_err(), "byte {position}");
        }
        let tail = cookie.get(cookie.len() - TAIL..).unwrap();
        for other in [cookie.get(1..).unwrap(), &format!("A{cookie}"), tail, "", "short"] {
            assert!(recent.verify(other, &keys).is_err(), "{other}");
        }
    }

    #[test]
    fn no_more_than_so_many_are_remembered_and_nothing_that_is_not_ours() {
        let (mut recent, keys) = (Recent::default(), ring(1, None));
        for cookie in cookies(MOST + 50) {
            recent.verify(&cookie, &keys).unwrap();
        }
        assert_eq!(recent.sessions.len(), MOST);
        let mut strangers = Recent::default();
        for cookie in cookies(3) {
            assert!(strangers.verify(&cookie, &ring(2, None)).is_err());
        }
        assert!(strangers.sessions.is_empty());
    }
}
