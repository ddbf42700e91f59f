//! Reads everything, and says what is not as it was written.

use std::{io, sync::Arc};

use super::{Archive, Condition};
use crate::{
    model::Offset,
    spool::{
        Block, DropReason, File,
        disk::{
            format::{HEADER, Header, HeaderFault, SEAL, segment_number},
            segment::{Segment, read_seal},
            state,
            walk::{Damage, Step, Walk},
        },
    },
};

/// What a check has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Segments that were read.
    pub segments: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Events that are sound.
    pub events: u64,
    /// What is damaged, in order.
    pub damaged: Vec<Finding>,
    /// Segments whose last record was being written when the process or the machine stopped, and
    /// where: the next start cuts it off.
    pub torn: Vec<(String, u64)>,
}

/// A part of the spool that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file; `None` where no file holds what should be there.
    pub file: Option<String>,
    /// Where in the file, in bytes from its beginning.
    pub at: u64,
    /// How many bytes, up to what is sound again.
    pub bytes: u64,
    /// First offset that is lost by it.
    pub from: Offset,
    /// Offset behind the last one that is lost by it; `from` where no event is.
    pub to: Offset,
    /// A start, or an upstream that came by, has found it before: it is told as a gap.
    pub is_known: bool,
    /// What is wrong, in a few words.
    pub what: &'static str,
}

pub(super) fn check(archive: &Archive, read: &mut dyn FnMut(u64)) -> io::Result<Findings> {
    let mut check = Check { archive, read, found: Findings::default() };
    if archive.condition == Condition::StateLost {
        check.damaged(Some(state::NAME), &NO_EVENTS, "it says nothing any more");
    }
    for name in archive.names.iter().filter(|name| segment_number(name).is_some()) {
        check.file(name)?;
    }
    check.missing();
    Ok(check.found)
}

const NO_EVENTS: Damage = Damage { at: 0, size: 0, from: Offset(0), to: Offset(0) };

struct Check<'a> {
    archive: &'a Archive,
    read: &'a mut dyn FnMut(u64),
    found: Findings,
}

