//! Folders of spools, made and opened in processes of their own.

use std::{
    path::Path,
    process,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tetherd::{
    model::{Event, SessionId, UnixMillis},
    spool::{
        Batch, DiskSettings, DiskSpool, Durability, ReaderSettings, Spool, Start, SystemFiles,
        WhenBehind, WhenFull,
    },
    telemetry::Telemetry,
};

use crate::{
    process::{Process, questions, tell},
    usage::kib,
};

/// The role that fills a folder.
pub const FILL: &str = "fill";

/// The role that opens one.
pub const OPEN: &str = "open";

/// Events that a gateway gathers in 5 ms at 20,000 a second: one frame of the file each time.
const TOGETHER: u64 = 100;

/// The upstream that has all of it before it.
const READER: &str = "web";

/// What 64 bytes of a device become.
pub fn event(seq: u64) -> Event<'static> {
    Event::Data {
        name: "860000000000001",
        session: SessionId(0x0006_60c1_1393_ebd4),
        seq,
        time: UnixMillis(1_795_232_233_680),
        peer: "127.0.0.1:40112",
        connections: 1000,
        data: &[b'x'; 64],
        meaning: b"",
    }
}

/// How many bytes the record of such an event takes in a spool.
pub fn record(bytes: usize) -> usize {
    let mut batch = Batch::new();
    batch.push(&event(1));
    batch.size() - 64 + bytes
}

/// The reader of the upstream `web`, from the first event on.
pub fn reader() -> ReaderSettings {
    ReaderSettings {
        name: READER.to_owned(),
        start: Start::Oldest,
        when_behind: WhenBehind::Hold,
        max_lag: u64::MAX,
    }
}

/// As the default configuration has it, but for the size.
pub fn settings(durability: Durability, max_size: u64) -> DiskSettings {
    DiskSettings {
        max_size,
        segment: 64 << 20,
        durability,
        commit_interval: Duration::from_millis(5),
        retain: Duration::ZERO,
        when_full: WhenFull::Pause,
    }
}

fn opened(task: &Value) -> Result<DiskSpool> {
    let path = task["path"].as_str().context("path")?;
    let files = Arc::new(SystemFiles::claim(Path::new(path))?);
    let settings = settings(Durability::Os, 1 << 40);
    Ok(DiskSpool::open(files, settings, Telemetry::discarding())?)
}

/// Fills a folder, beside what it holds, with so many bytes of records, and ends as it is asked to:
/// in order, or as a crash would.
pub fn fill(task: &Value) -> Result<()> {
    let wanted = task["bytes"].as_u64().context("bytes")?;
    let spool = opened(task)?;
    spool.open_reader(&reader());
    let (mut batch, mut bytes, mut events) = (Batch::new(), 0, 0);
    while bytes < wanted {
        (events..events + TOGETHER).for_each(|seq| batch.push(&event(seq)));
        events += TOGETHER;
        bytes += batch.size() as u64;
        spool.append(&mut batch);
        spool.work(Instant::now(), UnixMillis::now());
        ensure!(!spool.pressure().is_paused(), "the disk is full");
    }
    if task["clean"] == true {
        ensure!(spool.close(), "it did not close well");
    }
    tell(&json!({ "events": events, "bytes": bytes }))?;
    process::abort()
}

/// Opens a folder, tells how long that took and what it needs, and ends as it is asked to.
pub fn open(task: &Value) -> Result<()> {
    let before = kib(process::id(), "VmRSS")?;
    let begun = Instant::now();
    let spool = opened(task)?;
    let took = begun.elapsed();
    let reader = spool.open_reader(&reader());
    tell(&json!({
        "milliseconds": took.as_secs_f64() * 1e3,
        "resident_kib_before": before,
        "resident_kib": kib(process::id(), "VmRSS")?,
        "most_resident_kib": kib(process::id(), "VmHWM")?,
        "waiting": spool.ledger(reader).waiting,
        "clean": spool.was_clean(),
    }))?;
    if questions().next().as_deref() == Some("close") {
        // As a gateway does, whose first event says that it has started.
        let mut batch = Batch::new();
        batch.push(&Event::Started { time: UnixMillis::now(), clean: spool.was_clean() });
        spool.append(&mut batch);
        tell(&json!(spool.close()))?;
    }
    process::abort()
}

/// Fills a folder in another process; answers how many events that were, and their bytes.
pub fn filled(path: &Path, bytes: u64, clean: bool) -> Result<(u64, u64)> {
    let mut child = Process::start(FILL, &json!({ "path": path, "bytes": bytes, "clean": clean }))?;
    let told = child.answer()?;
    let number = |key: &str| told[key].as_u64().context("a count");
    Ok((number("events")?, number("bytes")?))
}
