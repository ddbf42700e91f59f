#![allow(clippy::unwrap_used)] // a failed step fails the test

mod backlog;
mod behaviour;
mod damage;
mod model;
mod plain;
mod room;
mod spared;
mod steps;
mod syncs;
mod threads;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::*;
use crate::{
    model::{Event, SessionId, UnixMillis},
    spool::{
        Batch, MemoryFiles, Read, ReaderId, ReaderSettings, Spool, Start, WhenBehind, WhenFull,
    },
};

const FIRST: Offset = Offset(1_000_000);

/// So many of something; many more where there is time.
fn times(few: u32) -> u32 {
    std::env::var_os("TETHERD_TEST_LONG").map_or(few, |_| 20 * few)
}

fn settings() -> DiskSettings {
    DiskSettings {
        max_size: 64 << 10,
        segment: 4 << 10,
        durability: Durability::Group,
        commit_interval: Duration::from_millis(5),
        retain: Duration::ZERO,
        when_full: WhenFull::Pause,
    }
}

fn open(files: &MemoryFiles) -> DiskSpool {
    open_with(files, settings())
}

fn open_with(files: &MemoryFiles, settings: DiskSettings) -> DiskSpool {
    let telemetry = Telemetry::discarding();
    DiskSpool::open_at(Arc::new(files.clone()), settings, telemetry, FIRST).unwrap()
}

fn reader(spool: &DiskSpool, name: &str) -> ReaderId {
    let settings = ReaderSettings {
        name: name.to_owned(),
        start: Start::Oldest,
        when_behind: WhenBehind::Hold,
        max_lag: u64::MAX,
    };
    spool.open_reader(&settings)
}

fn append(spool: &DiskSpool, data: &[u8]) -> Offset {
    let mut batch = Batch::new();
    push(&mut batch, data);
    spool.append(&mut batch).unwrap()
}

fn push(batch: &mut Batch, data: &[u8]) {
    batch.push(&Event::Data {
        name: "860000000000001",
        session: SessionId(7),
        seq: 1,
        time: UnixMillis(1),
        peer: "10.1.2.3:40112",
        connections: 1,
        data,
        meaning: b"",
    });
}

fn work(spool: &DiskSpool) {
    spool.work(Instant::now(), UnixMillis::now());
}

/// Everything from `from` on: the data of events, and gaps.
fn rest(spool: &DiskSpool, reader: ReaderId, mut from: Offset) -> Vec<(u64, String)> {
    let mut found = Vec::new();
    let mut patience = 0;
    while from < spool.next() {
        match spool.read(reader, from) {
            Read::Block(block) => {
                for (offset, event) in block.events().skip_to(from) {
                    if let Event::Data { data, .. } = event {
                        found.push((offset.0, String::from_utf8_lossy(data).into_owned()));
                    }
                }
                from = block.end();
            }
            Read::Hole { next, events, reason } => {
                found.push((next.0, format!("{events} {reason}")));
                from = next;
            }
            Read::Empty => {
                patience += 1;
                assert!(patience < 1000, "nothing comes at {from}");
                work(spool);
            }
        }
    }
    found
}
