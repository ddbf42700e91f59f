//! What the spool knows, behind one short lock: which events wait where, and who has read how far.
//! No file is touched here.

mod backlog;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{format::Header, readers::Reader, segment::Segment, state::Stored};
use crate::{
    model::{Offset, UnixMillis},
    spool::{
        Block, DropReason, WhenBehind,
        cursor::{Cursor, Progress},
        holes::Holes,
    },
};

/// Bytes of the newest events that stay in memory, so that who keeps up needs no disk.
const TAIL: usize = 4 << 20;

/// Events that come so shortly one after the other came together.
const SAME_MOMENT: Duration = Duration::from_millis(1);

/// So often within a segment its offset is noted, to know how many bytes an upstream is behind.
const MARK: u64 = 1 << 20;

#[derive(Debug)]
pub(super) struct Log {
    /// The offset that the next event gets.
    pub(super) next: Offset,
    /// Offsets below this are safely known to be given out.
    pub(super) reserved: Offset,
    /// Everything below is in a file.
    pub(super) written: Offset,
    /// Everything below is as safe as `durability` says.
    pub(super) safe: Offset,
    /// Events that are in no file yet.
    pub(super) pending: VecDeque<Block>,
    /// When they came: the end of some of them, and that moment.
    came: VecDeque<(Offset, Instant)>,
    /// What everybody has is not written any more, and what somebody lacks may still wait.
    pub(super) spares_the_disk: bool,
    pub(super) pending_bytes: usize,
    /// The newest events that are in a file: all that are not safe yet, and some more.
    pub(super) tail: VecDeque<Block>,
    tail_bytes: usize,
    /// How many of them are safe, and the bytes of the others.
    tail_safe: usize,
    unsynced_bytes: usize,
    /// All segments with events; the last one is being written.
    pub(super) segments: VecDeque<Segment>,
    pub(super) holes: Holes,
    pub(super) readers: Vec<Reader>,
    /// There is no room for another segment.
    pub(super) full: bool,
    /// A cursor has moved since the state was stored.
    pub(super) is_dirty: bool,
    /// Nothing is taken any more.
    pub(super) is_closed: bool,
    /// Upstreams that are not known begin with the oldest event: who was known is not known.
    pub(super) begins_with_oldest: bool,
    marks: VecDeque<Mark>,
    /// Bytes that were ever written, as marks count them.
    filled: u64,
}

/// The event at `offset` stands behind so many bytes.
#[derive(Clone, Copy, Debug)]
struct Mark {
    offset: Offset,
    filled: u64,
    /// It is from about then, and not from before.
    time: UnixMillis,
}

impl Log {
    pub(super) fn new(next: Offset, reserved: Offset, end: Offset) -> Self {
        Self {
            next,
            reserved,
            written: next,
            safe: next,
            pending: VecDeque::new(),
            came: VecDeque::new(),
            spares_the_disk: false,
            pending_bytes: 0,
            tail: VecDeque::new(),
            tail_bytes: 0,
            tail_safe: 0,
            unsynced_bytes: 0,
            segments: VecDeque::new(),
            holes: Holes::NONE,
            readers: Vec::new(),
            full: false,
            is_dirty: false,
            is_closed: false,
            begins_with_oldest: false,
            marks: VecDeque::from([Mark { offset: end, filled: 0, time: UnixMillis::now() }]),
            filled: 0,
        }
    }

    /// Takes what was found in the folder.
    pub(super) fn adopt(&mut self, segments: VecDeque<Segment>) {
        self.marks.clear();
        for segment in &segments {
            let Header { base: offset, made: time, .. } = segment.header;
            self.marks.push_back(Mark { offset, filled: self.filled, time });
            self.filled += segment.filled;
        }
        self.segments = segments;
    }

    pub(super) fn append(&mut self, block: Block, now: Instant) {
        self.next = block.end();
        self.pending_bytes += block.size();
        if self.came.back().is_none_or(|(_, at)| now.duration_since(*at) > SAME_MOMENT) {
            self.came.push_back((block.end(), now));
        }
        self.pending.push_back(block);
        self.readers.iter().for_each(|reader| reader.cursor.appended.notify_one());
    }

