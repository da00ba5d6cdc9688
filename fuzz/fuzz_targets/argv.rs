#![no_main]

#[path = "../../tests/fuzz/argv.rs"]
mod body;
#[path = "../../tests/fuzz/refusal.rs"]
mod refusal;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
