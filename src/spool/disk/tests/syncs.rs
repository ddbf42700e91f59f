//! A disk that says that it could not keep what it was given.

use super::*;
use crate::spool::{Files, Operation};

/// Works `spool` by hand, with time for what rests after a failure.
fn work_on(spool: &DiskSpool, turn: u64) {
    spool.work(Instant::now() + Duration::from_millis(1100 * turn), UnixMillis::now());
}

fn promised(spool: &DiskSpool) -> Offset {
    *spool.promised().unwrap().borrow()
}

fn opened_with(files: &MemoryFiles) -> (DiskSpool, Telemetry) {
    let telemetry = Telemetry::discarding();
    let files = Arc::new(files.clone());
    (DiskSpool::open_at(files, settings(), telemetry.clone(), FIRST).unwrap(), telemetry)
}

/// What is there after a loss of power, as numbers.
fn left(files: &MemoryFiles, seed: u64) -> Vec<String> {
    let files = files.copy().cut_power(seed);
    let spool = open(&files);
    let web = reader(&spool, "web");
    let found = rest(&spool, web, FIRST).into_iter().map(|(_, data)| data);
    found.filter(|data| !data.contains(' ')).collect()
}

/// Events of `size` bytes go on while syncs fail, and are promised when they no longer do.
fn survives(size: usize, failures: u64, which: &'static str) {
    let files = MemoryFiles::new();
    let (spool, telemetry) = opened_with(&files);
    reader(&spool, "web");
    let mut given = Vec::new();
    let mut more = |spool: &DiskSpool| {
        given.push(format!("{:0size$}", given.len()));
        append(spool, given.last().unwrap().as_bytes());
        given.clone()
    };
    for turn in 0..4 {
        more(&spool);
        work_on(&spool, turn);
    }
    let before = promised(&spool);
    files.fail(Operation::Sync, failures, move |name| name.ends_with(which));
    let mut all = Vec::new();
    for turn in 4..12 + failures {
        all = more(&spool);
        work_on(&spool, turn);
        let safe = promised(&spool).since(FIRST) as usize;
        for seed in 0..3 {
            let left = left(&files, seed);
            assert!(left.len() >= safe, "{} of {safe} promised are left", left.len());
            assert_eq!(left[..safe], all[..safe]);
        }
    }
    for turn in 20 + failures..24 + failures {
        work_on(&spool, turn);
    }
    assert!(before < promised(&spool));
    assert_eq!(promised(&spool), spool.next(), "it is made good");
    assert_eq!(left(&files, 7), all);
    let counts = telemetry.counts().snapshot();
    match which {
        "segment" => assert_eq!(counts.sum("spool_syncs_failed"), failures),
        _ => assert!(counts.sum("spool_faults") > 0),
    }
}

#[test]
fn a_failed_sync_of_the_current_segment_stops_promises_until_it_is_made_good() {
    survives(100, 1, "segment");
    survives(100, 3, "segment");
}

#[test]
fn so_does_one_at_the_closing_of_a_segment() {
    survives(1500, 1, "segment");
    survives(1500, 4, "segment");
    survives(4500, 2, "segment");
}

#[test]
fn a_state_that_cannot_be_stored_is_stored_later_and_nothing_is_lost() {
    let files = MemoryFiles::new();
    let (spool, telemetry) = opened_with(&files);
    let web = reader(&spool, "web");
    for turn in 0..40 {
        append(&spool, &[b'x'; 300]);
        work_on(&spool, turn);
    }
    files.fail(Operation::Sync, 2, |name| name.starts_with("state"));
    rest(&spool, web, FIRST);
    spool.acknowledge(web, FIRST.plus(29));
    work_on(&spool, 40);
    let seen = |files: &MemoryFiles, seed| {
        let spool = open(&files.copy().cut_power(seed));
        let web = reader(&spool, "web");
        rest(&spool, web, spool.cursor(web))
            .into_iter()
            .filter(|(_, data)| data.len() == 300)
            .count()
    };
    // Nothing is removed before it is known that it may be.
    assert!((0..20).all(|seed| [10, 40].contains(&seen(&files, seed))));
    assert!((0..20).any(|seed| seen(&files, seed) == 40));
    (41..46).for_each(|turn| work_on(&spool, turn));
    (0..8).for_each(|seed| assert_eq!(seen(&files, seed), 10));
    assert_eq!(telemetry.counts().snapshot().sum("spool_faults"), 2);
}

#[test]
fn what_was_sent_before_a_sync_failed_survives_a_kill() {
    let files = MemoryFiles::new();
    let spool = open(&files);
    let web = reader(&spool, "web");
    for number in 0..5 {
        append(&spool, format!("{number}").as_bytes());
    }
    work(&spool);
    for number in 5..9 {
        append(&spool, format!("{number}").as_bytes());
    }
    assert!(matches!(spool.read(web, FIRST.plus(8)), Read::Block(_)));
    files.fail_syncs(1);
    work(&spool);
    let files = files.kill();
    drop(spool);
    let spool = open(&files);
    assert_eq!(rest(&spool, web, FIRST).len(), 9 + 1, "nine events, and the restart");
}

#[test]
fn a_jump_of_numbering_stays_one_where_the_first_segment_behind_it_was_given_up() {
    let files = MemoryFiles::new();
    let spool = open(&files);
    reader(&spool, "web");
    append(&spool, b"before");
    work(&spool);
    let files = files.kill();
    drop(spool);
    let spool = open(&files);
    files.fail_syncs(1);
    append(&spool, b"after");
    (0..4).for_each(|turn| work_on(&spool, turn));
    assert_eq!(promised(&spool), spool.next());
    let files = files.kill();
    drop(spool);
    // The segments alone tell of it as well.
    let without_state = files.copy();
    without_state.remove("state").unwrap();
    for files in [files, without_state] {
        let spool = open(&files);
        let web = reader(&spool, "web");
        let found = rest(&spool, web, FIRST);
        let what: Vec<&str> = found.iter().map(|(_, what)| what.as_str()).collect();
        assert_eq!(what, ["before", "0 restart", "after", "0 restart"]);
        assert_eq!((spool.ledger(web).received, spool.ledger(web).dropped), (2, 0));
    }
}
