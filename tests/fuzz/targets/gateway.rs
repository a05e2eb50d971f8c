//! Any bytes on a connection to the gateway: none of them makes it send what a strict backend refuses.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz::send(fuzz::world().gateway, bytes);
});
