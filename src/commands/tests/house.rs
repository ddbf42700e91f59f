use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
};

use super::*;
use crate::{model::CommandState, spool::MemoryFiles};

/// Commands with a journal, and sessions that a test plays. It sees to it that no command is written
/// late or twice, and that no state above `queued` is told which no session has brought about.
pub struct House {
    pub files: MemoryFiles,
    pub keeper: Keeper,
    pub clocks: Clocks,
    pub devices: Devices,
    /// What sessions have and have not ended.
    pub flights: Vec<Due>,
    /// Everything that was told, since this was last taken.
    pub told: Vec<Told>,
    /// Of each command: when it was given, for how long, and whether it may be repeated.
    given: BTreeMap<String, (u64, u64, bool)>,
    /// How often each command was written to a socket.
    wires: BTreeMap<String, u32>,
    /// Attempts that are on the wire.
    written: BTreeSet<u64>,
    /// Those that were told as queued.
    queued: BTreeMap<String, u64>,
}

impl House {
    pub fn new() -> Self {
        Self::on(MemoryFiles::new())
    }

    pub fn on(files: MemoryFiles) -> Self {
        let clocks = Clocks::new();
        let keeper = Self::keeper(&files, true, clocks.now());
        let mut house = Self {
            files,
            keeper,
            clocks,
            devices: Devices::default(),
            flights: Vec::new(),
            told: Vec::new(),
            given: BTreeMap::new(),
            wires: BTreeMap::new(),
            written: BTreeSet::new(),
            queued: BTreeMap::new(),
        };
        house.work(true);
        house
    }

    fn keeper(files: &MemoryFiles, clean: bool, now: Now) -> Keeper {
        Keeper::open(limits(), Arc::new(files.clone()), clean, now).unwrap().0
    }

    /// Does what is to be done; answers whether the disk let it.
    pub fn work(&mut self, mut sign: bool) -> bool {
        loop {
            match self.keeper.step(self.clocks.now(), mem::take(&mut sign)) {
                Step::Nothing => return true,
                Step::Leave(turn) => self.release(turn),
                Step::Write(writing) => match self.keeper.written(writing.run()) {
                    Ok(turn) => self.release(turn),
                    Err(_) => return false,
                },
            }
        }
    }

    fn release(&mut self, turn: Turn) {
        for told in &turn.told {
            let id = told.id.to_string();
            let was_written = self.wires.contains_key(&id);
            match told.state {
                CommandState::Queued => drop(self.queued.insert(id, self.clocks.clock.get())),
                CommandState::Written | CommandState::Acknowledged | CommandState::Answered => {
                    assert!(was_written, "{told:?} of what no session has written");
                }
                _ => {}
            }
        }
        self.told.extend(turn.told);
        for due in turn.due {
            let now = self.clocks.now();
            if self.keeper.commands.may_go(due.attempt, now, &mut self.keeper.turn) {
                let id = String::from_utf8(due.data.to_vec()).unwrap();
                let (at, ttl, _) = self.given[&id];
                let age = self.clocks.clock.get() - at;
                assert!(age < ttl, "{id} left {age} ms after it was given, for {ttl} ms");
                self.flights.push(due);
            }
        }
    }

    /// The id stands in the data, so that it is seen on the wire.
    pub fn submit(&mut self, command: Command) -> Result<CommandState, Refusal> {
        let id = command.id.to_string();
        let command = Command { data: id.clone().into_bytes().into(), ..command };
        let at = self.clocks.clock.get();
        let ttl = command.ttl.as_millis() as u64;
        self.given.entry(id).or_insert((at, ttl, command.repeat));
        let Keeper { commands, turn, .. } = &mut self.keeper;
        commands.submit(command, self.clocks.now(), &|name| self.devices.find(name), turn)
    }

    pub fn online(&mut self, name: &str, session: u64) {
        self.devices.come(name, session);
        let (name, now) = (Name::new(name.as_bytes()).unwrap(), self.clocks.now());
        let Keeper { commands, turn, .. } = &mut self.keeper;
        commands.came_online(&name, SEAT, SessionId(session), now, turn);
    }

    /// A session writes what it was given, if it is still there.
    pub fn write(&mut self, flight: usize) {
        let due = self.flights[flight].clone();
        if !self.written.insert(due.attempt) {
            return;
        }
        let id = String::from_utf8(due.data.to_vec()).unwrap();
        let is_there = self.devices.0.borrow().values().any(|session| *session == due.session);
        if !is_there {
            return self.miss(flight);
        }
        let (_, _, repeat) = self.given[&id];
        let times = self.wires.entry(id.clone()).or_default();
        *times += 1;
        assert!(*times == 1 || repeat, "{id} was written twice");
        assert!(self.queued.contains_key(&id), "{id} was written and never told");
        let time = self.clocks.now().wall;
        self.keeper.commands.written(due.attempt, time, &mut self.keeper.turn);
    }

    pub fn acknowledge(&mut self, flight: usize) {
        let (due, now) = (self.flights.remove(flight), self.clocks.now());
        let Keeper { commands, turn, .. } = &mut self.keeper;
        let find = |name: &str| self.devices.find(name);
        commands.acknowledged(due.attempt, now.wall, now, &find, turn);
        if due.answer != Answer::Nothing {
            let data = Bytes::from_static(b"yes");
            commands.answered(due.attempt, data, now.wall, now, &find, turn);
        }
    }

    pub fn miss(&mut self, flight: usize) {
        let (due, now) = (self.flights.remove(flight), self.clocks.now());
        let Keeper { commands, turn, .. } = &mut self.keeper;
        commands.missed(due.attempt, now, &|name| self.devices.find(name), turn);
    }

    pub fn lose(&mut self, flight: usize) {
        let (due, now) = (self.flights.remove(flight), self.clocks.now());
        let Keeper { commands, turn, .. } = &mut self.keeper;
        commands.lost(due.attempt, now, &|name| self.devices.find(name), turn);
    }

    pub fn pass(&mut self, millis: u64) {
        self.clocks.pass(millis);
        self.advance();
    }

    pub fn advance(&mut self) {
        let now = self.clocks.now();
        let Keeper { commands, turn, .. } = &mut self.keeper;
        commands.heed_wall_clock(now, turn);
        commands.advance(now, &|name| self.devices.find(name), turn);
    }

    /// The process is gone, and the next one begins; `down` passes meanwhile, and then somebody sets
    /// the clock.
    pub fn restart(&mut self, files: MemoryFiles, down: u64, set: i64) {
        self.files = files;
        self.clocks.pass(down);
        self.clocks.set_wall(set);
        self.devices = Devices::default();
        self.flights.clear();
        self.written.clear();
        self.keeper = Self::keeper(&self.files, false, self.clocks.now());
        for id in self.queued.keys() {
            assert!(self.keeper.commands.look(id).is_some(), "{id} was forgotten");
        }
        assert!(self.work(true), "the disk is sound");
    }

    pub fn words(&mut self) -> Vec<String> {
        let told = mem::take(&mut self.told);
        words(&Turn { told, ..Turn::default() })
    }

    pub fn wires(&self) -> u32 {
        self.wires.values().sum()
    }
}
