//! How events get into a file, and become safe there.
//!
//! # After a failed sync
//! Linux reports that bytes could not be written back once, and takes the pages for clean from then
//! on: asking again would be answered with a lie (Rebello et al., "Can Applications Recover from
//! fsync Failures?", ATC 2020). So the file is given up at the last place that is known to be safe,
//! and everything behind it, which is still in memory, is written once more to a new file; the old
//! one is kept until then, for a kill would leave it whole. Until the new one is synced nothing more
//! is promised. If it fails too, the same happens again a second
//! later, for as long as it takes; devices are not read once [`MOST_HELD`] bytes wait.

use std::{io, sync::Arc, time::Instant};

use super::{
    Durability, Shared, fault::is_full, format::segment_name, head::Head, log::Log, segment::Open,
    writer::REST,
};
use crate::{
    model::{Offset, UnixMillis},
    spool::{Block, File},
};

/// Most bytes that may wait in memory for the disk; above, devices are not read.
pub(super) const MOST_HELD: usize = 32 << 20;

impl Shared {
    /// Writes what waits, as far as there is room.
    pub(super) fn write(&self, now: Instant) {
        self.write_to(&mut self.head(), now);
    }

    fn write_to(&self, head: &mut Head, now: Instant) {
        if head.rest_until.is_some_and(|until| now < until) {
            return;
        }
        head.rest_until = None;
        loop {
            let blocks = self.log().writable();
            match head.put(&blocks) {
                Ok(put) if put.blocks == 0 => return,
                Ok(put) => self.wrote(head, put.blocks, put.frames),
                Err(error) => return self.write_failed(head, &error, now),
            }
        }
    }

    fn wrote(&self, head: &mut Head, blocks: usize, frames: Vec<Block>) {
        let Some(current) = &mut head.current else { return };
        let mut log = self.log();
        log.wrote(blocks, frames, current.info());
        let written = log.written;
        if self.settings.durability == Durability::Os {
            current.synced = current.position;
            self.is_safe_until(&mut log, written);
        }
        drop(log);
        head.let_go_of_superseded(&*self.files, written);
    }

    fn is_safe_until(&self, log: &mut Log, safe: Offset) {
        log.is_safe_until(safe);
        self.tell_promised(log);
    }

    /// Tells how far the promise reaches.
    pub(super) fn tell_promised(&self, log: &Log) {
        let promised = log.promised();
        self.safe.send_if_modified(|known| {
            let moved = promised > *known;
            *known = promised.max(*known);
            moved
        });
    }

    fn write_failed(&self, head: &mut Head, error: &io::Error, now: Instant) {
        head.rest_until = Some(now + REST);
        if is_full(error) {
            // On file systems that never overwrite, room that was taken can run out all the same.
            if !std::mem::replace(&mut self.log().full, true) {
                self.telemetry.spool_full(error);
            }
            return;
        }
        self.telemetry.spool_fault("writing", error);
        self.begin_anew(head);
    }

    /// Makes what was written safe, and closes segments that are full.
    pub(super) fn sync(&self, now: Instant, wall: UnixMillis) {
        if !self.sync_full(now) || !self.close_full(&mut self.head(), now, wall) {
            return;
        }
        if self.settings.durability == Durability::Os {
            return;
        }
        let Some((file, number, position, end)) = self.unsynced() else { return };
        // Nobody waits for this with a lock held.
        if let Err(error) = file.sync() {
            return self.sync_failed(&mut self.head(), number, &error, now);
        }
        let mut head = self.head();
        let Head { current, full, .. } = &mut *head;
        // It may have got full, or been given up, meanwhile.
        let mut open = current.iter_mut().chain(full);
        let Some(open) = open.find(|open| open.header.number == number) else { return };
        open.synced = position;
        self.is_safe_until(&mut self.log(), end);
    }

