//! libFuzzer on the target `command`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| slotline_fuzz::run("command", data));
