//! What a restart finds, and what it leaves behind.

use std::time::Duration;

use bytes::Bytes;

use super::Commands;
use crate::{
    commands::{
        Limits, Now, Turn,
        command::millis,
        record::{self, Kept, Stage},
        replay::Replay,
    },
    model::{CommandFault, CommandState, UnixMillis},
};

/// Events of the last moments before a crash may be lost: what was reached in so many milliseconds
/// before the journal's last word is told again.
const TOLD_AGAIN: u64 = 30_000;

impl Commands {
    /// Goes on where an earlier process stopped; `clean` says that it did so in order, and that
    /// everything it told has come through.
    ///
    /// Nobody knows whether a device has got what a session had: it begins again with `repeat`, and
    /// has failed without. Nobody knows how long has passed where the wall clock went back or the
    /// journal's end is missing: nothing is sent then, everything that waits has expired.
    pub fn recover(limits: Limits, replay: Replay, clean: bool, now: Now, turn: &mut Turn) -> Self {
        let mut commands = Self::new(limits);
        let in_doubt = replay.went_back || replay.torn.is_some() || now.wall < replay.latest;
        let recently = UnixMillis(replay.latest.0.saturating_sub(TOLD_AGAIN));
        commands.next = replay.next.max(1);
        for (number, ended) in replay.ended {
            if !clean && ended.end.time >= recently {
                turn.told.push(super::told(&ended));
            }
            commands.memory.add(number, ended);
        }
        for (number, kept) in replay.active {
            let tell = !clean && kept.since >= recently;
            let left = kept.expires.0.saturating_sub(now.wall.0).min(millis(kept.command.ttl));
            let deadline = now.clock + Duration::from_millis(left);
            commands.insert(number, kept, deadline);
            if tell {
                commands.tell(number, turn);
            }
            commands.settle(number, in_doubt, now, turn);
        }
        commands.forget(now);
        commands
    }

    /// The sessions have lost what they had, or nobody knows what they have: as [`Commands::recover`]
    /// has it, and the attempts of before are not known any more.
    pub fn interrupted(&mut self, now: Now, turn: &mut Turn) {
        let flights: Vec<u64> = self.attempts.keys().copied().collect();
        for attempt in flights {
            self.lost(attempt, now, &|_| None, turn);
        }
    }

    /// Everything that is worth keeping, as records. What is left of a command's time is counted from
    /// now on, should the wall clock have gone back.
    pub fn snapshot(&mut self, now: Now) -> Vec<u8> {
        let mut records = Vec::new();
        for (number, ended) in self.memory.iter() {
            record::remembered(&mut records, number, ended);
        }
        for (number, entry) in &mut self.active {
            let left = entry.deadline.saturating_duration_since(now.clock);
            let expires = UnixMillis(now.wall.0.saturating_add(millis(left)));
            entry.kept.expires = entry.kept.expires.min(expires);
            record::command(&mut records, *number, &entry.kept);
        }
        records
    }

    /// Decides what becomes of one that an earlier process has left.
    fn settle(&mut self, number: u64, in_doubt: bool, now: Now, turn: &mut Turn) {
        let Some(entry) = self.active.get(&number) else { return };
        let Kept { stage, unwanted, .. } = entry.kept;
        if stage > Stage::Waiting && !self.begin_again(number, now, turn) {
            let reason = Some(CommandFault::Uncertain);
            return self.end(number, CommandState::Failed, reason, Bytes::new(), now, turn);
        }
        let Some(entry) = self.active.get(&number) else { return };
        let end = match unwanted {
            Some(state) => Some(state),
            None if in_doubt || entry.is_over(now) => Some(CommandState::Expired),
            None => None,
        };
        if let Some(state) = end {
            self.end(number, state, None, Bytes::new(), now, turn);
        }
    }
}
