//! See `src/targets/access_token.rs`.
#![cfg_attr(fuzzing, no_main)]

portcullis_fuzz::target!(access_token);
