//! What a silence does, and what it never does.

use std::time::Duration;

use super::*;
use crate::model::NameFault;

#[test]
fn a_silence_alone_never_cuts_a_name() {
    for rules in [RULES, FORWARD, CLOSE] {
        let mut session = Session::new(&built_in("etung"), rules);
        session.read(b"ETUNG:pump-7").pause().read(b"7").pause();
        assert_eq!(session.take(), []);
        session.read(b"\n");
        assert_eq!(session.take(), [name("pump-77"), Filtered(14)]);
    }
}

#[test]
fn a_silence_ends_a_name_that_fits_the_pattern_as_a_whole() {
    let protocol = with_gap();
    for rules in [RULES, FORWARD, CLOSE] {
        for (body, fits) in
            [("pump-7", true), ("pump-", false), ("a-pump-7", false), ("pump-7x", false)]
        {
            let mut session = Session::new(&protocol, rules);
            session.read(b"ETUNG:").read(body.as_bytes());
            assert_eq!(session.take(), []);
            assert_eq!(session.cutter.pause_after(&protocol, &rules), Some(Duration::from_secs(1)));
            session.pause();
            let told = [name(body), Filtered(6 + body.len())];
            assert_eq!(session.take(), if fits { &told[..] } else { &[] }, "{body}");
            // Told once; the silence goes on without another call.
            assert_eq!(session.cutter.pause_after(&protocol, &rules), None);
        }
    }
}

#[test]
fn a_name_that_a_silence_ended_swallows_nothing_later() {
    let protocol = with_gap();
    let mut session = Session::new(&protocol, RULES);
    session.read(b"beatETUNG:pump-7").pause().read(b"\n").read(b"ETUNG:pump-7\n");
    let told = [name("pump-7"), data("beat"), Filtered(12), data("\n"), data("ETUNG:pump-7\n")];
    assert_eq!(session.take(), told);
}

#[test]
fn a_pattern_makes_no_name_of_what_can_be_none() {
    let text = r"
        name = 'any'
        [registration]
        head = 'ID='
        gap = '500ms'
        name_pattern = '.*'
    ";
    let any = Protocol::parse("any", text).unwrap();
    let mut session = Session::new(&any, RULES);
    session.read(b"ID=").pause();
    assert_eq!(session.take(), []);
    session.read(b"unknown").pause();
    assert_eq!(session.take(), [malformed(NameFault::Reserved)]);
    assert_eq!(reads(&any, RULES, &[b"ID=a", b"\n"]), [malformed(NameFault::BadByte(b'\n'))]);
}

#[test]
fn with_forward_a_beginning_is_let_go_in_a_silence_and_its_rest_still_counts() {
    let etung = built_in("etung");
    let mut session = Session::new(&etung, FORWARD);
    session.read(b"abET");
    assert_eq!(session.take(), [unnamed("ab")]);
    let after = session.cutter.pause_after(&etung, &FORWARD);
    assert_eq!(after, Some(Duration::from_millis(200)));
    session.pause();
    assert_eq!(session.take(), [unnamed("ET")]);
    assert_eq!(session.cutter.pause_after(&etung, &FORWARD), None);
    session.read(b"UNG:pump\n!");
    assert_eq!(session.take(), [name("pump"), Filtered(9), data("!")]);

    let mut session = Session::new(&etung, FORWARD);
    session.read(b"ET").pause().read(b"AT").pause().read(b"E").pause().read(b"ETUNG:pump\n");
    let told = [unnamed("ET"), unnamed("AT"), unnamed("E"), name("pump"), Filtered(11)];
    assert_eq!(session.take(), told);
}

#[test]
fn at_the_end_what_is_held_goes_out_or_is_counted() {
    let etung = built_in("etung");
    let table: [(Rules, &[u8], &[Out]); 5] = [
        (RULES, b"beatETUNG:pu", &[Filtered(12)]),
        (FORWARD, b"ETUNG:pu", &[unnamed("ETUNG:pu")]),
        (EVERY, b"ETUNG:pump\nabETU", &[name("pump"), Filtered(11), data("ab"), data("ETU")]),
        (RULES, b"ETUNG:860000000000001", &[name(IMEI), Filtered(21)]),
        (RULES, b"", &[]),
    ];
    for (rules, stream, told) in table {
        let mut session = Session::new(&etung, rules);
        session.read(stream).finish();
        assert_eq!(session.take(), told);
    }
}
