//! How much waits for whom, and since when: for people who ask, not on the way of an event.

use super::Log;
use crate::{
    model::Offset,
    spool::{Backlog, Block, ReaderId},
};

impl Log {
    /// What waits for `reader`. Exact for what is in memory; of what is only in files, up to a mark
    /// more than there is.
    pub(in crate::spool::disk) fn backlog(&self, reader: ReaderId) -> Backlog {
        if self.ledger(reader).waiting == 0 {
            return Backlog::default();
        }
        let from = self.readers[reader.0].cursor.progress.needs();
        let in_memory = self.tail.front().map_or(self.written, Block::base);
        if from >= in_memory {
            return Backlog::of(self.tail.iter().chain(&self.pending), from);
        }
        let at = self.marks.partition_point(|mark| mark.offset <= from).saturating_sub(1);
        let Some(mark) = self.marks.get(at) else { return Backlog::default() };
        let in_files = self.filled.saturating_sub(mark.filled);
        Backlog { bytes: in_files + self.pending_bytes as u64, since: Some(mark.time) }
    }
}

impl Backlog {
    /// The events of `blocks`, which are in order, that do not stand before `from`.
    fn of<'a>(blocks: impl Iterator<Item = &'a Block>, from: Offset) -> Self {
        let mut backlog = Self::default();
        for block in blocks.filter(|block| block.end() > from && !block.is_delivered()) {
            let mut events = block.events().skip_to(from);
            backlog.bytes += events.bytes_left() as u64;
            if backlog.since.is_none() {
                backlog.since = events.next().map(|(_, event)| event.time());
            }
        }
        backlog
    }
}
