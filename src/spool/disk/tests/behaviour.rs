use super::*;

#[test]
fn what_was_appended_is_read_again_in_order() {
    let spool = open(&MemoryFiles::new());
    let web = reader(&spool, "web");
    for number in 0..400 {
        append(&spool, format!("{number:050}").as_bytes());
        work(&spool);
    }
    let found = rest(&spool, web, FIRST);
    assert_eq!(found.len(), 400);
    for (number, (offset, data)) in found.iter().enumerate() {
        assert_eq!((*offset, data), (FIRST.0 + number as u64, &format!("{number:050}")));
    }
}

#[test]
fn after_a_stop_in_good_order_everything_goes_on_where_it_was() {
    let files = MemoryFiles::new();
    let spool = open(&files);
    let web = reader(&spool, "web");
    for number in 0..100 {
        append(&spool, format!("{number}").as_bytes());
    }
    work(&spool);
    spool.acknowledge(web, FIRST.plus(9));
    assert!(spool.close());
    let (ledger, id) = (spool.ledger(web), spool.id().to_owned());
    drop(spool);
    let spool = open(&files);
    let web = reader(&spool, "web");
    assert!(spool.was_clean());
    assert_eq!((spool.ledger(web), spool.id()), (ledger, id.as_str()));
    assert_eq!((spool.cursor(web), spool.next()), (FIRST.plus(10), FIRST.plus(100)));
    let found = rest(&spool, web, FIRST.plus(10));
    assert_eq!(found.len(), 90);
    assert_eq!(found[0], (FIRST.0 + 10, "10".to_owned()));
}

#[test]
fn after_a_kill_numbering_goes_on_behind_the_reserved_block_and_the_jump_is_told() {
    let files = MemoryFiles::new();
    let spool = open(&files);
    let web = reader(&spool, "web");
    for number in 0..10 {
        append(&spool, format!("{number}").as_bytes());
    }
    work(&spool);
    append(&spool, b"never written");
    let files = files.kill();
    drop(spool);
    let spool = open(&files);
    let again = reader(&spool, "web");
    assert_eq!(web, again);
    assert!(!spool.was_clean());
    assert_eq!(spool.next(), FIRST.plus(1 << 20));
    append(&spool, b"after");
    let found = rest(&spool, web, FIRST);
    assert_eq!(found.len(), 12);
    assert_eq!(found[10], (FIRST.0 + (1 << 20), "0 restart".to_owned()));
    assert_eq!(found[11], (FIRST.0 + (1 << 20), "after".to_owned()));
    assert_eq!(spool.ledger(web).waiting, 11);
}

#[test]
fn a_full_spool_pauses_and_goes_on_by_itself() {
    let spool = open(&MemoryFiles::new());
    let web = reader(&spool, "web");
    let mut appended = 0;
    while !spool.pressure().is_paused() {
        append(&spool, &[b'x'; 200]);
        work(&spool);
        appended += 1;
        assert!(appended < 1000);
    }
    let next = spool.next();
    spool.acknowledge(web, FIRST.plus(appended / 2));
    work(&spool);
    assert!(!spool.pressure().is_paused());
    append(&spool, b"and on");
    let found = rest(&spool, web, spool.cursor(web));
    assert_eq!(found.last(), Some(&(next.0, "and on".to_owned())));
}

#[test]
fn a_failed_sync_costs_nothing_and_is_written_once_more() {
    let files = MemoryFiles::new();
    let spool = open(&files);
    let web = reader(&spool, "web");
    append(&spool, b"safe");
    work(&spool);
    let promised = spool.promised().unwrap();
    assert_eq!(*promised.borrow(), FIRST.plus(1));
    append(&spool, b"not yet");
    files.fail_syncs(1);
    work(&spool);
    assert_eq!(*promised.borrow(), FIRST.plus(1), "nothing is promised");
    let later = Instant::now() + std::time::Duration::from_secs(2);
    spool.work(later, UnixMillis::now());
    spool.work(later, UnixMillis::now());
    assert_eq!(*promised.borrow(), FIRST.plus(2));
    let files = files.cut_power(1);
    drop(spool);
    let spool = open(&files);
    let found = rest(&spool, web, FIRST);
    assert_eq!(found[0].1, "safe");
    assert_eq!(found[1].1, "not yet");
}

#[test]
fn a_flipped_byte_costs_its_frame_and_nothing_else() {
    let files = MemoryFiles::new();
    let spool = open(&files);
    reader(&spool, "web");
    for number in 0..10 {
        append(&spool, format!("{number}").as_bytes());
        work(&spool);
    }
    let files = files.kill();
    drop(spool);
    files.flip("000000000001.segment", 300, 0x40).unwrap();
    let spool = open(&files);
    let web = reader(&spool, "web");
    let found = rest(&spool, web, FIRST);
    assert!(found.contains(&(FIRST.0 + 3, "1 damaged".to_owned())), "{found:?}");
    assert_eq!(found.len(), 11, "nine events, a damage, and the restart");
    let ledger = spool.ledger(web);
    assert_eq!((ledger.received, ledger.dropped, ledger.waiting), (10, 1, 9));
}

#[test]
fn a_disk_with_room_for_one_segment_only_is_enough_to_go_on() {
    let files = MemoryFiles::new();
    let spool = open(&files);
    let web = reader(&spool, "web");
    let room: u64 = 128 << 10 | 4 << 10;
    files.set_capacity(Some(room));
    for round in 1..20 {
        append(&spool, b"again");
        work(&spool);
        assert!(spool.pressure().is_paused(), "there is no room for a second one");
        let mut later = Instant::now() + Duration::from_secs(round * 10);
        while spool.ledger(web).waiting > 0 {
            spool.acknowledge(web, spool.next().before());
        }
        for _ in 0..3 {
            spool.work(later, UnixMillis::now());
            later += Duration::from_secs(2);
        }
        assert!(!spool.pressure().is_paused(), "round {round}");
    }
    assert_eq!(spool.ledger(web).delivered, 19);
}

#[test]
fn an_upstream_that_may_be_skipped_is_skipped_when_it_is_not_configured_any_more() {
    let files = MemoryFiles::new();
    let spool = open(&files);
    reader(&spool, "web");
    let skipped = ReaderSettings {
        name: "old".to_owned(),
        start: Start::Oldest,
        when_behind: WhenBehind::Skip,
        max_lag: 8 << 10,
    };
    spool.open_reader(&skipped);
    append(&spool, b"one");
    assert!(spool.close());
    drop(spool);
    let spool = open(&files);
    let web = reader(&spool, "web");
    for _ in 0..2000 {
        append(&spool, &[b'x'; 200]);
        work(&spool);
        spool.acknowledge(web, spool.next().before());
    }
    work(&spool);
    assert!(!spool.pressure().is_paused());
    let old = spool.open_reader(&skipped);
    assert!(spool.ledger(old).dropped > 1000);
}

#[test]
fn events_do_not_wait_for_the_storing_of_cursors() {
    let files = MemoryFiles::new();
    let spool = open(&files);
    let web = reader(&spool, "web");
    work(&spool);
    append(&spool, b"one");
    append(&spool, b"two");
    spool.acknowledge(web, FIRST);
    work(&spool);
    spool.acknowledge(web, FIRST.plus(1));
    let rest = spool.work(Instant::now(), UnixMillis::now());
    assert!(matches!(rest, Rest::Within(_)), "the cursor is not stored yet: {rest:?}");
}
