//! libFuzzer on the target `typed`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| slotline_fuzz::run("typed", data));
