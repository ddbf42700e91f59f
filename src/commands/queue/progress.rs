//! What becomes of commands that sessions have. An attempt that is not known any more changes
//! nothing.

use bytes::Bytes;

use super::{Commands, Find};
use crate::{
    commands::{
        Answer, Now, Turn,
        record::{self, Stage},
    },
    model::{CommandFault, CommandState, Name, UnixMillis},
};

impl Commands {
    /// All of it was handed to the socket, at `time`.
    pub fn written(&mut self, attempt: u64, time: UnixMillis, turn: &mut Turn) {
        self.reach(attempt, Stage::Written, time, turn);
    }

    /// The device's TCP has its last byte, since `time`; the end where no answer is asked for.
    pub fn acknowledged(
        &mut self,
        attempt: u64,
        time: UnixMillis,
        now: Now,
        find: Find<'_>,
        turn: &mut Turn,
    ) {
        let Some(number) = self.attempts.get(&attempt).copied() else { return };
        let Some(entry) = self.active.get(&number) else { return };
        if entry.kept.command.answer != Answer::Nothing {
            return self.reach(attempt, Stage::Acknowledged, time, turn);
        }
        self.reach(attempt, Stage::Written, time, turn);
        let at = Now { wall: time, ..now };
        self.end_flight(number, CommandState::Acknowledged, None, Bytes::new(), at, find, turn);
    }

    /// The device has answered this, at `time`.
    pub fn answered(
        &mut self,
        attempt: u64,
        data: Bytes,
        time: UnixMillis,
        now: Now,
        find: Find<'_>,
        turn: &mut Turn,
    ) {
        let Some(number) = self.attempts.get(&attempt).copied() else { return };
        self.reach(attempt, Stage::Acknowledged, time, turn);
        let at = Now { wall: time, ..now };
        self.end_flight(number, CommandState::Answered, None, data, at, find, turn);
    }

    /// It came to nothing, and nobody is in doubt about that.
    pub fn failed(
        &mut self,
        attempt: u64,
        fault: CommandFault,
        now: Now,
        find: Find<'_>,
        turn: &mut Turn,
    ) {
        let Some(number) = self.attempts.get(&attempt).copied() else { return };
        let state = CommandState::Failed;
        self.end_flight(number, state, Some(fault), Bytes::new(), now, find, turn);
    }

    /// No session has it, and nothing of it was handed to a socket: it waits again, in the same
    /// attempt.
    pub fn missed(&mut self, attempt: u64, now: Now, find: Find<'_>, turn: &mut Turn) {
        let Some(number) = self.attempts.get(&attempt).copied() else { return };
        let Some(entry) = self.active.get_mut(&number) else { return };
        if entry.kept.stage != Stage::Given {
            return self.lost(attempt, now, find, turn);
        }
        entry.kept.stage = Stage::Waiting;
        record::moved(&mut turn.records, number, &entry.kept);
        self.take_back(number, find, now, turn);
    }

    /// The session is over, and nobody knows whether the device has it.
    pub fn lost(&mut self, attempt: u64, now: Now, find: Find<'_>, turn: &mut Turn) {
        let Some(number) = self.attempts.get(&attempt).copied() else { return };
        if !self.begin_again(number, now, turn) {
            let (state, reason) = (CommandState::Failed, Some(CommandFault::Uncertain));
            return self.end_flight(number, state, reason, Bytes::new(), now, find, turn);
        }
        self.take_back(number, find, now, turn);
    }

    /// Begins another attempt, where that does no harm and somebody still wants it.
    pub(super) fn begin_again(&mut self, number: u64, now: Now, turn: &mut Turn) -> bool {
        let Some(entry) = self.active.get_mut(&number) else { return false };
        let kept = &mut entry.kept;
        if !kept.command.repeat || kept.unwanted.is_some() {
            return false;
        }
        kept.attempt += 1;
        kept.stage = Stage::Waiting;
        kept.since = now.wall;
        record::moved(&mut turn.records, number, kept);
        turn.told.push(entry.told());
        true
    }

    /// Notes that a command in flight has come to `stage`, and tells every state up to there.
    fn reach(&mut self, attempt: u64, stage: Stage, time: UnixMillis, turn: &mut Turn) {
        let Some(number) = self.attempts.get(&attempt).copied() else { return };
        let Some(entry) = self.active.get_mut(&number) else { return };
        for next in [Stage::Written, Stage::Acknowledged] {
            if next > stage || next <= entry.kept.stage {
                continue;
            }
            entry.kept.stage = next;
            entry.kept.since = time;
            record::moved(&mut turn.records, number, &entry.kept);
            turn.told.push(entry.told());
        }
    }

    #[allow(clippy::too_many_arguments)] // an end has so many parts
    fn end_flight(
        &mut self,
        number: u64,
        state: CommandState,
        reason: Option<CommandFault>,
        data: Bytes,
        now: Now,
        find: Find<'_>,
        turn: &mut Turn,
    ) {
        let Some(name) = self.name_of(number) else { return };
        self.end(number, state, reason, data, now, turn);
        self.dispatch(&name, now, find, turn);
    }

    /// Puts one that waits again in front of the others of its device. Its session is over or not
    /// online yet, so that only another one can take it, or the same when it has come online.
    fn take_back(&mut self, number: u64, find: Find<'_>, now: Now, turn: &mut Turn) {
        let Some(name) = self.name_of(number) else { return };
        let Some(device) = self.devices.get_mut(&name) else { return };
        let flight = device.flight.take();
        device.waiting.push_front(number);
        if let Some(flight) = flight {
            self.attempts.remove(&flight.attempt);
        }
        let unwanted = self.active.get(&number).and_then(|entry| entry.kept.unwanted);
        if let Some(state) = unwanted {
            self.end(number, state, None, Bytes::new(), now, turn);
        }
        let gone = flight.map(|flight| flight.session);
        let others = |name: &str| find(name).filter(|(_, session)| Some(*session) != gone);
        self.dispatch(&name, now, &others, turn);
    }

    fn name_of(&self, number: u64) -> Option<Name> {
        self.active.get(&number).map(|entry| entry.kept.command.name.clone())
    }
}
