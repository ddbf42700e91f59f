#![allow(clippy::unwrap_used)] // a failed step fails the test

mod crash;
mod famous;
mod house;
mod queue;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::*;
use crate::model::{Name, Seat, SessionId, UnixMillis};

/// A command that asks for no answer and lives for a minute.
pub(super) fn command(id: &str, name: &str) -> Command {
    Command {
        id: id.into(),
        name: Name::new(name.as_bytes()).unwrap(),
        data: Bytes::from_static(b"on"),
        ttl: Duration::from_secs(60),
        answer: Answer::Nothing,
        timeout: Duration::from_secs(5),
        key: None,
        repeat: false,
    }
}

pub(super) fn limits() -> Limits {
    Limits { per_device: 100, total: 1 << 20, pause: Duration::ZERO, remembered: 1000 }
}

/// Two clocks that stand still until they are moved.
pub(super) struct Clocks {
    start: Instant,
    wall: Cell<u64>,
    clock: Cell<u64>,
}

impl Clocks {
    pub fn new() -> Self {
        let wall = Cell::new(1_763_625_600_000);
        Self { start: Instant::now(), wall, clock: Cell::new(0) }
    }

    pub fn now(&self) -> Now {
        let clock = self.start + Duration::from_millis(self.clock.get());
        Now { wall: UnixMillis(self.wall.get()), clock }
    }

    /// Time passes.
    pub fn pass(&self, millis: u64) {
        self.wall.set(self.wall.get() + millis);
        self.clock.set(self.clock.get() + millis);
    }

    /// Somebody sets the clock, and no time passes.
    pub fn set_wall(&self, by: i64) {
        self.wall.set(self.wall.get().saturating_add_signed(by));
    }
}

/// Who is there: names and their sessions.
#[derive(Default)]
pub(super) struct Devices(RefCell<BTreeMap<String, SessionId>>);

pub(super) const SEAT: Seat = Seat { thread: 0, slot: 7 };

impl Devices {
    pub fn find(&self, name: &str) -> Option<(Seat, SessionId)> {
        self.0.borrow().get(name).map(|session| (SEAT, *session))
    }

    pub fn come(&self, name: &str, session: u64) {
        self.0.borrow_mut().insert(name.to_owned(), SessionId(session));
    }

    pub fn go(&self, name: &str) {
        self.0.borrow_mut().remove(name);
    }
}

/// What was told, `c-1 1 queued`, with the reason or the answer behind it.
pub(super) fn words(turn: &Turn) -> Vec<String> {
    let word = |told: &Told| {
        let reason = told.reason.map_or("", |reason| reason.as_str());
        let data = String::from_utf8_lossy(&told.data);
        let text = format!("{} {} {} {reason}{data}", told.id, told.attempt, told.state.as_str());
        text.trim_end().to_owned()
    };
    turn.told.iter().map(word).collect()
}
