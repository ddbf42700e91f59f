//! What one thread does for the spool, again and again: write, sync, make room, give room back,
//! remember. Everything takes the clock as an argument, so that tests can drive it by hand.

use std::{
    io,
    time::{Duration, Instant},
};

use super::{
    Shared,
    fault::is_full,
    requests::{Answer, Requests},
    segment::{Open, Spare},
    state::{BLOCK, StateFile, Stored},
};
use crate::{
    model::{Offset, UnixMillis},
    spool::WhenFull,
};

/// Cursors are stored at most so often; what is sent again after a crash has its old offset.
const STORE_EVERY: Duration = Duration::from_millis(200);

/// The smallest segment that is made where there is no room for a larger one, in bytes.
const SMALLEST: u64 = 1 << 20;

/// A disk that has failed, or is full, is tried again after so long.
pub(super) const REST: Duration = Duration::from_secs(1);

/// A disk that fails at the end is tried so often.
const CLOSING_TRIES: u32 = 3;

/// What the writer remembers between two turns.
#[derive(Debug)]
pub(super) struct Writer {
    state: StateFile,
    requests: Requests,
    stored: Option<Instant>,
    /// When to try for another segment, after there was no room for one.
    try_again: Option<Instant>,
    /// Why there was none, to tell it once.
    told_full: bool,
    /// The state could not be stored, and is not tried again before this moment.
    state_rests: Option<Instant>,
    /// Files that could not be removed are not tried again before this moment.
    sweeps_rest: Option<Instant>,
}

/// When the writer wants its next turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// When there is something to do.
    Idle,
    /// After so long, whatever comes.
    For(Duration),
    /// When there is something to do, and after so long at the latest.
    Within(Duration),
}

impl Writer {
    pub(super) fn new(state: StateFile) -> Self {
        Self {
            state,
            requests: Requests::default(),
            stored: None,
            try_again: None,
            told_full: false,
            state_rests: None,
            sweeps_rest: None,
        }
    }

    /// One turn. Never fails: what goes wrong is told, and tried again.
    pub(super) fn turn(&mut self, shared: &Shared, now: Instant, wall: UnixMillis) -> Rest {
        self.reserve(shared, now);
        if shared.is_due(now) {
            shared.write(now);
        }
        shared.sync(now, wall);
        shared.log().skip_those_behind(shared.settings.most_lag());
        if shared.log().full {
            shared.retire(now, wall);
        }
        self.trim(shared, wall, shared.settings.retain, now);
        self.sweep(shared, now);
        self.make_room(shared, now, wall);
        // With a new segment, what did not fit before fits now, and has waited long enough.
        let written = shared.log().written;
        if shared.is_due(now) {
            shared.write(now);
        }
        if shared.log().written > written {
            shared.sync(now, wall);
        }
        self.heed_requests(shared, now);
        self.remember(shared, now);
        shared.settle();
        self.rest(shared, now)
    }

    fn rest(&self, shared: &Shared, now: Instant) -> Rest {
        let head = shared.head();
        let log = shared.log();
        if head.rest_until.is_some() {
            return Rest::For(REST / 4);
        }
        if log.full {
            return Rest::Within(REST / 4);
        }
        let interval = shared.settings.commit_interval;
        if log.unsynced() > 0 || !head.full.is_empty() || head.spare.is_none() {
            return Rest::For(interval);
        }
        if let Some(waited) = log.waited(now) {
            // What should have been written and was not is tried again.
            return Rest::For(
                interval.checked_sub(waited).filter(|r| !r.is_zero()).unwrap_or(interval),
            );
        }
        if log.is_dirty {
            let since = self.stored.map_or(STORE_EVERY, |stored| now.duration_since(stored));
            // Events that come meanwhile are not to wait for it.
            return Rest::Within(STORE_EVERY.saturating_sub(since).max(interval));
        }
        if !head.left_over.is_empty() {
            return Rest::For(REST);
        }
        match shared.settings.retain.is_zero() || log.segments.len() < 2 {
            true => Rest::Idle,
            false => Rest::Within(REST),
        }
    }

