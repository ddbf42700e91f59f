//! What the log knows of those who read: where each stands, and what it finds there.

use std::{collections::VecDeque, sync::Arc};

use super::log::Log;
use crate::{
    model::Offset,
    spool::{
        Block, DropReason, Ledger, ReaderSettings, Rewinds, Start,
        cursor::{Cursor, Progress},
        holes::{Hole, Holes},
        reader::ReaderId,
    },
};

/// Bytes that were read ahead for one upstream: a chunk, and the next one.
pub(super) const AHEAD: usize = 1 << 20;

/// One upstream's cursor, and what was read ahead for it.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) cursor: Cursor,
    /// An upstream of this name is configured.
    pub(super) is_active: bool,
    /// Nothing is kept for it any more; its place stays, since readers are known by their places.
    pub(super) is_forgotten: bool,
    /// Tells it that its cursor was set back.
    pub(super) rewinds: Arc<Rewinds>,
    pub(super) ahead: Ahead,
    /// Where to read on from, asked for and not done.
    pub(super) wanted: Option<Offset>,
}

/// Blocks that were read ahead, and their bytes: asked for at each read, so they are not added up.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    blocks: VecDeque<Block>,
    bytes: usize,
}

impl Ahead {
    fn extend(&mut self, blocks: Vec<Block>) {
        self.bytes += blocks.iter().map(Block::size).sum::<usize>();
        self.blocks.extend(blocks);
    }

    /// The block with the event at `from`; those before it are done with.
    fn at(&mut self, from: Offset) -> Option<Block> {
        while self.blocks.front().is_some_and(|block| block.end() <= from) {
            self.bytes -= self.blocks.pop_front().map_or(0, |done| done.size());
        }
        self.blocks.front().filter(|block| block.base() <= from).cloned()
    }

    /// Offset behind the last event.
    fn end(&self) -> Option<Offset> {
        self.blocks.back().map(Block::end)
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    #[cfg(test)]
    pub(super) fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter()
    }

    pub(super) fn clear(&mut self) {
        self.blocks.clear();
        self.bytes = 0;
    }
}

/// What a reader finds, and what has to be done for it.
#[derive(Debug)]
pub(super) enum Look {
    Block(Block),
    Hole(Hole, u64),
    /// It has everything.
    Nothing,
    /// What it wants has to be read from a file.
    OnDisk,
}

impl Look {
    /// What stands at `from`, in `block`. Who went back comes by places of which nothing was kept.
    fn at(block: &Block, from: Offset) -> Self {
        if !block.is_delivered() {
            return Self::Block(block.clone());
        }
        Self::Hole(Hole { from, to: block.end(), reason: DropReason::Restart }, 0)
    }
}

impl Log {
    /// The reader of this name, and whether it is new.
    pub(super) fn open_reader(&mut self, settings: &ReaderSettings) -> (ReaderId, bool) {
        let is_it = |r: &Reader| !r.is_forgotten && r.cursor.settings.name == settings.name;
        let known = self.readers.iter().position(is_it);
        if let Some(at) = known {
            let reader = &mut self.readers[at];
            reader.cursor.settings = settings.clone();
            reader.is_active = true;
            return (ReaderId(at), false);
        }
        let began = match settings.start {
            Start::Now if !self.begins_with_oldest => self.next,
            _ => self.oldest(),
        };
        let mut progress = Progress::beginning_at(began);
        // It will be told of those that are gone already.
        progress.dropped = self.holes.iter().map(|hole| hole.events_from(began)).sum();
        self.add_reader(settings.clone(), progress, true);
        self.is_dirty = true;
        (ReaderId(self.readers.len() - 1), true)
    }

    pub(super) fn add_reader(
        &mut self,
        settings: ReaderSettings,
        progress: Progress,
        is_active: bool,
    ) {
        self.readers.push(Reader {
            cursor: Cursor::new(settings, progress),
            is_active,
            is_forgotten: false,
            rewinds: Arc::default(),
            ahead: Ahead::default(),
            wanted: None,
        });
    }

