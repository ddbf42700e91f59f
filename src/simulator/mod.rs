//! Devices, fleets of them, and a stand-in web server: what stands at both ends of a gateway.
//!
//! The command line, the demo, the tests and the benchmarks use the same ones. They know the wire
//! and nothing of the gateway's inside, so they cannot cheat. Everything random comes from a seed.
//!
//! - [`Device`] plays one [`Script`] on one connection after the other and tells its events.
//! - A [`Speech`] makes it one of any protocol, which knows what it is to be answered.
//! - [`Fleet`] plays the same script with many devices and counts.
//! - [`WebServer`] reads the gateway's lines, holds them against the promises made for them,
//!   acknowledges, and misbehaves when told to.
//! - [`scene`] is a lively mix of devices for people who watch.

mod behaviour;
mod checker;
#[cfg(test)]
mod checker_tests;
mod counters;
mod device;
#[cfg(test)]
mod device_tests;
mod dice;
mod event;
mod fleet;
mod gate;
mod hash;
mod outbox;
mod payload;
mod player;
mod report;
mod scene;
mod script;
mod speech;
mod stream;
mod target;
mod text;
mod verdict;
mod violation;
mod voice;
mod web_line;
mod web_link;
mod web_memory;
mod web_server;
#[cfg(test)]
mod web_server_tests;

pub use behaviour::{Acknowledge, Behaviour, Say};
pub use counters::{FleetCounters, FleetSnapshot};
pub use device::Device;
pub use event::{DeviceEvent, DeviceTally, Outcome, SentKind, Why};
pub use fleet::{Fleet, FleetSummary, Naming, local_sources};
pub use gate::Gate;
pub use hash::RunningHash;
pub use payload::{Payload, PayloadFault};
pub use report::{NameTotals, Report};
pub use scene::scene;
pub use script::{Ending, FirstMessage, Pace, Reconnect, Script, etung};
pub use speech::{Speech, SpeechFault};
pub use stream::Stream;
pub use target::{ConnectFault, Dialer, Target};
pub use text::{EscapeFault, escape, unescape};
pub use verdict::Verdict;
pub use violation::Violation;
pub use voice::PATIENCE;
pub use web_line::DataEncoding;
pub use web_memory::{WebMemory, WebSettings};
pub use web_server::{Meeting, Missed, WebServer, WebServerFault};
