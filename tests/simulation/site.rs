//! Where the gateway stands: what is left of one life for the next.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tetherd::{
    model::Offset,
    spool::{
        DiskFault, DiskSettings, DiskSpool, Durability, MemoryFiles, MemorySpool, Settings, Spool,
    },
    telemetry::Telemetry,
};
use tokio::time::Instant;

use crate::{
    book::Book,
    dice::Dice,
    life::Life,
    machine::Folder,
    scenario::Make,
    worker::{Marks, Worker},
};

/// The first offset of the first spool; the time of the day, had it not to be the same each time.
const FIRST: u64 = 1_763_625_600_000_000;

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The process was stopped in order, and said that all was well.
    Clean,
    /// The process was killed, or ended without being told.
    Killed,
    /// The machine lost its power.
    PowerCut,
}

/// A place for one gateway after the other.
pub struct Site {
    make: Make,
    /// The machine as it is.
    files: MemoryFiles,
    marks: Arc<Mutex<Marks>>,
    book: Arc<Book>,
    /// The last spool in memory.
    spool: Option<Arc<dyn Spool>>,
    /// The disk is ill until then.
    ill_until: Option<Instant>,
    dice: Dice,
}

/// An open spool, and who works it.
pub struct Opened {
    pub spool: Arc<dyn Spool>,
    pub worker: Option<Arc<Worker>>,
}

/// Why there is no spool.
#[derive(Debug)]
pub enum NoSpool {
    /// Who opened it died meanwhile.
    Died,
    /// The disk would not do what had to be done.
    DiskIll,
    /// It refuses for no good reason.
    Fault(DiskFault),
}

impl Site {
    pub fn new(make: Make, book: Arc<Book>, dice: Dice) -> Self {
        let (files, marks) = (MemoryFiles::new(), Arc::default());
        Self { make, files, marks, book, spool: None, ill_until: None, dice }
    }

    /// Opens the spool for the next life.
    pub fn open(&mut self, life: &Arc<Life>, telemetry: &Telemetry) -> Result<Opened, NoSpool> {
        match self.make.clone() {
            Make::Memory(settings) => Ok(self.open_in_memory(&settings)),
            Make::Disk(settings) => self.open_on_disk(settings, life, telemetry),
        }
    }

    fn open_in_memory(&mut self, settings: &Settings) -> Opened {
        let last = self.spool.take().map_or(FIRST, |last| last.next().0);
        let first = Offset(last + 1_000_000);
        let spool: Arc<dyn Spool> = Arc::new(MemorySpool::starting_at(settings, first));
        self.spool = Some(Arc::clone(&spool));
        self.marks().written = first.0;
        Opened { spool, worker: None }
    }

    fn open_on_disk(
        &mut self,
        settings: DiskSettings,
        life: &Arc<Life>,
        telemetry: &Telemetry,
    ) -> Result<Opened, NoSpool> {
        let folder = Arc::new(Folder::new(&self.files, life));
        let opened = DiskSpool::open_at(folder, settings.clone(), telemetry.clone(), Offset(FIRST));
        if life.is_dead() {
            return Err(NoSpool::Died);
        }
        let spool = Arc::new(opened.map_err(|fault| match self.marks().is_disk_ill {
            true => NoSpool::DiskIll,
            false => NoSpool::Fault(fault),
        })?);
        let mut marks = self.marks();
        // What was found counts as safe.
        (marks.written, marks.promised) = (spool.next().0, spool.next().0);
        drop(marks);
        let (marks, book) = (Arc::clone(&self.marks), Arc::clone(&self.book));
        let worker = Worker::new(Arc::clone(&spool), marks, Arc::clone(life), book, &settings);
        Ok(Opened { spool, worker: Some(worker) })
    }

    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap()
    }

    /// A life is over; nothing of it is left but files. Answers from which offset on events may be
    /// lost, if any.
    pub fn over(&mut self, end: End) -> Option<u64> {
        let Make::Disk(settings) = &self.make else { return Some(self.marks().written) };
        let is_synced = settings.durability == Durability::Group;
        let seed = self.dice.seed();
        self.files = match end {
            // Where nothing is promised to outlive the machine, a failed sync is not made good.
            End::Clean if !is_synced || self.dice.chance(70) => self.files.kill(),
            End::Killed => self.files.kill_within(seed),
            End::Clean | End::PowerCut => self.files.cut_power(seed),
        };
        let marks = self.marks();
        match end {
            End::Clean => None,
            End::Killed if marks.is_behind => Some(marks.promised),
            End::Killed => Some(marks.written.max(marks.promised)),
            End::PowerCut if is_synced => Some(marks.promised),
            End::PowerCut => Some(0),
        }
    }

    /// Something happens to the disk; answers what.
    pub fn disk_falls_ill(&mut self, within: Duration) -> Option<String> {
        if matches!(self.make, Make::Memory(_)) {
            return None;
        }
        let times = self.dice.between(1..=4);
        let what = match self.dice.between(0..=2) {
            0 => {
                self.files.fail_syncs(times);
                format!("the next {times} syncs fail")
            }
            1 => {
                self.files.fail_writes(times);
                format!("the next {times} writes fail")
            }
            _ => {
                let room = self.dice.magnitude(64 << 10);
                self.files.set_capacity(Some(room));
                format!("the disk has room for {room} bytes")
            }
        };
        self.ill_until = Some(Instant::now() + within);
        let mut marks = self.marks();
        (marks.is_disk_ill, marks.is_behind) = (true, true);
        Some(what)
    }

    /// Heals the disk, if it is time.
    pub fn look_after_disk(&mut self) {
        if self.ill_until.is_some_and(|until| until <= Instant::now()) {
            self.heal_disk();
        }
    }

    pub fn heal_disk(&mut self) {
        self.ill_until = None;
        self.files.set_capacity(None);
        self.files.heal();
        self.marks().is_disk_ill = false;
    }

    /// Whether events and their sums outlive the process.
    pub fn is_durable(&self) -> bool {
        matches!(self.make, Make::Disk(_))
    }
}
