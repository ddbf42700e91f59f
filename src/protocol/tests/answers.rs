//! Fields, rules, replies and commands.

use super::{
    super::{Checked, Given, Kind, Replies, Written},
    conversation::Conversation,
    ends::frames,
    *,
};
use crate::model::{Name, UnixMillis};

/// 2026-11-20 23:03:22 UTC.
const NOW: UnixMillis = UnixMillis(1_795_215_802_000);

/// What a device with a name gets for `frame`, which `until = ';'` ends.
fn reply_to(lines: &str, frame: &[u8]) -> Vec<Vec<u8>> {
    let protocol = frames(&format!("[[frame]]\nuntil = ';'\n{lines}"));
    let mut conversation = Conversation::of(&protocol, "12345");
    conversation.now = NOW;
    conversation.read(frame).read(b";");
    conversation.seen.remove(0).replies
}

fn reply(fields: &str, template: &str, frame: &[u8]) -> Vec<u8> {
    let all = reply_to(&format!("{fields}\n[[rule]]\nreply = '{template}'"), frame);
    all.first().cloned().unwrap_or_default()
}

/// The text of the field `x`.
fn field(keys: &str, frame: &[u8]) -> Option<(String, Written)> {
    let protocol = frames(&format!("[[frame]]\nrest = true\nfields.x = {keys}"));
    let vocabulary = protocol.vocabulary().unwrap();
    let frame = vocabulary.read(frame, true).unwrap();
    let mut value = Vec::new();
    let written = frame.value("x", &mut value)?;
    Some((String::from_utf8(value).unwrap(), written))
}

#[test]
fn fields_are_read_as_they_are_coded() {
    use Written::*;
    let table: [(&str, &[u8], &str, Written); 30] = [
        ("{ at = 1, len = 2 }", b"\x01\xab\xcd", "abcd", Hex),
        ("{ at = 1, len = 4, as = 'ascii' }", b"x 12\0", "12", Text),
        ("{ at = 0, len = 2, as = 'hex' }", b"\x0f\xa0", "0fa0", Text),
        ("{ at = 0, len = 3, as = 'bcd' }", b"\x12\x34\x5f", "12345", Text),
        ("{ at = 0, len = 5, as = 'bcd' }", b"\x12\x34\x56\x78\x9f", "123456789", Text),
        ("{ at = 0, len = 5, as = 'bcd' }", b"\x12\x34\x56\x7f\xff", "1234567", Text),
        ("{ at = 0, len = 3, as = 'bcdle' }", b"\x12\x34\x56", "563412", Text),
        ("{ at = 0, len = 3, as = 'base100' }", b"\x0c\x22\x05", "123405", Text),
        ("{ at = 0, as = 'u8' }", b"\xff", "255", Number),
        ("{ at = 0, as = 'u16be' }", b"\x01\x02", "258", Number),
        ("{ at = 0, as = 'u16le' }", b"\x01\x02", "513", Number),
        ("{ at = 0, as = 'u24' }", b"\x01\x00\x00", "65536", Number),
        ("{ at = -4, as = 'u32le' }", b"xx\x01\0\0\0", "1", Number),
        ("{ at = 0, as = 'u64be' }", b"\0\x03\x11\x5c\x88\x5f\xa8\xc6", "863514052765894", Number),
        ("{ at = 0, len = 3, as = 'u48be' }", b"\x01\0\0", "65536", Number),
        ("{ at = 1, to = -1, as = 'ascii' }", b"<abc>", "abc", Text),
        ("{ at = 0, prefix = 'u16be', as = 'ascii' }", b"\0\x03abcd", "abc", Text),
        ("{ at = 0, until = ',', as = 'ascii' }", b"abc,d", "abc", Text),
        ("{ at = 0, until = ',', as = 'ascii' }", b"abcd", "abcd", Text),
        ("{ re = 'id=([0-9]+)' }", b"a id=42 b", "42", Text),
        ("{ re = '[0-9]+', as = 'decimal' }", b"a 042 b", "42", Number),
        ("{ re = '[0-9A-F]{4}', as = 'hexdigits' }", b"x00FF", "255", Number),
        ("{ re = ',(.*)', as = 'count', map = { div = 4, add = 1 } }", b"a,12345678", "3", Number),
        (
            "{ at = 0, len = 8, as = 'bcd', drop = 1 }",
            b"\x08\x64\x71\x70\x03\x28\x35\x81",
            "864717003283581",
            Text,
        ),
        ("{ at = 0, len = 2, as = 'bcd', keep = 3 }", b"\x12\x34", "123", Text),
        ("{ at = 0, len = 2, as = 'bcd', strip0 = true }", b"\x00\x00", "0", Text),
        ("{ at = 0, as = 'u16be', zpad = 7 }", b"\x04\xd2", "0001234", Text),
        (
            "{ at = 0, as = 'u48be', luhn = true }",
            b"\x4f\x07\x78\x8e\xf6\x76",
            "868935060005020",
            Text,
        ),
        (
            "{ at = 0, as = 'u8', map = { and = 0xf0, shift = 4, or = 0x10 } }",
            b"\xab",
            "26",
            Number,
        ),
        (
            "{ join = [{ at = 0, len = 2, as = 'bcdle' }, { at = 2, as = 'u16le', zpad = 5 }] }",
            b"\x00\x10\x4d\x04",
            "100001101",
            Text,
        ),
    ];
    for (keys, frame, value, written) in table {
        let expected = Some((value.to_owned(), written));
        assert_eq!(field(keys, frame), expected, "{keys}");
    }
}

