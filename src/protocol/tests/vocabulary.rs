//! What a protocol file must not say of frames.

use super::*;

/// The first fault of a protocol whose `[[frame]]` has these lines.
fn fault(lines: &str) -> String {
    let text = format!("name = 'x'\nidentity = 'address'\n[[frame]]\n{lines}\n");
    match Protocol::parse("x", &text) {
        Ok(_) => format!("{lines} is fine"),
        Err(faults) => faults[0].to_string(),
    }
}

#[test]
fn every_fault_names_line_key_and_what_is_wrong() {
    for (lines, told) in [
        ("", "frame[1].until: is missing: say how the frame ends"),
        ("until = ''", "line 4: frame[1].until: must be bytes"),
        ("until = [1]", "line 4: frame[1].until: must be bytes"),
        (
            "untill = 'a'",
            "line 4: frame[1].untill: is no key of a protocol file; did you mean \"until\"?",
        ),
        ("until = 'a'\nsize = 3", "line 5: frame[1].size: is another end; a frame has one"),
        (
            "until = 'a'\nstage = 'last'",
            "frame[1].stage: must be \"any\" or \"first\" or \"after\"",
        ),
        ("until = 'a'\nhead = 'a+'", "line 5: frame[1].head: must have an end"),
        ("until = 'a'\nkeep = 'b'", "frame[1].keep: must be true, or those of until"),
        ("until = 'a'\nalso = ''", "frame[1].also: must be the bytes"),
        ("until = 'a'\nunless = []", "frame[1].unless: must be bytes"),
        ("length = { at = 1 }", "frame[1].length.size: is missing"),
        (
            "length = { at = 1, size = 9 }",
            "line 4: frame[1].length.size: must be a whole number from 1 to 8",
        ),
        (
            "length = { size = 1, ad = 3 }",
            "frame[1].length.ad: is no key of a protocol file; did you mean \"at\"?",
        ),
        ("length = { size = 1, endian = 'middle' }", "must be \"little\" or \"big\""),
        ("digits = { at = 1 }", "frame[1].digits.size: must be the number of digits"),
        ("digits = { size = 2, base = 8 }", "frame[1].digits.base: must be 10 or 16"),
        ("size = [3, 2]", "frame[1].size: must be a number of bytes, or up to 8"),
        ("end = 'a*'", "frame[1].end: is no pattern that ends a frame: fits nothing"),
        ("end = '(?:a|b)*a(?:a|b){20}'", "frame[1].end: is no pattern that ends a frame"),
        ("balanced = '['", "frame[1].balanced: must be an opening"),
        ("rest = false", "frame[1].rest: must be true"),
        ("rest = true\nmatch = '('", "frame[1].match: \"(\" is no byte pattern"),
        ("rest = true\nmatch = '(?:a{1000}){1000}'", "is no byte pattern: "),
        ("rest = true\nmatch = '(?=a)'", "look-around"),
        ("rest = true\nescape = { a = '' }", "frame[1].escape.a: must be bytes"),
        (
            "rest = true\nescape_xor = { byte = 'ab', xor = 1 }",
            "frame[1].escape_xor.byte: must be one byte",
        ),
        (
            "rest = true\ncheck = { sum = 'crc16-x26', over = '..', at = 0 }",
            "\"crc16-x26\" is no checksum; did you mean \"crc16-x25\"?",
        ),
        (
            "rest = true\ncheck = { sum = 'xor8', over = '1', at = 0 }",
            "frame[1].check.over: must be a part",
        ),
        ("rest = true\ncheck = { sum = 'xor8', over = '..' }", "frame[1].check.at: is missing"),
        ("rest = true\nfields.x = { at = 1 }", "frame[1].fields.x.len: is missing"),
        ("rest = true\nfields.x = { at = 1, len = 2, to = 3 }", "says another length"),
        ("rest = true\nfields.x = { at = 1, re = 'a' }", "says another place"),
        ("rest = true\nfields.x = { as = 'u8' }", "frame[1].fields.x.at: is missing"),
        (
            "rest = true\nfields.x = { at = 1, as = 'u9' }",
            "frame[1].fields.x.as: must be raw, ascii",
        ),
        (
            "rest = true\nfields.x = { at = 1, lne = 2 }",
            "frame[1].fields.x.lne: is no key of a protocol file; did you mean \"len\"?",
        ),
        ("rest = true\nfields.X = { at = 1, len = 1 }", "frame[1].fields.X: is no name"),
        ("rest = true\nfields.len = { at = 1, len = 1 }", "means something else"),
        (
            "rest = true\nfields.x = { at = 1, len = 1, when = { y = 1 } }",
            "frame[1].fields.x.when.y: \"y\" is no field",
        ),
        (
            "rest = true\nfields.x = { at = 1, len = 1, when = { x = 1 } }",
            "looks at a field which has a when itself",
        ),
        (
            "rest = true\nfields.x = { at = 1, len = 1, else = { len = 1, att = 2 } }",
            "fields.x.else.att: is no key of a protocol file; did you mean \"at\"?",
        ),
        (
            "rest = true\n[[rule]]\nframe = 'y'",
            "rule[1].frame: there is no frame with name = \"y\"",
        ),
        ("rest = true\n[[rule]]\nis = 'logon'", "rule[1].is: must be \"login\" or"),
        (
            "rest = true\n[[rule]]\nrepli = 'a'",
            "rule[1].repli: is no key of a protocol file; did you mean \"reply\"?",
        ),
        ("rest = true\n[[rule]]\nreply = 'a{'", "has a brace without its partner"),
        ("rest = true\n[[rule]]\nreply = ''", "rule[1].reply: is empty"),
        ("rest = true\n[[rule]]\nreply = '{crc16-modbsu 2..}'", "did you mean"),
        ("rest = true\n[[rule]]\nreply = '{len 2..}'", "{len 2..}: needs a form"),
        ("rest = true\n[[rule]]\nreply = '{len 2..:d}'", "has no fixed width"),
        ("rest = true\n[[rule]]\nreply = '{now}'", "now needs a way to be written"),
        ("rest = true\n[[rule]]\nreply = '{now:%!}'", "is no form of the time"),
        (
            "rest = true\n[[rule]]\nwhen = { size = 1.5 }",
            "rule[1].when.size: must be a number, a text",
        ),
        (
            "rest = true\n[[rule]]\nwhen = { size = { mask = 1 } }",
            "rule[1].when.size: must be a number, a text",
        ),
        ("rest = true\n[command]\nwrap = '{type}'", "command.wrap: {type}: \"type\" is no field"),
        ("rest = true\n[command]\n", "command.wrap: is missing"),
        (
            "rest = true\n[all]\nheat = 1",
            "all.heat: is no key of a protocol file; did you mean \"head\"?",
        ),
    ] {
        let said = fault(lines);
        assert!(said.contains(told), "{lines}\nsays {said}\nnot  {told}");
    }
}

