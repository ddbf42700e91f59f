//! The spool on disk, without the disk: what is written goes nowhere.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use anyhow::Result;
use tetherd::{
    model::UnixMillis,
    spool::{Batch, DiskSettings, DiskSpool, File, Files, Settings, Spool},
    telemetry::Telemetry,
};

use super::{TIME, TIMES, Work, data, payload, repeat, store};

/// Events that the writer finds at a turn.
const A_TURN: u32 = 256;

/// A message alone is handed over to the writer's thread, and acknowledged.
pub fn one() -> Result<Work> {
    Ok(store::through(open()?, 1))
}

/// The same for one of sixteen that come together.
pub fn sixteen() -> Result<Work> {
    Ok(store::through(open()?, 16))
}

/// One of many is handed over, written and synced by the writer.
pub fn turn() -> Result<Work> {
    let spool = open()?;
    let (payload, mut batch, mut now) = (payload(64), Batch::new(), Instant::now());
    let interval = Settings::default().commit_interval.get();
    Ok(repeat(move |number| {
        batch.push(&data(number, &payload));
        if batch.count() == A_TURN {
            spool.append(&mut batch);
            now += interval;
            spool.work(now, TIME);
        }
    }))
}

fn open() -> Result<DiskSpool> {
    let settings = DiskSettings::from(&Settings::default());
    let spool = DiskSpool::open(Arc::new(Nowhere), settings, Telemetry::discarding())?;
    spool.work(Instant::now(), UnixMillis(TIME.0 - u64::from(TIMES)));
    Ok(spool)
}

/// A folder that forgets everything.
#[derive(Debug)]
struct Nowhere;

/// A file that remembers its size.
#[derive(Debug, Default)]
struct Forgetful(AtomicU64);

impl Files for Nowhere {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn create(&self, _: &str) -> io::Result<Arc<dyn File>> {
        Ok(Arc::<Forgetful>::default())
    }

    fn open(&self, _: &str) -> io::Result<Arc<dyn File>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        Ok(())
    }
}

impl File for Forgetful {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.load(Ordering::Relaxed))
    }

    fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.fetch_max(at + bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        self.0.fetch_max(size, Ordering::Relaxed);
        Ok(())
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.0.fetch_min(size, Ordering::Relaxed);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