#[test]
fn what_is_not_there_or_cannot_be_read_so_is_no_field() {
    let table: [(&str, &[u8]); 11] = [
        ("{ at = 1, len = 2 }", b"ab"),
        ("{ at = -3, as = 'u8' }", b"ab"),
        ("{ at = 0, len = 2, as = 'bcd' }", b"\x1a\x00"),
        ("{ at = 0, len = 2, as = 'bcd' }", b"\xf1\x00"),
        ("{ at = 0, len = 4, as = 'bcd' }", b"\x12\x34\x5a\x78"),
        ("{ at = 0, len = 4, as = 'bcd' }", b"\x12\x3f\x56\x78"),
        ("{ at = 0, len = 5, as = 'bcd' }", b"\x12\x34\x56\xff\x12"),
        ("{ at = 0, len = 1, as = 'base100' }", b"\x64"),
        ("{ at = 0, prefix = 'u8', as = 'ascii' }", b"\x09ab"),
        ("{ re = 'id=([0-9]+)' }", b"id=x"),
        ("{ at = 0, len = 2, as = 'decimal' }", b"1x"),
    ];
    for (keys, frame) in table {
        assert_eq!(field(keys, frame), None, "{keys}");
    }
    let other = "{ at = 0, len = 2, as = 'bcd', else = { as = 'u16be' } }";
    assert_eq!(field(other, b"\x12\x34").unwrap().0, "1234");
    assert_eq!(field(other, b"\x0a\x00").unwrap().0, "2560");
    let list = "[{ at = 4, as = 'u8' }, { at = 1, as = 'u8', when = { size = 2 } }]";
    assert_eq!(field(list, b"\x01\x02").unwrap().0, "2");
    assert_eq!(field(list, b"\x01\x02\x03"), None);
}

#[test]
fn replies_hold_what_came_and_what_is_counted() {
    let seq =
        "fields.seq = { at = 1, as = 'u16be' }\nfields.text = { at = 3, to = -0, as = 'ascii' }";
    let seq = &seq.replace("to = -0", "len = 3");
    let table: [(&str, &[u8]); 22] = [
        ("{seq}", b"\x01\x02"),
        ("{seq:u32le}", b"\x02\x01\0\0"),
        ("{seq:d}", b"258"),
        ("{seq:d05}", b"00258"),
        ("{seq:X4}", b"0102"),
        ("{seq:x}", b"102"),
        ("{seq:bcd3}", b"\x00\x02\x58"),
        ("{text}{{x}}", b"abc{x}"),
        ("\\x7e{frame 1..-3}", b"\x7e\x01\x02"),
        ("{frame}", b"!\x01\x02abc"),
        ("{id}", b"12345"),
        ("{id:bcd4}", b"\x00\x01\x23\x45"),
        ("{name}", b"12345"),
        ("ab{len ..:u8}{len ..-1:u16be}c", b"ab\x02\x00\x05c"),
        ("{len 1..end:u8}ab", b"\x02ab"),
        ("{len 2..-1:u16be}abcd", b"\x00\x03abcd"),
        ("{len text:x4}{len seq:u8}{len id:d}", b""),
        ("{len text:x4}*{len seq:u8}{len text:d}", b"0003*\x023"),
        ("ab{xor8 0..}{sum8 1..:X2}", b"ab\x0365"),
        ("{xor8 frame 3..5}{sum16 frame ..:u16le}", b"\x03\x4a\x01"),
        ("{sum8 -2..end:u8}ab", b"\xc3ab"),
        ("{tally text b}{tally text x:u8}", b"2\x01"),
    ];
    for (template, expected) in table {
        let fields = format!("{seq}\nfields.id = {{ at = 200, len = 1 }}");
        assert_eq!(reply(&fields, template, b"!\x01\x02abc"), expected, "{template}");
    }
}

