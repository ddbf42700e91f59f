use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::{DropReason, Ledger, ReaderSettings, holes::Holes};
use crate::model::Offset;

/// How far one upstream has come, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// First offset that it has not acknowledged.
    pub cursor: Offset,
    /// Below this its events are gone; they are counted as dropped already.
    pub floor: Offset,
    /// Why, of the last ones.
    pub floor_reason: DropReason,
    /// Events acknowledged.
    pub delivered: u64,
    /// Events that are gone.
    pub dropped: u64,
    /// Bytes that may wait for it before it is skipped; none where it is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_lag: Option<u64>,
}

impl Progress {
    pub(super) fn beginning_at(began: Offset) -> Self {
        Self {
            cursor: began,
            floor: began,
            floor_reason: DropReason::SpoolFull,
            delivered: 0,
            max_lag: None,
            dropped: 0,
        }
    }

    /// First event that the spool must still keep for it.
    pub fn needs(&self) -> Offset {
        self.cursor.max(self.floor)
    }

    /// Everything before `floor` is gone; answers how many events that costs.
    pub(super) fn lose_until(&mut self, floor: Offset, reason: DropReason, holes: &Holes) -> u64 {
        let needs = self.needs();
        if floor <= needs {
            return 0;
        }
        let lost = floor.since(needs) - holes.width(needs, floor);
        self.dropped += lost;
        self.floor = floor;
        self.floor_reason = reason;
        lost
    }

    /// Everything before `cursor` is safe with the upstream; answers how many events that delivers.
    pub(super) fn acknowledge(&mut self, cursor: Offset, holes: &Holes) -> u64 {
        let needs = self.needs();
        let delivered = cursor.since(needs) - holes.width(needs, cursor);
        self.delivered += delivered;
        self.cursor = self.cursor.max(cursor);
        delivered
    }

    /// So many of the dropped have arrived after all.
    pub(super) fn found(&mut self, events: u64) {
        let events = events.min(self.dropped);
        self.dropped -= events;
        self.delivered += events;
    }

    /// Goes back to `to`, so that what was delivered since waits again.
    pub(super) fn rewind(&mut self, to: Offset, holes: &Holes) {
        let needs = self.needs();
        if to >= needs {
            return;
        }
        let events = |from: Offset, to: Offset| to.since(from) - holes.width(from, to);
        // What lies between cursor and floor was dropped, and never delivered.
        let dropped = events(self.cursor.max(to).min(self.floor), self.floor);
        self.dropped = self.dropped.saturating_sub(dropped);
        let delivered = events(to, needs) - dropped;
        self.delivered = self.delivered.saturating_sub(delivered);
        (self.cursor, self.floor) = (to, to);
    }

    /// The sums, where `next` is the offset that the next event will get.
    pub(super) fn ledger(&self, next: Offset, holes: &Holes) -> Ledger {
        let needs = self.needs();
        let waiting = next.since(needs) - holes.width(needs, next);
        let (delivered, dropped) = (self.delivered, self.dropped);
        Ledger { received: delivered + waiting + dropped, delivered, waiting, dropped }
    }
}

/// One upstream's place in a spool.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) settings: ReaderSettings,
    pub(super) progress: Progress,
    pub(super) appended: Arc<Notify>,
}

impl Cursor {
    pub(super) fn new(settings: ReaderSettings, progress: Progress) -> Self {
        Self { settings, progress, appended: Arc::new(Notify::new()) }
    }
}
