//! What may follow fifteen digits in a later read.

use super::*;

fn later(rules: Rules, first: &str, reads: &[&[u8]]) -> Vec<Out> {
    let mut session = Session::new(&built_in("etung"), rules);
    session.read(first.as_bytes()).take();
    for read in reads {
        session.read(read);
    }
    session.take()
}

#[test]
fn a_read_that_is_nothing_but_a_terminator_belongs_to_the_registration() {
    let first = format!("ETUNG:{IMEI}");
    for rules in [RULES, EVERY] {
        for end in [&b"\n"[..], b"\0", b";", b"#"] {
            assert_eq!(later(rules, &first, &[end, b"\n"]), [Filtered(1), data("\n")]);
        }
        assert_eq!(later(rules, &first, &[b"\r\n", b"\n"]), [Filtered(2), data("\n")]);
        assert_eq!(
            later(rules, &first, &[b"\r", b"\n", b"\n"]),
            [Filtered(1), Filtered(1), data("\n")]
        );
        assert_eq!(later(rules, &first, &[b"\r\ndata"]), [Filtered(2), data("data")]);
        assert_eq!(
            later(rules, &first, &[b"\r", b"\ndata"]),
            [Filtered(1), Filtered(1), data("data")]
        );
    }
}

#[test]
fn a_frame_that_begins_like_a_terminator_loses_nothing() {
    let first = format!("ETUNG:{IMEI}");
    for rules in [RULES, EVERY] {
        for frame in [&b"\0\x01\0\0\0\x06"[..], b"\x0a\x03\x02", b"\r\x03", b";1", b"##"] {
            assert_eq!(later(rules, &first, &[frame]), [data(frame)], "{frame:?}");
            assert_eq!(later(rules, &first, &[b"x", frame]), [data("x"), data(frame)]);
        }
    }
}

#[test]
fn after_a_terminator_nothing_else_is_taken() {
    for end in ["\n", "\r\n", "\0", ";", "#"] {
        for device in [IMEI, "pump"] {
            let first = format!("ETUNG:{device}{end}");
            assert_eq!(later(RULES, &first, &[b"\n"]), [data("\n")]);
        }
    }
    assert_eq!(later(RULES, "ETUNG:pump\r", &[b"\n\n"]), [Filtered(1), data("\n")]);
    assert_eq!(later(RULES, "ETUNG:pump\r", &[b"\r\n"]), [data("\r\n")]);
}

#[test]
fn a_silence_ends_the_registration_for_good() {
    for rules in [RULES, EVERY] {
        let mut session = Session::new(&built_in("etung"), rules);
        session.read(format!("ETUNG:{IMEI}").as_bytes()).take();
        session.pause().read(b"\0");
        assert_eq!(session.take(), [data("\0")]);
    }
}

#[test]
fn a_registration_that_is_delivered_leaves_its_late_end_to_the_data() {
    let rules = Rules { forward_registration: true, ..RULES };
    assert_eq!(later(rules, &format!("ETUNG:{IMEI}"), &[b"\n", b"x"]), [data("\n"), data("x")]);
}