    /// The current segment, if there is something in it that is not safe.
    fn unsynced(&self) -> Option<(Arc<dyn File>, u64, u64, Offset)> {
        let head = self.head();
        let current = head.current.as_ref().filter(|current| current.synced < current.position)?;
        // Safety comes in order: what got full meanwhile is closed first, in the next turn.
        let (file, number) = (Arc::clone(&current.file), current.header.number);
        head.full.is_empty().then_some((file, number, current.position, current.end))
    }

    /// Syncs segments that are full while nobody waits for a lock, so that closing them takes little
    /// more time. Answers whether that went well.
    fn sync_full(&self, now: Instant) -> bool {
        let file = |open: &Open| (open.header.number, Arc::clone(&open.file));
        let full: Vec<_> = self.head().full.iter().map(file).collect();
        for (number, file) in full {
            if let Err(error) = file.sync() {
                self.sync_failed(&mut self.head(), number, &error, now);
                return false;
            }
        }
        true
    }

    /// Closes segments that are full; answers whether none is left.
    pub(super) fn close_full(&self, head: &mut Head, now: Instant, wall: UnixMillis) -> bool {
        while let Some(oldest) = head.full.first_mut() {
            let (number, end) = (oldest.header.number, oldest.end);
            match oldest.seal(wall) {
                Ok(size) => self.closed(number, size, end, wall),
                Err(error) => {
                    self.sync_failed(head, number, &error, now);
                    return false;
                }
            }
            head.full.remove(0);
        }
        true
    }

    fn closed(&self, number: u64, size: u64, end: Offset, wall: UnixMillis) {
        let mut log = self.log();
        if let Some(segment) = log.segments.iter_mut().find(|s| s.header.number == number) {
            (segment.bytes, segment.filled, segment.sealed) = (size, size, Some(wall));
        }
        self.is_safe_until(&mut log, end);
    }

    fn sync_failed(&self, head: &mut Head, number: u64, error: &io::Error, now: Instant) {
        self.telemetry.spool_sync_failed(&segment_name(number), error);
        head.rest_until = Some(now + REST);
        self.begin_anew(head);
    }

    /// Writes everything that is not safe once more, to another segment.
    fn begin_anew(&self, head: &mut Head) {
        let mut log = self.log();
        log.unwrite();
        let (safe, written) = (log.safe, log.written);
        log.segments.retain(|segment| segment.header.base < safe);
        for open in head.full.iter().chain(&head.current) {
            log.cut(open.header.number, safe.min(open.end), open.synced);
        }
        drop(log);
        head.give_up(&*self.files, safe);
        head.let_go_of_superseded(&*self.files, written);
    }

    /// Lets go of what was given up and is not written once more yet, where that is all that gives
    /// room to write it, and that is done at once; answers whether there was any.
    pub(super) fn let_go_of_superseded(&self) -> bool {
        let mut head = self.head();
        head.rest_until.is_none() && head.let_go_of_superseded(&*self.files, Offset(u64::MAX))
    }

    /// Closes the current segment before it is full, if everybody has all of it: where there is no
    /// room for another one, its room is wanted.
    pub(super) fn retire(&self, now: Instant, wall: UnixMillis) {
        let mut head = self.head();
        let needed = self.log().needed();
        let is_done =
            |current: &mut Open| current.end > current.header.base && current.end <= needed;
        let Some(done) = head.current.take_if(is_done) else { return };
        head.previous_end = done.end;
        head.full.push(done);
        self.close_full(&mut head, now, wall);
    }

    /// Closes the current segment and lets go of the spare one; answers whether everything that was
    /// given an offset is safe.
    pub(super) fn finish(&self, now: Instant, wall: UnixMillis) -> bool {
        let mut head = self.head();
        if let Some(current) = head.current.take() {
            head.previous_end = current.end;
            head.full.push(current);
        }
        let is_closed = self.close_full(&mut head, now, wall);
        head.let_go_of_spare(&*self.files);
        is_closed && !self.log().has_to_write()
    }
}