#[test]
fn replies_tell_the_time() {
    for (template, expected) in [
        ("{now:%Y%m%d%H%M%S}", &b"20261120230322"[..]),
        ("{now:%H:%M}", b"23:03"),
        ("{now:u32be}", &1_795_215_802_u32.to_be_bytes()),
        ("{now 1356998400:u32le}", &(1_795_215_802_u32 - 1_356_998_400).to_le_bytes()),
        ("{now %Y:u16be}", &2026_u16.to_be_bytes()),
        ("{now:bytes6}", &[26, 11, 20, 23, 3, 22]),
        ("{now:bcd6}", &[0x26, 0x11, 0x20, 0x23, 0x03, 0x22]),
    ] {
        assert_eq!(reply("", template, b"x"), expected, "{template}");
    }
}

#[test]
fn a_reply_whose_field_is_missing_is_not_sent_unless_it_may_be() {
    let far = "fields.far = { at = 9, as = 'u8' }";
    assert_eq!(reply(far, "a{far}", b"x"), b"");
    assert_eq!(reply(far, "a{far?}b", b"x"), b"ab");
    assert_eq!(reply(far, "a{frame 1..5}", b"x"), b"");
    let two = reply_to(&format!("{far}\n[[rule]]\nreply = ['a{{far}}', 'b', 'c']"), b"x");
    assert_eq!(two, [b"b".to_vec(), b"c".to_vec()]);
}

#[test]
fn the_first_rule_that_fits_counts() {
    let lines =
        "match = '^(?P<type>[A-Z]+)(?P<n>[0-9]*)(?P<more>,.*)?$'\nfields.n = { as = 'decimal' }
        [[rule]]\nwhen = { type = ['V0', 'HB'] }\nreply = 'listed'
        [[rule]]\nwhen = { n = [3, 0x10] }\nreply = 'number'
        [[rule]]\nwhen = { n = { mask = 0x0c, is = 0x04 } }\nreply = 'bits'
        [[rule]]\nwhen = { n = { min = 100, max = 200 } }\nreply = 'between'
        [[rule]]\nwhen = { type = '~^AL', more = 'absent' }\nreply = 'pattern'
        [[rule]]\nwhen = { more = 'present' }\nreply = 'present'
        [[rule]]\nwhen = { size = 1 }\nreply = 'size'";
    for (frame, expected) in [
        ("HB", "listed"),
        ("A16", "number"),
        ("A5", "bits"),
        ("A200", "between"),
        ("ALARM", "pattern"),
        ("ALARM,1", "present"),
        ("A", "size"),
        ("AB", ""),
    ] {
        let all = reply_to(lines, frame.as_bytes()).concat();
        assert_eq!(String::from_utf8(all).unwrap(), expected, "{frame}");
    }
}

