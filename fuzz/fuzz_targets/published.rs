//! See `src/targets/published.rs`.
#![cfg_attr(fuzzing, no_main)]

portcullis_fuzz::target!(published);
