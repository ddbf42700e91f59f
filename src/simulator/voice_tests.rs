//! What a device of a protocol sends, and what it makes of its replies.

use super::*;
use crate::protocol::{BUILT_IN, Protocol};

const NAME: &str = "860000000000001";

fn built_in(name: &str) -> Protocol {
    let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name).expect("built in");
    Protocol::parse(name, text).expect("sound")
}

fn voice(protocol: Protocol, carrying: bool) -> (Voice, Instant) {
    let speech = Speech::new(protocol, carrying).expect("it can be played");
    let name = speech.name(speech.first_name().unwrap_or(NAME)).expect("a name");
    let now = Instant::now();
    let mut voice = Voice::new(Arc::new(speech), name, (now, UnixMillis(1_795_215_802_000)));
    voice.connected(now);
    (voice, now)
}

fn verdicts(voice: &mut Voice) -> Vec<Verdict> {
    std::iter::from_fn(|| voice.verdict()).collect()
}

/// What a GT06 gateway says to `sent`.
fn gt06_reply(sent: &[u8]) -> Vec<u8> {
    let gt06 = built_in("gt06");
    let name = Name::new(NAME.as_bytes()).expect("a name");
    let answer = gt06.answer(Saying::Heartbeat, sent, &name, true, UnixMillis(0));
    answer.expect("a frame").reply
}

fn right(login: bool) -> Verdict {
    Verdict::Right { login, bytes: 10, tells_time: false }
}

#[test]
fn nothing_is_said_before_the_login_is_answered() {
    let (mut voice, now) = voice(built_in("gt06"), false);
    let login = voice.login(now).expect("a login");
    assert_eq!((voice.login(now), voice.is_ready()), (None, false));
    assert_eq!(verdicts(&mut voice), [Verdict::Awaited { login: true }]);
    let reply = gt06_reply(&login);
    voice.received(&reply[..4]);
    assert!(!voice.is_ready(), "that is not all of it");
    voice.received(&reply[4..]);
    assert!(voice.is_ready() && !voice.awaits());
    assert_eq!(verdicts(&mut voice), [right(true)]);
    let message = voice.message(b"", now).expect("a message");
    assert_eq!(message[message.len() - 6..message.len() - 4], [0, 2], "it counts");
}

#[test]
fn the_parts_of_a_login_wait_for_each_others_replies() {
    let (mut voice, now) = voice(built_in("jt808"), false);
    let register = voice.login(now).expect("a registration");
    assert_eq!(&register[1..3], b"\x01\x00");
    assert_eq!(voice.login(now), None);
    voice.received(b"anything");
    let password = voice.login(now).expect("the password");
    assert_eq!(&password[1..3], b"\x01\x02");
    assert!(!voice.is_ready());
}

#[test]
fn a_protocol_without_a_reply_to_the_login_waits_for_none() {
    for preset in ["etung", "line", "raw", "suntech", "h02"] {
        let (mut voice, now) = voice(built_in(preset), false);
        while voice.login(now).is_some() {}
        assert!(voice.is_ready(), "{preset}");
        assert!(!voice.awaits(), "{preset}");
    }
}

#[test]
fn replies_are_compared_one_behind_the_other() {
    let (mut voice, now) = voice(built_in("gt06"), false);
    let login = voice.login(now).expect("a login");
    voice.received(&gt06_reply(&login));
    let one = voice.message(b"", now).expect("a message");
    let two = voice.message(b"", now).expect("a message");
    let three = voice.message(b"", now).expect("a message");
    verdicts(&mut voice);
    let command = b"\x78\x78\x0f\x80\x07\0\0\0\0STATUS\0\x01aa\r\n";
    voice.received(&[&gt06_reply(&one), &command[..], &gt06_reply(&two)].concat());
    let other = Verdict::Other(command.to_vec());
    assert_eq!(verdicts(&mut voice), [right(false), other, right(false)]);
    let mut bad = gt06_reply(&three);
    bad[7] ^= 1;
    voice.received(&bad);
    let wrong = Verdict::Wrong { login: false, came: bad, expected: gt06_reply(&three) };
    assert_eq!(verdicts(&mut voice), [wrong]);
    voice.received(b"hello");
    assert_eq!(verdicts(&mut voice), [Verdict::Other(b"hello".to_vec())]);
}

