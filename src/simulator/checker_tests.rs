//! Lines that keep their promises, and lines that break each of them.

use super::{
    Report, Violation,
    web_memory::{State, WebSettings},
};

const HELLO: &str = r#"{"hello":"tetherd","protocol":1,"gateway":"g","spool":"s","next":1}"#;
const STARTED: &str = r#"{"offset":1,"event":"started","time":"t","clean":true}"#;

fn online(offset: u64, name: &str, session: &str) -> String {
    format!(
        r#"{{"offset":{offset},"event":"online","imei":"{name}","session":"{session}","time":"t","peer":"p","connections":1}}"#
    )
}

fn data(offset: u64, name: &str, session: &str, seq: u64) -> String {
    format!(
        r#"{{"offset":{offset},"event":"data","imei":"{name}","session":"{session}","seq":{seq},"time":"t","peer":"p","connections":1,"data":"aGVsbG8="}}"#
    )
}

fn offline(offset: u64, name: &str, session: &str, received: u64) -> String {
    format!(
        r#"{{"offset":{offset},"event":"offline","imei":"{name}","session":"{session}","time":"t","reason":"idle","received_bytes":{received},"sent_bytes":0,"connections":0}}"#
    )
}

fn gap(from: u64, to: u64, events: u64) -> String {
    format!(r#"{{"offset":{to},"event":"gap","from":{from},"to":{to},"events":{events}}}"#)
}

/// What the stand-in says to these links, each a list of lines behind a `hello`.
fn judge_with(settings: &WebSettings, links: &[&[String]]) -> Report {
    let mut state = State::default();
    for lines in links {
        state.hello(HELLO, settings).expect("a hello");
        for line in *lines {
            state.line(line, Some("g"), settings);
        }
    }
    state.report
}

fn judge(links: &[&[String]]) -> Report {
    judge_with(&WebSettings::default(), links)
}

fn violations(lines: &[String]) -> Vec<Violation> {
    judge(&[lines]).first_violations
}

fn started() -> String {
    STARTED.to_owned()
}

#[test]
fn a_whole_story_breaks_nothing_and_is_counted() {
    let report = judge(&[&[
        started(),
        online(2, "a", "s1"),
        data(3, "a", "s1", 1),
        data(4, "a", "s1", 2),
        offline(5, "a", "s1", 20),
        online(6, "a", "s2"),
        r#"{"offset":7,"event":"news of next year","key":{}}"#.to_owned(),
        gap(8, 10, 3),
        data(11, "a", "s2", 9),
    ]]);
    assert_eq!(report.first_violations, []);
    assert_eq!((report.started, report.online, report.data, report.offline), (1, 2, 3, 1));
    assert_eq!((report.gaps, report.lost, report.others, report.online_now), (1, 3, 1, 1));
    assert_eq!((report.name("a").bytes, report.name("a").sessions), (15, 2));
    assert_eq!(report.reasons.get("idle"), Some(&1));
    assert_eq!(report.offsets.get("g"), Some(&11));
}

#[test]
fn what_is_sent_again_after_a_break_counts_once() {
    let first = [started(), online(2, "a", "s1"), data(3, "a", "s1", 1)];
    let again = [online(2, "a", "s1"), data(3, "a", "s1", 1), data(4, "a", "s1", 2)];
    let report = judge(&[&first, &again]);
    assert_eq!(report.first_violations, []);
    assert_eq!((report.repeats, report.data, report.online), (2, 2, 1));
}

#[test]
fn a_repeat_with_other_content_is_seen() {
    let report = judge(&[&[started(), online(2, "a", "s1")], &[online(2, "b", "s1")]]);
    assert_eq!(report.first_violations, [Violation::Changed { offset: 2 }]);
}

#[test]
fn a_hole_among_repeats_is_seen() {
    let first = [started(), online(2, "a", "s1"), data(3, "a", "s1", 1)];
    let report = judge(&[&first, &[started(), data(3, "a", "s1", 1)]]);
    assert_eq!(report.first_violations, [Violation::Jump { offset: 3, before: 1 }]);
}

#[test]
fn offsets_that_do_not_rise_or_jump_are_seen() {
    let story = [started(), online(2, "a", "s1"), online(2, "a", "s1")];
    assert_eq!(violations(&story), [Violation::NotRising { offset: 2, before: 2 }]);
    let story = [started(), online(3, "a", "s1")];
    assert_eq!(violations(&story), [Violation::Jump { offset: 3, before: 1 }]);
}

#[test]
fn a_gap_must_join_what_is_left_and_add_up() {
    let late = [started(), gap(3, 4, 2)];
    assert_eq!(violations(&late), [Violation::Jump { offset: 4, before: 1 }]);
    let too_many = [started(), gap(2, 4, 4)];
    assert_eq!(violations(&too_many), [Violation::BadGap { offset: 4 }]);
    let elsewhere = gap(2, 4, 3).replace(r#""to":4"#, r#""to":3"#);
    assert_eq!(violations(&[started(), elsewhere]), [Violation::BadGap { offset: 4 }]);
}

#[test]
fn after_a_loss_the_first_line_of_each_name_is_believed_and_the_second_is_not() {
    let story = [started(), gap(2, 4, 3), data(5, "a", "s1", 7), data(6, "a", "s1", 9)];
    let [Violation::WrongSeq { expected: 8, seq: 9, .. }] = violations(&story)[..] else {
        panic!("{:?}", violations(&story));
    };
    let nothing_lost = [started(), gap(2, 4, 0), data(5, "a", "s1", 7)];
    assert!(matches!(violations(&nothing_lost)[..], [Violation::NotOnline { .. }]));
}

#[test]
fn each_name_comes_online_once_and_speaks_only_between() {
    let twice = [started(), online(2, "a", "s1"), online(3, "a", "s2")];
    let found = violations(&twice);
    assert_eq!(found, [Violation::OnlineTwice { name: "a".into(), offset: 3 }]);
    let before = [started(), data(2, "a", "s1", 1)];
    assert!(matches!(violations(&before)[..], [Violation::NotOnline { .. }]));
    let stranger = [started(), online(2, "a", "s1"), data(3, "a", "s2", 1)];
    assert!(matches!(violations(&stranger)[..], [Violation::NotOnline { .. }]));
    let ended_twice =
        [started(), online(2, "a", "s1"), offline(3, "a", "s1", 0), offline(4, "a", "s1", 0)];
    assert!(matches!(violations(&ended_twice)[..], [Violation::NotOnline { .. }]));
    let restarted =
        [started(), online(2, "a", "s1"), started().replace('1', "3"), online(4, "a", "s2")];
    assert_eq!(violations(&restarted), []);
}

#[test]
fn several_sessions_may_have_one_name_where_that_is_allowed() {
    let settings = WebSettings { allow_duplicates: true, ..WebSettings::default() };
    let story = [
        started(),
        online(2, "a", "s1"),
        online(3, "a", "s2"),
        data(4, "a", "s1", 1),
        offline(5, "a", "s2", 9),
        data(6, "a", "s2", 1),
    ];
    let found = judge_with(&settings, &[&story]).first_violations;
    assert!(matches!(found[..], [Violation::NotOnline { offset: 6, .. }]), "{found:?}");
}

#[test]
fn data_are_counted_without_a_hole_and_never_more_than_was_read() {
    let lost = [started(), online(2, "a", "s1"), data(3, "a", "s1", 2)];
    assert!(matches!(violations(&lost)[..], [Violation::WrongSeq { seq: 2, expected: 1, .. }]));
    let nameless = [started(), data(2, "unknown", "s1", 1), data(3, "unknown", "s1", 1)];
    assert!(matches!(violations(&nameless)[..], [Violation::WrongSeq { expected: 2, .. }]));
    let named_later =
        [started(), data(2, "unknown", "s1", 1), online(3, "a", "s1"), data(4, "a", "s1", 2)];
    assert_eq!(violations(&named_later), []);
    let more = [started(), online(2, "a", "s1"), data(3, "a", "s1", 1), offline(4, "a", "s1", 4)];
    let [Violation::MoreThanRead { received: 4, delivered: 5, .. }] = violations(&more)[..] else {
        panic!("{:?}", violations(&more));
    };
}

#[test]
fn lines_that_are_none_are_seen() {
    for line in ["", "[]", "{}", "{\"offset\":1", r#"{"offset":1}"#, "hello"] {
        let found = violations(&[line.to_owned()]);
        assert!(matches!(found[..], [Violation::NotALine(_)]), "{line}: {found:?}");
    }
    let keyless = online(2, "a", "s1").replace("session", "sessions");
    let found = violations(&[started(), keyless]);
    assert!(matches!(found[..], [Violation::Missing { key: "session", .. }]), "{found:?}");
    let undecodable = data(3, "a", "s1", 1).replace("aGVsbG8=", "aGVsbG8");
    let found = violations(&[started(), online(2, "a", "s1"), undecodable]);
    assert_eq!(found, [Violation::BadData { offset: 3 }]);
}

#[test]
fn errors_of_the_gateway_are_kept_and_break_nothing() {
    let report = judge(&[&[r#"{"error":"not understood","line":"x"}"#.to_owned()]]);
    assert_eq!((report.errors, report.violations), (1, 0));
    assert!(report.last_errors[0].contains("not understood"));
}

#[test]
fn a_new_spool_may_jump_but_not_use_an_offset_again() {
    let settings = WebSettings::default();
    let other = HELLO.replace(r#""s""#, r#""s2""#);
    let second = |line: &str| {
        let mut state = State::default();
        state.hello(HELLO, &settings).expect("a hello");
        state.line(STARTED, Some("g"), &settings);
        state.line(&online(2, "a", "s1"), Some("g"), &settings);
        state.hello(&other, &settings).expect("a hello");
        state.line(line, Some("g"), &settings);
        state.report.first_violations
    };
    assert_eq!(second(&STARTED.replace('1', "1000")), []);
    assert_eq!(second(STARTED), [Violation::Reused { offset: 1, before: 2 }]);
}

#[test]
fn who_joins_in_the_middle_of_a_story_believes_it() {
    assert_eq!(violations(&[data(17, "a", "s1", 5), data(18, "a", "s1", 6)]), []);
}
