use std::{sync::Arc, time::Instant};

use bytes::Bytes;

use super::Answer;
use crate::model::{CommandFault, CommandState, Event, Name, Seat, SessionId, UnixMillis};

/// This moment, by both clocks: the wall's counts across restarts, the monotonic one while the
/// process runs.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// What people's clocks show.
    pub wall: UnixMillis,
    /// What never goes back.
    pub clock: Instant,
}

/// What some happenings have led to, in order. Nothing of it may leave before the records are safe.
#[derive(Debug, Default)]
pub struct Turn {
    /// For the journal.
    pub(super) records: Vec<u8>,
    /// For the upstreams.
    pub told: Vec<Told>,
    /// For sessions.
    pub due: Vec<Due>,
}

impl Turn {
    /// Whether nothing has happened.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.told.is_empty() && self.due.is_empty()
    }

    /// Takes in what happened behind it.
    pub fn append(&mut self, mut later: Self) {
        self.records.append(&mut later.records);
        self.told.append(&mut later.told);
        self.due.append(&mut later.due);
    }
}

/// A state that a command has reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The sender's id.
    pub id: Arc<str>,
    /// The device.
    pub name: Name,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// The state.
    pub state: CommandState,
    /// Since when.
    pub time: UnixMillis,
    /// What the device answered; nothing in any other state.
    pub data: Bytes,
    /// Why it failed; only then.
    pub reason: Option<CommandFault>,
}

impl Told {
    /// As the upstreams are told it.
    pub fn event(&self) -> Event<'_> {
        Event::Command {
            id: &self.id,
            name: self.name.as_str(),
            attempt: self.attempt,
            state: self.state,
            time: self.time,
            data: &self.data,
            reason: self.reason,
        }
    }
}

/// A command whose turn it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// By which the queue is told what becomes of it; never used again by this process.
    pub attempt: u64,
    /// Where the device's session lives.
    pub seat: Seat,
    /// The session.
    pub session: SessionId,
    /// What is sent.
    pub data: Bytes,
    /// What counts as an answer.
    pub answer: Answer,
    /// How long it is waited for.
    pub timeout: std::time::Duration,
}
