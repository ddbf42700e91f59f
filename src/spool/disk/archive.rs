//! A spool's folder as it lies there, for those who want to look into it: nothing is changed, and
//! no lock is needed.
//!
//! What is found is what the next start would find. Of a folder that a gateway works with that is
//! what stood in the files at the moment of the look: events of the last `commit_interval`, and how
//! far upstreams have come in the last 200 ms, may be missing.

mod change;
mod check;
mod reading;
mod shadow;
#[cfg(test)]
mod tests;

use std::{fmt, io, sync::Arc};

use self::shadow::Shadow;
use super::{
    DiskFault,
    format::{FORMAT, segment_name, segment_number},
    log::Log,
    opening,
    segment::Segment,
    state::{self, Found, Stored},
};
use crate::{
    model::{Offset, UnixMillis},
    spool::{DropReason, Files, Ledger, holes::Hole},
    telemetry::Telemetry,
};

pub(super) use change::check_rewind;
pub use change::{ChangeFault, Forgotten, Rewound, forget, rewind};
pub use check::{Finding, Findings};
pub use reading::{Piece, Reading};

/// A folder that changes while it is looked at is looked at again so often.
const LOOKS: u32 = 20;

/// What a spool's folder holds.
#[derive(Debug)]
pub struct Archive {
    files: Arc<dyn Files>,
    names: Vec<String>,
    known: Option<Stored>,
    condition: Condition,
    /// As a start would have it.
    log: Log,
}

/// How the folder was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// A gateway works with it.
    Running,
    /// The last stop was in good order.
    Clean,
    /// There was no stop in good order; the next start puts right what that has left.
    Unclean,
    /// What is known beside the events is lost: every upstream begins with the oldest event.
    StateLost,
}

/// A segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFacts {
    /// Its file.
    pub file: String,
    /// Offset of its first event.
    pub base: Offset,
    /// Offset behind its last event.
    pub end: Offset,
    /// Bytes of the file.
    pub bytes: u64,
    /// When it was begun.
    pub made: UnixMillis,
}

/// An upstream's place in the spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamFacts {
    /// Its name.
    pub name: String,
    /// First offset that it has not acknowledged.
    pub cursor: Offset,
    /// Below this its events are gone; not above the cursor where none is missing.
    pub floor: Offset,
    /// Why the last of the events below the floor are gone; says nothing where none was dropped.
    pub floor_reason: DropReason,
    /// Received, delivered, waiting, dropped, over all starts.
    pub ledger: Ledger,
}

/// Why a folder cannot be looked into.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveFault {
    /// There is no spool.
    #[error("the folder holds no spool")]
    Nothing,
    /// A later format, or a file system that does not let us look.
    #[error(transparent)]
    Disk(#[from] DiskFault),
}

impl Archive {
    /// Looks into a folder; `is_running` says that somebody works with it. Costs about as much as a
    /// start: the segment that was written last is read, of the others only both ends.
    ///
    /// # Errors
    /// There is no spool, a later version has written it, or it cannot be read.
    pub fn look(files: Arc<dyn Files>, is_running: bool) -> Result<Self, ArchiveFault> {
        let mut looks = 1;
        loop {
            let look = Self::look_once(&files, is_running);
            // Files that go, and a tail that is being written, are no fault of a running gateway.
            let may_pass = match &look {
                Ok(archive) => !archive.is_whole(),
                Err(ArchiveFault::Disk(DiskFault::Io { error, .. })) => {
                    error.kind() == io::ErrorKind::NotFound
                }
                Err(_) => false,
            };
            if !is_running || !may_pass || looks == LOOKS {
                return look;
            }
            looks += 1;
        }
    }

    fn look_once(files: &Arc<dyn Files>, is_running: bool) -> Result<Self, ArchiveFault> {
        // The state first: what it says was acknowledged stands in the files.
        let found =
            state::look(&**files).map_err(|error| DiskFault::io("reading the state", error))?;
        let mut names =
            files.names().map_err(|error| DiskFault::io("listing the folder", error))?;
        names.sort_unstable();
        let is_empty = !names.iter().any(|name| segment_number(name).is_some());
        let (known, condition) = match found {
            Found::Nothing if is_empty => return Err(ArchiveFault::Nothing),
            Found::Newer(format) => return Err(DiskFault::Newer { format }.into()),
            Found::Nothing | Found::Damaged => (None, Condition::StateLost),
            Found::State(known) if is_running => (Some(known), Condition::Running),
            Found::State(known) if known.clean.is_some() => (Some(known), Condition::Clean),
            Found::State(known) => (Some(known), Condition::Unclean),
        };
        let shadow = Shadow::of(Arc::clone(files));
        let log = opening::open(&shadow, &Telemetry::discarding(), Offset(0))?.log;
        Ok(Self { files: Arc::clone(files), names, known, condition, log })
    }

    /// Whether all that was stored as waiting is there, and nothing looks damaged that may merely
    /// have been half-written when it was read.
    fn is_whole(&self) -> bool {
        let Some(known) = &self.known else { return false };
        let is_known =
            |hole: &Hole| known.holes.iter().any(|k| k.from <= hole.from && hole.to <= k.to);
        self.holes().iter().filter(|hole| hole.reason == DropReason::Damaged).all(is_known)
    }

    /// The format that its segments are written in; older ones are read.
    pub fn format(&self) -> u32 {
        self.known.as_ref().map_or(FORMAT, |known| known.format)
    }

    /// The word that web servers see in `hello`; `None` where the state is lost.
    pub fn id(&self) -> Option<&str> {
        self.known.as_ref().map(|known| known.id.as_str())
    }

    /// How it was left.
    pub fn condition(&self) -> Condition {
        self.condition
    }

