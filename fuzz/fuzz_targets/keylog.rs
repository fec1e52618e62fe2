#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| iotcap_fuzz::keylog(data));
