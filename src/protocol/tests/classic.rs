//! One read is one packet, and its last character is dropped: `etung_classic`.

use super::*;
use crate::model::NameFault;

const FORWARDED: Rules = Rules { forward_registration: true, ..FORWARD };

#[test]
fn the_last_character_is_dropped_whatever_it_is() {
    let classic = built_in("etung_classic");
    for last in 0..=255_u8 {
        let chunk = [b"ETUNG:86000000000000", &[last][..]].concat();
        let out = reads(&classic, FORWARDED, &[&chunk]);
        assert_eq!(out, [name("86000000000000"), data(&chunk)]);
        assert_eq!(reads(&classic, RULES, &[&chunk]), [name("86000000000000"), Filtered(21)]);
    }
}

#[test]
fn names_are_never_glued_to_data() {
    let classic = built_in("etung_classic");
    let table: &[(&[u8], &str, usize)] = &[
        (b"ETUNG:860000000000001\n", IMEI, 22),
        (b"ETUNG:860000000000001\r\n", IMEI, 23),
        (b"ETUNG:860000000000001data", IMEI, 21),
        (b"ETUNG:860000000000001\r\ndata", IMEI, 23),
        (b"ETUNG:8600000000000012", IMEI, 22),
        (b"ETUNG:pump\r\n", "pump", 12),
        (b"ETUNG:pump;data", "pump", 11),
        (b"ETUNG:pump\x01\x03", "pump", 10),
        (b"ETUNG:pump\xff\xff", "pump", 10),
        ("ETUNG:pumpé".as_bytes(), "pump", 10),
        (b"ETUNG:pump data", "pump", 10),
        (b"ETUNG:p#", "p", 8),
    ];
    for (chunk, device, registration) in table {
        let out = reads(&classic, FORWARDED, &[chunk]);
        assert_eq!(out, [name(device), data(chunk)], "{chunk:?}");
        let mut told = vec![name(device), Filtered(*registration)];
        if *registration < chunk.len() {
            told.push(data(&chunk[*registration..]));
        }
        assert_eq!(reads(&classic, RULES, &[chunk]), told, "{chunk:?}");
    }
}

#[test]
fn what_is_no_name_is_malformed() {
    let classic = built_in("etung_classic");
    let long = [b"ETUNG:", &[b'n'; 66][..]].concat();
    let longer = [b"ETUNG:", &[b'n'; 10_000][..]].concat();
    let table: [(&[u8], NameFault); 7] = [
        (b"ETUNG:", NameFault::Empty),
        (b"ETUNG:x", NameFault::Empty),
        (b"ETUNG:\r\n", NameFault::Empty),
        (b"ETUNG:\x01\x02", NameFault::Empty),
        (b"ETUNG:unknown\n", NameFault::Reserved),
        (&long, NameFault::TooLong),
        (&longer, NameFault::TooLong),
    ];
    for (chunk, fault) in table {
        assert_eq!(reads(&classic, FORWARDED, &[chunk]), [malformed(fault)]);
    }
    assert_eq!(reads(&classic, FORWARDED, &[&long[..71]])[0], name(&"n".repeat(64)));
}

#[test]
fn only_a_read_that_begins_with_the_head_names() {
    let classic = built_in("etung_classic");
    let out = reads(&classic, FORWARDED, &[b"ETU", b"NG:pump\n", b"xETUNG:pump\n", b"ETUNG:ab\n"]);
    let told = [unnamed("ETU"), unnamed("NG:pump\n"), unnamed("xETUNG:pump\n")];
    assert_eq!(out, [&told[..], &[name("ab"), data("ETUNG:ab\n")]].concat());
    assert_eq!(reads(&classic, CLOSE, &[b"ETU"]), [UNIDENTIFIED]);
    let out = reads(&classic, RULES, &[b"ETU", b"NG:", b"ETUNG:ab\n", b"\n"]);
    assert_eq!(out, [name("ab"), data("ETUNG:"), Filtered(9), data("\n")]);
}

#[test]
fn hold_keeps_no_more_than_registration_bytes() {
    let classic = built_in("etung_classic");
    assert_eq!(reads(&classic, RULES, &[&[b'x'; 513]]), [UNIDENTIFIED]);
    assert_eq!(reads(&classic, RULES, &[&[b'x'; 512], b"y"]), [UNIDENTIFIED]);
    let out = reads(&classic, RULES, &[&[b'x'; 512], b"ETUNG:ab\n"]);
    assert_eq!(out, [name("ab"), data([b'x'; 512]), Filtered(9)]);
}

#[test]
fn with_once_a_later_registration_is_data() {
    let classic = built_in("etung_classic");
    let out = reads(&classic, FORWARDED, &[b"ETUNG:ab\n", b"ETUNG:cd\n"]);
    assert_eq!(out, [name("ab"), data("ETUNG:ab\n"), data("ETUNG:cd\n")]);
}

#[test]
fn with_every_a_read_of_the_same_name_is_taken_out_and_another_name_is_malformed() {
    let classic = built_in("etung_classic");
    let first = b"ETUNG:860000000000001\n";
    let second = b"ETUNG:860000000000001data";
    let out = reads(&classic, EVERY, &[first, b"x", second, b"ETUNG:\n", first]);
    let told = [name(IMEI), Filtered(22), data("x"), Filtered(21), data("data"), data("ETUNG:\n")];
    assert_eq!(out, [&told[..], &[Filtered(22)]].concat());
    let whole = Rules { forward_registration: true, ..EVERY };
    assert_eq!(reads(&classic, whole, &[first, second]), [name(IMEI), data(first), data(second)]);
    let out = reads(&classic, EVERY, &[first, b"ETUNG:pump\n"]);
    let other = Malformed::OtherName(crate::model::Name::new(b"pump").unwrap());
    assert_eq!(out, [name(IMEI), Filtered(22), malformed(other)]);
}
