//! A device's decisions, by a clock that stands where the test says.

use super::*;
use crate::{
    model::UnixMillis,
    protocol::{BUILT_IN, Protocol},
    simulator::Speech,
};

const SECOND: Duration = Duration::from_secs(1);

fn player(change: impl FnOnce(&mut Script)) -> (Player, Instant) {
    let mut script = Script::new("127.0.0.1:1".parse().expect("an address"));
    change(&mut script);
    let now = Instant::now();
    (Player::new(Arc::new(script), Dice::new(1, 1), now), now)
}

/// Writes all that may leave at `now` and gives it.
fn flush(player: &mut Player, now: Instant) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(chunk) = player.chunk(now).map(<[u8]>::to_vec) {
        player.written(chunk.len(), now);
        all.extend(chunk);
    }
    all
}

#[test]
fn it_registers_speaks_at_its_interval_and_ends_after_its_messages() {
    let (mut player, start) = player(|script| {
        script.payload = Payload::Counter("m".to_owned());
        script.messages = Some(2);
        script.last_words = Bytes::from_static(b"bye");
    });
    player.connected(Some(Bytes::from_static(b"hi;")), start);
    assert_eq!(flush(&mut player, start), b"hi;");
    assert_eq!(player.step(start), (Step::Go, false));
    assert_eq!(flush(&mut player, start), b"m 1");
    assert_eq!(player.wake_at(), Some(start + SECOND));
    assert_eq!(player.step(start + SECOND), (Step::Go, false));
    assert_eq!(flush(&mut player, start + SECOND), b"m 2");
    player.step(start + SECOND);
    assert_eq!(flush(&mut player, start + SECOND), b"bye");
    assert_eq!(player.step(start + SECOND).0, Step::Finish);
    assert_eq!(player.step(start + SECOND).0, Step::Go);
    player.peer_finished(start + SECOND);
    assert_eq!(player.step(start + SECOND).0, Step::Close);
    assert!(matches!(player.take_why(), Why::Done));
    assert_eq!((player.tally.messages, player.tally.message_bytes), (2, 9));
    assert_eq!(player.tally.hash, super::super::RunningHash::of(b"m 1m 2bye"));
}

#[test]
fn an_idle_device_says_its_last_words_and_any_activity_puts_that_off() {
    let (mut player, start) = player(|script| {
        script.idle = Some(3 * SECOND);
        script.last_words = Bytes::from_static(b"bye");
    });
    player.connected(None, start);
    player.received(b"ping", start + 2 * SECOND);
    assert_eq!(player.step(start + 3 * SECOND), (Step::Go, false));
    assert_eq!(player.wake_at(), Some(start + 5 * SECOND));
    assert_eq!(player.step(start + 5 * SECOND), (Step::Go, true));
    assert_eq!(flush(&mut player, start + 5 * SECOND), b"bye");
    assert!(matches!(player.take_why(), Why::Idle));
}

#[test]
fn it_waits_for_a_peer_that_never_finishes_only_so_long() {
    let (mut player, start) = player(|_| {});
    player.connected(None, start);
    player.stop(start);
    assert_eq!(player.step(start).0, Step::Finish);
    assert_eq!(player.wake_at(), Some(start + 5 * SECOND));
    assert_eq!(player.step(start + 5 * SECOND).0, Step::Close);
}

#[test]
fn a_half_closed_device_reads_on_until_the_peer_finishes() {
    let (mut player, start) = player(|script| {
        script.ending = Ending::HalfClose;
        script.messages = Some(0);
    });
    player.connected(None, start);
    assert_eq!(player.step(start).0, Step::Finish);
    assert_eq!(player.wake_at(), None);
    assert!(player.wants_read());
    let later = start + 3600 * SECOND;
    player.received(b"the rest", later);
    assert_eq!(player.step(later).0, Step::Go);
    player.stop(later);
    assert_eq!(player.wake_at(), Some(later + 5 * SECOND), "stopped, it waits only so long");
    player.peer_finished(later);
    assert_eq!(player.step(later).0, Step::Close);
}

