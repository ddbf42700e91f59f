//! The preset `line`: a registration, then lines.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

const SHORT: Rules = Rules { max_frame: 4, ..RULES };
const TOO_LONG: Out = Fault(super::super::Fault::FrameTooLong);

fn line() -> Protocol {
    built_in("line")
}

/// What comes out of a stream in these pieces, up to its end.
fn lines(rules: Rules, stream: &[u8], pieces: &[usize]) -> Vec<Out> {
    let mut session = Session::new(&line(), rules);
    session.cuts_frames = true;
    let mut rest = stream;
    for &piece in pieces.iter().cycle() {
        let (read, behind) = rest.split_at(piece.min(rest.len()));
        rest = behind;
        session.read(read);
        if matches!(session.out.last(), Some(Fault(_))) {
            return session.take();
        }
        if rest.is_empty() {
            break;
        }
    }
    session.finish();
    session.take()
}

fn whole(rules: Rules, stream: &[u8]) -> Vec<Out> {
    lines(rules, stream, &[usize::MAX])
}

#[test]
fn each_line_behind_the_registration_is_one_piece_of_data_without_its_end() {
    let out = whole(RULES, b"ETUNG:pump\r\none\ntwo\r\nth\rree\n");
    let expected = [name("pump"), Filtered(12), data("one"), data("two"), data("th\rree")];
    assert_eq!(out, expected);
}

#[test]
fn fifteen_digits_need_no_terminator_before_the_first_line() {
    let out = whole(RULES, b"ETUNG:860000000000001one\n");
    assert_eq!(out, [name(IMEI), Filtered(21), data("one")]);
}

#[test]
fn empty_lines_go_nowhere() {
    let out = whole(RULES, b"ETUNG:p\n\n\r\na\n\n\nb\r\n\r\n");
    assert_eq!(out, [name("p"), Filtered(8), data("a"), data("b")]);
}

#[test]
fn what_had_begun_when_the_device_hung_up_is_its_last_line() {
    assert_eq!(whole(RULES, b"ETUNG:p\na\nb")[2..], [data("a"), data("b")]);
    assert_eq!(whole(RULES, b"ETUNG:p\na\r")[2..], [data("a\r")]);
}

#[test]
fn a_line_waits_for_its_end_and_nothing_is_kept_behind_it() {
    let mut session = Session::new(&line(), RULES);
    session.cuts_frames = true;
    session.read(b"ETUNG:p\non").read(b"e");
    assert_eq!(session.take(), [name("p"), Filtered(8)]);
    assert_eq!(session.cutter.held(), b"one");
    assert_eq!(session.cutter.pause_after(&session.protocol, &RULES), None);
    session.read(b"\r");
    assert_eq!(session.take(), []);
    session.read(b"\ntwo\n");
    assert_eq!(session.take(), [data("one"), data("two")]);
    assert_eq!(session.cutter.held(), b"");
    assert!(session.cutter.is_idle(), "the buffer of an unfinished line is given back");
}

#[test]
fn a_line_above_the_longest_frame_ends_the_session_in_any_pieces() {
    for pieces in [usize::MAX, 1, 2, 3, 5] {
        let run = |stream: &[u8]| lines(SHORT, stream, &[pieces]).split_off(2);
        assert_eq!(run(b"ETUNG:p\nabcd\r\nabcd\nx"), [data("abcd"), data("abcd"), data("x")]);
        assert_eq!(run(b"ETUNG:p\nab\nabcde\n"), [data("ab"), TOO_LONG]);
        assert_eq!(run(b"ETUNG:p\nab\nabcde\r\n"), [data("ab"), TOO_LONG]);
        assert_eq!(run(b"ETUNG:p\nab\nabcdefgh"), [data("ab"), TOO_LONG]);
        assert_eq!(run(b"ETUNG:p\nabcd\rx\n"), [TOO_LONG]);
        assert_eq!(run(b"ETUNG:p\nabcd\r"), [TOO_LONG]);
    }
}

#[test]
fn lines_come_from_devices_that_are_named_by_their_address_too() {
    let text = "name = 'x'\nidentity = 'address'\n[[frame]]\nstage = 'after'\nuntil = ';'\n";
    let protocol = Protocol::parse("x", text).unwrap();
    let mut session = Session::new(&protocol, RULES);
    session.cuts_frames = true;
    session.read(b"a;b").read(b"c;d").finish();
    assert_eq!(session.take(), [data("a"), data("bc"), data("d")]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_pieces_give_the_same_lines(
        device in select(vec![IMEI, "pump"]),
        parts in vec(select(vec!["a", "bc", "\r", "\n", "\r\n", "def", "ETUNG:x", ";"]), 0..40),
        pieces in vec(prop_oneof![1..4_usize, 1..60_usize], 1..20),
    ) {
        let stream = format!("ETUNG:{device}\r\n{}", parts.concat());
        let rest = parts.concat();
        let ended = rest.ends_with('\n');
        let mut expected: Vec<Out> = rest
            .split('\n')
            .map(|line| line.strip_suffix('\r').unwrap_or(line))
            .filter(|line| !line.is_empty())
            .map(data)
            .collect();
        // A `\r` stays where no `\n` came behind it.
        if !ended && rest.ends_with('\r') {
            let last = rest.rsplit('\n').next().unwrap_or_default();
            if last.len() > 1 {
                expected.pop();
            }
            expected.push(data(last));
        }
        let is_line = |out: &Out| matches!(out, Data(_));
        let came: Vec<_> = lines(RULES, stream.as_bytes(), &pieces).into_iter().filter(is_line).collect();
        prop_assert_eq!(&came, &expected);
        let came: Vec<_> = whole(RULES, stream.as_bytes()).into_iter().filter(is_line).collect();
        prop_assert_eq!(&came, &expected);
    }
}