    /// Keeps half a block of offsets ahead of those that are given out. Until it is stored, nobody
    /// counts on it.
    fn reserve(&mut self, shared: &Shared, now: Instant) {
        let (state, reserved) = {
            let log = shared.log();
            if log.reserved.since(log.next) > BLOCK / 2 {
                return;
            }
            let reserved = log.reserved.max(log.next).plus(BLOCK);
            (Stored { reserved, ..log.stored(&shared.id, None) }, reserved)
        };
        if self.put_state(shared, &state, now) {
            shared.log().reserve(reserved);
        }
    }

    fn put_state(&mut self, shared: &Shared, state: &Stored, now: Instant) -> bool {
        if self.state_rests.is_some_and(|until| now < until) {
            return false;
        }
        let stored = self.state.store(state);
        self.state_rests = stored.is_err().then(|| now + REST);
        if let Err(error) = &stored {
            shared.telemetry.spool_fault("storing the state", error);
        }
        stored.is_ok()
    }

    /// Removes what could not be removed before.
    fn sweep(&mut self, shared: &Shared, now: Instant) {
        let mut head = shared.head();
        if head.left_over.is_empty() || self.sweeps_rest.is_some_and(|until| now < until) {
            return;
        }
        head.sweep(&*shared.files);
        self.sweeps_rest = Some(now + REST);
    }

    /// Has a segment ready for when the current one is full, large enough for what waits; gives up
    /// the oldest events for it where that is the policy.
    fn make_room(&mut self, shared: &Shared, now: Instant, wall: UnixMillis) {
        let least = shared.log().next_to_write().map_or(0, Open::least_for);
        let size = shared.settings.segment.max(least);
        let (is_ready, rests) = {
            let head = shared.head();
            let is_ready = head.spare.as_ref().is_some_and(|spare| spare.size >= least);
            (is_ready, head.rest_until.is_some_and(|until| now < until))
        };
        if is_ready {
            if !rests {
                self.has_room(shared);
            }
            return;
        }
        if self.try_again.is_some_and(|again| now < again) {
            return;
        }
        loop {
            let fault = match self.room_for_one(shared, size) {
                Ok(()) => match self.make_some_spare(shared, size, least) {
                    Ok(()) => return self.has_room(shared),
                    Err(error) => error,
                },
                Err(full) => full,
            };
            if !is_full(&fault) {
                shared.telemetry.spool_fault("making a segment", &fault);
                self.try_again = Some(now + REST);
                return;
            }
            // What is kept for a rewind only goes first, then what policy gives up.
            if self.trim(shared, wall, Duration::ZERO, now)
                || shared.let_go_of_superseded()
                || self.skip_oldest(shared, wall, now)
                || !shared.head().keeps_superseded() && self.give_up_oldest(shared, wall, now)
            {
                continue;
            }
            self.has_no_room(shared, &fault);
            self.try_again = Some(now + REST);
            return;
        }
    }

    /// What is larger than all that may be held is held alone.
    fn room_for_one(&self, shared: &Shared, size: u64) -> io::Result<()> {
        let log = shared.log();
        match log.disk_bytes() + size > shared.settings.max_size && log.segments.len() > 1 {
            true => Err(io::Error::new(io::ErrorKind::StorageFull, "max_size is reached")),
            false => Ok(()),
        }
    }

    /// Makes the next segment; a smaller one, but none below `least`, where the disk has no room for
    /// one of the usual size.
    fn make_some_spare(&self, shared: &Shared, size: u64, least: u64) -> io::Result<()> {
        let least = least.max(SMALLEST);
        let mut size = size;
        loop {
            match self.make_spare(shared, size) {
                Err(error) if is_full(&error) && size / 2 >= least => size = (size / 2) & !4095,
                made => return made,
            }
        }
    }

