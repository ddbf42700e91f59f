//! Any text is a protocol file or is told its faults, and what is one cuts any bytes.

#![no_main]

#[allow(dead_code)] // each target has one body
#[path = "../bodies.rs"]
mod bodies;
#[allow(dead_code)]
#[path = "../session.rs"]
mod session;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::protocol_compile(data));
