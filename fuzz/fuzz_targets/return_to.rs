//! See `src/targets/return_to.rs`.
#![cfg_attr(fuzzing, no_main)]

portcullis_fuzz::target!(return_to);
