use std::io;

use super::Archive;
use crate::{
    model::Offset,
    spool::{
        Block, DropReason,
        disk::{
            format::segment_name,
            segment::Segment,
            walk::{Step, Walk},
        },
        holes::Hole,
    },
};

/// What stands next in an [`Archive`].
#[derive(Clone, Debug)]
pub enum Piece {
    /// Events with consecutive offsets; the first of them may lie before the offset asked for.
    Events(Block),
    /// Offsets without an event.
    Hole(Hole),
}

/// A walk over the events of an [`Archive`], which holds about a MiB of them in memory.
#[derive(Debug)]
pub struct Reading<'a> {
    archive: &'a Archive,
    /// What comes next has this offset.
    at: Offset,
    open: Option<Open>,
    /// Bytes of the segments that are done with.
    passed: u64,
    vanished: Vec<Hole>,
}

#[derive(Debug)]
struct Open {
    segment: Segment,
    walk: Walk,
}

impl<'a> Reading<'a> {
    pub(super) fn new(archive: &'a Archive, from: Offset) -> Self {
        let at = from.max(archive.oldest());
        Self { archive, at, open: None, passed: 0, vanished: Vec::new() }
    }

    /// Bytes of segments that it has come past since it began.
    pub fn bytes(&self) -> u64 {
        let within = self.open.as_ref().map_or(0, |open| open.walk.place().0);
        self.passed + within
    }

    /// Offsets that a running gateway has let go of before they could be read. They are passed over
    /// without a word.
    pub fn vanished(&self) -> &[Hole] {
        &self.vanished
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// A file cannot be read at all. Asked again, it goes on behind that file.
    #[allow(clippy::should_implement_trait)] // it can fail, and borrows
    pub fn next(&mut self) -> io::Result<Option<Piece>> {
        while self.at < self.archive.end() {
            if let Some(hole) = self.archive.log.holes.at(self.at).copied() {
                return Ok(Some(self.pass(hole.to, hole.reason)));
            }
            if self.open.as_ref().is_none_or(|open| open.segment.end <= self.at) {
                match self.open_next()? {
                    Some(open) => self.open = Some(open),
                    None => continue,
                }
            }
            if let Some(piece) = self.step()? {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }

    /// Opens the segment that comes next. None: it is gone, and passed over.
    fn open_next(&mut self) -> io::Result<Option<Open>> {
        if let Some(done) = self.open.take() {
            self.passed += done.segment.bytes;
        }
        let Some(segment) = self.archive.log.loadable(self.at) else {
            self.at = self.archive.end();
            return Ok(None);
        };
        self.at = self.at.max(segment.header.base);
        match self.archive.files.open(&segment_name(segment.header.number)) {
            Ok(file) => {
                let walk = Walk::new(file, &segment.header, segment.filled, segment.end);
                Ok(Some(Open { segment, walk }))
            }
            Err(error) => {
                let from = std::mem::replace(&mut self.at, segment.end);
                if error.kind() != io::ErrorKind::NotFound {
                    return Err(error);
                }
                self.passed += segment.bytes;
                let reason = DropReason::Skipped;
                self.vanished.push(Hole { from, to: segment.end, reason });
                Ok(None)
            }
        }
    }

    fn step(&mut self) -> io::Result<Option<Piece>> {
        let Some(Open { segment, walk }) = &mut self.open else { return Ok(None) };
        let end = segment.end;
        match walk.step() {
            Ok(Step::Events(block)) if block.end() <= self.at => Ok(None),
            Ok(Step::Events(block)) => {
                self.at = block.end();
                Ok(Some(Piece::Events(block)))
            }
            Ok(Step::Damage(damage)) if damage.to <= self.at => Ok(None),
            Ok(Step::Damage(damage)) => Ok(Some(self.pass(damage.to, DropReason::Damaged))),
            Ok(Step::Seal | Step::End { .. }) => Ok(Some(self.pass(end, DropReason::Damaged))),
            Err(error) => {
                self.at = end;
                Err(error)
            }
        }
    }

    fn pass(&mut self, to: Offset, reason: DropReason) -> Piece {
        let from = std::mem::replace(&mut self.at, to);
        Piece::Hole(Hole { from, to, reason })
    }
}
