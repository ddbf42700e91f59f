//! One registration in a stream: `etung`.

use super::*;
use crate::model::{CloseReason, NameFault};

const TERMINATORS: [&str; 6] = ["\r", "\n", "\r\n", "\0", ";", "#"];

#[test]
fn every_terminator_ends_a_name_and_goes_nowhere() {
    let etung = built_in("etung");
    for device in ["x", "pump-7", "86000000000000", IMEI, "8600000000000O1", &"n".repeat(64)] {
        for end in TERMINATORS {
            let packet = format!("ETUNG:{device}{end}");
            let alone = vec![name(device), Filtered(packet.len())];
            assert_eq!(reads(&etung, RULES, &[packet.as_bytes()]), alone, "{packet:?}");
            let glued = reads(&etung, RULES, &[format!("{packet}\x01\x03").as_bytes()]);
            assert_eq!(glued, [&alone[..], &[data(b"\x01\x03")]].concat(), "{packet:?}");
        }
    }
}

#[test]
fn only_one_terminator_is_taken() {
    let etung = built_in("etung");
    for end in ["\n\r", "\0\0", ";#", "\r\r\n", "\n\n"] {
        let out = reads(&etung, RULES, &[format!("ETUNG:{IMEI}{end}").as_bytes()]);
        assert_eq!(out, [name(IMEI), Filtered(22), data(&end[1..])]);
        let out = reads(&etung, RULES, &[format!("ETUNG:ab{end}").as_bytes()]);
        assert_eq!(out, [name("ab"), Filtered(9), data(&end[1..])]);
    }
}

#[test]
fn fifteen_digits_need_no_terminator_and_swallow_no_data() {
    let etung = built_in("etung");
    for behind in ["7", "hello", "\u{1}\u{3}", "ETUNG:other\r\n"] {
        let out = reads(&etung, RULES, &[format!("ETUNG:{IMEI}{behind}").as_bytes()]);
        assert_eq!(out, [name(IMEI), Filtered(21), data(behind)]);
    }
    assert_eq!(reads(&etung, RULES, &[b"ETUNG:86000000000000"]), []);
    assert_eq!(reads(&etung, RULES, &[b"ETUNG:pump"]), []);
}

