#![no_main]

#[path = "../../tests/fuzz/dialogue/mod.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
