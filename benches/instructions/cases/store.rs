//! Events on their way into the spool and out of it.

use std::hint::black_box;

use anyhow::Result;
use tetherd::spool::{
    Batch, MemorySpool, Read, ReaderSettings, Settings, Spool, SpoolType, Start, WhenBehind,
};

use super::{Work, data, payload, repeat};

/// A message joins the thread's batch.
pub fn batch_64_bytes() -> Result<Work> {
    Ok(batch(64))
}

/// A longer one does.
pub fn batch_1_kib() -> Result<Work> {
    Ok(batch(1024))
}

fn batch(size: usize) -> Work {
    let payload = payload(size);
    let mut batch = Batch::new();
    let spool = MemorySpool::new(&Settings::default());
    repeat(move |number| {
        batch.push(&data(number, black_box(&payload)));
        // Full, as a thread sees it: it is handed over, and its buffer stays.
        if batch.size() >= 64 << 10 {
            spool.append(&mut batch);
        }
    })
}

/// A message alone goes through a spool in memory: appended, acknowledged, given back.
pub fn memory_one() -> Result<Work> {
    Ok(memory(1))
}

/// The same for one of sixteen that come together.
pub fn memory_sixteen() -> Result<Work> {
    Ok(memory(16))
}

fn memory(a_batch: u32) -> Work {
    let spool = MemorySpool::new(&Settings { kind: SpoolType::Memory, ..Settings::default() });
    through(spool, a_batch)
}

/// Sends messages through a spool whose reader acknowledges each batch at once.
pub fn through(spool: impl Spool + 'static, a_batch: u32) -> Work {
    let reader = spool.open_reader(&reader());
    let (payload, mut batch) = (payload(64), Batch::new());
    repeat(move |number| {
        batch.push(&data(number, &payload));
        if batch.count() == a_batch {
            spool.append(black_box(&mut batch));
            spool.acknowledge(reader, spool.next().before());
        }
    })
}

/// One of sixteen that came together is read for a web server.
pub fn read_back() -> Result<Work> {
    let spool = MemorySpool::new(&Settings { kind: SpoolType::Memory, ..Settings::default() });
    let reader = spool.open_reader(&reader());
    let (payload, mut batch) = (payload(64), Batch::new());
    for number in 0..16 {
        batch.push(&data(number, &payload));
    }
    let first = spool.append(&mut batch).unwrap_or_default();
    Ok(repeat(move |number| {
        if number % 16 != 0 {
            return;
        }
        let Read::Block(block) = spool.read(reader, first) else { return };
        block.events().skip_to(first).for_each(|event| {
            black_box(event);
        });
    }))
}

/// A web server from now on.
pub fn reader() -> ReaderSettings {
    let (start, when_behind) = (Start::Now, WhenBehind::Hold);
    ReaderSettings { name: "web".to_owned(), start, when_behind, max_lag: u64::MAX }
}