#[test]
fn a_reset_waits_for_what_was_said_and_takes_no_last_words() {
    let (mut player, start) = player(|script| {
        script.ending = Ending::Reset;
        script.last_words = Bytes::from_static(b"never said");
    });
    player.connected(Some(Bytes::from_static(b"hi;")), start);
    player.stop(start);
    assert_eq!(player.step(start).0, Step::Go);
    assert_eq!(flush(&mut player, start), b"hi;");
    assert_eq!(player.step(start).0, Step::Reset);
}

#[test]
fn after_the_peers_fin_it_leaves_without_last_words() {
    let (mut player, start) = player(|script| script.last_words = Bytes::from_static(b"no"));
    player.connected(None, start);
    player.peer_finished(start);
    assert_eq!(player.step(start).0, Step::Close);
    assert!(!player.wants_read());
    assert!(matches!(player.take_why(), Why::PeerFinished));
}

#[test]
fn it_does_not_catch_up_after_having_been_held_up() {
    let (mut player, start) = player(|script| script.payload = Payload::Text(5));
    player.connected(None, start);
    player.step(start);
    assert_eq!(player.step(start + 9 * SECOND), (Step::Go, false));
    assert_eq!(flush(&mut player, start + 9 * SECOND).len(), 5, "one waits for the other");
    player.step(start + 9 * SECOND);
    assert_eq!(flush(&mut player, start + 9 * SECOND).len(), 5);
    assert_eq!(player.wake_at(), Some(start + 10 * SECOND));
}

#[test]
fn answers_are_numbered_and_may_hold_what_was_received() {
    assert_eq!(fill("client data: {i}", 3, b"x"), b"client data: 3");
    assert_eq!(fill("{You} said \"{received}\"\r\n", 1, b"\xff"), b"{You} said \"\xff\"\r\n");
    assert_eq!(fill("{", 1, b""), b"{");
}

#[test]
fn a_device_that_stays_is_silent_after_its_last_message() {
    let (mut player, start) = player(|script| {
        script.payload = Payload::Text(5);
        script.messages = Some(1);
        script.stay = true;
    });
    player.connected(None, start);
    player.step(start);
    flush(&mut player, start);
    assert_eq!(player.step(start + 60 * SECOND), (Step::Go, false));
    assert_eq!(player.wake_at(), None);
}

#[test]
fn a_device_of_a_protocol_sends_what_is_typed_in_frames_and_leaves_once_it_is_answered() {
    let (_, text) = BUILT_IN.iter().find(|(name, _)| *name == "gps103").expect("built in");
    let protocol = Protocol::parse("gps103", text).expect("sound");
    let speech = Speech::new(protocol, true).expect("it can be played");
    let name = speech.name("860000000000001").expect("a name");
    let (mut player, start) = player(|_| {});
    player.speaks(Voice::new(Arc::new(speech), name, (start, UnixMillis(0))));
    player.connected(None, start);
    assert_eq!(flush(&mut player, start), b"##,imei:860000000000001,A;");
    assert!(!player.wants_typed(), "the login is not answered");
    player.received(b"LOAD", start);
    assert!(player.wants_typed());
    player.typed(Bytes::from_static(b"help me"), start);
    player.typed_ended(start);
    assert_eq!(flush(&mut player, start), b"imei:860000000000001,help me;");
    assert_eq!(player.step(start), (Step::Go, false), "it waits for its reply");
    player.received(b"**,imei:860000000000001,E;", start);
    assert_eq!(player.step(start).0, Step::Finish);
}

#[test]
fn a_device_of_a_protocol_whose_login_is_not_answered_leaves() {
    let (_, text) = BUILT_IN.iter().find(|(name, _)| *name == "gps103").expect("built in");
    let protocol = Protocol::parse("gps103", text).expect("sound");
    let speech = Speech::new(protocol, false).expect("it can be played");
    let name = speech.name("860000000000001").expect("a name");
    let (mut player, start) = player(|script| script.payload = Payload::Text(5));
    player.speaks(Voice::new(Arc::new(speech), name, (start, UnixMillis(0))));
    player.connected(None, start);
    flush(&mut player, start);
    assert_eq!(player.step(start + 9 * SECOND), (Step::Go, false));
    assert_eq!(flush(&mut player, start + 9 * SECOND), b"", "it may not speak");
    assert_eq!(player.wake_at(), Some(start + 10 * SECOND));
    assert_eq!(player.step(start + 10 * SECOND).0, Step::Finish);
    assert!(matches!(player.take_why(), Why::Unanswered));
}
