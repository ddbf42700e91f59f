//! A full disk, a full spool, and what is still told then.

use super::*;
use crate::spool::{DropReason, Files};

fn used(files: &MemoryFiles) -> u64 {
    let names = files.names().unwrap();
    names.iter().map(|name| files.content(name).unwrap().len() as u64).sum()
}

fn coming(spool: &DiskSpool, number: u64) -> Offset {
    let (name, peer) = (format!("{number:015}"), "10.1.2.3:40112");
    let (session, time, connections) = (SessionId(number), UnixMillis(1), 1);
    let mut batch = Batch::new();
    batch.push(&Event::Online { name: &name, session, time, peer, connections });
    spool.append(&mut batch).unwrap()
}

/// Works `spool` by hand, a second at a time.
struct Clock {
    now: Instant,
}

impl Clock {
    fn new() -> Self {
        Self { now: Instant::now() }
    }

    fn work(&mut self, spool: &DiskSpool) {
        self.now += Duration::from_millis(1001);
        spool.work(self.now, UnixMillis::now());
    }
}

/// Appends until data have to wait.
fn fill(spool: &DiskSpool) -> u64 {
    let mut appended = 0;
    while !spool.pressure().is_paused() {
        append(spool, &[b'x'; 200]);
        work(spool);
        appended += 1;
        assert!(appended < 1000, "it is never full");
    }
    appended
}

#[test]
fn a_disk_that_is_full_at_any_moment_pauses_loses_nothing_and_goes_on_by_itself() {
    for before in 0..60 {
        let files = MemoryFiles::new();
        let spool = open(&files);
        let web = reader(&spool, "web");
        for _ in 0..before {
            append(&spool, &[b'x'; 200]);
            work(&spool);
        }
        files.set_capacity(Some(used(&files)));
        let appended = before + fill(&spool);
        assert!(spool.pressure().admits_newcomers(), "the reserve is free");
        for number in 0..8 {
            coming(&spool, number);
            work(&spool);
        }
        assert_eq!(*spool.promised().unwrap().borrow(), spool.next(), "the reserve has taken them");
        files.set_capacity(None);
        let mut clock = Clock::new();
        clock.work(&spool);
        assert!(!spool.pressure().is_paused(), "there is room again");
        append(&spool, b"the last");
        let found = rest(&spool, web, FIRST);
        assert_eq!(found.len() as u64, appended + 1);
        let ledger = spool.ledger(web);
        assert_eq!((ledger.received, ledger.dropped), (appended + 9, 0));
    }
}

#[test]
fn the_reserve_is_for_comings_and_goings_until_it_is_used_up() {
    let spool = open(&MemoryFiles::new());
    let web = reader(&spool, "web");
    fill(&spool);
    let mut comings = 0;
    while spool.pressure().admits_newcomers() {
        coming(&spool, comings);
        work(&spool);
        comings += 1;
        assert!(comings < 1000);
    }
    assert!(comings > 10, "{comings} found room");
    let last = coming(&spool, comings);
    work(&spool);
    assert_eq!(*spool.promised().unwrap().borrow(), last.plus(1), "who is here can still go");
    spool.acknowledge(web, FIRST.plus(60));
    work(&spool);
    assert!(!spool.pressure().is_paused() && spool.pressure().admits_newcomers());
}

#[test]
fn the_oldest_are_dropped_counted_and_told_where_that_is_the_policy() {
    let files = MemoryFiles::new();
    let settings = DiskSettings { when_full: WhenFull::DropOldest, ..settings() };
    let spool = open_with(&files, settings.clone());
    let web = reader(&spool, "web");
    for number in 0..1000 {
        append(&spool, format!("{number:0200}").as_bytes());
        work(&spool);
        assert!(!spool.pressure().is_paused());
        assert!(used(&files) <= settings.max_size + (128 << 10));
    }
    let Read::Hole { next, events, reason } = spool.read(web, FIRST) else { panic!("a hole") };
    assert_eq!((next.since(FIRST), reason), (events, DropReason::SpoolFull));
    let ledger = spool.ledger(web);
    assert_eq!((ledger.received, ledger.dropped), (1000, events));
    assert!(ledger.waiting > 100, "no more than is needed: {ledger:?}");
    assert_eq!(rest(&spool, web, next).len() as u64, ledger.waiting);
}

