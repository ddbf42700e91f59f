//! The make of spool that lives on disk: a log of our own, cut into segments.
//!
//! # Why not a ready store
//! Seven were measured with batches of 16 KiB (2 cores, ext4, 2026-11); what a spool does all day is
//! append, read in order, and give room back.
//!
//! | store | bytes written for a byte stored, synced every 5 ms | MB/s written, read back and trimmed at once | open after `kill -9` with 1.7 GB | after 1.6 GB were trimmed it keeps | with a full disk |
//! |---|---|---|---|---|---|
//! | segments of our own | 1.00 | 1094 | 26 ms | 64 MB | goes on in place |
//! | fjall 3.1 | 1.98 | 438 | 111 ms | 1575 MB | poisoned, also after a restart |
//! | redb 4.4 | 2.01 | 514 | 4.2 s | 3131 MB | cannot even delete |
//! | SQLite, WAL | 2.13 | 357 | 12 ms | 1660 MB | cannot even delete |
//! | LMDB | 1.33 | 1183 | 5 ms | 1955 MB | cannot even delete |
//! | queue-file 2.0 | 1.00 | 639 | 1 ms | 0 | wants to double its file |
//!
//! With one flipped bit, redb, SQLite and LMDB gave back wrong bytes in silence in 30 of 30 trials;
//! fjall refused to open the whole store in 30 of 30. All but the log keep what was acknowledged,
//! so each is a sound store; none is a spool.
//!
//! # The folder
//! `000000000017.segment` holds events ([`format`]), `state` which offsets are given out and how far
//! each upstream has come ([`state`]), `lock` the process that works here, and `quarantine-…` what
//! was found damaged. Other processes may put a `request` there ([`requests`]).
//!
//! # The way of an event
//! [`append`](Spool::append) gives it an offset and keeps it in memory: no system call. Whoever has
//! caught up reads it from there. What every upstream has acknowledged before `commit_interval` is
//! over is never written: only the place of its offsets is, in front of what is written next. The
//! rest is written by the spool's thread, at the latest after `commit_interval`. So while the web
//! servers keep up the disk has nothing to do, and a slow one keeps nobody from delivering. (With
//! `retain` all is written.)
//! With [`Durability::Group`] the spool's thread syncs once for everything written meanwhile; events
//! stay in memory until then, so that a failed sync costs nothing. Who keeps up reads from memory,
//! who is behind from the files, by way of a thread of its own.
//!
//! # What is safe when
//! | lost is at most | `os` | `group` |
//! |---|---|---|
//! | the process is killed | what was read in the last `commit_interval` | the same |
//! | the machine loses power | what the kernel had not written back, some 30 s | what was read after the last sync, at most 2 × `commit_interval` ago |
//!
//! While a disk fails, the times count from when it last did not ([`writing`]). After a stop in good
//! order nothing is lost. [`Spool::promised`] follows how far the promise
//! reaches.
//!
//! # Room
//! The next segment is made before it is needed, with room for all its bytes, so that a full disk
//! shows early: then devices are not read (or the oldest segment goes, as `when_full` says), and
//! what is left of the current segment is the reserve for comings and goings. Where the disk has no
//! room for a segment of the usual size, a smaller one is made, down to 1 MiB. `max_size` and a full
//! file system are the same case, and both end when a segment is trimmed or room comes back.

mod archive;
mod fault;
mod format;
mod head;
mod loader;
mod log;
mod opening;
mod quarantine;
mod readers;
mod recovery;
mod requests;
mod segment;
mod settings;
mod spool;
mod state;
mod thread;
mod walk;
mod writer;
mod writing;

#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::watch;

use self::{head::Head, log::Log};
use super::{Files, Pressure};
use crate::{model::Offset, telemetry::Telemetry};

pub use archive::{
    Archive, ArchiveFault, ChangeFault, Condition, Finding, Findings, Forgotten, Piece, Reading,
    Rewound, SegmentFacts, UpstreamFacts, forget, rewind,
};
pub use fault::DiskFault;
pub use requests::{Answer, AskFault, Order, ask};
pub use settings::{DiskSettings, Durability};
pub use spool::DiskSpool;
pub use writer::Rest;

/// The time by which the disk is written; tests may hold it still.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// What the threads of a spool share. Of the two locks the head's is taken first.
#[derive(Debug)]
struct Shared {
    id: String,
    /// The first offset that this process gives out.
    began: Offset,
    /// The stop before this start lost nothing.
    was_clean: bool,
    settings: DiskSettings,
    files: Arc<dyn Files>,
    telemetry: Telemetry,
    pressure: Pressure,
    log: Mutex<Log>,
    head: Mutex<Head>,
    safe: watch::Sender<Offset>,
}

impl Shared {
    /// Nothing panics with this lock held that could leave it half-changed.
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn head(&self) -> MutexGuard<'_, Head> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What everybody has is not written any more; unless it is kept for a rewind.
    fn spare_the_disk(&self) {
        self.log().spares_the_disk = self.settings.retain.is_zero();
    }

    /// Whether what waits is to be written now: somebody has lacked it for `commit_interval`. Without
    /// threads of its own, which tests do, the spool writes at each turn.
    fn is_due(&self, now: Instant) -> bool {
        let log = self.log();
        let interval = self.settings.commit_interval;
        !log.spares_the_disk
            || log.is_closed
            || log.held_bytes() >= writing::MOST_HELD / 2
            || log.waited(now).is_some_and(|waited| waited >= interval)
    }

    /// Says what is to be held back, as things are. Waits for no disk.
    fn settle(&self) {
        let log = self.log();
        let held = log.held_bytes();
        let most = match self.pressure.is_paused() {
            true => writing::MOST_HELD / 2,
            false => writing::MOST_HELD,
        };
        let no_room = log.full && log.room() < self.settings.segment / 2;
        self.pressure.set(log.full || held >= most, !no_room && held < 2 * writing::MOST_HELD);
    }
}
