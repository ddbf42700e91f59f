//! Commands for devices: what each is, where it stands, and how it outlives the process.
//!
//! # What holds
//! - A command is told as `queued` only when it is safe in the journal.
//! - It is handed to a session only when that is safe in the journal too, so that no restart sends it
//!   a second time, unless its sender allows that (`repeat`).
//! - It is not sent after its `ttl`, by the wall clock across restarts and by the monotonic clock
//!   meanwhile. Where the time that passed is in doubt it has expired.
//! - A device has one command at a time.
//! - Its id is known for 24 hours behind its end, unless more than [`Limits::REMEMBERED`] others have
//!   ended since, or their answers are above `max_total`.
//!
//! [`Commands`] decides, [`Journal`] keeps; who runs them sees to it that nothing of a [`Turn`] leaves
//! before its records are safe.

mod command;
mod journal;
mod keeper;
mod parse;
mod queue;
mod record;
mod replay;
mod settings;
#[cfg(test)]
mod tests;
mod turn;

pub use command::{Answer, Command, pattern};
pub use journal::{Journal, Torn};
pub use keeper::{Found, Keeper, Step, Writing, Written};
pub use parse::{LineFault, Request, parse};
pub use queue::{Commands, Find, Load, Refusal};
pub use replay::Replay;
pub use settings::{Limits, Settings, SettingsFault};
pub use turn::{Due, Now, Told, Turn};