    /// Lets go of events that everybody has before they were written: they never will be. Only
    /// their place is, together with what comes behind it.
    pub(super) fn let_go_of_delivered(&mut self) {
        if !self.spares_the_disk {
            return;
        }
        let needed = self.needed();
        let mut gone: Option<Block> = None;
        while let Some(front) = self.pending.front().filter(|front| front.end() <= needed) {
            let before = gone.as_ref().map_or(0, Block::count);
            let Some(count) = before.checked_add(front.count()) else { break };
            let base = gone.as_ref().map_or(front.base(), Block::base);
            gone = Some(Block::delivered(base, count));
            self.pending_bytes -= self.pending.pop_front().map_or(0, |front| front.size());
        }
        if let Some(gone) = gone {
            self.pending.push_front(gone);
        }
        self.forget_when(needed);
    }

    /// Nobody asks any more when what stands before `end` came.
    fn forget_when(&mut self, end: Offset) {
        while self.came.front().is_some_and(|(known, _)| *known <= end) {
            self.came.pop_front();
        }
    }

    /// How long the oldest event that is to be written has waited for it.
    pub(super) fn waited(&self, now: Instant) -> Option<Duration> {
        if !self.has_to_write() {
            return None;
        }
        Some(self.came.front().map_or(Duration::MAX, |(_, came)| now.duration_since(*came)))
    }

    /// Whether anything is to be written; at the end the places of what is not kept are.
    pub(super) fn has_to_write(&self) -> bool {
        match self.is_closed {
            true => !self.pending.is_empty(),
            false => self.pending.iter().any(|block| !block.is_delivered()),
        }
    }

    /// The largest part that has to go into a segment whole, of what is written next.
    pub(super) fn next_to_write(&self) -> Option<&Block> {
        self.pending.iter().find(|block| !block.is_delivered()).or(self.pending.front())
    }

    /// What may be written now: never an offset that is not reserved.
    pub(super) fn writable(&self) -> Vec<Block> {
        if !self.has_to_write() {
            return Vec::new();
        }
        let reserved = |block: &&Block| block.end() <= self.reserved;
        self.pending.iter().take_while(reserved).cloned().collect()
    }

    /// What waited before `end` waits no more. Some of it may be let go of by now, together with
    /// what comes behind it.
    fn waits_no_more(&mut self, end: Offset) {
        while self.pending.front().is_some_and(|front| front.base() < end) {
            let Some(front) = self.pending.pop_front() else { return };
            self.pending_bytes -= front.size();
            if front.end() > end {
                let rest = front.end().since(end) as u32;
                return self.pending.push_front(Block::delivered(end, rest));
            }
        }
    }

    /// What waited was written as these frames, up to where `current` ends.
    pub(super) fn wrote(&mut self, frames: Vec<Block>, current: Segment) {
        let first = frames.iter().find_map(|frame| frame.events().next());
        let time = first.map_or(current.header.made, |(_, event)| event.time());
        self.waits_no_more(current.end);
        match self.segments.back_mut() {
            Some(last) if last.header.number == current.header.number => {
                self.filled += current.filled.saturating_sub(last.filled);
                *last = current;
            }
            _ => {
                let offset = current.header.base;
                self.marks.push_back(Mark { offset, filled: self.filled, time });
                self.filled += current.filled;
                self.segments.push_back(current);
            }
        }
        if self.marks.back().is_none_or(|mark| mark.filled + MARK <= self.filled) {
            self.marks.push_back(Mark { offset: current.end, filled: self.filled, time });
        }
        self.written = current.end;
        self.forget_when(self.written);
        for frame in frames {
            self.tail_bytes += frame.size();
            self.unsynced_bytes += frame.size();
            self.tail.push_back(frame);
        }
    }

    /// Offsets below this are safely known to be given out from now on.
    pub(super) fn reserve(&mut self, reserved: Offset) {
        self.reserved = reserved;
        self.readers.iter().for_each(|reader| reader.cursor.appended.notify_one());
    }

    /// Below this the promise holds: it is safe here, or with everybody who is to have it.
    pub(super) fn promised(&self) -> Offset {
        match self.spares_the_disk {
            true => self.safe.max(self.needed()),
            false => self.safe,
        }
    }