    /// Offset of the oldest event that is kept; of the next one where there is none.
    pub fn oldest(&self) -> Offset {
        self.log.segments.front().map_or(self.next(), |oldest| oldest.header.base)
    }

    /// Offset behind the last event that is kept.
    pub fn end(&self) -> Offset {
        self.log.segments.back().map_or(self.next(), |newest| newest.end)
    }

    /// The offset that the next event gets: after a stop that was not in good order that is the
    /// end of what was reserved, and of a running gateway one that may be given out already.
    pub fn next(&self) -> Offset {
        match self.condition {
            Condition::Running => {
                self.log.segments.back().map_or(self.log.needed(), |newest| newest.end)
            }
            _ => self.log.next,
        }
    }

    /// Offsets below this may have been given out; `None` where the state is lost.
    pub fn reserved(&self) -> Option<Offset> {
        self.known.as_ref().map(|known| known.reserved)
    }

    /// Whether nothing was ever let go of: the oldest event is the first one of all.
    pub fn is_from_the_beginning(&self) -> bool {
        self.log.segments.front().is_some_and(|oldest| oldest.header.number == 1)
    }

    /// The segments with events, the oldest first.
    pub fn segments(&self) -> Vec<SegmentFacts> {
        let facts = |segment: &Segment| SegmentFacts {
            file: segment_name(segment.header.number),
            base: segment.header.base,
            end: segment.end,
            bytes: segment.bytes,
            made: segment.header.made,
        };
        self.log.segments.iter().map(facts).collect()
    }

    /// All upstreams that were ever configured and not forgotten, by name.
    pub fn upstreams(&self) -> Vec<UpstreamFacts> {
        let readers = self.log.readers.iter().map(|reader| {
            let progress = &reader.cursor.progress;
            UpstreamFacts {
                name: reader.cursor.settings.name.clone(),
                cursor: progress.cursor,
                floor: progress.floor,
                floor_reason: progress.floor_reason,
                ledger: progress.ledger(self.log.next, &self.log.holes),
            }
        });
        readers.collect()
    }

    /// The upstream of this name.
    pub fn upstream(&self, name: &str) -> Option<UpstreamFacts> {
        self.upstreams().into_iter().find(|upstream| upstream.name == name)
    }

    /// Offsets below [`Archive::end`] that have no event, in order.
    pub fn holes(&self) -> Vec<Hole> {
        let end = self.end();
        let all = self
            .log
            .holes
            .iter()
            .filter(|hole| hole.from < end || hole.reason == DropReason::Damaged);
        all.copied().collect()
    }

    /// Files that damaged bytes were put into, with their sizes.
    pub fn quarantine(&self) -> Vec<(String, u64)> {
        let names = self.names.iter().filter(|name| name.starts_with("quarantine-"));
        let size = |name: &str| self.files.open(name).and_then(|file| file.size());
        names.map(|name| (name.clone(), size(name).unwrap_or_default())).collect()
    }

    /// Bytes of all files of segments, those with no event yet among them.
    pub fn disk_bytes(&self) -> u64 {
        let names = self.names.iter().filter(|name| segment_number(name).is_some());
        let size = |name: &String| self.files.open(name).and_then(|file| file.size());
        names.map(|name| size(name).unwrap_or_default()).sum()
    }

    /// Events and gaps from `from` on, in order, up to [`Archive::end`].
    pub fn read(&self, from: Offset) -> Reading<'_> {
        Reading::new(self, from)
    }

    /// Reads every segment and checks every checksum; `read` hears how many bytes were read since
    /// it heard last.
    ///
    /// # Errors
    /// A file system that does not let us look at all; what it cannot read of a file is a finding.
    pub fn check(&self, read: &mut dyn FnMut(u64)) -> io::Result<Findings> {
        check::check(self, read)
    }

    /// The first event that was taken at `time` or later; [`Archive::end`] if none was. Where the
    /// clock went back between two events, the earlier one counts.
    ///
    /// # Errors
    /// The segment that should hold it cannot be read.
    pub fn first_since(&self, time: UnixMillis) -> io::Result<Offset> {
        // A segment is closed after the last of its events was taken.
        let is_before = |segment: &&Segment| segment.sealed.is_some_and(|sealed| sealed < time);
        let earlier = self.log.segments.iter().take_while(is_before);
        let from = earlier.last().map_or(self.oldest(), |segment| segment.end);
        let mut reading = self.read(from);
        while let Some(piece) = reading.next()? {
            let Piece::Events(block) = piece else { continue };
            let found = block.events().find(|(_, event)| event.time() >= time);
            if let Some((offset, _)) = found {
                return Ok(offset);
            }
        }
        Ok(self.end())
    }

    /// When the event at `offset`, or the next one behind it, was taken.
    ///
    /// # Errors
    /// The segment that holds it cannot be read.
    pub fn time_of(&self, offset: Offset) -> io::Result<Option<UnixMillis>> {
        let mut reading = self.read(offset);
        while let Some(piece) = reading.next()? {
            let Piece::Events(block) = piece else { continue };
            if let Some((_, event)) = block.events().skip_to(offset).next() {
                return Ok(Some(event.time()));
            }
        }
        Ok(None)
    }

    /// When the last event was taken.
    ///
    /// # Errors
    /// The newest segment cannot be read.
    pub fn newest_time(&self) -> io::Result<Option<UnixMillis>> {
        let Some(newest) = self.log.segments.back() else { return Ok(None) };
        let mut last = None;
        let mut reading = self.read(newest.header.base);
        while let Some(piece) = reading.next()? {
            if let Piece::Events(block) = piece {
                last = block.events().last().map(|(_, event)| event.time()).or(last);
            }
        }
        Ok(last)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Clean => "clean",
            Self::Unclean => "unclean",
            Self::StateLost => "state_lost",
        })
    }
}