    fn make_spare(&self, shared: &Shared, size: u64) -> io::Result<()> {
        let number = {
            let mut head = shared.head();
            head.let_go_of_spare(&*shared.files);
            head.next_number
        };
        let spare = Spare::make(&*shared.files, number, size);
        let mut head = shared.head();
        // A number is used once, whatever came of it.
        head.next_number = number + 1;
        match &spare {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                head.remove(&*shared.files, number);
            }
            _ => {}
        }
        head.spare = Some(spare?);
        Ok(())
    }

    fn has_room(&mut self, shared: &Shared) {
        self.try_again = None;
        self.told_full = false;
        shared.log().full = false;
    }

    fn has_no_room(&mut self, shared: &Shared, why: &io::Error) {
        shared.log().full = true;
        if !std::mem::replace(&mut self.told_full, true) {
            shared.telemetry.spool_full(why);
        }
    }

    /// Who may be skipped holds nobody up, whether it is `max_size` or the file system that is full.
    fn skip_oldest(&mut self, shared: &Shared, wall: UnixMillis, now: Instant) -> bool {
        let is_free = shared.log().skip_oldest();
        is_free && self.trim(shared, wall, Duration::ZERO, now)
    }

    fn give_up_oldest(&mut self, shared: &Shared, wall: UnixMillis, now: Instant) -> bool {
        let gives_up = shared.settings.when_full == WhenFull::DropOldest;
        gives_up && shared.log().drop_oldest() && self.trim(shared, wall, Duration::ZERO, now)
    }

    /// Does what other processes ask for, and stores it before it says so.
    fn heed_requests(&mut self, shared: &Shared, now: Instant) {
        let Some(taken) = self.requests.take(&*shared.files, now) else { return };
        let mut answer = taken.carry_out(shared);
        if !matches!(answer, Answer::Refused(_)) && !self.store(shared, None, now) {
            let why = "it is done, and the disk refuses to remember it; see the log";
            answer = Answer::Refused(why.to_owned());
        }
        if let Err(error) = taken.answer(&*shared.files, &answer) {
            shared.telemetry.spool_fault("answering a request", &error);
        }
    }

    /// Makes safe who reads.
    pub(super) fn begin(&mut self, shared: &Shared, now: Instant) -> io::Result<()> {
        let is_known = !shared.log().is_dirty || self.store(shared, None, now);
        is_known.then_some(()).ok_or_else(|| io::Error::other("the state could not be stored"))
    }

    /// Stores how far everybody is, now and then.
    fn remember(&mut self, shared: &Shared, now: Instant) {
        let is_due = self.stored.is_none_or(|stored| now.duration_since(stored) >= STORE_EVERY);
        if is_due && shared.log().is_dirty {
            self.stored = Some(now);
            self.store(shared, None, now);
        }
    }

    /// Stores how far everybody is; answers whether that is safe now.
    pub(super) fn store(&mut self, shared: &Shared, clean: Option<Offset>, now: Instant) -> bool {
        let state = {
            let mut log = shared.log();
            log.is_dirty = false;
            log.stored(&shared.id, clean)
        };
        let is_stored = self.put_state(shared, &state, now);
        shared.log().is_dirty |= !is_stored;
        is_stored
    }

    /// Removes segments that nobody needs and that were closed `kept` ago; answers whether there
    /// were any. Who has read how far is stored before, or a crash would make a hole of them.
    fn trim(&mut self, shared: &Shared, wall: UnixMillis, kept: Duration, now: Instant) -> bool {
        // Meanwhile somebody may read on; that is not stored yet.
        let count = shared.log().trimmable(wall, kept);
        if count == 0 || !self.store(shared, None, now) {
            return false;
        }
        let numbers = shared.log().trim(count);
        let mut head = shared.head();
        numbers.iter().for_each(|number| head.remove(&*shared.files, *number));
        self.try_again = None;
        !numbers.is_empty()
    }

    /// The last turn: everything is written and safe, and the next start goes on where this ends.
    /// Answers whether that is so.
    pub(super) fn close(&mut self, shared: &Shared, now: Instant, wall: UnixMillis) -> bool {
        shared.log().is_closed = true;
        let mut is_whole = false;
        for _ in 0..CLOSING_TRIES {
            self.write_all(shared, now, wall);
            is_whole = shared.finish(now, wall);
            if is_whole {
                break;
            }
        }
        let clean = is_whole.then(|| shared.log().next);
        let is_stored = (0..CLOSING_TRIES).any(|_| {
            self.state_rests = None;
            self.store(shared, clean, now)
        });
        is_stored && is_whole
    }

    /// Turns until everything is written, or nothing moves any more.
    pub(super) fn write_all(&mut self, shared: &Shared, now: Instant, wall: UnixMillis) {
        let mut tries = 0;
        shared.log().spares_the_disk = false;
        while tries < CLOSING_TRIES {
            let written = shared.log().written;
            shared.head().rest_until = None;
            (self.try_again, self.state_rests) = (None, None);
            self.turn(shared, now, wall);
            let log = shared.log();
            if !log.has_to_write() {
                return;
            }
            tries = if log.written > written { 0 } else { tries + 1 };
        }
    }
}