#[test]
fn a_registration_cut_anywhere_gives_the_same_as_a_whole_one() {
    let etung = built_in("etung");
    for rules in [RULES, FORWARD, CLOSE, EVERY] {
        for forward_registration in [false, true] {
            let rules = Rules { forward_registration, ..rules };
            for end in ["", "\r", "\n", "\r\n", "\0", ";", "#"] {
                let packet = format!("ETUNG:{IMEI}{end}");
                for (stream, bare) in
                    [(packet.clone(), true), (format!("{packet}data"), end.len() != 1)]
                {
                    let whole = joined(reads(&etung, rules, &[stream.as_bytes()]));
                    for cut in 1..stream.len() {
                        let (a, b) = stream.as_bytes().split_at(cut);
                        let cut_out = joined(reads(&etung, rules, &[a, b]));
                        if cut == 21 && !bare {
                            // Data or terminator cannot be told apart: no byte is lost.
                            let told = [name(IMEI), Filtered(21), data(format!("{end}data"))];
                            assert!(forward_registration || cut_out == told);
                            continue;
                        }
                        assert_eq!(cut_out, whole, "{stream:?} at {cut}, {rules:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_named_registration_cut_anywhere_gives_the_same_as_a_whole_one() {
    let etung = built_in("etung");
    for rules in [RULES, FORWARD, CLOSE, EVERY] {
        for end in TERMINATORS {
            let stream = format!("ETUNG:pump-7{end}data ETUNG: more");
            let whole = joined(reads(&etung, rules, &[stream.as_bytes()]));
            assert_eq!(whole[..2], [name("pump-7"), Filtered(12 + end.len())]);
            for a in 0..stream.len() {
                for b in a..stream.len() {
                    let (x, y, z) = (&stream[..a], &stream[a..b], &stream[b..]);
                    let pieces = [x.as_bytes(), y.as_bytes(), z.as_bytes()];
                    assert_eq!(joined(reads(&etung, rules, &pieces)), whole, "{a} {b} {rules:?}");
                }
            }
        }
    }
}

#[test]
fn one_byte_at_a_time_is_enough_whatever_the_silences() {
    let etung = built_in("etung");
    for end in TERMINATORS {
        let stream = format!("ETUNG:pump-7{end}data");
        for rules in [RULES, CLOSE] {
            let mut session = Session::new(&etung, rules);
            for byte in stream.as_bytes() {
                session.read(&[*byte]).pause();
            }
            let out = joined(session.take());
            if end == "\r\n" {
                // The silence between the two halves was long: the second could be data.
                assert_eq!(out, [name("pump-7"), Filtered(13), data("\ndata")]);
            } else {
                assert_eq!(out, [name("pump-7"), Filtered(13), data("data")]);
            }
        }
    }
}

#[test]
fn what_is_no_name_is_malformed_as_soon_as_it_is_certain() {
    let etung = built_in("etung");
    let table: &[(&[u8], NameFault)] = &[
        (b"\r\n", NameFault::Empty),
        (b"\0", NameFault::Empty),
        (b"unknown\n", NameFault::Reserved),
        (b"a b", NameFault::BadByte(b' ')),
        (b"a\x01", NameFault::BadByte(1)),
        (b"\x7f", NameFault::BadByte(0x7f)),
        (b"\xff\xfe", NameFault::BadByte(0xff)),
        ("pumpe-ä".as_bytes(), NameFault::BadByte(0xc3)),
        (&[b'n'; 65], NameFault::TooLong),
        (&[b'n'; 10_000], NameFault::TooLong),
        (&[b'7'; 10], NameFault::TooLong),
    ];
    for rules in [RULES, FORWARD, CLOSE] {
        for (body, fault) in &table[..table.len() - 1] {
            let packet = [b"ETUNG:", *body].concat();
            let bytewise: Vec<&[u8]> = packet.chunks(1).collect();
            for pieces in [&[&packet[..]][..], &bytewise] {
                assert_eq!(reads(&etung, rules, pieces), [malformed(*fault)], "{packet:?}");
            }
        }
    }
    let mut session = Session::new(&etung, RULES);
    session.read(&[b"ETUNG:", &[b'n'; 64][..]].concat());
    assert_eq!(session.take(), []);
    session.read(b"n");
    assert_eq!(session.take(), [malformed(NameFault::TooLong)]);
    assert_eq!(
        super::super::Fault::Malformed(NameFault::TooLong.into()).reason(),
        CloseReason::Malformed
    );
}

#[test]
fn a_fault_stays_and_what_was_held_can_still_be_seen() {
    let mut session = Session::new(&built_in("etung"), RULES);
    session.read(b"hi ETUNG:\n");
    assert_eq!(session.take(), [malformed(NameFault::Empty)]);
    assert_eq!(session.cutter.held(), b"hi ETUNG:\n");
    let mut more = &b"ETUNG:pump\n"[..];
    let item = session.cutter.feed(&session.protocol, &session.rules, &mut more);
    assert!(matches!(item, Item::Fault(_)));
}

#[test]
fn hold_delivers_what_came_before_the_head_under_the_name() {
    let etung = built_in("etung");
    let out = reads(&etung, RULES, &[b"\xfe\xfe", b"beat", b"EETUNG:pump\nmore"]);
    let told = [name("pump"), data(b"\xfe\xfebeatE"), Filtered(11), data(b"more")];
    assert_eq!(out, told);
    let small = Rules { max_frame: 4, ..RULES };
    let out = reads(&etung, small, &[b"abcdef", b"ETUNG:pump\nmoreover"]);
    let told = [name("pump"), data("abcd"), data("ef"), Filtered(11), data("more"), data("over")];
    assert_eq!(out, told);
}

#[test]
fn hold_waits_for_registration_bytes_and_no_longer() {
    let etung = built_in("etung");
    for piece in [1, 2, 7, 511, 512, 513, 4096, 1 << 20] {
        let flood = vec![b'x'; 1 << 20];
        let mut session = Session::new(&etung, RULES);
        let mut fed = 0;
        for read in flood.chunks(piece) {
            fed += read.len();
            session.read(read);
            if !session.out.is_empty() {
                break;
            }
        }
        assert_eq!(session.take(), [UNIDENTIFIED]);
        assert!(fed > 512 && fed <= 512 + piece);
        assert_eq!(session.cutter.held().len(), 512);
    }
    // The byte that ends the name is the last that may come.
    for (before, fits) in [(501, true), (502, false)] {
        let stream = [&vec![b'x'; before][..], b"ETUNG:pump\r\n"].concat();
        for pieces in [vec![&stream[..]], stream.chunks(1).collect()] {
            let out = reads(&etung, RULES, &pieces);
            assert_eq!(out[0], if fits { name("pump") } else { UNIDENTIFIED });
        }
    }
}

#[test]
fn close_ends_with_the_first_byte_that_is_no_registration() {
    let etung = built_in("etung");
    assert_eq!(reads(&etung, CLOSE, &[b"X"]), [UNIDENTIFIED]);
    assert_eq!(reads(&etung, CLOSE, &[b"ETUX"]), [UNIDENTIFIED]);
    assert_eq!(reads(&etung, CLOSE, &[b"ET", b"UNX"]), [UNIDENTIFIED]);
    assert_eq!(reads(&etung, CLOSE, &[b"\nETUNG:pump\n"]), [UNIDENTIFIED]);
    assert_eq!(reads(&etung, CLOSE, &[b"ETUN"]), []);
    assert_eq!(super::super::Fault::Unidentified.reason(), CloseReason::Unidentified);
}

#[test]
fn forward_lets_nameless_bytes_pass_and_still_sees_a_registration_in_pieces() {
    let etung = built_in("etung");
    let out = reads(&etung, FORWARD, &[b"hello", b"abE", b"E", b"ETUN", b"G:pump\nmore"]);
    let told = [unnamed("hello"), unnamed("ab"), unnamed("E"), unnamed("E"), name("pump")];
    assert_eq!(out, [&told[..], &[Filtered(11), data("more")]].concat());
    let flood = vec![b'E'; 200_000];
    let out = reads(&etung, FORWARD, &[&flood]);
    assert_eq!(joined(out), [unnamed(&flood[1..])]);
}

#[test]
fn forward_never_holds_more_than_one_registration() {
    let etung = built_in("etung");
    let small = Rules { registration_bytes: 10, ..FORWARD };
    assert_eq!(
        reads(&etung, small, &[b"a long while", b"ETUNG:pum", b"p"]),
        [unnamed("a long while")]
    );
    let out = reads(&etung, small, &[b"ETUNG:pum", b"p7"]);
    assert_eq!(out, [UNIDENTIFIED]);
}

#[test]
fn the_registration_can_be_delivered_as_one_chunk_under_the_name() {
    let etung = built_in("etung");
    let rules = Rules { forward_registration: true, ..RULES };
    let out = reads(&etung, rules, &[b"beat", b"ETUNG:pu", b"mp\r\nmore"]);
    assert_eq!(out, [name("pump"), data("beat"), data("ETUNG:pump\r\n"), data("more")]);
}

#[test]
fn after_the_name_every_read_is_a_chunk_and_a_long_one_is_split() {
    let rules = Rules { max_frame: 4, ..RULES };
    let mut session = Session::new(&built_in("etung"), rules);
    session.read(b"ETUNG:pump\n").take();
    session.read(b"abc").read(b"ETUNG:other\n");
    assert_eq!(session.take(), [data("abc"), data("ETUN"), data("G:ot"), data("her\n")]);
    let zero = Rules { max_frame: 0, ..RULES };
    assert_eq!(reads(&built_in("raw"), zero, &[b"ab"]), [data("a"), data("b")]);
}

#[test]
fn data_of_a_named_session_are_not_copied() {
    let etung = built_in("etung");
    let mut cutter = Cutter::new(&etung);
    let mut input = &b"ETUNG:pump\n"[..];
    while !matches!(cutter.feed(&etung, &RULES, &mut input), Item::NeedMore) {}
    let read = *b"some data";
    let mut input = &read[..];
    let Item::Data(data) = cutter.feed(&etung, &RULES, &mut input) else {
        panic!("no data");
    };
    assert_eq!(data.as_ptr(), read.as_ptr());
    assert!(size_of::<Cutter>() <= 16);
}

#[test]
fn raw_names_by_address_and_passes_every_byte() {
    let raw = built_in("raw");
    let peer = crate::model::Peer::ip("10.1.2.3:40112".parse().unwrap());
    assert_eq!(raw.name_by_address(&peer).unwrap().unwrap().as_str(), "10.1.2.3:40112");
    assert!(built_in("etung").name_by_address(&peer).is_none());
    let out = reads(&raw, CLOSE, &[b"ETUNG:pump\n", b"\0"]);
    assert_eq!(out, [data("ETUNG:pump\n"), data("\0")]);
    assert!(Cutter::new(&raw).pause_after(&raw, &RULES).is_none());
}
