//! libFuzzer on the target `round_trip`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| slotline_fuzz::run("round_trip", data));
