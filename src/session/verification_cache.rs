//! [`VerificationCache`]: the sessions that an isolate has verified, so that a page with twenty images costs one
//! signature and not twenty-one.
//!
//! A cookie is found here only if it is, byte for byte, one whose signature was verified; whether it counts here and
//! now is checked each time. What is remembered is what the cookie itself says, so forgetting it changes nothing.
//! Machines' tokens are remembered in the same way.

use std::rc::Rc;

use subtle::ConstantTimeEq;

use super::{SessionError, SignedSession};
use crate::{keyring::KeyRing, ring::Ring};

/// How many texts an isolate remembers. With the longest cookie of 4 KB and as much again for what it says, this is 2
/// MB of the 128 that an isolate has, and 6 MB with the longest tokens; only what was verified gets in.
const MOST: usize = 256;
/// How many characters at the end of a signature tell texts apart: 46 bits for a session, 44 or more for a token (the
/// last letter of base64url holds four bits, or two).
const TAIL: usize = 8;

/// The most recently verified texts, with what they say.
#[derive(Debug)]
pub struct VerificationCache<T>(Ring<Verified<T>, MOST>);

#[derive(Debug)]
struct Verified<T> {
    tail: [u8; TAIL],
    text: String,
    says: Rc<T>,
}

impl<T> VerificationCache<T> {
    /// What `text` says, if it was verified.
    pub(crate) fn known(&self, text: &str) -> Option<Rc<T>> {
        let tail: [u8; TAIL] = *text.as_bytes().last_chunk()?;
        let known = self.0.find(|known| known.tail == tail)?;
        is_same(known.text.as_bytes(), text.as_bytes()).then(|| Rc::clone(&known.says))
    }

    /// Remembers a text that was just verified.
    pub(crate) fn remember(&mut self, text: &str, says: Rc<T>) {
        let Some(tail) = text.as_bytes().last_chunk().copied() else { return };
        let verified = Verified { tail, text: text.to_owned(), says };
        // One with the same tail is the same text, verified again.
        self.0.replace(verified, |known, new| known.tail == new.tail);
    }
}

impl VerificationCache<SignedSession> {
    /// The session of `cookie`: remembered, or verified now.
    ///
    /// # Errors
    /// [`SessionError::NotOurs`]
    pub fn verify(&mut self, cookie: &str, keys: &KeyRing) -> Result<Rc<SignedSession>, SessionError> {
        if let Some(session) = self.known(cookie) {
            return Ok(session);
        }
        let session = Rc::new(SignedSession::verify(cookie, keys)?);
        self.remember(cookie, Rc::clone(&session));
        Ok(session)
    }
}

impl<T> Default for VerificationCache<T> {
    fn default() -> Self {
        Self(Ring::new())
    }
}

/// Compares in time that depends on the lengths alone, eight bytes at a time.
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
        session::{Binding, Session},
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
        let (mut recent, keys) = (VerificationCache::default(), ring(1, None));
        for cookie in cookies(3) {
            let first = recent.verify(&cookie, &keys).unwrap();
            assert!(Rc::ptr_eq(&first, &recent.verify(&cookie, &keys).unwrap()));
            assert_eq!(*first, SignedSession::verify(&cookie, &keys).unwrap());
        }
    }

    #[test]
    fn a_cookie_that_shares_its_end_with_a_remembered_one_is_verified_for_itself() {
        let (mut recent, keys) = (VerificationCache::default(), ring(1, None));
        let cookie = cookies(1).remove(0);
        recent.verify(&cookie, &keys).unwrap();
        for position in 0..cookie.len() - TAIL {
            let mut changed = cookie.clone().into_bytes();
            changed[position] ^= 1;
            assert!(recent.verify(&String::from_utf8(changed).unwrap(), &keys).is_err(), "byte {position}");
        }
        let tail = cookie.get(cookie.len() - TAIL..).unwrap();
        for other in [cookie.get(1..).unwrap(), &format!("A{cookie}"), &format!("{cookie}{tail}"), tail, "", "short"] {
            assert!(recent.verify(other, &keys).is_err(), "{other}");
        }
    }

    #[test]
    fn no_more_than_so_many_are_remembered_and_nothing_that_is_not_ours() {
        let (mut recent, keys) = (VerificationCache::default(), ring(1, None));
        let cookies = cookies(MOST + 3);
        for cookie in &cookies {
            recent.verify(cookie, &keys).unwrap();
        }
        assert_eq!(cookies.iter().filter(|cookie| recent.known(cookie).is_some()).count(), MOST);
        let mut strangers: VerificationCache<SignedSession> = VerificationCache::default();
        for cookie in &cookies {
            assert!(strangers.verify(cookie, &ring(2, None)).is_err());
            assert!(strangers.known(cookie).is_none());
        }
    }
}
