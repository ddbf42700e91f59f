//! The registration in front of each packet.

use std::time::Duration;

use super::*;
use crate::model::Name;

fn other(name: &str) -> Out {
    malformed(Malformed::OtherName(Name::new(name.as_bytes()).unwrap()))
}

#[test]
fn each_packet_loses_its_registration_and_is_a_chunk_of_its_own() {
    let etung = built_in("etung");
    for (device, end) in [(IMEI, ""), (IMEI, "\r\n"), (IMEI, "#"), ("pump", "\n"), ("pump", "\r\n")]
    {
        let packet = format!("ETUNG:{device}{end}");
        let stream = format!("{packet}one{packet}{packet}two ETUNG: {packet}");
        let cut = Filtered(packet.len());
        let told = [name(device), cut.clone(), data("one"), cut.clone(), cut.clone()];
        let told = [&told[..], &[data("two ETUNG: "), cut]].concat();
        assert_eq!(reads(&etung, EVERY, &[stream.as_bytes()]), told, "{stream:?}");

        let forwarded = Rules { forward_registration: true, ..EVERY };
        let out = reads(&etung, forwarded, &[stream.as_bytes()]);
        let chunk = data(&packet);
        let told = [name(device), chunk.clone(), data("one"), chunk.clone(), chunk.clone()];
        assert_eq!(out, [&told[..], &[data("two ETUNG: "), chunk]].concat());
    }
}

#[test]
fn packets_cut_anywhere_give_the_same() {
    let etung = built_in("etung");
    for (device, end) in [(IMEI, ""), (IMEI, "\r\n"), ("pump", ";"), ("pump", "\r\n")] {
        let packet = format!("ETUNG:{device}{end}");
        let stream = format!("{packet}oneEETUN{packet}{packet}two\r{packet}");
        let whole = joined(reads(&etung, EVERY, &[stream.as_bytes()]));
        for a in 0..stream.len() {
            for b in (a..stream.len()).step_by(3) {
                let (x, y, z) = (&stream[..a], &stream[a..b], &stream[b..]);
                let pieces = [x.as_bytes(), y.as_bytes(), z.as_bytes()];
                let mut session = Session::new(&etung, EVERY);
                for piece in pieces {
                    session.read(piece);
                }
                session.pause();
                assert_eq!(joined(session.take()), whole, "{stream:?} {a} {b}");
            }
        }
        let bytewise: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        assert_eq!(joined(reads(&etung, EVERY, &bytewise)), whole);
    }
}

#[test]
fn a_device_without_terminator_keeps_data_that_look_like_one() {
    let etung = built_in("etung");
    let stream = format!("ETUNG:{IMEI}\x01ETUNG:{IMEI}\nETUNG:{IMEI}\0\x01");
    let out = reads(&etung, EVERY, &[stream.as_bytes()]);
    let cut = Filtered(21);
    let told =
        [name(IMEI), cut.clone(), data("\x01"), cut.clone(), data("\n"), cut, data("\0\x01")];
    assert_eq!(out, told);
}

#[test]
fn a_device_with_a_terminator_may_leave_it_out_or_use_another_where_the_name_allows() {
    let etung = built_in("etung");
    let out = reads(&etung, EVERY, &[format!("ETUNG:{IMEI}\r\naETUNG:{IMEI}\rb").as_bytes()]);
    assert_eq!(out, [name(IMEI), Filtered(23), data("a"), Filtered(21), data("\rb")]);
    let out = reads(&etung, EVERY, &[b"ETUNG:ab\naETUNG:ab;bETUNG:abc\n"]);
    assert_eq!(out, [name("ab"), Filtered(9), data("a"), Filtered(9), data("bETUNG:abc\n")]);
}

