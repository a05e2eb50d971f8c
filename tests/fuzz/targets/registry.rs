//! Any bytes on a connection to the registry.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    fuzz::send(fuzz::world().registry, bytes);
});
