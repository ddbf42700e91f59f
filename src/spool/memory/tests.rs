use proptest::prelude::*;

use super::*;
use crate::{
    model::{Event, SessionId, UnixMillis},
    units::Size,
};

const FIRST: Offset = Offset(1_000);

fn spool(max_size: Size, when_full: WhenFull) -> MemorySpool {
    let settings = Settings { max_size: Some(max_size), when_full, ..Settings::default() };
    MemorySpool::starting_at(&settings, FIRST)
}

fn reader(name: &str, when_behind: WhenBehind, max_lag: u64) -> ReaderSettings {
    ReaderSettings { name: name.to_owned(), start: Start::Now, when_behind, max_lag }
}

fn data(seq: u64, bytes: &[u8]) -> Event<'_> {
    let (session, time) = (SessionId(1), UnixMillis(0));
    Event::Data {
        name: "a",
        session,
        seq,
        time,
        peer: "p",
        connections: 1,
        data: bytes,
        meaning: b"",
    }
}

fn append(spool: &MemorySpool, events: usize, bytes: usize) -> Offset {
    let mut batch = Batch::new();
    let payload = vec![b'x'; bytes];
    (0..events).for_each(|seq| batch.push(&data(seq as u64, &payload)));
    spool.append(&mut batch).expect("the batch was not empty")
}

#[test]
fn batches_get_consecutive_offsets_and_are_read_from_any_of_them() {
    let spool = spool(Size::mib(4), WhenFull::Pause);
    let web = spool.open_reader(&reader("web", WhenBehind::Hold, 0));
    assert_eq!(append(&spool, 3, 10), FIRST);
    assert_eq!(append(&spool, 2, 10), FIRST.plus(3));
    assert_eq!(spool.append(&mut Batch::new()), None);
    for at in 0..5 {
        let Read::Block(block) = spool.read(web, FIRST.plus(at)) else { panic!("a block") };
        assert!(block.base() <= FIRST.plus(at) && FIRST.plus(at) < block.end());
    }
    assert!(matches!(spool.read(web, FIRST.plus(5)), Read::Empty));
}

#[test]
fn what_every_upstream_has_acknowledged_is_given_back() {
    let spool = spool(Size::mib(4), WhenFull::Pause);
    let fast = spool.open_reader(&reader("fast", WhenBehind::Hold, 0));
    let slow = spool.open_reader(&reader("slow", WhenBehind::Hold, 0));
    append(&spool, 2, 10);
    append(&spool, 2, 10);
    spool.acknowledge(fast, FIRST.plus(3));
    assert!(spool.held() > 0, "the slow one still needs it");
    spool.acknowledge(slow, FIRST.plus(1));
    let after_first = spool.held();
    spool.acknowledge(slow, FIRST);
    assert_eq!(spool.cursor(slow), FIRST.plus(2), "an acknowledgement of the past changes nothing");
    spool.acknowledge(slow, FIRST.plus(3));
    assert!(after_first > 0);
    assert_eq!(spool.held(), 0);
    let all = Ledger { received: 4, delivered: 4, waiting: 0, dropped: 0 };
    assert_eq!((spool.ledger(fast), spool.ledger(slow)), (all, all));
}

#[test]
fn a_full_spool_pauses_data_and_resumes_by_itself_when_there_is_room() {
    let spool = spool(Size::mib(4), WhenFull::Pause);
    let web = spool.open_reader(&reader("web", WhenBehind::Hold, 0));
    let mut last = FIRST;
    while !spool.pressure().is_paused() {
        last = append(&spool, 1, 60_000);
    }
    assert!(spool.held() < 4 << 20, "the reserve is still free");
    assert!(spool.pressure().admits_newcomers(), "they may use the reserve");
    while spool.pressure().admits_newcomers() {
        last = append(&spool, 1, 200);
    }
    assert!(spool.held() <= 4 << 20);
    spool.acknowledge(web, last);
    assert!(!spool.pressure().is_paused() && spool.pressure().admits_newcomers());
}

#[test]
fn drop_oldest_counts_what_it_drops_and_shows_a_hole_until_it_is_acknowledged() {
    let spool = spool(Size::mib(4), WhenFull::DropOldest);
    let web = spool.open_reader(&reader("web", WhenBehind::Hold, 0));
    let blocks = 100;
    for _ in 0..blocks {
        append(&spool, 1, 60_000);
    }
    assert!(!spool.pressure().is_paused());
    let Read::Hole { next, events, reason } = spool.read(web, FIRST) else { panic!("a hole") };
    assert_eq!(reason, DropReason::SpoolFull);
    assert_eq!(next.since(FIRST), events);
    let ledger = spool.ledger(web);
    assert_eq!((ledger.received, ledger.dropped), (blocks, events));
    assert!(ledger.balances());
    assert_eq!(spool.cursor(web), FIRST, "a broken link must be told of the hole again");
    spool.acknowledge(web, next.before());
    assert_eq!(spool.cursor(web), next);
    assert_eq!(spool.ledger(web), ledger, "telling of a gap delivers nothing");
}