    /// What stands at `from` for this reader.
    pub(super) fn look(&mut self, reader: ReaderId, from: Offset) -> Look {
        let progress = &self.readers[reader.0].cursor.progress;
        if from < progress.floor {
            let (to, reason) = (progress.floor, progress.floor_reason);
            let events = to.since(from) - self.holes.jumps(from, to);
            return Look::Hole(Hole { from, to, reason }, events);
        }
        if let Some(hole) = self.holes.at(from) {
            return Look::Hole(*hole, hole.events_from(from));
        }
        if from >= self.next {
            return Look::Nothing;
        }
        if from >= self.written {
            let at = self.pending.partition_point(|block| block.end() <= from);
            // An offset that is not reserved might be given out once more after a crash.
            let readable = self.pending.get(at).filter(|block| block.end() <= self.reserved);
            return readable.map_or(Look::Nothing, |block| Look::at(block, from));
        }
        if self.tail.front().is_some_and(|oldest| oldest.base() <= from) {
            let at = self.tail.partition_point(|block| block.end() <= from);
            return self.tail.get(at).map_or(Look::OnDisk, |block| Look::at(block, from));
        }
        self.look_ahead(reader, from)
    }

    fn look_ahead(&mut self, reader: ReaderId, from: Offset) -> Look {
        let reader = &mut self.readers[reader.0];
        let Some(found) = reader.ahead.at(from) else {
            reader.ahead.clear();
            reader.wanted = Some(from);
            return Look::OnDisk;
        };
        if reader.ahead.bytes() < AHEAD && reader.wanted.is_none() {
            let newest = self.tail.front().map_or(self.written, Block::base);
            reader.wanted = reader.ahead.end().filter(|end| *end < newest);
        }
        Look::at(&found, from)
    }

    /// What was read for `reader` from `from` on; dropped if it wants something else by now.
    pub(super) fn read_ahead(&mut self, reader: usize, from: Offset, blocks: Vec<Block>) {
        let Some(reader) = self.readers.get_mut(reader) else { return };
        if reader.wanted != Some(from) {
            return;
        }
        reader.wanted = None;
        reader.ahead.extend(blocks);
        reader.cursor.appended.notify_one();
    }

    /// A hole that was stored, and counted, before.
    pub(super) fn know_hole(&mut self, hole: Hole) {
        self.holes.add(hole);
    }

    /// What somebody needs and what should come before the oldest segment, if anything.
    pub(super) fn missing_before(&self) -> Option<Hole> {
        let to = self.segments.front().map_or(self.next, |segment| segment.header.previous_end);
        let from = self.needed();
        (from < to).then_some(Hole { from, to, reason: DropReason::Damaged })
    }

    /// Who wants to be read for, and from where on.
    pub(super) fn wanted(&self) -> Vec<(usize, Offset)> {
        let wanted = |(at, reader): (usize, &Reader)| Some((at, reader.wanted?));
        self.readers.iter().enumerate().filter_map(wanted).collect()
    }

    /// Events from `hole.from` up to `hole.to` cannot be read any more.
    pub(super) fn add_hole(&mut self, hole: Hole) -> u64 {
        let parts = self.holes.add(hole);
        for part in &parts {
            for reader in &mut self.readers {
                let progress = &mut reader.cursor.progress;
                progress.dropped += part.events_from(progress.needs());
            }
        }
        self.is_dirty |= !parts.is_empty();
        parts.iter().map(|part| part.events_from(part.from)).sum()
    }

    pub(super) fn ledger(&self, reader: ReaderId) -> Ledger {
        self.readers[reader.0].cursor.progress.ledger(self.next, &self.holes)
    }

    pub(super) fn progress(&mut self, reader: ReaderId) -> (&mut Progress, &Holes) {
        self.is_dirty = true;
        (&mut self.readers[reader.0].cursor.progress, &self.holes)
    }
}
