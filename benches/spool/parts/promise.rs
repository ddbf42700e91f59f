//! How long it takes until an event is promised, at `group`.

use std::{
    collections::VecDeque,
    os::unix::fs::FileExt,
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rustix::fs::FallocateFlags;
use serde_json::{Value, json};
use tetherd::{
    model::Offset,
    spool::{Batch, DiskSpool, Durability, Read, ReaderId, Spool, SystemFiles},
    telemetry::Telemetry,
};
use tokio::runtime::Builder;

use crate::{
    Plan,
    folder::{event, reader, record, settings},
    report::{Spread, begin, keep, table},
    usage::Usage,
};

/// An event that is waited for.
type Mark = (Offset, Instant);

/// How events come.
struct Load {
    name: &'static str,
    /// Between two batches.
    every: Duration,
    /// Events of a batch.
    events: u64,
    /// Batches in all; the last event of each is waited for.
    batches: u64,
}

const LOADS: [Load; 3] = [
    Load { name: "idle", every: Duration::from_millis(31), events: 1, batches: 500 },
    Load { name: "20,000 events/s", every: Duration::from_millis(1), events: 20, batches: 10_000 },
    Load {
        name: "200,000 events/s",
        every: Duration::from_millis(1),
        events: 200,
        batches: 10_000,
    },
];

/// How often the disk alone is tried, and with how many bytes.
const SYNCS: usize = 1000;
const PIECE: usize = 16 << 10;

/// Which quantiles are told.
const PARTS: [f64; 5] = [0.5, 0.9, 0.99, 0.999, 1.0];

pub fn run(plan: &Plan) -> Result<()> {
    let facts = begin(&plan.scratch, "promise", "from append to promised, group, 5 ms");
    let mut all = vec![syncs(plan)?];
    for load in &LOADS {
        all.push(Waited::measure(plan, load)?);
    }
    let head = ["load", "p50 ms", "p90", "p99", "p99.9", "most", "bytes to disk for a byte stored"];
    table(&head, &all.iter().map(Waited::row).collect::<Vec<_>>());
    keep(&plan.results, "promise", facts, &json!(all.iter().map(Waited::json).collect::<Vec<_>>()))
}

/// How long the disk alone takes, for comparison: 16 KiB each time, into a file with room.
fn syncs(plan: &Plan) -> Result<Waited> {
    let file = tempfile::tempfile_in(&plan.scratch)?;
    rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, (SYNCS * PIECE) as u64)?;
    let mut times = Vec::new();
    for at in 0..SYNCS {
        file.write_all_at(&[1; PIECE], (at * PIECE) as u64)?;
        let begun = Instant::now();
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(Waited { name: "the disk alone, 16 KiB", times: Spread::of(times), written: 1.0 })
}

/// What one load gave.
struct Waited {
    name: &'static str,
    /// Milliseconds from append to promise.
    times: Spread,
    /// Bytes to disk for a byte of records.
    written: f64,
}

impl Waited {
    fn row(&self) -> Vec<String> {
        let cells = PARTS.iter().map(|part| format!("{:.2}", self.times.quantile(*part)));
        let name = std::iter::once(self.name.to_owned());
        name.chain(cells).chain([format!("{:.2}", self.written)]).collect()
    }

    fn json(&self) -> Value {
        let [p50, p90, p99, p999, most] = PARTS.map(|part| self.times.quantile(part));
        json!({
            "load": self.name,
            "p50_ms": p50,
            "p90_ms": p90,
            "p99_ms": p99,
            "p99.9_ms": p999,
            "most_ms": most,
            "written_for_a_byte_stored": self.written,
        })
    }

    fn measure(plan: &Plan, load: &Load) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("tetherd-bench-").tempdir_in(&plan.scratch)?;
        let files = Arc::new(SystemFiles::claim(&folder.path().join("spool"))?);
        let settings = settings(Durability::Group, 10 << 30);
        let spool = Arc::new(DiskSpool::open(files, settings, Telemetry::discarding())?);
        let id = spool.open_reader(&reader());
        spool.start()?;
        let before = Usage::of(process::id())?;
        let times = Spread::of(waited(&spool, id, load)?);
        let written = (Usage::of(process::id())? - before).written as f64;
        spool.close();
        let stored = load.batches * load.events * record(64) as u64;
        Ok(Self { name: load.name, times, written: written / stored as f64 })
    }
}

/// Milliseconds from append to promise under this load, while somebody reads along.
fn waited(spool: &Arc<DiskSpool>, id: ReaderId, load: &Load) -> Result<Vec<f64>> {
    let over = Arc::new(AtomicBool::new(false));
    let (tell, marks) = mpsc::channel();
    let reads = {
        let (spool, over) = (Arc::clone(spool), Arc::clone(&over));
        thread::spawn(move || read(&*spool, id, &over))
    };
    let waits = {
        let spool = Arc::clone(spool);
        thread::spawn(move || promises(&*spool, &marks))
    };
    append(&**spool, load, &tell)?;
    drop(tell);
    let times = waits.join().ok().context("a panic")??;
    over.store(true, Relaxed);
    spool.appended(id).notify_one();
    reads.join().ok().context("a panic")??;
    Ok(times)
}

/// Appends at a steady pace.
fn append(spool: &dyn Spool, load: &Load, tell: &mpsc::Sender<Mark>) -> Result<()> {
    let (mut batch, begun) = (Batch::new(), Instant::now());
    for at in 0..load.batches {
        let due = begun + load.every * at as u32;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        (0..load.events).for_each(|seq| batch.push(&event(seq)));
        let appended = Instant::now();
        let first = spool.append(&mut batch).context("an offset")?;
        tell.send((first.plus(load.events - 1), appended)).context("nobody waits")?;
    }
    Ok(())
}

/// Follows the promise; answers how long each event had to wait for it.
fn promises(spool: &dyn Spool, marks: &mpsc::Receiver<Mark>) -> Result<Vec<f64>> {
    let mut promised = spool.promised().context("nothing is promised")?;
    let runtime = Builder::new_current_thread().build()?;
    let (mut times, mut waiting) = (Vec::new(), VecDeque::<Mark>::new());
    loop {
        if waiting.is_empty() {
            let Ok(mark) = marks.recv() else { return Ok(times) };
            waiting.push_back(mark);
        }
        let first = waiting[0].0;
        let safe = *runtime.block_on(promised.wait_for(|safe| *safe > first))?;
        let now = Instant::now();
        waiting.extend(marks.try_iter());
        while let Some((_, appended)) = waiting.front().filter(|(offset, _)| *offset < safe) {
            times.push(now.saturating_duration_since(*appended).as_secs_f64() * 1e3);
            waiting.pop_front();
        }
    }
}

/// Reads and acknowledges, as a forwarder does that keeps up.
fn read(spool: &dyn Spool, id: ReaderId, over: &AtomicBool) -> Result<()> {
    let runtime = Builder::new_current_thread().build()?;
    let (appended, mut next) = (spool.appended(id), spool.cursor(id));
    while !over.load(Relaxed) {
        match spool.read(id, next) {
            Read::Block(block) => next = block.end(),
            Read::Hole { next: end, .. } => next = end,
            Read::Empty => {
                if next > spool.cursor(id) {
                    spool.acknowledge(id, next.before());
                }
                runtime.block_on(appended.notified());
            }
        }
    }
    Ok(())
}
