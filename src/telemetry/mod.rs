//! Log and counts: one function per event writes the record and moves the count, so that the two
//! cannot disagree.
//!
//! - [`start`] gives a [`Telemetry`], a cheap clone for everybody, and a [`LogGuard`] that is
//!   dropped last. [`Telemetry::recording`] and [`Telemetry::discarding`] are for tests.
//! - Records go through a bounded queue to a thread of their own. When it is full they are dropped,
//!   counted, and reported as soon as the rest is written.
//! - Levels are per module and change while everything runs: [`LevelControl`].
//! - Values may hold anything that a device sends: both formats escape whatever is not a plain
//!   visible character.
//! - To add an event, add a method to `Telemetry` in the file of `events` where it belongs, move
//!   its count there, and if need be add a line to [`Counts`] or a word to one of the lists.

mod counts;
mod entry;
mod events;
mod foreign;
mod gate;
mod json;
mod label;
mod levels;
pub mod log;
pub mod metrics;
mod module;
mod queue;
mod queues;
mod reasons;
mod recorder;
mod settings;
mod terminal;
mod text;
mod throttle;
mod witness;

pub use counts::{Count, Counts, Snapshot};
pub use entry::{Entry, Value};
pub use events::{Ending, SessionFacts, Telemetry, start};
pub use label::{Counter, Label, Tally};
pub use levels::LevelControl;
pub use log::{Log, LogFault, LogGuard};
pub use module::Module;
pub use queues::{Depth, Queues};
pub use reasons::{
    AcceptFaultKind, ActorKind, Filtered, LinkError, LinkFaultKind, Polled, Refusal,
};
pub use recorder::{Records, discarder, recorder};
pub use settings::{Level, LogFormat, Settings, SettingsFault};
pub use text::Excerpt;
pub use witness::{Closed, Happening, LinkState, Witness};
