//! Whose turn it is.

use bytes::Bytes;

use super::{Commands, Device, Find, Flight};
use crate::{
    commands::{
        Due, Now, Turn,
        record::{self, Stage},
    },
    model::{CommandState, Name, Seat, SessionId},
};

impl Commands {
    /// A device has come online.
    pub fn came_online(
        &mut self,
        name: &Name,
        seat: Seat,
        session: SessionId,
        now: Now,
        turn: &mut Turn,
    ) {
        let Some(device) = self.devices.get_mut(name) else { return };
        device.came = Some((seat, session));
        self.dispatch(name, now, &|_| None, turn);
    }

    /// Looks for the devices of all commands that wait.
    pub fn look_around(&mut self, now: Now, find: Find<'_>, turn: &mut Turn) {
        let names: Vec<_> = self.devices.keys().cloned().collect();
        for name in names {
            self.dispatch(&name, now, find, turn);
        }
    }

    /// Ends what has expired, and goes on with devices that have rested.
    pub fn advance(&mut self, now: Now, find: Find<'_>, turn: &mut Turn) {
        let mut over = Vec::new();
        while let Some((at, number)) = self.deadlines.first().copied() {
            if at > now.clock {
                break;
            }
            self.deadlines.pop_first();
            over.push(number);
        }
        for number in over {
            let waits = |entry: &super::Entry| entry.kept.stage == Stage::Waiting;
            if self.active.get(&number).is_some_and(waits) {
                self.end(number, CommandState::Expired, None, Bytes::new(), now, turn);
            }
        }
        while let Some((at, name)) = self.rests.first().cloned() {
            if at > now.clock {
                break;
            }
            self.rests.pop_first();
            let Some(device) = self.devices.get_mut(&name) else { continue };
            device.rests_until = None;
            match device.is_idle() {
                true => drop(self.devices.remove(&name)),
                false => self.dispatch(&name, now, find, turn),
            }
        }
        self.forget(now);
    }

    /// Ends what has expired by the wall clock, which the deadlines do not see move.
    pub fn heed_wall_clock(&mut self, now: Now, turn: &mut Turn) {
        let over: Vec<u64> = self
            .active
            .iter()
            .filter(|(_, entry)| entry.kept.stage == Stage::Waiting && entry.is_over(now))
            .map(|(number, _)| *number)
            .collect();
        for number in over {
            self.end(number, CommandState::Expired, None, Bytes::new(), now, turn);
        }
    }

    /// Whether a command whose turn it was may still go: the journal may have taken its time. One
    /// that may not is given back.
    pub fn may_go(&mut self, attempt: u64, now: Now, turn: &mut Turn) -> bool {
        let Some(number) = self.attempts.get(&attempt) else { return false };
        let Some(entry) = self.active.get(number) else { return false };
        if !entry.is_over(now) && entry.kept.unwanted.is_none() {
            return true;
        }
        self.missed(attempt, now, &|_| None, turn);
        false
    }

    /// Gives the device its next command, if there is one, it is there, and nothing is in its way.
    pub(super) fn dispatch(&mut self, name: &Name, now: Now, find: Find<'_>, turn: &mut Turn) {
        loop {
            let Some(device) = self.devices.get_mut(name) else { return };
            if device.flight.is_some() || device.rests_until.is_some() {
                return;
            }
            let Some(number) = device.waiting.front().copied() else { return };
            let Some(entry) = self.active.get_mut(&number) else {
                device.waiting.pop_front();
                continue;
            };
            if entry.is_over(now) {
                self.end(number, CommandState::Expired, None, Bytes::new(), now, turn);
                continue;
            }
            let Some((seat, session)) = device.came.take().or_else(|| find(name.as_str())) else {
                return;
            };
            let attempt = self.next_attempt;
            self.next_attempt += 1;
            self.attempts.insert(attempt, number);
            device.waiting.pop_front();
            device.flight = Some(Flight { number, attempt, session });
            entry.kept.stage = Stage::Given;
            record::moved(&mut turn.records, number, &entry.kept);
            let command = &entry.kept.command;
            turn.due.push(Due {
                attempt,
                seat,
                session,
                data: command.data.clone(),
                answer: command.answer.clone(),
                timeout: command.timeout,
            });
            return;
        }
    }
}

impl Device {
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.flight.is_none()
    }
}
