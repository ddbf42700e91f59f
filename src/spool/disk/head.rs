//! The end of the log that is being written. Whoever writes holds its lock; it is taken before the
//! log's, never the other way round.

use std::{io, sync::Arc, time::Instant};

use super::{
    fault::is_full,
    format::segment_name,
    segment::{Open, Spare},
};
use crate::{
    model::Offset,
    spool::{Block, File, Files},
};

#[derive(Debug)]
pub(super) struct Head {
    pub(super) current: Option<Open>,
    pub(super) spare: Option<Spare>,
    /// Segments that are full, and not closed yet, the oldest first.
    pub(super) full: Vec<Open>,
    /// Segments that were given up, and whose events are not in another one yet.
    superseded: Vec<Superseded>,
    /// Segments whose files could not be removed.
    pub(super) left_over: Vec<u64>,
    /// Number of the next segment.
    pub(super) next_number: u64,
    /// Offset behind the last event before the current segment.
    pub(super) previous_end: Offset,
    /// The first offset that this process gives out.
    began: Offset,
    /// Nothing is written before this moment: the disk has just failed.
    pub(super) rest_until: Option<Instant>,
}

/// A file that was given up.
#[derive(Debug)]
struct Superseded {
    number: u64,
    file: Arc<dyn File>,
    /// Offset behind its last event.
    end: Offset,
    /// Up to here it is safe, if anything of it is.
    safe: Option<u64>,
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
    pub(super) fn new(next_number: u64, previous_end: Offset, began: Offset) -> Self {
        Self {
            current: None,
            spare: None,
            full: Vec::new(),
            superseded: Vec::new(),
            left_over: Vec::new(),
            next_number,
            previous_end,
            began,
            rest_until: None,
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

    /// Goes on to the spare segment, if there is one that can hold `first`.
    fn roll(&mut self, first: &Block) -> io::Result<bool> {
        let least = Open::least_for(first);
        let Some(spare) = self.spare.take_if(|spare| spare.size >= least) else {
            return Ok(false);
        };
        let previous_end = self.current.as_ref().map_or(self.previous_end, |current| current.end);
        match spare.begin(first.base(), previous_end, self.began) {
            Ok(open) => {
                self.full.extend(self.current.replace(open));
                self.previous_end = previous_end;
                Ok(true)
            }
            Err((spare, error)) if is_full(&error) => {
                self.spare = Some(spare);
                Err(error)
            }
            Err((spare, error)) => {
                // Another one may be better.
                self.left_over.push(spare.number());
                Err(error)
            }
        }
    }

    /// Removes the spare segment, if there is one. One that stays is found blank at the next start,
    /// and removed.
    pub(super) fn let_go_of_spare(&mut self, files: &dyn Files) {
        if let Some(spare) = self.spare.take() {
            self.remove(files, spare.number());
        }
    }

    /// Gives up every segment that is being written, at the last place that is known to be safe.
    /// What was written behind that will be written once more; until it is, the files stay as they
    /// are, for what a kill leaves of them.
    pub(super) fn give_up(&mut self, files: &dyn Files, safe: Offset) {
        let oldest = self.full.iter().chain(&self.current).next().map(|open| open.header);
        match oldest {
            // Numbering may have jumped where it began.
            Some(oldest) if oldest.base >= safe => self.previous_end = oldest.previous_end,
            Some(_) => self.previous_end = safe,
            None => {}
        }
        let given_up = self.full.drain(..).chain(self.current.take());
        let given_up: Vec<_> = given_up.map(|open| Superseded::of(open, safe)).collect();
        let end = |files: &[Superseded]| files.iter().map(|file| file.end).max();
        // Of two that hold the same, the longer one is kept.
        let shorter = match end(&given_up) >= end(&self.superseded) {
            true => std::mem::replace(&mut self.superseded, given_up),
            false => given_up,
        };
        self.forget(files, shorter);
    }

    /// Lets go of files whose events are in another one by now: all before `written`. Answers
    /// whether there were any.
    pub(super) fn let_go_of_superseded(&mut self, files: &dyn Files, written: Offset) -> bool {
        let (done, rest): (Vec<_>, _) =
            std::mem::take(&mut self.superseded).into_iter().partition(|file| file.end <= written);
        self.superseded = rest;
        let is_any = !done.is_empty();
        self.forget(files, done);
        is_any
    }

    /// Whether there are files whose events are not in another one yet.
    pub(super) fn keeps_superseded(&self) -> bool {
        !self.superseded.is_empty()
    }

    fn forget(&mut self, files: &dyn Files, superseded: Vec<Superseded>) {
        for Superseded { number, file, safe, .. } in superseded {
            match safe {
                // Where this fails, the later segment, whose base comes earlier, tells all the same.
                Some(safe) => drop(file.truncate(safe)),
                None => self.remove(files, number),
            }
        }
    }

    /// Removes a segment's file, if not now, then later.
    pub(super) fn remove(&mut self, files: &dyn Files, number: u64) {
        match files.remove(&segment_name(number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => self.left_over.push(number),
            _ => {}
        }
    }

    /// Tries once more to remove what could not be removed.
    pub(super) fn sweep(&mut self, files: &dyn Files) {
        for number in std::mem::take(&mut self.left_over) {
            self.remove(files, number);
        }
    }
}

impl Superseded {
    fn of(open: Open, safe: Offset) -> Self {
        let keeps = open.header.base < safe;
        Self {
            number: open.header.number,
            end: open.end,
            safe: keeps.then_some(open.synced),
            file: open.file,
        }
    }
}
