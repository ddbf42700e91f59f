use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn delivery(window: usize) -> Delivery {
    let settings = DeliverySettings { window, ack_timeout: Some(60 * SECOND) };
    let backoff = Backoff::new(Duration::from_millis(200), 30 * SECOND, 1);
    Delivery::new(settings, Offset(100), backoff)
}

fn send(delivery: &mut Delivery, events: u64, now: Instant) {
    for _ in 0..events {
        delivery.sent(delivery.next(), 10, now);
    }
}

#[test]
fn acknowledgements_move_the_cursor_and_nothing_else_does() {
    let (mut delivery, now) = (delivery(1000), Instant::now());
    assert_eq!(delivery.begin(), Offset(100));
    delivery.sent_besides(30);
    send(&mut delivery, 5, now);
    assert_eq!((delivery.bytes_in_flight(), delivery.cursor()), (50, Offset(100)));
    let accepted = |through| Acknowledged::Accepted { through: Offset(through) };
    assert_eq!(delivery.acknowledge(Offset(99), now), Acknowledged::Past);
    assert_eq!(delivery.acknowledge(Offset(102), now), accepted(102));
    assert_eq!((delivery.bytes_in_flight(), delivery.cursor()), (20, Offset(103)));
    assert_eq!(delivery.acknowledge(Offset(102), now), Acknowledged::Past);
    assert_eq!(delivery.acknowledge(Offset(105), now), Acknowledged::Future);
    assert_eq!(delivery.acknowledge(Offset(u64::MAX), now), Acknowledged::Future);
    assert_eq!((delivery.bytes_in_flight(), delivery.cursor()), (20, Offset(103)));
    delivery.failed();
    assert_eq!(delivery.begin(), Offset(103));
}

#[test]
fn what_an_earlier_link_sent_may_be_acknowledged_before_it_is_repeated() {
    let (mut delivery, now) = (delivery(1000), Instant::now());
    delivery.begin();
    send(&mut delivery, 5, now);
    delivery.failed();
    delivery.begin();
    send(&mut delivery, 1, now);
    let accepted = Acknowledged::Accepted { through: Offset(103) };
    assert_eq!(delivery.acknowledge(Offset(103), now), accepted);
    assert_eq!((delivery.next(), delivery.bytes_in_flight()), (Offset(104), 0));
    assert_eq!(delivery.acknowledge(Offset(105), now), Acknowledged::Future);
}

#[test]
fn after_a_rewind_no_acknowledgement_goes_further_than_what_was_sent_since() {
    let (mut delivery, now) = (delivery(1000).following(Offset(90)), Instant::now());
    delivery.begin();
    send(&mut delivery, 20, now);
    delivery.acknowledge(Offset(110), now);
    delivery.rewound(Offset(50));
    assert_eq!((delivery.begin(), delivery.take_arrived()), (Offset(50), 0));
    assert_eq!(delivery.acknowledge(Offset(115), now), Acknowledged::Past);
    assert_eq!(delivery.cursor(), Offset(50));
    send(&mut delivery, 3, now);
    let accepted = Acknowledged::Accepted { through: Offset(52) };
    assert_eq!(delivery.acknowledge(Offset(115), now), accepted);
    assert_eq!(delivery.acknowledge(Offset(120), now), Acknowledged::Future);
    assert_eq!((delivery.cursor(), delivery.take_arrived()), (Offset(53), 3));
}

#[test]
fn what_has_arrived_is_counted_without_gaps() {
    let (mut delivery, now) = (delivery(1000), Instant::now());
    delivery.begin();
    delivery.sent(Offset(100), 0, now);
    send(&mut delivery, 2, now);
    delivery.sent_gap(Offset(150), 20, now);
    delivery.sent(Offset(151), 0, now);
    send(&mut delivery, 1, now);
    delivery.acknowledge(Offset(101), now);
    assert_eq!(delivery.take_arrived(), 2);
    delivery.acknowledge(Offset(152), now);
    assert_eq!(delivery.take_arrived(), 3);
    assert_eq!((delivery.take_arrived(), delivery.bytes_in_flight()), (0, 0));
}

#[test]
fn an_event_larger_than_the_window_goes_alone() {
    let (mut delivery, now) = (delivery(100), Instant::now());
    delivery.begin();
    assert!(delivery.fits(5000));
    delivery.sent(Offset(100), 5000, now);
    assert!(!delivery.fits(1));
    delivery.acknowledge(Offset(100), now);
    assert!(delivery.fits(100));
    delivery.sent(Offset(101), 60, now);
    assert!(delivery.fits(40) && !delivery.fits(41));
}