#[test]
fn a_reply_that_is_late_or_cut_off_is_missed() {
    let (mut voice, now) = voice(built_in("gt06"), false);
    let login = voice.login(now).expect("a login");
    assert_eq!(voice.wake_at(), Some(now + PATIENCE));
    assert!(!voice.expire(now + PATIENCE - Duration::from_millis(1)));
    assert!(voice.expire(now + PATIENCE), "it was the login's");
    let missing = Verdict::Missing { login: true, expected: gt06_reply(&login) };
    assert_eq!(verdicts(&mut voice), [Verdict::Awaited { login: true }, missing]);
    let message = voice.message(b"", now).expect("a message");
    let reply = gt06_reply(&message);
    voice.received(&reply[..3]);
    voice.cut_off();
    let wrong = Verdict::Wrong { login: false, came: reply[..3].to_vec(), expected: reply };
    assert_eq!(verdicts(&mut voice), [Verdict::Awaited { login: false }, wrong]);
    assert!(!voice.awaits());
}

#[test]
fn a_reply_with_the_time_in_it_is_right_if_it_is_as_long() {
    let (mut voice, now) = voice(built_in("h02"), false);
    voice.message(b"", now).expect("a message");
    voice.received(b"*HQ,860000000000001,V4,V1,20300101");
    assert!(voice.awaits());
    voice.received(b"000000#");
    let right = Verdict::Right { login: false, bytes: 41, tells_time: true };
    assert_eq!(verdicts(&mut voice), [Verdict::Awaited { login: false }, right]);
}

#[test]
fn signs_of_life_come_at_their_interval_and_only_behind_the_login() {
    let (mut voice, now) = voice(built_in("gt06"), false);
    let login = voice.login(now).expect("a login");
    let due = now + Duration::from_secs(180);
    assert_eq!(voice.heartbeat(due), None, "it is not logged in");
    voice.received(&gt06_reply(&login));
    assert_eq!(voice.wake_at(), Some(due));
    assert_eq!(voice.heartbeat(due - Duration::from_millis(1)), None);
    let heartbeat = voice.heartbeat(due).expect("a heartbeat");
    assert_eq!(heartbeat[3], 0x13);
    assert_eq!(voice.heartbeat(due), None);
}

#[test]
fn who_has_something_to_say_sends_what_holds_it_and_others_the_rest() {
    let kind = |carrying| {
        let (mut voice, now) = voice(built_in("gt06"), carrying);
        let login = voice.login(now).expect("a login");
        voice.received(&gt06_reply(&login));
        let two = [voice.message(b"on", now), voice.message(b"on", now)];
        two.map(|sent| sent.expect("a message")[..2].to_vec())
    };
    assert_eq!(kind(false), [b"xx", b"xx"]);
    assert_eq!(kind(true), [b"yy", b"yy"]);
    let (mut voice, now) = voice(built_in("etung"), false);
    voice.login(now);
    assert_eq!(voice.message(b"message 1", now).as_deref(), Some(&b"message 1"[..]));
}

#[test]
fn what_makes_no_frame_is_told_and_not_sent() {
    let (mut voice, now) = voice(built_in("h02"), true);
    assert_eq!(voice.message(b"a#b", now), None);
    assert_eq!(verdicts(&mut voice), [Verdict::Unfit(3)]);
    assert!(voice.message(b"V1", now).is_some());
}

#[test]
fn what_cannot_be_played_says_why() {
    let text = "name = 'mine'\nidentity = 'address'\n";
    let mine = |more: &str| Protocol::parse("mine", &format!("{text}{more}")).expect("sound");
    let fault = Speech::new(mine(""), false).expect_err("no [device]").to_string();
    assert!(fault.contains("mine does not say what its devices send; add [device]"), "{fault}");
    let fixed = mine("[device]\nsend = 'tick'");
    let fault = Speech::new(fixed, true).expect_err("no {data}").to_string();
    assert!(fault.contains("has no {data}; leave out --data"), "{fault}");
    let name = |preset, name| {
        let speech = Speech::new(built_in(preset), false).expect("it can be played");
        speech.name(name).map(|_| ()).map_err(|fault| fault.to_string())
    };
    assert_eq!(name("gt06", NAME), Ok(()));
    let told =
        |preset: &str, what: &str| Err(format!("protocol {preset} cannot say the name {what}"));
    let pump = "\"pump\": it is not of digits";
    assert_eq!(name("gt06", "pump"), told("gt06", pump));
    assert_eq!(name("ruptela", "pump"), told("ruptela", pump));
    let long = "\"1234567890123456\": a gateway reads it as 234567890123456";
    assert_eq!(name("gt06", "1234567890123456"), told("gt06", long));
    let imei = "\"860000000000001\": a gateway reads it as 1";
    assert_eq!(name("jt808", NAME), told("jt808", imei));
    assert!(name("etung", "a b").expect_err("a space").contains("is no name"));
}
