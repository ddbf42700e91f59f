use serde_json::json;

use crate::{
    done,
    frames::{IMEI, gt06, gt06_login, jt808},
    hex, lines, protocol,
};

/// The row that begins with this range.
fn row<'t>(text: &'t str, range: &str) -> &'t str {
    let begins = |line: &&str| line.split_whitespace().next() == Some(range);
    text.lines().find(begins).unwrap_or_else(|| panic!("no {range} in\n{text}")).trim()
}

fn words(row: &str) -> Vec<&str> {
    row.split_whitespace().collect()
}

#[test]
fn every_part_of_a_frame_has_its_row() {
    let text = done(&["explain", "gt06", &hex(gt06_login())], "");
    assert!(text.starts_with("frame 1: short, at 0..18\n"), "{text}");
    for (range, expected) in [
        ("0..2", "78 78 head"),
        ("2..3", "0d length u8 13"),
        ("3..4", "01 type u8 1"),
        ("4..12", "08 60 00 00 00 00 00 17 id bcd 860000000000017"),
        ("12..14", "00 01 seq u16be 1"),
        ("16..18", "0d 0a tail"),
    ] {
        assert_eq!(words(row(&text, range))[1..].join(" "), expected);
    }
    assert!(row(&text, "14..16").ends_with("check          crc16-x25  ok"), "{text}");
    assert_eq!(row(&text, "is"), "is        login, by rule 1");
    assert_eq!(row(&text, "name"), format!("name      {IMEI}"));
    let reply: Vec<String> = gt06(1, b"", 1).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(words(row(&text, "reply"))[1..], reply);
    let upstream =
        format!("upstream  data of {IMEI}: 18 bytes, \"type\":1,\"seq_device\":1,\"is\":\"login\"");
    assert_eq!(row(&text, "upstream"), upstream);
    assert!(!text.contains('\x1b'), "no colours where there is no terminal");
}

#[test]
fn a_wrong_checksum_says_what_it_should_be() {
    let mut frame = gt06_login();
    let good = format!("{:02x} {:02x}", frame[14], frame[15]);
    frame[15] ^= 1;
    let text = done(&["explain", "gt06", &hex(&frame)], "");
    assert!(row(&text, "14..16").ends_with(&format!("bad: should be {good}")), "{text}");
}

#[test]
fn several_frames_junk_and_what_is_unfinished_are_told_one_by_one() {
    let unknown = gt06(0x13, &[0x44, 6, 4, 0, 2], 2);
    let bytes = [&b"ab"[..], &gt06_login(), &unknown, b"\x78\x78\x0d"].concat();
    let text = done(&["explain", "gt06", "-"], &format!("0x{} \n", hex(bytes)));
    let headings: Vec<&str> = text.lines().filter(|line| !line.starts_with(' ')).collect();
    let expected = [
        "junk at 0..2",
        "",
        "frame 1: short, at 2..20",
        "",
        "frame 2: short, at 20..35",
        "",
        "unfinished at 35..38",
    ];
    assert_eq!(headings, expected);
    assert_eq!(words(row(&text, "24..29")), ["24..29", "44", "06", "04", "00", "02", "unknown"]);
    assert!(row(&text, "0..2").ends_with("'ab'"), "{text}");
}

#[test]
fn escapes_are_shown_where_they_stand() {
    let frame = jt808(0x0200, &[0x7e, 0x7d], 5);
    let text = done(&["explain", "jt808", &hex(&frame)], "");
    assert!(row(&text, "13..15").ends_with("escape                    stands for 7e"), "{text}");
    assert!(row(&text, "15..17").ends_with("escape                    stands for 7d"), "{text}");
    assert!(text.contains("13..17    7d 02 7d 01              unknown"), "{text}");
    assert!(row(&text, "0..1").ends_with("head") && text.contains("xor8       ok"), "{text}");
}

#[test]
fn text_may_be_given_as_text_and_never_comes_out_raw() {
    let text = "ETUNG:pump-7\\r\\nfirst\\x1b[31m\\r\\nrest";
    let text = done(&["explain", "line", "--text", text], "");
    assert!(!text.contains('\x1b') && !text.contains('\r'), "{text:?}");
    assert!(row(&text, "6..12").ends_with("'pump-7'"), "{text}");
    assert!(row(&text, "12..14").ends_with("'\\r\\n'"), "{text}");
    assert!(text.contains("upstream  data of pump-7: 10 bytes"), "{text}");
    assert!(text.contains("unfinished at 26..30"), "{text}");
}

#[test]
fn who_is_answered_depends_on_the_name_and_a_refusal_is_told() {
    let heartbeat = hex(gt06(0x13, &[0; 5], 7));
    let nameless = done(&["explain", "gt06", &heartbeat], "");
    assert!(row(&nameless, "reply").contains("no name yet"), "{nameless}");
    assert!(row(&nameless, "upstream").contains("no name yet"), "{nameless}");
    let named = done(&["explain", "gt06", &heartbeat, "--named", "pump"], "");
    assert!(row(&named, "reply").starts_with("reply     78 78 05 13"), "{named}");
    assert!(row(&named, "upstream").starts_with("upstream  data of pump:"), "{named}");
    let login = format!("000f{}", hex(IMEI));
    let text = done(&["explain", "teltonika", &login], "");
    assert_eq!((row(&text, "reply"), row(&text, "refusal")), ("reply     01", "refusal   00"));
}

#[test]
fn colours_come_when_they_are_asked_for() {
    let text = done(&["explain", "gt06", &hex(gt06_login()), "--color", "always"], "");
    let plain = done(&["explain", "gt06", &hex(gt06_login()), "--color", "never"], "");
    assert!(text.contains("\x1b[32m") && !plain.contains('\x1b'));
    let codes = regex::Regex::new("\x1b\\[[0-9;]*m").unwrap();
    assert_eq!(codes.replace_all(&text, ""), plain);
}

#[test]
fn bytes_that_cannot_be_read_end_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, part) in [
        (&["explain", "gt06", "78zz"][..], "character 3 is 'z'"),
        (&["explain", "gt06", ""], "there are no bytes"),
        (&["explain", "gt06", "--text", "\\q"], "is no escape"),
        (&["explain", "gt06"], "<HEX>"),
        (&["explain", "gt06", "00", "--named", "a b"], "outside '!' to '~'"),
    ] {
        let said = protocol(folder.path(), arguments, "");
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?}");
        assert!(said.err.contains(part) && said.err.lines().count() == 1, "{}", said.err);
    }
}

#[test]
fn what_explain_says_of_a_frame_is_what_run_says() {
    let frame = hex(gt06_login());
    let input = format!("{}\n", json!({"chunks": [frame]}));
    let folder = tempfile::tempdir().unwrap();
    let said = lines(&protocol(folder.path(), &["run", "gt06"], &input).out);
    let reply = said[0]["frames"][0]["reply"][0].as_str().unwrap();
    let text = done(&["explain", "gt06", &frame], "");
    assert_eq!(words(row(&text, "reply"))[1..].concat(), reply);
}

#[test]
fn the_readme_shows_what_is_written() {
    let readme = include_str!("../../README.md");
    let login = hex(gt06_login());
    assert!(readme.contains(&format!("tetherd protocol explain gt06 {login}\n")));
    let text = done(&["explain", "gt06", &login], "");
    assert!(readme.contains(&text), "{text}");
}
