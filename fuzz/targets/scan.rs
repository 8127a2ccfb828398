//! libFuzzer on the target `scan`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| slotline_fuzz::run("scan", data));
