//! The doors that records pass on their way in: one for each of our modules, one for all crates
//! that we are made with.

use std::sync::Arc;

use slog::{Drain, Level as SlogLevel, Never, OwnedKVList, Record, SendSyncRefUnwindSafeDrain};

use super::{Label, LevelControl, Module, entry};

/// Where records go that were wanted.
pub(super) type Sink = Arc<dyn SendSyncRefUnwindSafeDrain<Ok = (), Err = Never>>;

/// Lets the records of one module through that its level wants, with the module's name on them.
pub(super) struct Gate {
    pub(super) module: Module,
    pub(super) levels: LevelControl,
    pub(super) sink: Sink,
}

impl Drain for Gate {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record, values: &OwnedKVList) -> Result<(), Never> {
        if !self.levels.enabled(self.module, record.level().into()) {
            return Ok(());
        }
        entry::pass_on(&*self.sink, self.module.as_str(), record, values)
    }

    fn is_enabled(&self, level: SlogLevel) -> bool {
        self.levels.enabled(self.module, level.into())
    }
}
