//! The gateway on real sockets, from a device's first byte to the web server.

#[path = "../harness/mod.rs"]
mod harness;

mod extensions;
mod panics;
mod pressure;
mod reload;
mod sessions;
