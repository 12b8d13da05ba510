//! See `src/targets/cookies.rs`.
#![cfg_attr(fuzzing, no_main)]

portcullis_fuzz::target!(cookies);
