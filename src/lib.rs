//! A supervisor for device connections.
//!
//! Devices hold raw TCP connections, say who they are, and send bytes; tetherd delivers these to a
//! web server as JSON lines, with acknowledgements. How to run it stands in the README.
//!
//! # The way of a byte
//!
//! ```text
//!  device ──▶ Session ──append──▶ Spool ──read──▶ Forwarder ──▶ Link ──▶ web server
//! ```
//!
//! Data flow one way and never through mailboxes: a session appends to the spool, the forwarder of
//! each web server reads from it at its own pace. So no mailbox grows, and a web server that is away
//! is a question of the spool's size. Control travels as messages.
//!
//! # Where things are
//!
//! A module uses modules of lower floors only, never its neighbours.
//!
//! | floor | modules |
//! |---|---|
//! | 11 | [`cli`]: arguments in, exit code out |
//! | 10 | [`app`]: builds, wires, starts, drains; the only place that knows all |
//! | 9 | [`config`]: adds up the modules' settings; layers, checks |
//! | 8 | [`actors`]: the running parts |
//! | 7 | [`extension`]: what users plug in |
//! | 6 | [`messages`] between actors; [`link`], the way to the web server; [`simulator`], devices and web servers that are played |
//! | 5 | [`commands`]: what web servers ask devices to do, the queue and its journal |
//! | 4 | [`net`], sockets; [`spool`], what waits; [`supervision`], panics and restarts |
//! | 3 | [`telemetry`], log and counts; [`protocol`], bytes in, names and data out; [`limits`]; [`health`] |
//! | 2 | [`model`]: names, sessions, endings, offsets, events |
//! | 1 | [`units`]: durations, sizes, rates |
//!
//! # A gateway of your own
//!
//! The `tetherd` command is one way to run a gateway. From Rust, a few lines build one, with actors
//! of yours plugged in (see [`extension`]); with [`app::process::serve`] they make a program.
//!
//! ```
//! use actix::prelude::*;
//! use tetherd::{
//!     app::Gateway,
//!     config,
//!     extension::{Happened, Observed},
//! };
//!
//! /// Prints what devices say.
//! struct Printer;
//!
//! impl Actor for Printer {
//!     type Context = Context<Self>;
//! }
//!
//! impl Handler<Observed> for Printer {
//!     type Result = ();
//!
//!     fn handle(&mut self, Observed(batch): Observed, _: &mut Context<Self>) {
//!         for occurrence in batch.iter() {
//!             if let (Happened::Data(bytes), Some(name)) = (&occurrence.what, &occurrence.name) {
//!                 println!("{name}: {bytes:?}");
//!             }
//!         }
//!     }
//! }
//!
//! # actix_rt::System::new().block_on(async {
//! let loaded = config::from_toml("[listener.dtu]\naddress = '127.0.0.1:0'")?;
//! let gateway = Gateway::builder(loaded).observe(Printer.start().recipient()).start().await?;
//! println!("devices connect to {}", gateway.listener_address("dtu").unwrap());
//! gateway.stop().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod actors;
pub mod admin;
pub mod app;
pub mod cli;
pub mod commands;
pub mod config;
pub mod extension;
pub mod health;
pub mod limits;
pub mod link;
pub mod messages;
pub mod model;
pub mod net;
pub mod protocol;
pub mod simulator;
pub mod spool;
pub mod supervision;
pub mod telemetry;
pub mod units;
