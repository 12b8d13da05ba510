//! See `src/targets/network.rs`.
#![cfg_attr(fuzzing, no_main)]

portcullis_fuzz::target!(network);
