//! libFuzzer on the target `cutting`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| slotline_fuzz::run("cutting", data));
