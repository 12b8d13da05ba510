//! The `Cookie` headers that were read most recently, each named by a number that the entry keeps with the text.

use std::{cell::RefCell, rc::Rc};

use super::platform;
use crate::session::VerifiedCookies;

/// How many headers an isolate remembers: the lowest byte of a number is the place.
const MOST: usize = 256;

thread_local! {
    static HEADERS: RefCell<CookieHeaders> = const { RefCell::new(CookieHeaders { verified: Vec::new(), next: 0 }) };
}

struct CookieHeaders {
    verified: Vec<(u64, Rc<VerifiedCookies>)>,
    next: usize,
}

/// Remembers what a header holds, in place of the oldest. Its number is drawn at random, so that a number from an
/// instance that is gone, or for a place that was given away, finds nothing.
pub(super) fn remember(verified: VerifiedCookies) -> Option<f64> {
    let drawn = platform::draw()?;
    HEADERS.with_borrow_mut(|CookieHeaders { verified: all, next }| {
        // 52 bits, all of which a float keeps: 44 random ones, and the place.
        let number = drawn >> 20 << 8 | u64::try_from(*next).ok()?;
        let known = (number, Rc::new(verified));
        match all.get_mut(*next) {
            Some(oldest) => *oldest = known,
            None => all.push(known),
        }
        *next = next.saturating_add(1) % MOST;
        Some(number as f64)
    })
}

/// What was remembered under `number`.
pub(super) fn find(number: f64) -> Option<Rc<VerifiedCookies>> {
    let number = number as u64;
    let place = usize::try_from(number & 0xff).ok()?;
    HEADERS.with_borrow(|remembered| {
        let (known, verified) = remembered.verified.get(place)?;
        (*known == number).then(|| Rc::clone(verified))
    })
}