#[test]
fn another_name_where_a_packet_may_begin_is_malformed_and_elsewhere_data() {
    let etung = built_in("etung");
    let first = &b"ETUNG:ab\n"[..];
    let head = [name("ab"), Filtered(9)];
    for claim in [&b"ETUNG:abc\n"[..], b"ETUNG:a\n", b"ETUNG:860000000000001"] {
        let claimed =
            std::str::from_utf8(claim).unwrap().trim_end().strip_prefix("ETUNG:").unwrap();
        let told = [&head[..], &[other(claimed)]].concat();
        assert_eq!(reads(&etung, EVERY, &[first, claim]), told);
        assert_eq!(reads(&etung, EVERY, &[&[first, claim].concat()]), told);
        assert_eq!(reads(&etung, EVERY, &[first, &claim[..3], &claim[3..]]), told);
        let after_data = [&head[..], &[data("xE"), other(claimed)]].concat();
        assert_eq!(joined(reads(&etung, EVERY, &[first, b"xE", claim])), after_data);
        let inside = [b"x", claim].concat();
        assert_eq!(
            joined(reads(&etung, EVERY, &[first, &inside])),
            [&head[..], &[data(&inside)]].concat()
        );
    }
    for none in
        [&b"ETUNG:\n"[..], b"ETUNG:unknown\n", b"ETUNG:a b", &[b"ETUNG:", &[b'n'; 70][..]].concat()]
    {
        assert_eq!(
            joined(reads(&etung, EVERY, &[first, none])),
            [&head[..], &[data(none)]].concat()
        );
    }
}

#[test]
fn a_beginning_waits_for_its_rest_and_is_let_go_in_a_silence() {
    let etung = built_in("etung");
    let mut session = Session::new(&etung, EVERY);
    session.read(b"ETUNG:ab\nxyETUNG:a");
    assert_eq!(session.take(), [name("ab"), Filtered(9), data("xy")]);
    let after = session.cutter.pause_after(&etung, &EVERY);
    assert_eq!(after, Some(Duration::from_millis(200)));
    session.pause();
    assert_eq!(session.take(), [data("ETUNG:a")]);
    assert_eq!(session.cutter.pause_after(&etung, &EVERY), None);
    session.read(b"b\n").read(b"ETUNG:ab\nz").read(b"ETUNG:ab").pause();
    let told = [data("b\n"), Filtered(9), data("z"), data("ETUNG:ab")];
    assert_eq!(session.take(), told);
}

#[test]
fn a_whole_registration_is_taken_out_in_a_silence_though_its_terminator_is_missing() {
    let mut session = Session::new(&built_in("etung"), EVERY);
    session.read(format!("ETUNG:{IMEI}\r\n").as_bytes()).take();
    let packet = format!("ETUNG:{IMEI}");
    session.read(packet.as_bytes()).pause().read(format!("{packet}\r").as_bytes()).pause();
    assert_eq!(session.take(), [Filtered(21), Filtered(22)]);
}

#[test]
fn half_a_terminator_is_data_if_its_other_half_never_comes() {
    let mut session = Session::new(&built_in("etung"), EVERY);
    session.read(format!("ETUNG:{IMEI}\r\n").as_bytes()).take();
    session.read(format!("ETUNG:{IMEI}\r").as_bytes()).read(b"b");
    assert_eq!(joined(session.take()), [Filtered(21), data("\rb")]);
}

#[test]
fn a_name_that_a_silence_ended_is_found_glued_to_data() {
    let mut session = Session::new(&with_gap(), EVERY);
    session.read(b"ETUNG:pump-7").pause().read(b"oneETUNG:pump-7two").read(b"ETUNG:pump-7x\n");
    let cut = Filtered(12);
    let told =
        [name("pump-7"), cut.clone(), data("one"), cut.clone(), data("two"), cut, data("x\n")];
    assert_eq!(session.take(), told);
}

#[test]
fn long_data_are_split_and_a_beginning_repeated_without_end_passes() {
    let etung = built_in("etung");
    let rules = Rules { max_frame: 4, ..EVERY };
    let out = reads(&etung, rules, &[b"ETUNG:ab\nabcdefETUNG:ab\n"]);
    assert_eq!(out, [name("ab"), Filtered(9), data("abcd"), data("ef"), Filtered(9)]);
    let flood = b"ETUNG:a".repeat(20_000);
    let mut session = Session::new(&etung, EVERY);
    session.read(b"ETUNG:ab\n").take();
    for read in flood.chunks(1000) {
        session.read(read);
    }
    session.pause();
    assert_eq!(joined(session.take()), [data(&flood)]);
}
