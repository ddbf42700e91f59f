//! Any bytes where a registration is looked for, under any rules.

#![no_main]

#[allow(dead_code)] // each target has one body
#[path = "../bodies.rs"]
mod bodies;
#[allow(dead_code)]
#[path = "../session.rs"]
mod session;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::registration(data));
