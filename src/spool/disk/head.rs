//! The end of the log that is being written. Whoever writes holds its lock; it is taken before the
//! log's, never the other way round.

use std::{io, time::Instant};

use super::{
    format::segment_name,
    segment::{Open, Spare},
};
use crate::{
    model::Offset,
    spool::{Block, Files},
};

#[derive(Debug)]
pub(super) struct Head {
    pub(super) current: Option<Open>,
    pub(super) spare: Option<Spare>,
    /// Segments that are full, and not closed yet, the oldest first.
    pub(super) full: Vec<Open>,
    /// Number of the next segment.
    pub(super) next_number: u64,
    /// Offset behind the last event before the current segment.
    pub(super) previous_end: Offset,
    /// Nothing is written before this moment: the disk has just failed.
    pub(super) rest_until: Option<Instant>,
    /// The disk is busy until about then: only the spool's own thread waits for it.
    pub(super) busy_until: Option<Instant>,
}

/// How far a write went.
#[derive(Debug, Default)]
pub(super) struct Put {
    /// Blocks that are in a file now.
    pub(super) blocks: usize,
    /// They, joined to frames.
    pub(super) frames: Vec<Block>,
}

impl Head {
    pub(super) fn new(next_number: u64, previous_end: Offset) -> Self {
        Self {
            current: None,
            spare: None,
            full: Vec::new(),
            next_number,
            previous_end,
            rest_until: None,
            busy_until: None,
        }
    }

    /// Writes what fits into the current segment, or begins the next one if nothing does. An answer
    /// without a block: there is no next one yet.
    pub(super) fn put(&mut self, blocks: &[Block]) -> io::Result<Put> {
        let Some(first) = blocks.first() else { return Ok(Put::default()) };
        if let Some(current) = &mut self.current {
            let (written, frames) = current.put(blocks)?;
            if written > 0 {
                return Ok(Put { blocks: written, frames });
            }
        }
        if !self.roll(first)? {
            return Ok(Put::default());
        }
        let Some(current) = &mut self.current else { return Ok(Put::default()) };
        let (blocks, frames) = current.put(blocks)?;
        Ok(Put { blocks, frames })
    }

    /// Goes on to the spare segment, if there is one.
    fn roll(&mut self, first: &Block) -> io::Result<bool> {
        let Some(spare) = self.spare.take() else { return Ok(false) };
        let previous_end = self.current.as_ref().map_or(self.previous_end, |current| current.end);
        match spare.begin(first.base(), previous_end, Open::least_for(first)) {
            Ok(open) => {
                self.full.extend(self.current.replace(open));
                self.previous_end = previous_end;
                Ok(true)
            }
            Err((spare, error)) => {
                self.spare = Some(spare);
                Err(error)
            }
        }
    }

    /// Bytes left in the current segment.
    pub(super) fn room(&self) -> u64 {
        self.current.as_ref().map_or(0, Open::room)
    }

    /// Gives up every segment that is being written, at the last place that is known to be safe.
    /// What was written behind that is superseded: it will be written once more.
    pub(super) fn give_up(&mut self, files: &dyn Files, safe: Offset) {
        // Where nothing of them is safe, the last event before them may lie before a jump.
        let oldest = self.full.first().or(self.current.as_ref()).map(|open| &open.header);
        let previous_end = match oldest {
            None => self.previous_end,
            Some(header) if header.base >= safe => header.previous_end,
            Some(_) => safe,
        };
        for open in self.full.drain(..).chain(self.current.take()) {
            let name = segment_name(open.header.number);
            // Where this fails, the later segment, whose base comes earlier, tells all the same.
            let _ = match open.header.base >= safe {
                true => files.remove(&name),
                false => open.file.truncate(open.synced),
            };
        }
        self.previous_end = previous_end;
    }
}
