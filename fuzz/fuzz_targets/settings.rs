//! See `src/targets/settings.rs`.
#![cfg_attr(fuzzing, no_main)]

portcullis_fuzz::target!(settings);
