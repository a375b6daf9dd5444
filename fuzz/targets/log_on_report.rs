#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lapwing_sim::fuzz::log_on_report(bytes));
