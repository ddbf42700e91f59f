//! What a folder holds when it is opened: segments in order, the holes between them, and the end.
//!
//! Only segments that were not closed in good order are read, and after a crash the newest of those
//! that were; of the others the header and the seal are enough. So opening costs the same whatever the backlog is.

use std::{collections::VecDeque, sync::Arc};

use super::{
    DiskFault,
    format::{HEADER, Header, HeaderFault, segment_name, segment_number},
    quarantine,
    segment::{Segment, read_seal, seal_late},
    walk::{Damage, Step, Walk},
};
use crate::{
    model::{Offset, UnixMillis},
    spool::{
        DropReason, File, Files,
        holes::{Hole, Holes},
    },
    telemetry::Telemetry,
};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Recovered {
    pub(super) segments: VecDeque<Segment>,
    /// Offsets between or in the segments that have no event, in order; what was damaged in a
    /// segment was told.
    pub(super) holes: Holes,
    /// Where something should be between two segments, and is not; that was not.
    pub(super) missing: Vec<Hole>,
    /// Number of the next segment.
    pub(super) next_number: u64,
}

impl Recovered {
    /// Offset behind the last event, if there is any segment.
    pub(super) fn end(&self) -> Option<Offset> {
        self.segments.back().map(|segment| segment.end)
    }
}

/// What is known before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    /// Offsets below this may have been given out.
    pub(super) reserved: Offset,
    /// First event that some upstream needs.
    pub(super) needed: Offset,
    /// The stop before lost nothing, so that whatever is wrong has been damaged since.
    pub(super) was_clean: bool,
}

/// Looks through a folder, and puts in order what a crash has left. Nothing that was stored is a
/// reason not to start; only what a later version has written is.
///
/// # Errors
/// A later format, or a file system that does not let us look.
pub(super) fn recover(
    files: &dyn Files,
    expected: Expected,
    telemetry: &Telemetry,
) -> Result<Recovered, DiskFault> {
    let names = files.names().map_err(|error| DiskFault::io("listing the folder", error))?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| segment_number(name)).collect();
    numbers.sort_unstable();
    let next_number = numbers.last().map_or(1, |last| last + 1);
    let found = Recovered::default();
    let mut recovery = Recovery { files, telemetry, expected, found };
    let opened = recovery.open_all(&numbers)?;
    let newest = opened.last().map_or(Offset(0), |newest| newest.header.base);
    let mut bound = expected.reserved.max(newest);
    let mut bounds = Vec::with_capacity(opened.len());
    for opened in opened.iter().rev() {
        bounds.push(bound);
        // After a failed sync its events were written once more, to a later segment.
        bound = bound.min(opened.header.base);
    }
    let doubted = recovery.doubted(&opened);
    for (opened, bound) in opened.iter().zip(bounds.into_iter().rev()) {
        recovery.take(opened, bound, doubted != Some(opened.header.number));
    }
    let mut found = recovery.found;
    found.next_number = next_number;
    Ok(found)
}

struct Recovery<'a> {
    files: &'a dyn Files,
    telemetry: &'a Telemetry,
    expected: Expected,
    found: Recovered,
}

/// A segment with a good header.
struct Opened {
    file: Arc<dyn File>,
    header: Header,
    size: u64,
}

impl Opened {
    fn seal(&self) -> Option<(Offset, UnixMillis)> {
        read_seal(&*self.file, &self.header, self.size).unwrap_or_default()
    }
}

