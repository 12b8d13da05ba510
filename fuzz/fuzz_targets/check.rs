//! See `src/targets/check.rs`.
#![cfg_attr(fuzzing, no_main)]

portcullis_fuzz::target!(check);