#[test]
fn the_whole_file_is_looked_at() {
    for (text, told) in [
        (
            "identity = 'address'\nmax_frame = '2MiB'\n[[frame]]\nrest = true",
            "max_frame: must be a size",
        ),
        (
            "identity = 'address'\non_bad_checksum = 'x'\n[[frame]]\nrest = true",
            "must be \"forward\" or \"drop\" or \"close\"",
        ),
        ("identity = 'address'\nmany = 1\n[[frame]]\nrest = true", "many: must be true or false"),
        ("identity = 'address'\nmany = true", "many: has no use without [[frame]]"),
        ("[[frame]]\nrest = true", "registration: is missing: nothing names a device"),
        ("identity = 'frame'", "registration: is missing: nothing names a device"),
        ("identity = 'x'\n[[frame]]\nrest = true", "identity: must be \"registration\" or"),
    ] {
        let faults = Protocol::parse("x", &format!("name = 'x'\n{text}\n")).unwrap_err();
        let said: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|said| said.contains(told)), "{text}: {said:?}");
    }
}

#[test]
fn what_holds_for_all_frames_holds_unless_a_frame_says_otherwise() {
    let text = "[all]\nuntil = ';'\nfields.a = { at = 0, as = 'u8' }\n[[frame]]\nhead = 'x'\n\
                fields.b = { at = 1, as = 'u8' }\n[[frame]]\nhead = 'y'\nsize = 2\nfields.a = { at = 1, as = 'u8' }";
    let protocol = super::ends::frames(text);
    let mut conversation = super::conversation::Conversation::new(&protocol);
    conversation.read(b"x1;y2");
    assert_eq!(conversation.bytes(), [b"x1".to_vec(), b"y2".to_vec()]);
    let read = |bytes| protocol.vocabulary().unwrap().read(bytes, true).unwrap();
    assert_eq!((read(b"x1").number("a"), read(b"x1").number("b")), (Some(120), Some(49)));
    assert_eq!((read(b"y2").number("a"), read(b"y2").number("b")), (Some(50), None));
}
