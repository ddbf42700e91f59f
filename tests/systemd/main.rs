//! What systemd is told: by the program, by a gateway of one's own whose thread stands still; and the
//! unit that comes with it.

#![allow(clippy::unwrap_used)] // a failed step fails the test

mod blocked;
#[path = "../harness/mod.rs"]
mod harness;
mod manager;
mod program;
mod unit;