#[test]
fn events_that_the_format_leaves_out_are_delivered_with_the_one_before() {
    let (mut delivery, now) = (delivery(1000), Instant::now());
    delivery.begin();
    delivery.sent(Offset(100), 0, now);
    assert_eq!((delivery.cursor(), delivery.is_settled()), (Offset(101), true));
    delivery.sent(Offset(101), 40, now);
    delivery.sent(Offset(102), 0, now);
    delivery.sent(Offset(103), 40, now);
    assert_eq!(delivery.cursor(), Offset(101));
    assert_eq!(delivery.transport_acknowledged(40, 1, now), None);
    assert_eq!(delivery.transport_acknowledged(80, 40, now), Some(Offset(102)));
    assert_eq!(delivery.transport_acknowledged(80, 0, now), Some(Offset(103)));
    delivery.sent(Offset(104), 40, now);
    for offset in 105..105 + 1023 {
        assert!(delivery.fits(0));
        delivery.sent(Offset(offset), 0, now);
    }
    assert!(!delivery.fits(0), "what costs no bytes must not be unbounded");
}

#[test]
fn without_acknowledgements_the_last_byte_that_tcp_has_decides() {
    let (mut delivery, now) = (delivery(1000), Instant::now());
    delivery.begin();
    delivery.sent_besides(25);
    send(&mut delivery, 4, now);
    assert_eq!(delivery.transport_acknowledged(0, 0, now), None);
    assert_eq!(delivery.transport_acknowledged(34, 0, now), None);
    assert_eq!(delivery.transport_acknowledged(65, 20, now), Some(Offset(101)));
    assert_eq!(delivery.transport_acknowledged(65, 20, now), None);
    delivery.failed();
    assert_eq!(delivery.begin(), Offset(102));
    send(&mut delivery, 1, now);
    assert_eq!(delivery.transport_acknowledged(10, 0, now), Some(Offset(102)));
}

#[test]
fn silence_is_too_long_only_while_something_is_on_its_way() {
    let (mut delivery, start) = (delivery(1000), Instant::now());
    delivery.begin();
    assert_eq!(delivery.ack_deadline(), None);
    send(&mut delivery, 1, start);
    send(&mut delivery, 1, start + 30 * SECOND);
    assert!(!delivery.is_overdue(start + 59 * SECOND));
    assert!(delivery.is_overdue(start + 60 * SECOND));
    delivery.acknowledge(Offset(99), start + 59 * SECOND);
    assert!(delivery.is_overdue(start + 60 * SECOND), "the past is no progress");
    delivery.acknowledge(Offset(100), start + 59 * SECOND);
    assert_eq!(delivery.ack_deadline(), Some(start + 119 * SECOND));
    delivery.acknowledge(Offset(101), start + 60 * SECOND);
    assert_eq!(delivery.ack_deadline(), None);
}

#[test]
fn five_failures_at_one_offset_are_stuck_and_a_success_clears_them() {
    let (mut delivery, now) = (delivery(1000), Instant::now());
    let fail = |delivery: &mut Delivery| {
        delivery.begin();
        send(delivery, 3, now);
        delivery.failed().stuck
    };
    for _ in 0..4 {
        assert_eq!(fail(&mut delivery), None);
    }
    delivery.begin();
    send(&mut delivery, 3, now);
    delivery.acknowledge(Offset(100), now);
    assert_eq!(delivery.failed().stuck, None);
    for _ in 0..3 {
        assert_eq!(fail(&mut delivery), None);
    }
    assert_eq!(fail(&mut delivery), Some(Offset(101)));
    assert_eq!((fail(&mut delivery), delivery.stuck()), (None, Some(Offset(101))));
    delivery.begin();
    send(&mut delivery, 3, now);
    delivery.acknowledge(Offset(101), now);
    assert_eq!(delivery.stuck(), None);
}

#[test]
fn a_web_server_that_is_away_is_not_stuck() {
    let mut delivery = delivery(1000);
    for _ in 0..100 {
        assert_eq!(delivery.failed().stuck, None);
    }
    assert_eq!(delivery.stuck(), None);
}

#[test]
fn pauses_grow_until_something_is_acknowledged() {
    let (mut delivery, now) = (delivery(1000), Instant::now());
    let longest = (0..50).map(|_| delivery.failed().pause).max().unwrap();
    assert!(longest > 5 * SECOND && longest <= 30 * SECOND, "{longest:?}");
    delivery.begin();
    send(&mut delivery, 1, now);
    delivery.acknowledge(Offset(100), now);
    assert!(delivery.failed().pause <= Duration::from_millis(200));
}

#[test]
fn a_try_that_is_put_off_waits_as_asked_and_counts_no_failure() {
    let (mut delivery, now) = (delivery(1000), Instant::now());
    for _ in 0..20 {
        delivery.begin();
        send(&mut delivery, 2, now);
        let setback = delivery.put_off(45 * SECOND);
        assert_eq!((setback.pause, setback.stuck), (45 * SECOND, None));
        assert_eq!((delivery.next(), delivery.is_settled()), (Offset(100), true));
    }
    let longest = (0..100).map(|_| delivery.put_off(Duration::ZERO).pause).max();
    assert!(longest > Some(10 * SECOND), "without a word the pauses grow as usual");
}

