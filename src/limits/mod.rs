//! Decisions about how many and how often: plain values, no sockets, no clocks of their own.

mod backoff;
mod duplicates;
mod flapping;
mod occupancy;

pub use backoff::Backoff;
pub use duplicates::{Duplicate, DuplicatePolicy};
pub use flapping::{Flag, Flapping};
pub use occupancy::{ListenerCounts, Occupancy, OverLimit, Ticket};
