//! See `src/targets/path.rs`.
#![cfg_attr(fuzzing, no_main)]

portcullis_fuzz::target!(path);