    /// Everything below `safe` needs no copy in memory.
    pub(super) fn is_safe_until(&mut self, safe: Offset) {
        self.safe = self.safe.max(safe);
        while let Some(block) = self.tail.get(self.tail_safe).filter(|b| b.end() <= self.safe) {
            self.unsynced_bytes -= block.size();
            self.tail_safe += 1;
        }
        while self.tail_bytes > TAIL && self.tail_safe > 0 {
            self.tail_bytes -= self.tail.pop_front().map_or(0, |oldest| oldest.size());
            self.tail_safe -= 1;
        }
    }

    /// Nobody knows what of the events from [`Log::safe`] on is in a file: they are to be written
    /// once more.
    pub(super) fn unwrite(&mut self) {
        let again = self.tail.split_off(self.tail_safe);
        self.tail_bytes -= self.unsynced_bytes;
        self.pending_bytes += std::mem::take(&mut self.unsynced_bytes);
        again.into_iter().rev().for_each(|block| self.pending.push_front(block));
        self.written = self.safe;
    }

    /// The segment of this number was given up at `end`.
    pub(super) fn cut(&mut self, number: u64, end: Offset, filled: u64) {
        let segments = self.segments.iter_mut();
        for segment in segments.filter(|segment| segment.header.number == number) {
            (segment.end, segment.filled, segment.bytes) = (end, filled, filled);
            segment.sealed = Some(UnixMillis::now());
        }
    }

    /// Bytes that are in a file and not safe there yet.
    pub(super) fn unsynced(&self) -> usize {
        self.unsynced_bytes
    }

    /// Bytes that must stay in memory for now.
    pub(super) fn held_bytes(&self) -> usize {
        self.pending_bytes + self.unsynced_bytes
    }

