//! How a spool is opened: what is known of it, what is found of it, and where it goes on.

use std::io;

use super::{
    DiskFault,
    head::Head,
    log::Log,
    quarantine,
    recovery::{Expected, Recovered, recover},
    state::{self, BLOCK, Found, StateFile, Stored},
};
use crate::{
    model::Offset,
    spool::{DropReason, Files, ReaderSettings, Start, WhenBehind, cursor::Progress, holes::Hole},
    telemetry::Telemetry,
};

/// Offsets end here: web servers read them as doubles.
const LAST: Offset = Offset((1 << 53) - 1);

/// Opens what is in a folder; a new spool begins with the offset `first`.
pub(super) fn open(
    files: &dyn Files,
    telemetry: &Telemetry,
    first: Offset,
) -> Result<Beginning, DiskFault> {
    let opening = Opening { files, telemetry, first };
    let (known, was_lost) = opening.known()?;
    let recovered = recover(files, expected(known.as_ref()), telemetry)?;
    opening.begin(known, recovered, was_lost)
}

/// What is being opened.
struct Opening<'a> {
    files: &'a dyn Files,
    telemetry: &'a Telemetry,
    /// Where a new spool begins.
    first: Offset,
}

/// What a spool begins with.
pub(super) struct Beginning {
    pub(super) id: String,
    pub(super) was_clean: bool,
    pub(super) log: Log,
    pub(super) head: Head,
    pub(super) state: StateFile,
}

impl Opening<'_> {
    /// What is known of the spool, and whether it should be known and is not.
    fn known(&self) -> Result<(Option<Stored>, bool), DiskFault> {
        let found = state::look(self.files);
        match found.map_err(|error| DiskFault::io("reading the state", error))? {
            Found::State(known) => Ok((Some(known), false)),
            Found::Newer(format) => Err(DiskFault::Newer { format }),
            Found::Nothing => Ok((None, false)),
            Found::Damaged => {
                let kept = quarantine::set_aside(self.files, state::NAME);
                self.telemetry.spool_state_lost(&kept);
                Ok((None, true))
            }
        }
    }

    fn begin(
        &self,
        known: Option<Stored>,
        recovered: Recovered,
        was_lost: bool,
    ) -> Result<Beginning, DiskFault> {
        let is_new = known.is_none() && recovered.segments.is_empty() && !was_lost;
        if known.is_none() && !is_new && !was_lost {
            self.telemetry.spool_state_lost(&"there is none");
        }
        let clean = known.as_ref().and_then(|known| known.clean);
        let (end, next) = self.numbering(known.as_ref(), &recovered, is_new);
        let mut log = Log::new(next, next, end);
        let is_doubtful = known.as_ref().is_none_or(|known| known.is_doubtful);
        log.begins_with_oldest = is_doubtful && !is_new;
        let mut id = format!("{:016x}", rand::random::<u64>());
        if let Some(known) = &known {
            id.clone_from(&known.id);
            adopt_upstreams(&mut log, known, next);
            known.holes.iter().for_each(|hole| log.know_hole(*hole));
        }
        let head = Head::new(recovered.next_number, end, next);
        let why = if clean.is_some() { DropReason::Damaged } else { DropReason::Restart };
        let lost = self.fill(&mut log, recovered, Hole { from: end, to: next, reason: why });
        let stored = Stored { reserved: next.plus(BLOCK), ..log.stored(&id, None) };
        let state = self.state(known.is_some(), &stored);
        let state = state.map_err(|error| DiskFault::io("storing the state", error))?;
        log.reserved = stored.reserved;
        Ok(Beginning { id, was_clean: is_new || clean.is_some() && lost == 0, log, head, state })
    }

    /// Gives the log what was found, with a hole behind it; answers how many events are missing that
    /// should have been found.
    fn fill(&self, log: &mut Log, recovered: Recovered, behind: Hole) -> u64 {
        for hole in recovered.holes.iter() {
            log.add_hole(*hole);
        }
        let mut lost = self.miss(log, behind);
        lost += recovered.missing.iter().map(|hole| self.miss(log, *hole)).sum::<u64>();
        log.adopt(recovered.segments);
        if let Some(hole) = log.missing_before() {
            lost += self.miss(log, hole);
        }
        lost
    }

    /// Adds a hole that nobody has told of, and tells of it if events are lost by it; answers how
    /// many.
    fn miss(&self, log: &mut Log, hole: Hole) -> u64 {
        let lost = log.add_hole(hole);
        if lost > 0 {
            let what = format!("offsets {} to {}", hole.from, hole.to);
            self.telemetry.spool_damaged(&what, 0, 0, &"nothing is there");
        }
        lost
    }

    fn state(&self, is_known: bool, stored: &Stored) -> io::Result<StateFile> {
        if !is_known {
            return StateFile::create(self.files, stored);
        }
        let mut state = StateFile::open(self.files)?;
        state.store(stored)?;
        Ok(state)
    }

    /// Where the events end, and where numbering goes on.
    fn numbering(
        &self,
        known: Option<&Stored>,
        recovered: &Recovered,
        is_new: bool,
    ) -> (Offset, Offset) {
        if is_new {
            return (self.first, self.first);
        }
        let Some(known) = known else {
            // Nobody knows what was given out: far more than two blocks it cannot have been.
            let end = recovered.end().unwrap_or(self.first);
            return (end, self.first.max(end.plus(2 * BLOCK)));
        };
        // What somebody has read was there.
        let fallback = known.clean.or_else(|| known.upstreams.values().map(Progress::needs).max());
        let end = recovered.end().or(fallback).unwrap_or(known.reserved);
        (end, known.clean.unwrap_or(known.reserved).max(end))
    }
}

/// What the state says of the segments.
fn expected(known: Option<&Stored>) -> Expected {
    let Some(known) = known else {
        return Expected { reserved: LAST, needed: Offset(0), was_clean: false };
    };
    let needed = known.upstreams.values().map(Progress::needs).min();
    Expected {
        reserved: known.reserved,
        needed: needed.unwrap_or_default(),
        was_clean: known.clean.is_some(),
    }
}

/// Every upstream goes on where it was, whether it is configured or not. One that was skipped when it
/// fell behind still is, after it was taken out of the configuration.
fn adopt_upstreams(log: &mut Log, known: &Stored, next: Offset) {
    for (name, progress) in &known.upstreams {
        let settings = ReaderSettings {
            name: name.clone(),
            start: Start::Now,
            when_behind: progress.max_lag.map_or(WhenBehind::Hold, |_| WhenBehind::Skip),
            max_lag: progress.max_lag.unwrap_or(u64::MAX),
        };
        let cursor = progress.cursor.min(next);
        log.add_reader(settings, Progress { cursor, ..progress.clone() }, false);
    }
}
