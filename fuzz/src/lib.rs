//! Fuzz targets: what comes from outside, in whatever shape.
//!
//! A target is a function of bytes that returns when all is well and panics when a property does not
//! hold. On stable Rust `smoke` runs them all on the corpus and on mutations of it, the same ones each
//! time; where there is a nightly compiler, `cargo fuzz run <target>` runs one of them by libFuzzer.

pub mod mutation;
mod site;
pub mod targets;

#[cfg(fuzzing)]
#[doc(hidden)]
pub use libfuzzer_sys;

/// The `main` of a target: libFuzzer's, or one that runs nothing.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        #[cfg(fuzzing)]
        $crate::libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::targets::$name(data));

        #[cfg(not(fuzzing))]
        fn main() {
            eprintln!("Built without libFuzzer: run `cargo run --bin smoke {}` instead.", stringify!($name));
            std::process::exit(2);
        }
    };
}
