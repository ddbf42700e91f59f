//! Reads for those who are behind, on a thread of its own: a disk that has to seek keeps nobody
//! else waiting.

use std::{
    collections::HashMap,
    io,
    time::{Duration, Instant},
};

use super::{
    Shared,
    format::segment_name,
    quarantine,
    readers::AHEAD,
    segment::Segment,
    walk::{Damage, Place, Step, Walk},
};
use crate::{
    model::Offset,
    spool::{Block, DropReason, holes::Hole},
};

/// A disk that could not be read is asked again after so long.
pub(super) const READ_AGAIN: Duration = Duration::from_secs(1);

/// Asked so often in vain for the same, it will never give it: what cannot be read is damaged.
const TRIES: u32 = 5;

/// Where each reader's reading goes on.
#[derive(Debug, Default)]
pub(super) struct Loader {
    readers: HashMap<usize, Reading>,
}

/// How far one reader's reading is.
#[derive(Debug, Default)]
struct Reading {
    /// In the segment of this number.
    place: Option<(u64, Place)>,
    /// So often in a row it has failed.
    failures: u32,
    /// Not before this moment once more.
    again: Option<Instant>,
}

/// What a disk that fails is given before it is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loaded {
    /// Nobody wants anything.
    Nothing,
    /// Something was read.
    Something,
    /// The disk could not be read.
    Failed,
}

impl Loader {
    /// Reads the next piece for everybody who wants one. Who meets a bad disk waits, and nobody with
    /// it.
    pub(super) fn turn(&mut self, shared: &Shared, now: Instant) -> Loaded {
        let wanted = shared.log().wanted();
        let mut loaded = Loaded::Nothing;
        for (reader, from) in wanted {
            let again = self.readers.entry(reader).or_default().again;
            let is_read =
                again.is_none_or(|again| again <= now) && self.load(shared, reader, from, now);
            loaded = match loaded {
                Loaded::Something => loaded,
                _ if is_read => Loaded::Something,
                _ => Loaded::Failed,
            };
        }
        loaded
    }

    /// Answers whether the disk could be read.
    fn load(&mut self, shared: &Shared, at: usize, from: Offset, now: Instant) -> bool {
        let reading = self.readers.entry(at).or_default();
        match reading.read(shared, at, from) {
            Ok(blocks) => {
                (reading.failures, reading.again) = (0, None);
                shared.log().read_ahead(at, from, blocks);
                true
            }
            Err(error) => {
                reading.failures += 1;
                reading.again = Some(now + READ_AGAIN);
                shared.telemetry.spool_fault("reading", &error);
                false
            }
        }
    }
}

impl Reading {
    /// The next blocks from `from` on. None: things have changed, and a look will tell.
    fn read(&mut self, shared: &Shared, at: usize, from: Offset) -> io::Result<Vec<Block>> {
        let segment = shared.log().loadable(from);
        match segment {
            Some(segment) if segment.header.base <= from => {
                self.read_from(shared, at, &segment, from)
            }
            Some(segment) => {
                missing(shared, at, from, segment.header.base);
                Ok(Vec::new())
            }
            None => Ok(Vec::new()),
        }
    }

    fn read_from(
        &mut self,
        shared: &Shared,
        at: usize,
        segment: &Segment,
        from: Offset,
    ) -> io::Result<Vec<Block>> {
        let mut walk = match self.walk(shared, segment, from) {
            Ok(walk) => walk,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Trimmed since it was looked up, or taken away by somebody else.
                missing(shared, at, from, segment.end);
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let (mut blocks, mut bytes) = (Vec::new(), 0);
        while bytes < AHEAD {
            match walk.step()? {
                Step::Events(block) if block.end() <= from => {}
                Step::Events(block) => {
                    bytes += block.size();
                    blocks.push(block);
                }
                Step::Damage(damage) => {
                    damaged(shared, &walk, segment, &damage);
                    break;
                }
                Step::Seal | Step::End { .. } => {
                    ended(shared, &walk, segment);
                    break;
                }
            }
        }
        self.place = Some((segment.header.number, walk.leave()));
        Ok(blocks)
    }

    /// The walk that goes on at `from`, or a new one from the segment's beginning.
    fn walk(&mut self, shared: &Shared, segment: &Segment, from: Offset) -> io::Result<Walk> {
        let number = segment.header.number;
        let file = shared.files.open(&segment_name(number))?;
        let mut walk = Walk::new(file, &segment.header, segment.filled, segment.end);
        if self.failures < TRIES {
            walk.stops_at_bad_pages();
        }
        match self.place.take() {
            Some((known, place)) if known == number && place.expected() <= from => {
                walk.go_on(place)
            }
            _ => {}
        }
        Ok(walk)
    }
}

/// Nothing stands where events should be; unless the reader has given them up meanwhile.
fn missing(shared: &Shared, reader: usize, from: Offset, to: Offset) {
    let mut log = shared.log();
    if from < log.readers[reader].cursor.progress.needs() {
        return;
    }
    if log.add_hole(Hole { from, to, reason: DropReason::Damaged }) > 0 {
        let what = format!("offsets {from} to {to}");
        shared.telemetry.spool_damaged(&what, 0, 0, &"nothing is there");
    }
}

/// Told and kept once, whoever comes by later.
fn damaged(shared: &Shared, walk: &Walk, segment: &Segment, damage: &Damage) {
    let (from, to) = (damage.from, damage.to);
    if shared.log().add_hole(Hole { from, to, reason: DropReason::Damaged }) == 0 {
        return;
    }
    let number = segment.header.number;
    let kept = quarantine::copy(&*shared.files, walk.file(), number, damage);
    shared.telemetry.spool_damaged(&segment_name(number), damage.at, damage.size, &kept);
}

/// The walk is over; what should have come then is lost.
fn ended(shared: &Shared, walk: &Walk, segment: &Segment) {
    let (at, from) = walk.place();
    if from < segment.end {
        let size = segment.filled.saturating_sub(at);
        damaged(shared, walk, segment, &Damage { at, size, from, to: segment.end });
    }
}
