//! See `src/targets/switch.rs`.
#![cfg_attr(fuzzing, no_main)]

portcullis_fuzz::target!(switch);