impl Recovery<'_> {
    fn open_all(&self, numbers: &[u64]) -> Result<Vec<Opened>, DiskFault> {
        let mut opened: Vec<Opened> = Vec::new();
        for number in numbers.iter().rev() {
            let is_newest = opened.is_empty();
            opened.extend(self.open(*number, is_newest)?);
        }
        opened.sort_by_key(|segment| (segment.header.began, segment.header.number));
        Ok(opened)
    }

    fn open(&self, number: u64, is_newest: bool) -> Result<Option<Opened>, DiskFault> {
        let name = segment_name(number);
        let failed = |error| DiskFault::io(&name, error);
        let file = self.files.open(&name).map_err(failed)?;
        let size = file.size().map_err(failed)?;
        let mut bytes = [0; HEADER];
        let header = match file.read_at(0, &mut bytes) {
            Ok(read) => Header::decode(&bytes[..read]),
            Err(_) => Err(HeaderFault::Damaged),
        };
        let header = match header {
            Err(HeaderFault::Damaged) => {
                self.mend(&*file, number, &bytes).ok_or(HeaderFault::Damaged)
            }
            header => header,
        };
        match header {
            Ok(header) if header.number == number => Ok(Some(Opened { file, header, size })),
            Err(HeaderFault::Newer(format)) => Err(DiskFault::Newer { format }),
            Err(HeaderFault::Blank) if !holds_anything(&*file, size) => {
                self.remove(number);
                Ok(None)
            }
            // The power was cut before the first sync: this never became a segment.
            Err(HeaderFault::Blank) if is_newest && !self.expected.was_clean => {
                self.telemetry.spool_torn(&name, 0);
                self.remove(number);
                Ok(None)
            }
            _ => {
                let kept = quarantine::set_aside(self.files, &name);
                self.telemetry.spool_damaged(&name, 0, size, &kept);
                Ok(None)
            }
        }
    }

    /// Puts a header right of which one byte was damaged.
    fn mend(&self, file: &dyn File, number: u64, bytes: &[u8]) -> Option<Header> {
        let header = Header::mend(bytes).filter(|header| header.number == number)?;
        let damage = Damage { at: 0, size: HEADER as u64, from: header.base, to: header.base };
        let kept = quarantine::copy(self.files, file, number, &damage);
        self.telemetry.spool_damaged(&segment_name(number), 0, damage.size, &kept);
        // Where this fails, the next start does it again.
        let _ = file.write_at(0, &header.encode());
        Some(header)
    }

    fn remove(&self, number: u64) {
        // One that stays is found again at the next start.
        let _ = self.files.remove(&segment_name(number));
    }

    fn take(&mut self, opened: &Opened, bound: Offset, trusts_seal: bool) {
        let segment = match opened.seal() {
            Some((end, sealed)) if trusts_seal => Segment {
                header: opened.header,
                end: end.min(bound),
                bytes: opened.size,
                filled: opened.size,
                sealed: Some(sealed),
            },
            _ => self.look_through(opened, bound),
        };
        if segment.end <= segment.header.base {
            return self.remove(segment.header.number);
        }
        self.join(&segment.header);
        self.found.segments.push_back(segment);
    }

    /// The newest segment with a seal, after a stop that was none. A seal is written when all
    /// segments before are safe; its own may have come to the disk without what it closes, or to the
    /// page cache only.
    fn doubted(&self, opened: &[Opened]) -> Option<u64> {
        let is_sealed = |one: &&Opened| one.seal().is_some();
        let newest = opened.iter().rev().find(is_sealed)?;
        (!self.expected.was_clean).then_some(newest.header.number)
    }

    /// Notes the holes between the segment before and this one.
    fn join(&mut self, next: &Header) {
        let previous_end = next.previous_end.min(next.base);
        self.leave_behind(previous_end);
        if let Some(end) = self.found.segments.back().map(|segment| segment.end)
            && end < previous_end
        {
            let reason = DropReason::Damaged;
            self.found.missing.push(Hole { from: end, to: previous_end, reason });
        }
        let reason = DropReason::Restart;
        self.found.holes.add(Hole { from: previous_end, to: next.base, reason });
    }

    /// What nobody needs and what does not reach to the next segment was trimmed, and came back: it
    /// could not be removed, or the power was cut before that was safe.
    fn leave_behind(&mut self, next: Offset) {
        let Some(end) = self.found.segments.back().map(|segment| segment.end) else { return };
        if end >= next || end > self.expected.needed {
            return;
        }
        for segment in std::mem::take(&mut self.found.segments) {
            self.remove(segment.header.number);
        }
        self.found.holes = Holes::NONE;
        self.found.missing.clear();
    }

    /// Reads a segment that was left open, to its last whole frame, and closes it there.
    fn look_through(&mut self, opened: &Opened, bound: Offset) -> Segment {
        let name = segment_name(opened.header.number);
        let mut walk = Walk::new(Arc::clone(&opened.file), &opened.header, opened.size, bound);
        let is_readable = loop {
            match walk.step() {
                Ok(Step::Events(_)) => {}
                Ok(Step::Damage(damage)) => self.damaged(opened, &damage),
                Ok(Step::Seal | Step::End { torn: false }) => break true,
                Ok(Step::End { torn: true }) => {
                    self.telemetry.spool_torn(&name, walk.place().0);
                    break true;
                }
                Err(error) => {
                    self.telemetry.spool_fault(&name, &error);
                    break false;
                }
            }
        };
        let (filled, end) = walk.place();
        // Nobody writes here any more, and it can be trimmed, whether it gets its seal or not.
        let now = UnixMillis::now();
        let mut segment =
            Segment { header: opened.header, end, bytes: opened.size, filled, sealed: Some(now) };
        if is_readable && end > opened.header.base {
            match seal_late(&*opened.file, &segment, now) {
                Ok(size) => segment.bytes = size,
                Err(error) => self.telemetry.spool_fault(&name, &error),
            }
        }
        segment
    }

    fn damaged(&mut self, opened: &Opened, damage: &Damage) {
        let name = segment_name(opened.header.number);
        let kept = quarantine::copy(self.files, &*opened.file, opened.header.number, damage);
        self.telemetry.spool_damaged(&name, damage.at, damage.size, &kept);
        let (from, to) = (damage.from, damage.to);
        self.found.holes.add(Hole { from, to, reason: DropReason::Damaged });
    }
}

/// Whether there is any byte but zeros at the beginning.
fn holds_anything(file: &dyn File, size: u64) -> bool {
    let mut bytes = vec![0; size.min(64 << 10) as usize];
    let read = file.read_at(0, &mut bytes).unwrap_or_default();
    bytes[..read].iter().any(|byte| *byte != 0)
}
