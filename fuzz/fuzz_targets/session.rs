//! See `src/targets/session.rs`.
#![cfg_attr(fuzzing, no_main)]

portcullis_fuzz::target!(session);
