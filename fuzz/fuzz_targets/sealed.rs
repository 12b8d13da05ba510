//! See `src/targets/sealed.rs`.
#![cfg_attr(fuzzing, no_main)]

portcullis_fuzz::target!(sealed);
