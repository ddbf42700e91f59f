//! The commands that there are, and where each stands. Plain values; clocks are arguments.

mod dispatch;
mod memory;
mod progress;
mod recovery;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;

use self::memory::Memory;
use super::{
    Command, Limits, Now, Told, Turn,
    record::{self, End, Ended, Kept, Stage},
};
use crate::model::{CommandFault, CommandState, Name, Seat, SessionId, UnixMillis};

/// Says which session holds a name.
pub type Find<'a> = &'a dyn Fn(&str) -> Option<(Seat, SessionId)>;

/// All commands that have not ended, and those that have lately.
///
/// What happens is written to a [`Turn`]: nothing of a turn may leave before its records are safe.
#[derive(Debug)]
pub struct Commands {
    limits: Limits,
    active: BTreeMap<u64, Entry>,
    ids: HashMap<Arc<str>, u64>,
    devices: HashMap<Name, Device>,
    /// Which command an attempt is of.
    attempts: HashMap<u64, u64>,
    /// When which one of those that have not ended expires.
    deadlines: BTreeSet<(Instant, u64)>,
    /// When which device has rested.
    rests: BTreeSet<(Instant, Name)>,
    memory: Memory,
    /// Bytes of all that have not ended.
    size: u64,
    next: u64,
    next_attempt: u64,
    forgotten: u64,
}

#[derive(Debug)]
struct Entry {
    kept: Kept,
    digest: u64,
    /// By the monotonic clock: not sent from then on.
    deadline: Instant,
}

