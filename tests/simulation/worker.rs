//! Works a spool on disk as its own threads would, on the clock of the run.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tetherd::{
    model::UnixMillis,
    spool::{DiskSettings, DiskSpool, Rest, Spool},
};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use crate::{book::Book, life::Life};

/// At the latest after so long it looks around.
const LOOK: Duration = Duration::from_secs(1);

/// How far events are safe from what may happen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Marks {
    /// Everything below was written while the disk was well.
    pub written: u64,
    /// Everything below was promised.
    pub promised: u64,
    /// It refuses some of what it is told.
    pub is_disk_ill: bool,
    /// It does, and what is behind [`Marks::promised`] is not all there yet.
    pub is_behind: bool,
}

/// The spool's own threads, played by a task.
pub struct Worker {
    pub spool: Arc<DiskSpool>,
    pub marks: Arc<Mutex<Marks>>,
    pub life: Arc<Life>,
    pub book: Arc<Book>,
    gather: Duration,
    /// Whether a segment takes more than comes between two turns.
    is_roomy: bool,
    bells: Bells,
}

#[derive(Default)]
struct Bells {
    begun: Notify,
    work: Notify,
    urgent: Notify,
    is_urgent: AtomicBool,
    is_over: AtomicBool,
    is_safe: AtomicBool,
}

impl Worker {
    pub fn new(
        spool: Arc<DiskSpool>,
        marks: Arc<Mutex<Marks>>,
        life: Arc<Life>,
        book: Arc<Book>,
        settings: &DiskSettings,
    ) -> Arc<Self> {
        let gather = settings.commit_interval;
        let is_roomy = settings.segment >= 64 << 10;
        Arc::new(Self { spool, marks, life, book, gather, is_roomy, bells: Bells::default() })
    }

    /// The readers are open.
    pub fn begin(&self) -> io::Result<()> {
        self.spool.begin()?;
        self.bells.begun.notify_one();
        Ok(())
    }

    /// There is something to do.
    pub fn ring(&self) {
        self.bells.work.notify_one();
    }

    /// There is something to do at once.
    pub fn hurry(&self) {
        self.bells.is_urgent.store(true, Ordering::Relaxed);
        self.bells.urgent.notify_one();
        self.bells.work.notify_one();
    }

    /// Nothing is worked any more.
    pub fn stop(&self) {
        self.bells.is_over.store(true, Ordering::Relaxed);
    }

    /// The spool was closed, and says whether everything is safe.
    pub fn closed(&self, is_safe: bool) {
        if self.life.is_dead() {
            return;
        }
        self.bells.is_safe.store(is_safe, Ordering::Relaxed);
        let marks = self.marks.lock().unwrap();
        if !is_safe && !marks.is_behind && !self.spool.pressure().is_paused() {
            self.book.broken("a spool on a good disk could not be closed");
        }
    }

    pub fn is_disk_ill(&self) -> bool {
        self.marks.lock().unwrap().is_disk_ill
    }

    pub fn is_safe(&self) -> bool {
        self.bells.is_safe.load(Ordering::Relaxed)
    }

    /// Works until the end of this life.
    pub async fn run(self: Arc<Self>) {
        let bells = &self.bells;
        bells.begun.notified().await;
        let mut owed = 0;
        while !bells.is_over.load(Ordering::Relaxed) && !self.life.is_dead() {
            bells.is_urgent.store(false, Ordering::Relaxed);
            let next = self.spool.next().0;
            let rest = self.spool.work(Instant::now().into_std(), UnixMillis::now());
            self.note(owed, next);
            // What waited in a pause is owed once that is over.
            owed = if self.spool.pressure().is_paused() { 0 } else { next };
            let rest = match rest {
                Rest::For(rest) => rest.min(LOOK),
                Rest::Within(rest) => {
                    let _ = timeout(rest.min(LOOK), bells.work.notified()).await;
                    self.gather
                }
                Rest::Idle => {
                    let _ = timeout(LOOK, bells.work.notified()).await;
                    self.gather
                }
            };
            if !bells.is_urgent.load(Ordering::Relaxed) {
                let _ = timeout(rest, bells.urgent.notified()).await;
            }
        }
    }

    /// Behind a turn, everything that was there before the last one is safe: what meets the end of a
    /// segment takes two.
    fn note(&self, owed: u64, next: u64) {
        if self.life.is_dead() {
            return;
        }
        if self.spool.pressure().is_paused() {
            self.book.saw("a pause");
        }
        let mut marks = self.marks.lock().unwrap();
        let promised = self.spool.promised().map_or(0, |promised| promised.borrow().0);
        marks.promised = marks.promised.max(promised);
        if promised >= next {
            marks.is_behind = marks.is_disk_ill;
            marks.written = marks.written.max(next);
        }
        let is_well = !marks.is_behind && !self.spool.pressure().is_paused();
        if promised < owed && is_well && self.is_roomy {
            self.book.broken("two turns on a good disk left something unsafe");
        }
    }
}
