//! [`Timestamp`] and [`Lifetime`]: whole seconds, never read from a clock here.

use core::fmt;

use serde_json::Value;

use crate::json::{self, JsonError};

/// Seconds since 1970-01-01T00:00:00Z.
///
/// Time is always an argument: the only clock is [`Edge::now`](crate::edge::Edge::now).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment `seconds` after the epoch.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Seconds since the epoch.
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// The moment `lifetime` later; stops at the end of time instead of wrapping around.
    pub const fn after(self, lifetime: Lifetime) -> Self {
        Self(self.0.saturating_add(lifetime.0))
    }

    /// The moment `lifetime` earlier; stops at the epoch.
    pub const fn before(self, lifetime: Lifetime) -> Self {
        Self(self.0.saturating_sub(lifetime.0))
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    pub const fn since(self, earlier: Self) -> Lifetime {
        Lifetime(self.0.saturating_sub(earlier.0))
    }

    pub(crate) fn read(value: Value) -> Result<Self, JsonError> {
        json::whole(value).map(Self)
    }
}

/// A length of time, in seconds.
///
/// In the settings it is a number with a unit: `"90s"`, `"30m"`, `"8h"`, `"7d"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lifetime(u64);

impl Lifetime {
    /// `seconds` seconds.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// In seconds.
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// Half of it, rounded down.
    pub const fn half(self) -> Self {
        Self(self.0 >> 1)
    }

    /// Both together.
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    pub(crate) fn read(value: Value) -> Result<Self, JsonError> {
        if !value.is_string() {
            return Err(JsonError::kind(value, "a text of a whole number and a unit, as in \"8h\""));
        }
        json::parsed(value, |text| {
            Self::parse(text).ok_or_else(|| {
                format!("{text:?} is not a length of time: write a whole number and a unit, as in \"90s\", \"30m\", \"8h\" or \"7d\"")
            })
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let unit = match text.chars().next_back()? {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        let digits = text.get(..text.len().checked_sub(1)?)?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        digits.parse::<u64>().ok()?.checked_mul(unit).map(Self)
    }
}

impl From<Timestamp> for Value {
    fn from(moment: Timestamp) -> Self {
        moment.0.into()
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, name) in [(86_400, "d"), (3_600, "h"), (60, "m")] {
            if self.0 > 0 && self.0.is_multiple_of(unit) {
                return write!(formatter, "{}{name}", self.0.checked_div(unit).unwrap_or_default());
            }
        }
        write!(formatter, "{}s", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_a_number_and_a_unit() {
        let rows = [
            ("90s", Some(90)),
            ("30m", Some(1_800)),
            ("8h", Some(28_800)),
            ("7d", Some(604_800)),
            ("0s", Some(0)),
            ("", None),
            ("8", None),
            ("h", None),
            ("8 h", None),
            ("-8h", None),
            ("+8h", None),
            ("8.5h", None),
            ("8hours", None),
            ("8H", None),
            ("99999999999999999999d", None),
            ("18446744073709551615d", None),
            ("8é", None),
        ];
        for (text, seconds) in rows {
            assert_eq!(Lifetime::parse(text), seconds.map(Lifetime), "{text:?}");
        }
    }

    #[test]
    fn lifetimes_are_shown_in_the_largest_whole_unit() {
        for text in ["90s", "30m", "8h", "7d", "0s"] {
            assert_eq!(Lifetime::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn time_neither_wraps_nor_runs_backwards() {
        let end = Timestamp::from_seconds(u64::MAX);
        assert_eq!(end.after(Lifetime::from_seconds(1)), end);
        assert_eq!(Timestamp::from_seconds(1).since(end), Lifetime::from_seconds(0));
    }
}
