//! The spool with threads of its own, on files of the machine.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use super::*;
use crate::{
    health::Heartbeats,
    spool::{Files, SystemFiles},
};

const WRITERS: u64 = 3;

fn start(files: &Arc<dyn Files>, settings: DiskSettings) -> DiskSpool {
    let telemetry = Telemetry::discarding();
    let spool = DiskSpool::open_at(Arc::clone(files), settings, telemetry, FIRST).unwrap();
    spool.start().unwrap();
    spool
}

/// Like a session thread: heeds the pressure, and gives each event a number of its own.
fn write(spool: &DiskSpool, writer: u64, events: u64) {
    let mut batch = Batch::new();
    for seq in 0..events {
        while spool.pressure().is_paused() {
            thread::yield_now();
        }
        batch.push(&Event::Data {
            name: "860000000000001",
            session: SessionId(writer),
            seq,
            time: UnixMillis(1),
            peer: "10.1.2.3:40112",
            connections: 1,
            data: &[b'x'; 100],
            meaning: b"",
        });
        if seq % 3 == 0 || seq + 1 == events {
            spool.append(&mut batch);
        }
    }
}

/// Reads like a forwarder: waits for the bell, and never asks twice without it.
fn read_all(spool: &DiskSpool, reader: ReaderId, events: u64, acknowledges: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let appended = spool.appended(reader);
    let mut from = spool.cursor(reader);
    let mut next_seq = [0; WRITERS as usize];
    let mut read = 0;
    while read < events {
        match spool.read(reader, from) {
            Read::Block(block) => {
                for (offset, event) in block.events().skip_to(from) {
                    let Event::Data { session, seq, .. } = event else { panic!("{event:?}") };
                    assert_eq!(offset, from);
                    let expected = &mut next_seq[session.0 as usize];
                    assert_eq!(seq, *expected);
                    (*expected, from, read) = (*expected + 1, from.plus(1), read + 1);
                }
                if acknowledges {
                    spool.acknowledge(reader, from.before());
                }
            }
            Read::Hole { .. } => panic!("nothing is missing"),
            Read::Empty => runtime.block_on(appended.notified()),
        }
    }
}

fn small() -> DiskSettings {
    DiskSettings { max_size: 1 << 20, segment: 32 << 10, ..settings() }
}

#[test]
fn everything_arrives_in_order_while_many_append_and_others_read() {
    let folder = tempfile::tempdir().unwrap();
    let files: Arc<dyn Files> = Arc::new(SystemFiles::claim(folder.path()).unwrap());
    let each = u64::from(times(10_000));
    let spool = start(&files, small());
    let readers = [reader(&spool, "web"), reader(&spool, "other")];
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let spool = &spool;
            scope.spawn(move || write(spool, writer, each));
        }
        for reader in readers {
            let spool = &spool;
            scope.spawn(move || read_all(spool, reader, WRITERS * each, true));
        }
    });
    assert!(spool.close());
    for reader in readers {
        let ledger = spool.ledger(reader);
        assert_eq!((ledger.delivered, ledger.waiting, ledger.dropped), (WRITERS * each, 0, 0));
    }
    drop(spool);
    let spool = start(&files, small());
    assert!(spool.was_clean());
    assert_eq!(spool.next(), FIRST.plus(WRITERS * each));
}

#[test]
fn who_comes_late_reads_from_the_files_while_others_append() {
    let folder = tempfile::tempdir().unwrap();
    let files: Arc<dyn Files> = Arc::new(SystemFiles::claim(folder.path()).unwrap());
    let spool = start(&files, DiskSettings { max_size: 1 << 30, ..small() });
    let web = reader(&spool, "web");
    let each = u64::from(times(20_000));
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let spool = &spool;
                scope.spawn(move || write(spool, writer, each))
            })
            .collect();
        writers.into_iter().take(2).for_each(|writer| writer.join().unwrap());
        read_all(&spool, web, WRITERS * each, false);
    });
    assert_eq!(spool.ledger(web).waiting, WRITERS * each);
}

#[test]
fn a_stop_in_the_middle_of_everything_keeps_all_that_was_appended() {
    let folder = tempfile::tempdir().unwrap();
    let files: Arc<dyn Files> = Arc::new(SystemFiles::claim(folder.path()).unwrap());
    let large = || DiskSettings { max_size: 1 << 30, ..small() };
    let mut appended = 0;
    for round in 0..4 {
        let spool = start(&files, large());
        let web = reader(&spool, "web");
        assert_eq!(spool.ledger(web).waiting, appended);
        let count = AtomicU64::new(0);
        thread::scope(|scope| {
            let (spool, count) = (&spool, &count);
            scope.spawn(move || {
                for number in 0..2000 {
                    append(spool, &[b'x'; 100]);
                    count.store(number + 1, Ordering::Release);
                }
            });
            while count.load(Ordering::Acquire) < 1000 {
                spool.read(web, spool.cursor(web));
            }
        });
        appended += count.into_inner();
        match round % 2 {
            0 => assert!(spool.close()),
            // Dropped without: its last events are written all the same, and a jump is told.
            _ => drop(spool),
        }
    }
}

#[test]
fn the_writer_beats_while_it_has_nothing_to_do_and_nobody_misses_it_behind_its_end() {
    let files: Arc<dyn Files> = Arc::new(MemoryFiles::new());
    let spool = start(&files, settings());
    let hearts = Heartbeats::default();
    spool.hearts().into_iter().for_each(|heart| hearts.add(heart));
    let age = || hearts.look(Instant::now())[0].age;
    let begun = Instant::now();
    let mut last = age();
    while last <= age() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it only grows older");
        last = age();
        thread::yield_now();
    }
    assert!(spool.close());
    assert_eq!(hearts.look(Instant::now()), []);
}
