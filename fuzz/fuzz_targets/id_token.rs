//! See `src/targets/id_token.rs`.
#![cfg_attr(fuzzing, no_main)]

portcullis_fuzz::target!(id_token);
