use std::collections::BTreeMap;

use super::{
    journal::Torn,
    record::{self, Ended, Kept, Record},
};
use crate::model::UnixMillis;

/// What a journal says, from its beginning to its end.
#[derive(Debug, Default)]
pub struct Replay {
    /// Commands that have not ended, by number.
    pub(super) active: BTreeMap<u64, Kept>,
    /// Those that have, by number, in the order of their ends.
    pub(super) ended: Vec<(u64, Ended)>,
    /// The number for the next command.
    pub(super) next: u64,
    /// The latest that the wall clock has shown.
    pub(super) latest: UnixMillis,
    /// The wall clock went back while the journal was written.
    pub(super) went_back: bool,
    /// What is no record. Whatever stood there is not known.
    pub torn: Option<Torn>,
}

impl Replay {
    /// Takes in a whole file.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while let Some((record, length)) = record::decode(&bytes[at..]) {
            self.take(record);
            at += length;
        }
        if at < bytes.len() {
            self.torn = Some(Torn { at: at as u64, bytes: (bytes.len() - at) as u64 });
        }
    }

    fn take(&mut self, record: Record) {
        match record {
            Record::Clock(time) => {
                self.went_back |= time < self.latest;
                self.latest = self.latest.max(time);
            }
            Record::Command(number, kept) => {
                self.next = self.next.max(number + 1);
                self.active.insert(number, *kept);
            }
            Record::Moved { number, attempt, stage, since } => {
                if let Some(kept) = self.active.get_mut(&number) {
                    (kept.attempt, kept.stage, kept.since) = (attempt, stage, since);
                }
            }
            Record::Unwanted { number, state } => {
                if let Some(kept) = self.active.get_mut(&number) {
                    kept.unwanted = Some(state);
                }
            }
            Record::Ended { number, end } => {
                let Some(Kept { command, attempt, .. }) = self.active.remove(&number) else {
                    return;
                };
                let digest = command.digest();
                let ended = Ended { id: command.id, name: command.name, digest, attempt, end };
                self.ended.push((number, ended));
            }
            Record::Remembered(number, ended) => {
                self.next = self.next.max(number + 1);
                self.ended.push((number, *ended));
            }
        }
    }

    /// How many commands have not ended.
    pub fn waiting(&self) -> usize {
        self.active.len()
    }
}
