//! [`Budget`]: bounds how often a provider is called, whatever strangers send.

use crate::time::{Lifetime, Timestamp};

/// A bucket of calls that refills over time.
///
/// Anybody can start logins and show tokens with invented key ids, and each could cause a call to the provider. A
/// budget bounds these calls per isolate; whoever finds it empty is served from what is known.
#[derive(Debug)]
pub(super) struct Budget {
    burst: u64,
    every: Lifetime,
    left: u64,
    filled: Timestamp,
}

impl Budget {
    /// One call per half minute: metadata.
    pub(super) const fn single() -> Self {
        Self::new(1)
    }

    /// Three calls at once, then one per half minute: keys, which providers rotate unannounced.
    pub(super) const fn burst_of_three() -> Self {
        Self::new(3)
    }

    const fn new(burst: u64) -> Self {
        Self { burst, every: Lifetime::from_seconds(30), left: burst, filled: Timestamp::from_seconds(0) }
    }

    /// Takes a call out of the bucket, if there is one.
    pub(super) fn take(&mut self, now: Timestamp) -> bool {
        let more = now.since(self.filled).seconds().checked_div(self.every.seconds()).unwrap_or_default();
        if more > 0 {
            self.left = self.left.saturating_add(more).min(self.burst);
            self.filled = if self.left == self.burst {
                now
            } else {
                self.filled.after(Lifetime::from_seconds(more.saturating_mul(self.every.seconds())))
            };
        }
        let allowed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_one_per_half_minute() {
        let mut budget = Budget::burst_of_three();
        let taken = |budget: &mut Budget, seconds: u64| {
            (0..10).filter(|_| budget.take(Timestamp::from_seconds(1_000_000 + seconds))).count()
        };
        assert_eq!(taken(&mut budget, 0), 3);
        assert_eq!(taken(&mut budget, 29), 0);
        assert_eq!(taken(&mut budget, 30), 1);
        assert_eq!(taken(&mut budget, 65), 1);
        assert_eq!(taken(&mut budget, 89), 0);
        assert_eq!(taken(&mut budget, 90), 1);
        assert_eq!(taken(&mut budget, 10_000), 3);
    }

    #[test]
    fn a_clock_that_runs_backwards_gives_nothing_away() {
        let mut budget = Budget::single();
        assert!(budget.take(Timestamp::from_seconds(1_000_000)));
        assert!(!budget.take(Timestamp::from_seconds(1)));
    }
}