impl Check<'_> {
    fn file(&mut self, name: &str) -> io::Result<()> {
        let file = match self.archive.files.open(name) {
            Ok(file) => file,
            // A running gateway has let go of it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let size = file.size()?;
        let mut bytes = [0; HEADER];
        let header = match file.read_at(0, &mut bytes) {
            Ok(read) => Header::decode(&bytes[..read]),
            Err(_) => Err(HeaderFault::Damaged),
        };
        match header {
            Ok(header) if Some(header.number) == segment_number(name) => {
                self.segment(name, &file, &header, size);
            }
            // Ready for what comes next, or never got as far as that.
            Err(HeaderFault::Blank) => {}
            _ => {
                let damage = Damage { size, ..NO_EVENTS };
                self.damaged(Some(name), &damage, "its beginning says nothing any more");
            }
        }
        Ok(())
    }

    fn segment(&mut self, name: &str, file: &Arc<dyn File>, header: &Header, size: u64) {
        self.found.segments += 1;
        self.found.bytes += size;
        let known = self.known(header);
        let sealed = read_seal(&**file, header, size).unwrap_or_default().is_some();
        let bound = match &known {
            Some(segment) if sealed => segment.end,
            _ => self.bound(header),
        };
        let mut walk = Walk::new(Arc::clone(file), header, size, bound);
        let mut read = 0;
        let mut is_fresh = true;
        loop {
            let before = walk.place();
            let step = walk.step();
            let place = walk.place().0;
            (self.read)(place.saturating_sub(read));
            read = read.max(place);
            match step {
                Ok(Step::Events(block)) => self.block(name, before.0, &block),
                // What a gateway was just writing is whole when it is read again.
                Ok(Step::Damage(_)) if self.is_running() && !sealed && is_fresh => {
                    walk = Walk::new(Arc::clone(file), header, size, bound);
                    walk.seek(before.0, before.1);
                    is_fresh = false;
                    continue;
                }
                Ok(Step::Damage(damage)) => {
                    self.damaged(Some(name), &damage, "it is not what was written");
                }
                Ok(Step::Seal) => break,
                Ok(Step::End { torn }) => {
                    let torn = torn || holds_anything(&**file, walk.place().0);
                    self.ended(name, &walk, known.as_ref().filter(|_| sealed), size, torn);
                    break;
                }
                Err(_) => {
                    let to = known.map_or(before.1, |segment| segment.end);
                    let damage = Damage { at: before.0, size: size - before.0, from: before.1, to };
                    self.damaged(Some(name), &damage, "it cannot be read");
                    break;
                }
            }
            is_fresh = true;
        }
        (self.read)(size.saturating_sub(read));
    }

    /// The frames are over; `sealed` says what should have come.
    fn ended(&mut self, name: &str, walk: &Walk, sealed: Option<&Segment>, size: u64, torn: bool) {
        let (at, from) = walk.place();
        let rest = size.saturating_sub(at);
        match sealed {
            Some(segment) if from < segment.end => {
                let damage = Damage { at, size: rest, from, to: segment.end };
                self.damaged(Some(name), &damage, "its end is not what was written");
            }
            None if torn && self.archive.condition == Condition::Clean => {
                let damage = Damage { at, size: rest, from, to: from };
                self.damaged(Some(name), &damage, "its end is not what was written");
            }
            None if torn && !self.is_running() => self.found.torn.push((name.to_owned(), at)),
            _ => {}
        }
    }

    /// A sound frame.
    fn block(&mut self, name: &str, at: u64, block: &Block) {
        let events = block.events().count() as u64;
        self.found.events += events;
        if !block.is_delivered() && events < u64::from(block.count()) {
            let from = block.base().plus(events);
            let damage = Damage { at, size: block.size() as u64, from, to: block.end() };
            self.damaged(Some(name), &damage, "it holds no events that this version knows");
        }
    }

    /// Offsets that nobody has known to be missing, and that no file holds.
    fn missing(&mut self) {
        for hole in self.archive.holes() {
            let is_damage = hole.reason == DropReason::Damaged;
            let is_found = self.found.damaged.iter().any(|f| f.from < hole.to && hole.from < f.to);
            if is_damage && !is_found && !self.is_known(hole.from, hole.to) {
                let damage = Damage { from: hole.from, to: hole.to, ..NO_EVENTS };
                self.damaged(None, &damage, "no file holds them");
            }
        }
    }

    fn damaged(&mut self, file: Option<&str>, damage: &Damage, what: &'static str) {
        let (from, to) = (damage.from, damage.to);
        self.found.damaged.push(Finding {
            file: file.map(str::to_owned),
            at: damage.at,
            bytes: damage.size,
            from,
            to,
            is_known: from < to && self.is_known(from, to),
            what,
        });
    }

    fn is_known(&self, from: Offset, to: Offset) -> bool {
        let stored = self.archive.known.as_ref().map_or(&[][..], |known| &known.holes);
        stored.iter().any(|hole| hole.from <= from && to <= hole.to)
    }

    fn is_running(&self) -> bool {
        self.archive.condition == Condition::Running
    }

    /// The segment as a start would take it; `None` if it would pass it over.
    fn known(&self, header: &Header) -> Option<Segment> {
        let mut segments = self.archive.log.segments.iter();
        segments.find(|segment| segment.header.number == header.number).copied()
    }

    /// Where the offsets of a segment end that was not closed: after a failed sync its events were
    /// written once more, to a later one.
    fn bound(&self, header: &Header) -> Offset {
        let later = |segment: &&Segment| segment.header.number > header.number;
        let next = self.archive.log.segments.iter().find(later);
        let reserved = self.archive.reserved().unwrap_or(Offset::END);
        next.map_or(reserved.max(header.base), |next| next.header.base)
    }
}

/// Whether there are bytes behind the last frame: of a seal that is none any more, where no other
/// can be.
fn holds_anything(file: &dyn File, at: u64) -> bool {
    let mut bytes = [0; SEAL];
    let read = file.read_at(at, &mut bytes).unwrap_or_default();
    bytes[..read].iter().any(|byte| *byte != 0)
}
