use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use actix::Message;

use crate::{
    commands::{Command, Refusal, Told},
    model::CommandState,
};

/// A web server has sent a line with `command` or `cancel`. What becomes of it is told as an event;
/// the answer says only whether it was taken.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), Refusal>")]
pub struct CommandLine {
    /// From which upstream it came.
    pub upstream: Arc<str>,
    /// As it was written.
    pub line: String,
}

/// Take this command. Answered with its state when that is safe.
#[derive(Debug, Message)]
#[rtype(result = "Result<CommandState, Refusal>")]
pub struct Submit(pub Command);

/// The command with this id is not wanted any more. Answered with its state when that is safe:
/// [`CommandState::Cancelled`] where it still waited.
#[derive(Debug, Message)]
#[rtype(result = "Result<CommandState, Refusal>")]
pub struct Cancel(pub Arc<str>);

/// How far has the command with this id come?
#[derive(Debug, Message)]
#[rtype(result = "Option<Standing>")]
pub struct Look(pub Arc<str>);

/// How far a command has come.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Its state.
    pub told: Told,
    /// Whether that is its end.
    pub has_ended: bool,
}

/// Whether any command waits for a device, so that session threads tell who comes online. It is set
/// before the commander looks for the device: who comes in between is told of.
#[derive(Clone, Debug, Default)]
pub struct Wanted(Arc<AtomicBool>);

impl Wanted {
    /// Says whether somebody is waited for.
    pub fn set(&self, wanted: bool) {
        self.0.store(wanted, Ordering::SeqCst);
    }

    /// Whether somebody is waited for. To be asked when a device has come online, not before.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
