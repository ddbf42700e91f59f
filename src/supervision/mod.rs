//! Life and death of any actor: every ending is reported, panics included.
//!
//! `actix::Supervisor` restarts an actor that stopped by itself, at once and for ever, and is
//! dropped together with one that panicked. Here the future of the actor's context is kept outside
//! of the panic instead, so that the mailbox and every address survive a restart:
//!
//! - [`start_temporary`]: never restarted. For sessions.
//! - [`start_permanent`]: restarted after a panic, with a pause and a limit ([`RestartPolicy`]). For
//!   everything else. A clean stop is final.
//!
//! All of it relies on `panic = "unwind"`. The message that was being handled is lost; redelivering
//! poison would be worse.

pub mod failpoint;
mod lean;
mod permanent;
mod policy;
mod temporary;
#[cfg(test)]
mod tests;

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

pub use lean::{Lean, LeanContext};
pub use permanent::start_permanent;
pub use policy::{CrashHistory, RestartPolicy, Verdict};
pub use temporary::start_temporary;

/// How a supervised actor ended, or why it is being restarted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It stopped by itself, or, where it is permanent, its last address was dropped.
    Stopped,
    /// A handler, a future or a lifecycle method panicked with this text.
    Panicked(String),
    /// It crashed too often and stays down; the text of the last panic.
    GaveUp(String),
}

/// Runs `work` and turns a panic into its text. What it was working on may be half-changed then.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(text_of)
}

/// Drops an actor's context outside of any unwinding: dropping it may call `stopping` and
/// `stopped`, and a second panic during an unwind would abort the process.
fn drop_caught<T>(value: T) {
    let _ = caught(|| drop(value));
}

fn text_of(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => match payload.downcast_ref::<&str>() {
            Some(text) => (*text).to_owned(),
            None => "panic without a text".to_owned(),
        },
    }
}
