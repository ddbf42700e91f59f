//! What every upstream has before it was to be written never is.

use super::*;
use crate::spool::DropReason;

fn sparing(files: &MemoryFiles) -> (DiskSpool, ReaderId) {
    let spool = open(files);
    let web = reader(&spool, "web");
    spool.shared().spare_the_disk();
    (spool, web)
}

fn append_some(spool: &DiskSpool, count: u64) {
    for number in 0..count {
        append(spool, format!("{number}").as_bytes());
    }
}

/// A turn of the writer so long after this moment.
fn work_after(spool: &DiskSpool, millis: u64) {
    spool.work(Instant::now() + Duration::from_millis(millis), UnixMillis::now());
}

fn written(spool: &DiskSpool) -> Offset {
    spool.shared().log().written
}

fn promised(spool: &DiskSpool) -> Offset {
    *spool.promised().unwrap().borrow()
}

fn what(found: &[(u64, String)]) -> Vec<&str> {
    found.iter().map(|(_, what)| what.as_str()).collect()
}

#[test]
fn what_everybody_has_in_time_is_never_written_and_is_as_good_as_safe() {
    let (spool, web) = sparing(&MemoryFiles::new());
    for round in 1..=20 {
        append_some(&spool, 5);
        let end = FIRST.plus(5 * round);
        assert_eq!(spool.acknowledge(web, end.before()), 5);
        assert_eq!(promised(&spool), end);
        work_after(&spool, 100);
        let log = spool.shared().log();
        assert_eq!((log.written, log.segments.len(), log.held_bytes()), (FIRST, 0, 0));
        assert_eq!(log.pending.len(), 1, "one place for all of them");
    }
    let ledger = spool.ledger(web);
    assert_eq!((ledger.delivered, ledger.waiting), (100, 0));
}

#[test]
fn what_somebody_lacks_is_written_once_it_has_waited_so_long() {
    let (spool, _) = sparing(&MemoryFiles::new());
    append_some(&spool, 3);
    spool.work(Instant::now(), UnixMillis::now());
    assert_eq!(written(&spool), FIRST, "it may still be acknowledged in time");
    work_after(&spool, 5);
    assert_eq!((written(&spool), promised(&spool)), (spool.next(), spool.next()));
}

#[test]
fn one_that_has_them_does_not_take_them_from_another_that_lacks_them() {
    let (spool, web) = sparing(&MemoryFiles::new());
    let slow = reader(&spool, "slow");
    append_some(&spool, 4);
    spool.acknowledge(web, FIRST.plus(3));
    assert_eq!(promised(&spool), FIRST);
    work_after(&spool, 5);
    assert_eq!(what(&rest(&spool, slow, FIRST)), ["0", "1", "2", "3"]);
}

#[test]
fn who_reads_on_needs_no_disk() {
    let files = MemoryFiles::new();
    let (spool, web) = sparing(&files);
    append_some(&spool, 2);
    assert!(matches!(spool.read(web, FIRST), Read::Block(_)));
    assert_eq!(written(&spool), FIRST);
}

#[test]
fn after_a_kill_those_that_nobody_had_are_there_behind_the_place_of_the_others() {
    let files = MemoryFiles::new();
    let (spool, web) = sparing(&files);
    append_some(&spool, 5);
    spool.acknowledge(web, FIRST.plus(4));
    append_some(&spool, 3);
    work_after(&spool, 300);
    let files = files.kill();
    drop(spool);
    let (spool, web) = sparing(&files);
    assert_eq!(spool.cursor(web), FIRST.plus(5));
    assert_eq!(what(&rest(&spool, web, FIRST.plus(5))), ["0", "1", "2", "0 restart"]);
    assert_eq!(spool.ledger(web).dropped, 0);
}

#[test]
fn after_a_kill_without_anything_written_nothing_is_missing_and_no_offset_comes_again() {
    let files = MemoryFiles::new();
    let (spool, web) = sparing(&files);
    append_some(&spool, 5);
    spool.acknowledge(web, FIRST.plus(4));
    work_after(&spool, 300);
    let (next, files) = (spool.next(), files.kill());
    drop(spool);
    let (spool, web) = sparing(&files);
    assert!(spool.next() > next);
    assert_eq!(spool.ledger(web).waiting, 0);
}

#[test]
fn a_stop_in_good_order_stays_one_and_numbering_goes_on() {
    let files = MemoryFiles::new();
    let (spool, web) = sparing(&files);
    append_some(&spool, 5);
    spool.acknowledge(web, FIRST.plus(4));
    assert!(spool.close());
    drop(spool);
    let (spool, web) = sparing(&files);
    assert!(spool.was_clean());
    assert_eq!((spool.next(), spool.ledger(web).waiting), (FIRST.plus(5), 0));
    append_some(&spool, 1);
    assert_eq!(what(&rest(&spool, web, FIRST.plus(5))), ["0"]);
}

#[test]
fn who_goes_back_comes_by_a_gap_of_no_events() {
    let files = MemoryFiles::new();
    let (spool, web) = sparing(&files);
    append_some(&spool, 2);
    work_after(&spool, 5);
    append_some(&spool, 3);
    spool.acknowledge(web, FIRST.plus(4));
    append_some(&spool, 1);
    let hole = spool.read(web, FIRST.plus(3));
    let Read::Hole { next, events, reason } = hole else { panic!("{hole:?}") };
    assert_eq!((next, events, reason), (FIRST.plus(5), 0, DropReason::Restart));
    // From the file as well.
    work_after(&spool, 10);
    assert_eq!(what(&rest(&spool, web, FIRST)), ["0", "1", "0 restart", "0"]);
    let files = files.kill();
    drop(spool);
    let (spool, web) = sparing(&files);
    assert_eq!(what(&rest(&spool, web, FIRST)), ["0", "1", "0 restart", "0", "0 restart"]);
}

#[test]
fn what_is_kept_for_a_rewind_is_written_whoever_has_it() {
    let files = MemoryFiles::new();
    let settings = DiskSettings { retain: Duration::from_secs(60), ..settings() };
    let spool = open_with(&files, settings);
    let web = reader(&spool, "web");
    spool.shared().spare_the_disk();
    append_some(&spool, 3);
    spool.acknowledge(web, FIRST.plus(2));
    work(&spool);
    assert_eq!(written(&spool), FIRST.plus(3));
}
