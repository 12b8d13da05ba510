//! Rights never grow by themselves: not by a changed session, not by a claim less, not by a deny more,
//! not by what cannot be known.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a helper of a test may panic")]

mod policies;
mod sessions;
#[path = "../support/mod.rs"]
mod support;

use proptest::{prelude::*, test_runner::RngSeed};

/// The same cases at every run; `PROPTEST_CASES` asks for more of them.
fn config(cases: u32) -> ProptestConfig {
    let rng_seed = RngSeed::Fixed(0x706f_7274_6375_6c6c);
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}