    /// Bytes of everything that is kept in memory, the buffers behind it aside.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        let ahead = self.readers.iter().flat_map(|reader| reader.ahead.blocks());
        let blocks = self.pending.iter().chain(&self.tail).chain(ahead);
        let notes = self.marks.len() + self.segments.len() + self.holes.iter().count();
        blocks.map(|block| block.size() + size_of::<Block>()).sum::<usize>() + 64 * notes
    }

    /// Bytes that all segments take on disk.
    pub(super) fn disk_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Bytes that are left in the segment that is being written.
    pub(super) fn room(&self) -> u64 {
        let current = self.segments.back().filter(|segment| segment.sealed.is_none());
        current.map_or(0, |current| current.bytes.saturating_sub(current.filled))
    }

    /// The segment that the event at `offset` can be read from: up to where the events that are in
    /// memory begin, for only what is there may be written once more to another segment. Or the next
    /// one, where that event should be and is in none.
    pub(super) fn loadable(&self, offset: Offset) -> Option<Segment> {
        let at = self.segments.partition_point(|segment| segment.end <= offset);
        let segment = self.segments.get(at).copied()?;
        let end = self.tail.front().map_or(segment.end, |oldest| oldest.base().min(segment.end));
        (offset < end).then_some(Segment { end, ..segment })
    }

    /// The oldest event that is still there.
    pub(super) fn oldest(&self) -> Offset {
        let kept = self.pending.iter().find(|block| !block.is_delivered());
        let waiting = kept.map_or(self.next, Block::base);
        self.segments.front().map_or(waiting, |segment| segment.header.base)
    }

    /// First event that some reader needs. While nobody knows who has read how far, all of them.
    pub(super) fn needed(&self) -> Offset {
        let readers = self.readers.iter().filter(|reader| !reader.is_forgotten);
        let needs = readers.map(|reader| reader.cursor.progress.needs());
        let nobody = match self.begins_with_oldest {
            true => self.oldest(),
            false => self.next,
        };
        needs.min().unwrap_or(nobody).min(self.next)
    }

    /// Readers that may be skipped lose what lies more than their lag behind, so that they never
    /// fill the spool.
    pub(super) fn skip_those_behind(&mut self, most: u64) {
        for at in 0..self.readers.len() {
            let settings = &self.readers[at].cursor.settings;
            if settings.when_behind != WhenBehind::Skip {
                continue;
            }
            let lag = settings.max_lag.min(most);
            let first_allowed = self.filled.saturating_sub(lag);
            let keep = self.marks.partition_point(|mark| mark.filled < first_allowed);
            let Some(floor) = self.marks.get(keep).map(|mark| mark.offset) else { continue };
            let needs = self.readers[at].cursor.progress.needs();
            if floor > needs && self.filled_before(needs) < first_allowed {
                self.lose(at, floor, DropReason::Behind);
            }
        }
    }

    /// Bytes before `offset`, as far as marks tell.
    fn filled_before(&self, offset: Offset) -> u64 {
        let at = self.marks.partition_point(|mark| mark.offset <= offset);
        at.checked_sub(1).map_or(0, |at| self.marks[at].filled)
    }

    /// Readers that may be skipped lose the oldest segment, so that they fill no disk. Answers
    /// whether that lets go of it.
    pub(super) fn skip_oldest(&mut self) -> bool {
        let Some(oldest) = self.segments.front().filter(|oldest| oldest.sealed.is_some()) else {
            return false;
        };
        let floor = oldest.end;
        for at in 0..self.readers.len() {
            if self.readers[at].cursor.settings.when_behind == WhenBehind::Skip {
                self.lose(at, floor, DropReason::Behind);
            }
        }
        self.needed() >= floor
    }

    /// Every reader loses the oldest segment. Answers whether there was one to give up.
    pub(super) fn drop_oldest(&mut self) -> bool {
        let Some(oldest) = self.segments.front().filter(|oldest| oldest.sealed.is_some()) else {
            return false;
        };
        let floor = oldest.end;
        for at in 0..self.readers.len() {
            self.lose(at, floor, DropReason::SpoolFull);
        }
        true
    }

    fn lose(&mut self, reader: usize, floor: Offset, reason: DropReason) {
        let progress = &mut self.readers[reader].cursor.progress;
        progress.lose_until(floor.min(self.next), reason, &self.holes);
        self.is_dirty = true;
    }

    /// How many sealed segments at the front nobody needs, and were closed `kept` before `wall`.
    pub(super) fn trimmable(&self, wall: UnixMillis, kept: Duration) -> usize {
        let needed = self.needed();
        let is_over = |sealed: UnixMillis| {
            // With a clock that was set back nobody knows their age: they go when room is needed.
            let age = wall.0.checked_sub(sealed.0);
            kept.is_zero() || age.is_some_and(|age| u128::from(age) >= kept.as_millis())
        };
        let is_free =
            |segment: &&Segment| segment.end <= needed && segment.sealed.is_some_and(is_over);
        self.segments.iter().take_while(is_free).count()
    }

    /// Forgets the first `count` segments, and answers their numbers.
    pub(super) fn trim(&mut self, count: usize) -> Vec<u64> {
        let numbers = self.segments.drain(..count).map(|segment| segment.header.number).collect();
        let first = self.segments.front().map_or(self.written, |segment| segment.header.base);
        while self.marks.len() > 1 && self.marks[0].offset < first {
            self.marks.pop_front();
        }
        // Who goes back to its cursor may come by those between there and its floor.
        let readers = self.readers.iter().filter(|reader| !reader.is_forgotten);
        let cursors = readers.map(|reader| reader.cursor.progress.cursor);
        self.holes.forget_before(cursors.fold(first, Offset::min));
        numbers
    }

    /// What is to be stored of all this.
    pub(super) fn stored(&self, id: &str, clean: Option<Offset>) -> Stored {
        let readers = self.readers.iter().filter(|reader| !reader.is_forgotten);
        let upstreams = readers.map(|reader| {
            let Cursor { settings, progress, .. } = &reader.cursor;
            let skips = settings.when_behind == WhenBehind::Skip;
            let max_lag = skips.then_some(settings.max_lag);
            (settings.name.clone(), Progress { max_lag, ..progress.clone() })
        });
        Stored {
            format: super::format::FORMAT,
            id: id.to_owned(),
            reserved: self.reserved,
            clean,
            upstreams: upstreams.collect(),
            holes: self.holes.iter().copied().collect(),
            is_doubtful: false,
        }
    }
}
