//! Reads for those who are behind, on a thread of its own: a disk that has to seek keeps nobody
//! else waiting.

use std::{collections::HashMap, io, sync::Arc};

use super::{
    Shared,
    format::segment_name,
    log::AHEAD,
    quarantine,
    segment::Segment,
    walk::{Damage, Step, Walk},
};
use crate::{
    model::Offset,
    spool::{Block, DropReason, File, holes::Hole},
};

/// Where each reader's reading goes on.
#[derive(Debug, Default)]
pub(super) struct Loader {
    walks: HashMap<usize, Reading>,
}

/// A walk through one segment.
#[derive(Debug)]
struct Reading {
    number: u64,
    file: Arc<dyn File>,
    walk: Walk,
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
    /// Reads the next piece for everybody who wants one.
    pub(super) fn turn(&mut self, shared: &Shared) -> Loaded {
        let wanted = shared.log().wanted();
        let mut loaded = Loaded::Nothing;
        for (reader, from) in wanted {
            loaded = match self.load(shared, reader, from) {
                Ok(()) if loaded != Loaded::Failed => Loaded::Something,
                Ok(()) => loaded,
                Err(error) => {
                    self.walks.remove(&reader);
                    shared.telemetry.spool_fault("reading", &error);
                    Loaded::Failed
                }
            };
        }
        loaded
    }

    fn load(&mut self, shared: &Shared, reader: usize, from: Offset) -> io::Result<()> {
        let segment = shared.log().segment_with(from);
        let blocks = match segment {
            Some(segment) if segment.header.base <= from => {
                self.read(shared, reader, &segment, from)?
            }
            Some(segment) => self.missing(shared, from, segment.header.base),
            None => Vec::new(),
        };
        shared.log().read_ahead(reader, from, blocks);
        Ok(())
    }

    fn read(
        &mut self,
        shared: &Shared,
        reader: usize,
        segment: &Segment,
        from: Offset,
    ) -> io::Result<Vec<Block>> {
        let reading = match self.reading(shared, reader, segment, from) {
            Ok(reading) => reading,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Trimmed since it was looked up, or taken away by somebody else.
                let is_known =
                    shared.log().segment_with(from).is_some_and(|s| s.header == segment.header);
                return Ok(match is_known {
                    true => self.missing(shared, from, segment.end),
                    false => Vec::new(),
                });
            }
            Err(error) => return Err(error),
        };
        let (mut blocks, mut bytes) = (Vec::new(), 0);
        while bytes < AHEAD {
            match reading.walk.step()? {
                Step::Events(block) if block.end() <= from => {}
                Step::Events(block) => {
                    bytes += block.size();
                    blocks.push(block);
                }
                Step::Damage(damage) => {
                    reading.damaged(shared, &damage);
                    break;
                }
                Step::Seal | Step::End { .. } => {
                    reading.ended(shared, segment);
                    break;
                }
            }
        }
        Ok(blocks)
    }

    /// The walk that goes on at `from`, or a new one from the segment's beginning.
    fn reading(
        &mut self,
        shared: &Shared,
        reader: usize,
        segment: &Segment,
        from: Offset,
    ) -> io::Result<&mut Reading> {
        let number = segment.header.number;
        let goes_on = |known: &Reading| known.number == number && known.walk.place().1 <= from;
        if !self.walks.get(&reader).is_some_and(goes_on) {
            let file = shared.files.open(&segment_name(number))?;
            let walk = Walk::new(Arc::clone(&file), &segment.header, segment.filled, segment.end);
            self.walks.insert(reader, Reading { number, file, walk });
        }
        let reading = self.walks.get_mut(&reader).ok_or(io::ErrorKind::NotFound)?;
        reading.walk.extend(segment.filled, segment.end);
        Ok(reading)
    }

    fn missing(&self, shared: &Shared, from: Offset, to: Offset) -> Vec<Block> {
        let lost = shared.log().add_hole(Hole { from, to, reason: DropReason::Damaged });
        // Reading ahead may have met a jump, which is known.
        if lost > 0 {
            let place = format!("offsets {from} to {to}");
            shared.telemetry.spool_damaged(&place, 0, 0, &"nothing is there");
        }
        Vec::new()
    }
}

impl Reading {
    /// What was known before is passed over in silence.
    fn damaged(&self, shared: &Shared, damage: &Damage) {
        let (from, to) = (damage.from, damage.to);
        let lost = shared.log().add_hole(Hole { from, to, reason: DropReason::Damaged });
        if lost == 0 {
            return;
        }
        let kept = quarantine::copy(&*shared.files, &*self.file, self.number, damage);
        let name = segment_name(self.number);
        shared.telemetry.spool_damaged(&name, damage.at, damage.size, &kept);
    }

    /// The walk is over; what should have come then is lost.
    fn ended(&self, shared: &Shared, segment: &Segment) {
        let (at, from) = self.walk.place();
        if from < segment.end {
            let size = segment.filled.saturating_sub(at);
            self.damaged(shared, &Damage { at, size, from, to: segment.end });
        }
    }
}
