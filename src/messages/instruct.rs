use actix::Message;
use bytes::Bytes;

use crate::model::{CloseReason, SessionId};

/// Do something with one session. The answer is about having it begun: `Ok` after a write means
/// queued, not delivered.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), Refused>")]
pub struct Instruct {
    /// Slot in the thread's table.
    pub slot: u32,
    /// Whose slot it was when the instruction was given.
    pub session: SessionId,
    /// What to do.
    pub what: Instruction,
}

/// What can be done with a session.
#[derive(Clone, Debug)]
pub enum Instruction {
    /// Write these bytes; a device that does not read them ends as `slow_reader`.
    Write(Bytes),
    /// Write these bytes if there is room for all of them.
    TryWrite(Bytes),
    /// Write what is queued, tell the device that nothing more will come, and go on reading.
    Finish,
    /// Write what is queued, then end the session with this reason.
    Close(CloseReason),
    /// End the session at once, with a reset.
    Reset,
}

/// Why an instruction was not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The device reads too slowly: what is queued leaves no room. There will be a `writable`.
    #[error("the device reads too slowly, its queue is full")]
    Full,
    /// The session has ended or is ending.
    #[error("the session has ended")]
    Gone,
}
