//! libFuzzer on the target `topology`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| slotline_fuzz::run("topology", data));
