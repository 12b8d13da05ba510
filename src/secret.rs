//! [`Secret`]: a value that must not be seen.

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// A value that appears in no log and no error.
///
/// `Debug` shows nothing of it; it has no `Display`, no `PartialEq` and no `Serialize`; and its memory is overwritten
/// when it is dropped. Reading it takes a call that is easy to search for: [`Secret::expose`].
#[derive(Clone)]
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Takes the value in.
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// Reads the value; the caller sees to it that it goes no further than it must.
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// The value, to be filled in place so that no copy is left elsewhere.
    pub fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Zeroize + AsRef<[u8]>> Secret<T> {
    /// Compares with `other` in time that depends on the lengths alone.
    pub fn equals(&self, other: &[u8]) -> bool {
        self.0.as_ref().ct_eq(other).into()
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_value() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "Secret(…)");
    }

    #[test]
    fn equals_compares_whole_values() {
        let secret = Secret::new(b"abc".to_vec());
        assert!(secret.equals(b"abc"));
        for other in [&b"abd"[..], b"ab", b"abcd", b""] {
            assert!(!secret.equals(other));
        }
    }
}
