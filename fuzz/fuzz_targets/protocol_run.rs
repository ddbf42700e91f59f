//! Any bytes, in any pieces, for any protocol that is built in.

#![no_main]

#[allow(dead_code)] // each target has one body
#[path = "../bodies.rs"]
mod bodies;
#[allow(dead_code)]
#[path = "../session.rs"]
mod session;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::protocol_run(data));
