//! See `src/targets/wildcard.rs`.
#![cfg_attr(fuzzing, no_main)]

portcullis_fuzz::target!(wildcard);