#[test]
fn nobody_without_a_name_is_answered_unless_that_is_said() {
    let lines = "[[frame]]\nuntil = ';'\nmatch = '^id=(?P<id>.*)'\n[[rule]]\nwhen = { id = 'present' }\n\
                 is = 'login'\nreply = 'welcome'\nrefuse = 'go'\n";
    let text = |more: &str| format!("name = 'x'\n{lines}{more}");
    let run = |more: &str| {
        let protocol = Protocol::parse("x", &text(more)).unwrap();
        let mut conversation = Conversation::new(&protocol);
        conversation.read(b"hi;id=pump;hi;");
        conversation.seen.iter().map(|seen| (seen.is, seen.replies.concat())).collect::<Vec<_>>()
    };
    let login = (Kind::Login, b"welcome".to_vec());
    let (hi, silence) = ((Kind::Data, b"hi".to_vec()), (Kind::Data, vec![]));
    assert_eq!(run("[[rule]]\nreply = 'hi'"), [silence, login.clone(), hi.clone()]);
    assert_eq!(run("[[rule]]\nreply = 'hi'\nanonymous = true"), [hi.clone(), login, hi]);

    let protocol = Protocol::parse("x", &text("")).unwrap();
    let frame = protocol.vocabulary().unwrap().read(b"id=pump", false).unwrap();
    let mut replies = Replies::default();
    frame.replies(&Given { name: None, now: NOW, accepted: false }, &mut replies);
    assert_eq!(replies.as_bytes(), b"go");
}

#[test]
fn checksums_are_told_and_change_nothing() {
    let lines = |check: &str| frames(&format!("[[frame]]\nuntil = ';'\ncheck = {{ {check} }}"));
    for (check, good, bad) in [
        ("sum = 'xor8', over = '0..-1', at = -1", &b"ab\x03;"[..], &b"ab\x04;"[..]),
        (
            "sum = 'crc16-modbus', over = '0..-2', at = -2, endian = 'little'",
            b"123456789\x37\x4b;",
            b"123456789\x4b\x37;",
        ),
        ("sum = 'sum8', over = '0..-2', at = -2, as = 'X2'", b"ab*ED;", b"ab*EE;"),
        ("sum = 'sum8', over = '0..-2', at = -2, as = 'X2'", b"ab*ed;", b"*;"),
    ] {
        let protocol = lines(check);
        let mut conversation = Conversation::new(&protocol);
        conversation.read(good).read(bad).read(b"a;");
        let checks: Vec<_> = conversation.seen.iter().map(|seen| seen.check).collect();
        assert_eq!(checks, [Checked::Ok, Checked::Bad, Checked::Bad], "{check}");
    }
}

#[test]
fn replies_and_commands_are_escaped_as_frames_are() {
    let lines = "[[frame]]\nhead = '~[^~]'\nuntil = '~'\nmin = 1\nkeep = true\nescape = { '}\\x01' = '}', '}\\x02' = '~' }
        [[rule]]\nreply = '~{frame 1..-1}{xor8 1..}~'\n[command]\nwrap = '~{len 1..-1:u8}{data}~'";
    let protocol = frames(lines);
    let mut conversation = Conversation::of(&protocol, "p");
    conversation.read(b"~}\x02}\x01a~");
    assert_eq!(conversation.bytes(), [b"~~}a~".to_vec()]);
    assert_eq!(conversation.seen[0].replies, [b"~}\x02}\x01ab~".to_vec()]);
    let given = Given { name: None, now: NOW, accepted: true };
    let mut out = b"before".to_vec();
    assert!(protocol.vocabulary().unwrap().command(b"~}", &given, &mut out));
    assert_eq!(out, b"before~\x03}\x02}\x01~");
    let plain = frames(&lines.replace("[[rule]]", "[[rule]]\nplain = true"));
    let mut conversation = Conversation::of(&plain, "p");
    conversation.read(b"~}\x02~");
    assert_eq!(conversation.seen[0].replies, [b"~~~~".to_vec()]);
}

#[test]
fn commands_are_wrapped_as_the_presets_say() {
    let name = Name::new(b"123456789012345").unwrap();
    let given = Given { name: Some(&name), now: NOW, accepted: true };
    let wrapped = |preset: &str, payload: &[u8]| {
        let mut out = Vec::new();
        assert!(built_in(preset).vocabulary().unwrap().command(payload, &given, &mut out));
        out
    };
    let codec12 =
        b"\0\0\0\0\0\0\0\x10\x0c\x01\x05\0\0\0\x08\x03\x03\0\0\0\x01\x85\xe8\x01\0\0\xda\x8b";
    assert_eq!(wrapped("teltonika", b"\x03\x03\0\0\0\x01\x85\xe8"), codec12);
    assert_eq!(wrapped("meitrack", b"A10"), b"@@A25,123456789012345,A10*58\r\n");
    assert_eq!(wrapped("suntech", b"as it is"), b"as it is");
}
