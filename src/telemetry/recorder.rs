use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use slog::{Discard, Drain, Never, OwnedKVList, Record};

use super::{Entry, Level, LevelControl, Log, Settings};

/// A log that is kept in memory, and what was logged: for tests. Every level is on.
pub fn recorder() -> (Log, Records) {
    let records = Records::default();
    let settings = Settings { level: Level::Trace, ..Settings::default() };
    let log = Log::to_sink(Arc::new(records.clone()), LevelControl::new(&settings), &[]);
    (log, records)
}

/// A log that keeps nothing.
pub fn discarder() -> Log {
    let settings = Settings { level: Level::Error, ..Settings::default() };
    Log::to_sink(Arc::new(Discard), LevelControl::new(&settings), &[])
}

/// What was logged: the last [`Records::MOST`] records.
#[derive(Clone, Debug, Default)]
pub struct Records(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    entries: Mutex<VecDeque<Entry>>,
    arrived: Condvar,
}

impl Records {
    /// Most records that are kept; older ones go first.
    pub const MOST: usize = 65_536;

    /// All that is kept, oldest first.
    pub fn all(&self) -> Vec<Entry> {
        self.entries().iter().cloned().collect()
    }

    /// How many of them say `message`.
    pub fn count(&self, message: &str) -> usize {
        self.entries().iter().filter(|entry| entry.message == message).count()
    }

    /// The first that `wanted` is true of, as soon as it is there, or nothing after `timeout`.
    pub fn wait_for(&self, timeout: Duration, wanted: impl Fn(&Entry) -> bool) -> Option<Entry> {
        let (found, _) = self
            .0
            .arrived
            .wait_timeout_while(self.entries(), timeout, |entries| !entries.iter().any(&wanted))
            .unwrap_or_else(PoisonError::into_inner);
        found.iter().find(|entry| wanted(entry)).cloned()
    }

    fn entries(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drain for Records {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record, values: &OwnedKVList) -> Result<(), Never> {
        let entry = Entry::new(record, values);
        let mut entries = self.entries();
        if entries.len() == Self::MOST {
            entries.pop_front();
        }
        entries.push_back(entry);
        drop(entries);
        self.0.arrived.notify_all();
        Ok(())
    }
}