#[test]
fn skipping_tells_a_gap_in_place_of_the_event_until_it_is_acknowledged() {
    let (mut delivery, now) = (delivery(1000), Instant::now());
    assert_eq!(delivery.skip(), None, "only what is stuck can be skipped");
    let fail = |delivery: &mut Delivery| {
        for _ in 0..5 {
            delivery.begin();
            send(delivery, 3, now);
            delivery.failed();
        }
    };
    fail(&mut delivery);
    let gap = |from, to| {
        let events = to - from + 1;
        let (from, to) = (Offset(from), Offset(to));
        Some(Gap { from, to, events, reason: DropReason::Skipped })
    };
    assert_eq!(delivery.skip(), gap(100, 100));
    assert_eq!((delivery.skip(), delivery.stuck()), (None, None));
    assert_eq!(delivery.skipped(), gap(100, 100));
    delivery.begin();
    delivery.sent(Offset(100), 50, now);
    assert_eq!(delivery.skipped(), None);
    delivery.failed();
    delivery.begin();
    assert_eq!(delivery.skipped(), gap(100, 100), "not acknowledged: told again");
    fail(&mut delivery);
    assert_eq!(delivery.skip(), gap(100, 101));
    fail(&mut delivery);
    fail(&mut delivery);
    assert_eq!(delivery.skip(), gap(100, 102));
    fail(&mut delivery);
    assert_eq!(delivery.skip(), gap(100, 102), "never more than was there");
    delivery.begin();
    delivery.sent(Offset(102), 50, now);
    delivery.acknowledge(Offset(102), now);
    assert_eq!((delivery.skipped(), delivery.next()), (None, Offset(103)));
}

#[derive(Clone, Copy, Debug)]
enum Op {
    /// Send an event of so many bytes, if it fits.
    Send(usize),
    /// The web server gets so many more of the events sent.
    Receive(u64),
    /// It acknowledges what lies so far before the last it has.
    Ack(u64),
    /// It acknowledges what lies so far behind everything that was ever sent.
    AckFuture(u64),
    Break,
    End,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0usize..150).prop_map(Op::Send),
        4 => (0u64..6).prop_map(Op::Receive),
        4 => (0u64..8).prop_map(Op::Ack),
        1 => (0u64..8).prop_map(Op::AckFuture),
        2 => Just(Op::Break),
        1 => Just(Op::End),
    ]
}

/// The plainest model: offsets only.
#[derive(Debug, Default)]
struct Model {
    cursor: u64,
    sent: Vec<(u64, usize)>,
    sent_end: u64,
    /// First offset that the web server does not have.
    missing: u64,
}

impl Model {
    fn in_flight(&self) -> usize {
        let waiting = self.sent.iter().filter(|(offset, _)| *offset >= self.cursor);
        waiting.map(|(_, bytes)| bytes).sum()
    }

    fn next(&self) -> u64 {
        self.sent.last().map_or(self.cursor, |(offset, _)| (offset + 1).max(self.cursor))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_skipped_or_taken_back_and_the_window_is_kept(
        ops in prop::collection::vec(op(), 1..120),
    ) {
        const WINDOW: usize = 200;
        let (mut delivery, now) = (delivery(WINDOW), Instant::now());
        let mut model = Model { cursor: 100, sent_end: 100, missing: 100, ..Model::default() };
        delivery.begin();
        for op in ops {
            let before = delivery.cursor();
            match op {
                Op::Send(bytes) => if delivery.fits(bytes + 1) {
                    let offset = delivery.next().0;
                    delivery.sent(Offset(offset), bytes + 1, now);
                    model.sent.push((offset, bytes + 1));
                    model.sent_end = model.sent_end.max(offset + 1);
                    prop_assert!(model.in_flight() <= WINDOW || model.in_flight() == bytes + 1);
                } else {
                    prop_assert!(model.in_flight() + bytes + 1 > WINDOW);
                },
                Op::Receive(count) => for (offset, _) in &model.sent {
                    if *offset < model.missing + count {
                        prop_assert!(*offset <= model.missing, "{offset} came too early");
                        model.missing = model.missing.max(offset + 1);
                    }
                },
                Op::Ack(back) => {
                    let through = model.missing.saturating_sub(1 + back);
                    let expected = if through < model.cursor {
                        Acknowledged::Past
                    } else {
                        model.cursor = through + 1;
                        Acknowledged::Accepted { through: Offset(through) }
                    };
                    prop_assert_eq!(delivery.acknowledge(Offset(through), now), expected);
                }
                Op::AckFuture(ahead) => {
                    let future = Offset(model.sent_end + ahead);
                    prop_assert_eq!(delivery.acknowledge(future, now), Acknowledged::Future);
                }
                Op::Break | Op::End => {
                    if matches!(op, Op::End) { delivery.ended() } else { delivery.failed(); }
                    model.sent.clear();
                    let resumed = delivery.begin();
                    prop_assert!(resumed.0 <= model.missing, "lacks {}", model.missing);
                }
            }
            prop_assert!(delivery.cursor() >= before);
            prop_assert_eq!(delivery.cursor(), Offset(model.cursor));
            prop_assert_eq!(delivery.next(), Offset(model.next()));
            prop_assert_eq!(delivery.bytes_in_flight(), model.in_flight());
            prop_assert_eq!(delivery.ack_deadline().is_some(), model.in_flight() > 0);
        }
    }
}