#[test]
fn a_spool_that_is_opened_with_less_room_keeps_what_it_has() {
    let files = MemoryFiles::new();
    let spool = open(&files);
    reader(&spool, "web");
    let appended = fill(&spool);
    assert!(spool.close());
    drop(spool);
    let smaller = DiskSettings { max_size: 16 << 10, ..settings() };
    let spool = open_with(&files, smaller.clone());
    let web = reader(&spool, "web");
    assert!(spool.pressure().is_paused());
    assert_eq!(rest(&spool, web, FIRST).len() as u64, appended);
    spool.acknowledge(web, spool.next().before());
    work(&spool);
    assert!(!spool.pressure().is_paused());
    drop(spool);
    let files = MemoryFiles::new();
    let spool = open(&files);
    reader(&spool, "web");
    let appended = fill(&spool);
    assert!(spool.close());
    drop(spool);
    let spool = open_with(&files, DiskSettings { when_full: WhenFull::DropOldest, ..smaller });
    let web = reader(&spool, "web");
    assert!(!spool.pressure().is_paused());
    assert!(used(&files) <= (16 << 10) + (128 << 10));
    let ledger = spool.ledger(web);
    assert_eq!(ledger.received, appended);
    assert!(ledger.dropped > 0 && ledger.waiting > 0);
}

#[test]
fn an_upstream_that_is_not_configured_any_more_keeps_its_events() {
    let files = MemoryFiles::new();
    let spool = open(&files);
    let (web, old) = (reader(&spool, "web"), reader(&spool, "old"));
    for _ in 0..100 {
        append(&spool, &[b'x'; 200]);
        work(&spool);
    }
    spool.acknowledge(old, FIRST.plus(9));
    assert!(spool.close());
    drop((spool, web));
    let spool = open(&files);
    let web = reader(&spool, "web");
    rest(&spool, web, FIRST);
    spool.acknowledge(web, FIRST.plus(99));
    work(&spool);
    assert!(spool.close());
    drop(spool);
    let spool = open(&files);
    let old = reader(&spool, "old");
    assert_eq!(rest(&spool, old, spool.cursor(old)).len(), 90);
}

#[test]
fn a_backlog_of_any_length_costs_little_memory() {
    let files = MemoryFiles::new();
    let large = DiskSettings { max_size: 1 << 30, segment: 1 << 20, ..settings() };
    let spool = open_with(&files, large);
    let readers = [reader(&spool, "web"), reader(&spool, "slow")];
    let mut batch = Batch::new();
    let mut most = 0;
    for _ in 0..times(100) {
        (0..500).for_each(|_| push(&mut batch, &[b'x'; 200]));
        spool.append(&mut batch);
        work(&spool);
        most = most.max(spool.shared().log().memory());
    }
    assert!(spool.shared().log().disk_bytes() > 12 << 20);
    assert!(most < 5 << 20, "{most} bytes while it grew");
    let mut from = [FIRST; 2];
    let mut turns = 0;
    while from[1] < spool.next() {
        for (at, reader) in readers.into_iter().enumerate() {
            match spool.read(reader, from[at]) {
                Read::Block(block) => from[at] = block.end(),
                Read::Hole { .. } => panic!("nothing is missing"),
                Read::Empty => {}
            }
        }
        // Whoever reads slower than the disk does not get all of it at once.
        work(&spool);
        most = most.max(spool.shared().log().memory());
        turns += 1;
        assert!(turns < times(10_000), "a reader is stuck");
    }
    assert!(most < 10 << 20, "{most} bytes while it was read");
}
