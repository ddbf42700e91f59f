use std::{
    io,
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Mutex, PoisonError},
    thread::{Builder, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::{Notify, watch};

use super::{
    DiskFault, DiskSettings, Rest, Shared,
    loader::{Loaded, Loader, READ_AGAIN},
    now,
    opening::open,
    readers::Look,
    requests::LOOK_EVERY,
    thread::Bell,
    writer::Writer,
};
use crate::{
    health::Heart,
    model::{Offset, UnixMillis},
    spool::{
        Backlog, Batch, DropReason, Files, Ledger, Pressure, Read, ReaderId, ReaderSettings,
        Rewinds, Room, Spool, holes::Hole,
    },
    telemetry::Telemetry,
};

/// A disk may take so long for a sync while it is worked hard; a thread that waits longer stands still.
const PATIENCE: Duration = Duration::from_secs(30);

/// A turn that panicked is followed by the next one after so long.
const AFTER_PANIC: Duration = Duration::from_secs(1);

/// Events kept in files.
///
/// Opened, it does nothing by itself: [`Spool::start`] gives it threads of its own; tests work
/// it by hand with [`DiskSpool::work`]. Dropped without [`Spool::close`] it leaves its files as a
/// crash would, but for what was still in memory, which is written.
#[derive(Debug)]
pub struct DiskSpool {
    inner: Arc<Inner>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Inner {
    shared: Shared,
    writer: Mutex<Writer>,
    loader: Mutex<Loader>,
    writer_bell: Bell,
    loader_bell: Bell,
    heart: Arc<Heart>,
}

impl DiskSpool {
    /// Opens the spool in a folder, or begins one; what a crash has left is put in order.
    ///
    /// # Errors
    /// A later format, or a file system that does not let us work.
    pub fn open(
        files: Arc<dyn Files>,
        settings: DiskSettings,
        telemetry: Telemetry,
    ) -> Result<Self, DiskFault> {
        let micros = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_micros() as u64;
        Self::open_at(files, settings, telemetry, Offset(micros))
    }

    /// The same; a new spool begins with the offset `first`.
    ///
    /// # Errors
    /// As above.
    pub fn open_at(
        files: Arc<dyn Files>,
        settings: DiskSettings,
        telemetry: Telemetry,
        first: Offset,
    ) -> Result<Self, DiskFault> {
        let begin = open(&*files, &telemetry, first)?;
        let log = begin.log;
        let shared = Shared {
            id: begin.id,
            began: log.next,
            was_clean: begin.was_clean,
            settings,
            files,
            telemetry,
            pressure: Pressure::default(),
            safe: watch::Sender::new(log.safe),
            log: Mutex::new(log),
            head: Mutex::new(begin.head),
        };
        let mut writer = Writer::new(begin.state);
        // There is a segment to write to from the first event on, if there is room for one.
        writer.turn(&shared, now(), UnixMillis::now());
        let inner = Inner {
            shared,
            writer: Mutex::new(writer),
            loader: Mutex::default(),
            writer_bell: Bell::waking_after(LOOK_EVERY),
            loader_bell: Bell::default(),
            heart: Heart::of("spool", PATIENCE),
        };
        Ok(Self { inner: Arc::new(inner), threads: Mutex::default() })
    }

    /// Makes safe who reads, before the first event for them: an upstream that nobody knows after a
    /// crash would begin anew, behind what it was owed. [`Spool::start`] does it by itself.
    ///
    /// # Errors
    /// It could not be stored.
    pub fn begin(&self) -> io::Result<()> {
        let mut writer = self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.begin(&self.inner.shared, now())
    }

    /// Does by hand what the threads would do by themselves, once; answers when the writer wants
    /// its next turn.
    pub fn work(&self, now: Instant, wall: UnixMillis) -> Rest {
        self.inner.read(now);
        self.inner.write(now, wall)
    }

    /// Tells of upstreams that are not configured any more and keep events from being trimmed.
    fn tell_kept(&self) {
        let log = self.inner.shared.log();
        let inactive = log.readers.iter().enumerate().filter(|(_, reader)| !reader.is_active);
        for (at, reader) in inactive {
            let waiting = log.ledger(ReaderId(at)).waiting;
            self.inner.shared.telemetry.spool_keeps_for(&reader.cursor.settings.name, waiting);
        }
    }

    /// What its threads share, for tests to look at.
    #[cfg(test)]
    pub(super) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    fn join(&self) {
        self.inner.writer_bell.stop();
        self.inner.loader_bell.stop();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            // A panic there was told by its hook.
            let _ = thread.join();
        }
    }
}

impl Drop for DiskSpool {
    fn drop(&mut self) {
        self.join();
        if self.inner.shared.log().has_to_write() {
            let mut writer = self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.write_all(&self.inner.shared, now(), UnixMillis::now());
        }
    }
}

impl Inner {
    fn keep_writing(&self) {
        let gather = self.shared.settings.commit_interval;
        // The turn at the opening may have left something for later.
        let mut rest = Rest::For(gather);
        let mut began = now();
        while self.writer_bell.rest(shortened(rest, began), gather) {
            self.heart.beat();
            began = now();
            let turn = || self.write(began, UnixMillis::now());
            rest = self.survive(turn).unwrap_or(Rest::For(AFTER_PANIC));
        }
        self.heart.retire();
    }

    /// A panic there must not leave everybody waiting for a thread that is gone. `None`: it did.
    fn survive<T>(&self, turn: impl FnOnce() -> T) -> Option<T> {
        let done = panic::catch_unwind(AssertUnwindSafe(turn));
        if done.is_err() {
            self.shared.telemetry.spool_fault("a turn", &"it panicked; the spool goes on");
        }
        done.ok()
    }

    fn keep_reading(&self) {
        let mut rest = Rest::Idle;
        while self.loader_bell.rest(rest, Duration::ZERO) {
            let loaded = self.survive(|| self.read(now()));
            rest = match loaded.unwrap_or(Loaded::Failed) {
                // A reader whose disk is well must not wait for another one's.
                Loaded::Failed => Rest::Within(READ_AGAIN),
                Loaded::Something => Rest::For(Duration::ZERO),
                Loaded::Nothing => Rest::Idle,
            };
        }
    }

    fn write(&self, now: Instant, wall: UnixMillis) -> Rest {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.turn(&self.shared, now, wall)
    }

    fn read(&self, now: Instant) -> Loaded {
        self.loader.lock().unwrap_or_else(PoisonError::into_inner).turn(&self.shared, now)
    }
}

/// A rest is counted from the beginning of the turn before it.
fn shortened(rest: Rest, began: Instant) -> Rest {
    let left = |time: Duration| time.saturating_sub(now().duration_since(began));
    match rest {
        Rest::For(time) => Rest::For(left(time)),
        Rest::Within(time) => Rest::Within(left(time)),
        Rest::Idle => Rest::Idle,
    }
}

impl Spool for DiskSpool {
    fn append(&self, batch: &mut Batch) -> Option<Offset> {
        if batch.is_empty() {
            return None;
        }
        let shared = &self.inner.shared;
        let mut log = shared.log();
        if log.is_closed {
            // The process ends without waiting for its sessions.
            batch.clear();
            shared.telemetry.spool_fault("appending", &"the spool is closed already");
            return None;
        }
        let first = log.next;
        log.append(batch.take(first), now());
        let is_too_much = log.held_bytes() >= super::writing::MOST_HELD;
        drop(log);
        if is_too_much {
            shared.settle();
        }
        self.inner.writer_bell.ring();
        Some(first)
    }

    /// Waits for the disk where the upstream is new: a crash must not make it begin later.
    fn open_reader(&self, settings: &ReaderSettings) -> ReaderId {
        let (reader, is_new) = self.inner.shared.log().open_reader(settings);
        if is_new {
            let mut writer = self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.store(&self.inner.shared, None, Instant::now());
        }
        reader
    }

    fn read(&self, reader: ReaderId, from: Offset) -> Read {
        let shared = &self.inner.shared;
        let mut log = shared.log();
        let look = log.look(reader, from);
        let is_loading = log.readers[reader.0].wanted.is_some();
        drop(log);
        if is_loading {
            self.inner.loader_bell.ring();
        }
        match look {
            Look::Block(block) => Read::Block(block),
            Look::Hole(Hole { to, reason, .. }, events) => Read::Hole { next: to, events, reason },
            Look::Nothing | Look::OnDisk => Read::Empty,
        }
    }

    fn give_up(&self, from: Offset, to: Offset) -> bool {
        let shared = &self.inner.shared;
        let what = format!("offsets {from} to {to}");
        shared.telemetry.spool_damaged(&what, 0, 0, &"they are no events");
        shared.log().add_hole(Hole { from, to, reason: DropReason::Damaged });
        true
    }

    fn acknowledge(&self, reader: ReaderId, through: Offset) -> u64 {
        let mut log = self.inner.shared.log();
        if log.readers[reader.0].rewinds.is_pending() {
            return 0;
        }
        let cursor = through.plus(1).min(log.next);
        let (progress, holes) = log.progress(reader);
        let delivered = progress.acknowledge(cursor, holes);
        log.let_go_of_delivered();
        let makes_room = log.full && log.trimmable(UnixMillis(0), Duration::ZERO) > 0;
        self.inner.shared.tell_promised(&log);
        drop(log);
        match makes_room {
            true => self.inner.writer_bell.hurry(),
            false => self.inner.writer_bell.ring(),
        }
        delivered
    }

    fn found(&self, reader: ReaderId, events: u64) {
        let mut log = self.inner.shared.log();
        if !log.readers[reader.0].rewinds.is_pending() {
            log.progress(reader).0.found(events);
        }
    }

    fn skip(&self, reader: ReaderId, through: Offset) {
        let mut log = self.inner.shared.log();
        let floor = through.plus(1).min(log.next);
        let (progress, holes) = log.progress(reader);
        progress.lose_until(floor, DropReason::Skipped, holes);
        drop(log);
        self.inner.writer_bell.ring();
    }

    fn cursor(&self, reader: ReaderId) -> Offset {
        self.inner.shared.log().readers[reader.0].cursor.progress.cursor
    }

    fn rewinds(&self, reader: ReaderId) -> Arc<Rewinds> {
        Arc::clone(&self.inner.shared.log().readers[reader.0].rewinds)
    }

    fn resume(&self, reader: ReaderId) -> Offset {
        let log = self.inner.shared.log();
        log.readers[reader.0].rewinds.settle();
        log.readers[reader.0].cursor.progress.cursor
    }

    fn next(&self) -> Offset {
        self.inner.shared.log().next
    }

    fn began(&self) -> Offset {
        self.inner.shared.began
    }

    fn was_clean(&self) -> bool {
        self.inner.shared.was_clean
    }

    fn appended(&self, reader: ReaderId) -> Arc<Notify> {
        Arc::clone(&self.inner.shared.log().readers[reader.0].cursor.appended)
    }

    fn pressure(&self) -> &Pressure {
        &self.inner.shared.pressure
    }

    fn ledger(&self, reader: ReaderId) -> Ledger {
        self.inner.shared.log().ledger(reader)
    }

    fn backlog(&self, reader: ReaderId) -> Backlog {
        self.inner.shared.log().backlog(reader)
    }

    fn room(&self) -> Room {
        let log = self.inner.shared.log();
        let (kept, held) = (log.disk_bytes(), log.held_bytes() as u64);
        Room { kept, limit: self.inner.shared.settings.max_size, held }
    }

    fn id(&self) -> &str {
        &self.inner.shared.id
    }

    fn promised(&self) -> Option<watch::Receiver<Offset>> {
        Some(self.inner.shared.safe.subscribe())
    }

    /// One thread writes and syncs, another one reads for those who are behind.
    fn start(&self) -> io::Result<()> {
        self.begin()?;
        self.tell_kept();
        self.inner.shared.spare_the_disk();
        let (writer, loader) = (Arc::clone(&self.inner), Arc::clone(&self.inner));
        let threads = [
            Builder::new().name("spool".to_owned()).spawn(move || writer.keep_writing())?,
            Builder::new().name("spool-read".to_owned()).spawn(move || loader.keep_reading())?,
        ];
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).extend(threads);
        Ok(())
    }

    fn hearts(&self) -> Vec<Arc<Heart>> {
        vec![Arc::clone(&self.inner.heart)]
    }

    fn close(&self) -> bool {
        self.join();
        let mut writer = self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.close(&self.inner.shared, now(), UnixMillis::now())
    }
}