#[test]
fn an_upstream_that_may_be_skipped_never_fills_the_spool() {
    let spool = spool(Size::mib(4), WhenFull::Pause);
    let slow = spool.open_reader(&reader("slow", WhenBehind::Skip, 1 << 20));
    let greedy = spool.open_reader(&reader("greedy", WhenBehind::Skip, u64::MAX));
    (0..200).for_each(|_| {
        append(&spool, 1, 60_000);
    });
    assert!(!spool.pressure().is_paused());
    for reader in [slow, greedy] {
        assert!(matches!(spool.read(reader, FIRST), Read::Hole { reason: DropReason::Behind, .. }));
        assert!(spool.ledger(reader).balances());
    }
    assert!(spool.ledger(slow).waiting <= 18, "1 MiB holds 17 of them");
    assert!(spool.ledger(greedy).waiting > 18);
}

#[test]
fn skipping_by_hand_is_a_hole_of_its_own_name() {
    let spool = spool(Size::mib(4), WhenFull::Pause);
    let web = spool.open_reader(&reader("web", WhenBehind::Hold, 0));
    append(&spool, 3, 10);
    spool.skip(web, FIRST);
    let Read::Hole { next, events, reason } = spool.read(web, FIRST) else { panic!("a hole") };
    assert_eq!((next, events, reason), (FIRST.plus(1), 1, DropReason::Skipped));
    assert_eq!(spool.ledger(web), Ledger { received: 3, delivered: 0, waiting: 2, dropped: 1 });
}

proptest! {
    /// Whatever is appended, acknowledged and dropped: the ledger balances, the cursor never goes
    /// back, and what is read begins where it was asked for.
    #[test]
    fn the_ledger_balances_at_every_step(
        steps in prop::collection::vec((0_u8..4, 1_usize..5, 0_u64..400), 1..120),
        drop_oldest in any::<bool>(),
    ) {
        let when_full = if drop_oldest { WhenFull::DropOldest } else { WhenFull::Pause };
        let spool = spool(Size::mib(4), when_full);
        let readers = [
            spool.open_reader(&reader("hold", WhenBehind::Hold, 0)),
            spool.open_reader(&reader("skip", WhenBehind::Skip, 1 << 20)),
        ];
        for (step, events, number) in steps {
            let reader = readers[(number % 2) as usize];
            let before = spool.cursor(reader);
            match step {
                0 | 1 => { append(&spool, events, 40_000); }
                2 => { spool.acknowledge(reader, FIRST.plus(number)); }
                _ => spool.skip(reader, spool.cursor(reader)),
            }
            prop_assert!(spool.cursor(reader) >= before);
            for reader in readers {
                prop_assert!(spool.ledger(reader).balances());
                let cursor = spool.cursor(reader);
                match spool.read(reader, cursor) {
                    Read::Block(block) => prop_assert!(block.base() <= cursor && cursor < block.end()),
                    Read::Hole { next, events, .. } => prop_assert!(next > cursor && events > 0),
                    Read::Empty => prop_assert_eq!(cursor, spool.next()),
                }
            }
        }
    }
}

#[test]
fn what_arrived_after_it_counted_as_dropped_is_delivered_after_all() {
    let spool = spool(Size::mib(4), WhenFull::DropOldest);
    let reader = spool.open_reader(&reader("web", WhenBehind::Hold, 0));
    (0..200).for_each(|_| {
        append(&spool, 1, 40_000);
    });
    let lost = spool.ledger(reader).dropped;
    assert!(lost > 3);
    spool.found(reader, 3);
    let ledger = spool.ledger(reader);
    assert_eq!((ledger.dropped, ledger.delivered, ledger.balances()), (lost - 3, 3, true));
    spool.found(reader, u64::MAX);
    assert!(spool.ledger(reader).balances() && spool.ledger(reader).dropped == 0);
}

#[test]
fn what_waits_is_told_in_bytes_and_since_when() {
    let spool = spool(Size::mib(4), WhenFull::Pause);
    let web = spool.open_reader(&reader("web", WhenBehind::Hold, 0));
    assert_eq!(spool.backlog(web), Backlog::default());
    for time in [10, 20, 30] {
        let mut batch = Batch::new();
        for offset in 0..2 {
            let (session, time) = (SessionId(1), UnixMillis(time + offset));
            batch.push(&Event::Idle { name: "a", session, time, connections: 1 });
        }
        spool.append(&mut batch);
    }
    let whole = spool.backlog(web);
    assert_eq!((whole.bytes, whole.since), (spool.held() as u64, Some(UnixMillis(10))));
    assert_eq!(whole.lag(UnixMillis(2010)), 2.0);
    assert_eq!(whole.lag(UnixMillis(5)), 0.0, "a clock that was set back");
    spool.acknowledge(web, FIRST.plus(2));
    let rest = spool.backlog(web);
    assert_eq!(rest.since, Some(UnixMillis(21)));
    let record = (spool.held() / 2 - BLOCK_OVERHEAD) as u64 / 2;
    assert_eq!(rest.bytes, 3 * record + 2 * BLOCK_OVERHEAD as u64);
    assert_eq!(spool.room().kept, rest.bytes + record, "its block is kept whole");
    spool.acknowledge(web, FIRST.plus(5));
    assert_eq!(spool.backlog(web), Backlog::default());
    assert_eq!(spool.room(), Room { kept: 0, limit: 4 << 20, held: 0 });
}
