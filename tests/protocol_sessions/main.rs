//! Devices whose protocol is a file, at the gateway on real sockets: names, fields, replies as
//! promises, bad checksums, heartbeats, several protocols on one port, protocols in code.

#![allow(clippy::unwrap_used)] // a failed step fails the test

#[path = "../harness/mod.rs"]
mod harness;

mod code;
mod devices;
mod frames;
mod guide;
mod many;
mod names;
mod polls;
mod ports;
mod replies;
mod site;