#[derive(Debug, Default)]
struct Device {
    /// Those that wait, the oldest first; the one in flight is not among them.
    waiting: VecDeque<u64>,
    flight: Option<Flight>,
    /// A session that came online meanwhile.
    came: Option<(Seat, SessionId)>,
    rests_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Flight {
    number: u64,
    attempt: u64,
    session: SessionId,
}

/// What commands there are that have not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Those that wait for their device, or for the command before them.
    pub waiting: usize,
    /// Those that a session has.
    pub in_flight: usize,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// Why a command was not taken, or not cancelled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The id is taken by another one.
    #[error("the id {0:?} is known with other content; give each command an id of its own")]
    OtherContent(Arc<str>),
    /// The device has enough to do.
    #[error("{1} has {0} commands waiting already; wait for their ends, or cancel some")]
    DeviceFull(usize, Name),
    /// All devices together have.
    #[error("{0} bytes of commands wait already; wait for their ends, or cancel some")]
    Full(u64),
    /// There is none, or it ended long ago.
    #[error("no command has the id {0:?}")]
    Unknown(Arc<str>),
    /// It is nothing that could be understood.
    #[error(transparent)]
    Line(#[from] super::LineFault),
    /// The journal cannot be written.
    #[error("commands cannot be kept at the moment: {0}; send it again later")]
    Journal(String),
    /// The gateway stops, or the commander restarts.
    #[error("commands are not taken at the moment; send it again later")]
    Away,
    /// They are turned off.
    #[error("commands are turned off, by enabled = false in [commands]")]
    Off,
}

impl Commands {
    /// None yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            active: BTreeMap::new(),
            ids: HashMap::new(),
            devices: HashMap::new(),
            attempts: HashMap::new(),
            deadlines: BTreeSet::new(),
            rests: BTreeSet::new(),
            memory: Memory::default(),
            size: 0,
            next: 1,
            next_attempt: 1,
            forgotten: 0,
        }
    }

    /// Takes a command, and sends it if its device is there and free. One with a known id changes
    /// nothing, and its state is told again.
    ///
    /// # Errors
    /// Why it was not taken; nothing is changed then.
    pub fn submit(
        &mut self,
        command: Command,
        now: Now,
        find: Find<'_>,
        turn: &mut Turn,
    ) -> Result<CommandState, Refusal> {
        if let Some((told, digest)) = self.known(&command.id) {
            if digest != command.digest() {
                return Err(Refusal::OtherContent(command.id));
            }
            let state = told.state;
            turn.told.push(told);
            return Ok(state);
        }
        let older = self.replaced_by(&command);
        self.check_room(&command, &older)?;
        for number in older {
            self.make_needless(number, CommandState::Superseded, now, turn);
        }
        let (name, number) = (command.name.clone(), self.next);
        self.next += 1;
        let kept = Kept {
            attempt: 1,
            stage: Stage::Waiting,
            unwanted: None,
            expires: UnixMillis(now.wall.0.saturating_add(super::command::millis(command.ttl))),
            since: now.wall,
            command,
        };
        record::command(&mut turn.records, number, &kept);
        let deadline = now.clock + kept.command.ttl;
        self.insert(number, kept, deadline);
        self.tell(number, turn);
        self.dispatch(&name, now, find, turn);
        Ok(CommandState::Queued)
    }

    /// Ends a command that waits. One that may be with its device, or has ended, goes on to its end
    /// or stays as it is, and its state is told again: it is not tried again then, should it come
    /// back.
    ///
    /// # Errors
    /// There is none with this id.
    pub fn cancel(
        &mut self,
        id: &Arc<str>,
        now: Now,
        turn: &mut Turn,
    ) -> Result<CommandState, Refusal> {
        let Some((told, _)) = self.known(id) else { return Err(Refusal::Unknown(Arc::clone(id))) };
        let Some(number) = self.ids.get(id).copied() else {
            let state = told.state;
            turn.told.push(told);
            return Ok(state);
        };
        if self.make_needless(number, CommandState::Cancelled, now, turn) {
            return Ok(CommandState::Cancelled);
        }
        let state = told.state;
        turn.told.push(told);
        Ok(state)
    }

    /// How far a command has come.
    pub fn look(&self, id: &str) -> Option<Told> {
        self.known(id).map(|(told, _)| told)
    }

    /// Whether a command has come to its end, or is not known.
    pub fn has_ended(&self, id: &str) -> bool {
        !self.ids.contains_key(id)
    }

    /// How much there is to do.
    pub fn load(&self) -> Load {
        let in_flight = self.attempts.len();
        Load { waiting: self.active.len().saturating_sub(in_flight), in_flight, bytes: self.size }
    }

    /// How many have not ended.
    pub fn len(&self) -> usize {
        self.active.len()
    }

    /// Whether all have ended.
    pub fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// How many ends are remembered.
    pub fn remembered(&self) -> usize {
        self.memory.len()
    }

    /// How many ends were forgotten before their time, since this was last asked.
    pub fn take_forgotten(&mut self) -> u64 {
        std::mem::take(&mut self.forgotten)
    }

    /// When [`Commands::advance`] has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        let expiry = self.deadlines.first().map(|(at, _)| *at);
        let rest = self.rests.first().map(|(at, _)| *at);
        [expiry, rest].into_iter().flatten().min()
    }

    fn known(&self, id: &str) -> Option<(Told, u64)> {
        if let Some(entry) = self.ids.get(id).and_then(|number| self.active.get(number)) {
            return Some((entry.told(), entry.digest));
        }
        self.memory.get(id).map(|ended| (told(ended), ended.digest))
    }

    /// Those with the same key, of the same device.
    fn replaced_by(&self, command: &Command) -> Vec<u64> {
        let (Some(key), Some(device)) = (&command.key, self.devices.get(&command.name)) else {
            return Vec::new();
        };
        let all = device.waiting.iter().copied().chain(device.flight.map(|flight| flight.number));
        let has_key = |number: &u64| {
            let entry = self.active.get(number);
            entry.is_some_and(|entry| entry.kept.command.key.as_ref() == Some(key))
        };
        all.filter(has_key).collect()
    }

    fn check_room(&self, command: &Command, replaced: &[u64]) -> Result<(), Refusal> {
        let device = self.devices.get(&command.name);
        let flight = device.and_then(|device| device.flight).map(|flight| flight.number);
        let leaving: Vec<_> = replaced.iter().filter(|number| flight != Some(**number)).collect();
        let there = device.map_or(0, |device| device.waiting.len()) + usize::from(flight.is_some());
        if there - leaving.len() >= self.limits.per_device {
            return Err(Refusal::DeviceFull(self.limits.per_device, command.name.clone()));
        }
        let size = |number: &&u64| self.active.get(number).map(|entry| entry.kept.command.size());
        let freed: u64 = leaving.iter().filter_map(size).sum();
        if self.size - freed + command.size() > self.limits.total {
            return Err(Refusal::Full(self.limits.total));
        }
        Ok(())
    }

    fn insert(&mut self, number: u64, kept: Kept, deadline: Instant) {
        let command = &kept.command;
        self.size += command.size();
        self.ids.insert(Arc::clone(&command.id), number);
        self.devices.entry(command.name.clone()).or_default().waiting.push_back(number);
        self.deadlines.insert((deadline, number));
        let digest = command.digest();
        self.active.insert(number, Entry { kept, digest, deadline });
    }

    /// Ends one that waits, and notes for one that does not what becomes of it should it come back;
    /// answers whether it has ended.
    fn make_needless(
        &mut self,
        number: u64,
        state: CommandState,
        now: Now,
        turn: &mut Turn,
    ) -> bool {
        let Some(entry) = self.active.get_mut(&number) else { return false };
        if entry.kept.stage == Stage::Waiting {
            self.end(number, state, None, Bytes::new(), now, turn);
            return true;
        }
        if entry.kept.unwanted.is_none() {
            entry.kept.unwanted = Some(state);
            record::unwanted(&mut turn.records, number, state);
        }
        false
    }

    /// Tells the state of one that has not ended.
    fn tell(&self, number: u64, turn: &mut Turn) {
        if let Some(entry) = self.active.get(&number) {
            turn.told.push(entry.told());
        }
    }

    fn end(
        &mut self,
        number: u64,
        state: CommandState,
        reason: Option<CommandFault>,
        data: Bytes,
        now: Now,
        turn: &mut Turn,
    ) {
        let Some(Entry { kept, digest, deadline }) = self.active.remove(&number) else { return };
        let Kept { command, attempt, .. } = kept;
        let end = End { state, reason, time: now.wall, data };
        record::ended(&mut turn.records, number, &end);
        self.size -= command.size();
        self.ids.remove(&command.id);
        self.deadlines.remove(&(deadline, number));
        self.leave(&command.name, number, now);
        let ended = Ended { id: command.id, name: command.name, digest, attempt, end };
        turn.told.push(told(&ended));
        self.memory.add(number, ended);
        self.forget(now);
    }

    /// Takes one that has ended out of its device's; a device behind one in flight rests.
    fn leave(&mut self, name: &Name, number: u64, now: Now) {
        let Some(device) = self.devices.get_mut(name) else { return };
        device.waiting.retain(|other| *other != number);
        if let Some(flight) = device.flight.take_if(|flight| flight.number == number) {
            self.attempts.remove(&flight.attempt);
            if !self.limits.pause.is_zero() {
                let until = now.clock + self.limits.pause;
                device.rests_until = Some(until);
                self.rests.insert((until, name.clone()));
            }
        }
        let is_idle = device.waiting.is_empty() && device.flight.is_none();
        if is_idle && device.rests_until.is_none() {
            self.devices.remove(name);
        }
    }

    fn forget(&mut self, now: Now) {
        let Limits { remembered, total, .. } = self.limits;
        self.forgotten += self.memory.forget(now.wall, remembered, total);
    }
}

impl Entry {
    fn told(&self) -> Told {
        let Kept { command, attempt, stage, since, .. } = &self.kept;
        Told {
            id: Arc::clone(&command.id),
            name: command.name.clone(),
            attempt: *attempt,
            state: stage.state(),
            time: *since,
            data: Bytes::new(),
            reason: None,
        }
    }

    fn is_over(&self, now: Now) -> bool {
        now.wall >= self.kept.expires || now.clock >= self.deadline
    }
}

fn told(ended: &Ended) -> Told {
    Told {
        id: Arc::clone(&ended.id),
        name: ended.name.clone(),
        attempt: ended.attempt,
        state: ended.end.state,
        time: ended.end.time,
        data: ended.end.data.clone(),
        reason: ended.end.reason,
    }
}
