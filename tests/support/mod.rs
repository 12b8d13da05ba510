//! A World for the gate: virtual clock, seeded randomness, a scripted provider, a lagging KV and
//! faults on demand; and browsers that walk through it.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "each test file uses its own part of the World"
)]
#![allow(clippy::allow_attributes_without_reason, reason = "the line above has one")]

pub mod browser;
pub mod head;
pub mod kv;
pub mod machine;
pub mod operator;
pub mod outcome;
pub mod provider;
pub mod signature;
pub mod verified_cookies;
pub mod world;
