//! The way to the web server on real sockets, behind a whole gateway.
#![allow(clippy::unwrap_used)] // a failed step fails the test

#[path = "../harness/mod.rs"]
mod harness;

mod accept;
mod backlog;
mod commands;
mod deliveries;
mod dial;
mod examples;
mod formats;
mod hand;
mod http;
mod http_link;
mod https;
mod pauses;
mod poster;
mod several;
mod shutdown;
mod stuck;
mod transport;
mod window;
