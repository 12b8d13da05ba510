//! See `src/targets/callback.rs`.
#![cfg_attr(fuzzing, no_main)]

portcullis_fuzz::target!(callback);
