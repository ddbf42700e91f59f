//! Where frames begin and end, in any pieces.

use super::{conversation::Conversation, *};

/// A protocol of these lines, whose devices are named by their address.
pub(super) fn frames(lines: &str) -> Protocol {
    let text = format!("name = 'x'\nidentity = 'address'\n{lines}\n");
    Protocol::parse("x", &text).unwrap_or_else(|faults| panic!("{lines}: {faults:?}"))
}

/// What comes out of `stream`, which gives the same in any pieces.
fn cut(lines: &str, stream: &[u8]) -> (Vec<Vec<u8>>, usize, Option<super::super::Fault>) {
    let protocol = frames(lines);
    let run = |piece: usize, first: usize| {
        let mut conversation = Conversation::new(&protocol);
        conversation.max_frame = 64;
        let (head, rest) = stream.split_at(first.min(stream.len()));
        conversation.read(head);
        rest.chunks(piece).for_each(|piece| _ = conversation.read(piece));
        (conversation.bytes(), conversation.junk, conversation.fault.clone())
    };
    let whole = run(usize::MAX, 0);
    for first in 0..stream.len() {
        for piece in [1, 2, 3, 7, usize::MAX] {
            assert_eq!(run(piece, first), whole, "{lines}: first {first}, then {piece}");
        }
    }
    whole
}

fn is(lines: &str, stream: &[u8], expected: &[&[u8]]) {
    let (came, _, fault) = cut(lines, stream);
    assert_eq!(came, expected, "{lines}");
    assert_eq!(fault, None, "{lines}");
}

#[test]
fn a_delimiter_ends_a_frame_the_earliest_and_of_two_the_longer() {
    is(
        "[[frame]]\nuntil = ['\\r\\n', '\\n', ';']",
        b"a;b\r\nc\n\nd\re;f",
        &[b"a", b"b", b"c", b"d\re"],
    );
    is(
        "[[frame]]\nuntil = ['#', '##\\r\\n', '#\\n']",
        b"a##\r\nb#\nc#d##",
        &[b"a", b"b", b"c", b"d"],
    );
    is("[[frame]]\nuntil = '</fox>'", b"a<</fox>b</fo</fox>", &[b"a<", b"b</fo"]);
    is("[[frame]]\nuntil = ['!', '!\\r\\n']", b"a!\r\nb!c!\r\r\n!", &[b"a", b"b", b"c", b"\r\r\n"]);
}

#[test]
fn a_delimiter_stays_comes_late_or_is_none_where_that_is_said() {
    is("[[frame]]\nuntil = '#'\nkeep = true", b"a##b#", &[b"a#", b"#", b"b#"]);
    is("[[frame]]\nuntil = ['\\n', ';']\nkeep = ';'", b"a;b\n;c;", &[b"a;", b"b", b";", b"c;"]);
    is("[[frame]]\nuntil = '#'\nmin = 2", b"##a#b##", &[b"##a", b"b#"]);
    is("[[frame]]\nuntil = '*'\nplus = 2", b"a*12b*34c*5", &[b"a*12", b"b*34"]);
    is("[[frame]]\nuntil = '\\r'\nunless = '\\n'", b"a\r\nb\rc\rd", &[b"a\r\nb", b"c"]);
    is(
        "[[frame]]\nuntil = ';'\nalso = ['\\r\\n', '\\0']",
        b"a;\r\nb;\0c;d;\r;e;",
        &[b"a", b"b", b"c", b"d", b"\r", b"e"],
    );
}

#[test]
fn a_length_ends_a_frame() {
    let length = |keys: &str| format!("[[frame]]\nlength = {{ {keys} }}");
    is(&length("at = 1, size = 1, add = 2"), b"a\x01xb\0c\x02yz", &[b"a\x01x", b"b\0", b"c\x02yz"]);
    is(&length("at = 0, size = 2"), b"\0\x03x\0\x02\0", &[b"\0\x03x", b"\0\x02"]);
    is(&length("at = 0, size = 2, endian = 'little', add = 2"), b"\x01\0x", &[b"\x01\0x"]);
    is(&length("at = 0, size = 3, add = 3"), b"\0\0\x01x", &[b"\0\0\x01x"]);
    let masked = "at = 0, size = 2, mask = 0x0fff, shift = 2, mul = 3, add = 1";
    is(&length(masked), b"\xf0\x04abc", &[b"\xf0\x04ab"]);
}

#[test]
fn a_frame_whose_first_bytes_say_all_is_the_same_as_one_that_comes_in_pieces() {
    let lines = |keys: &str| format!("[[frame]]\nhead = 'ab'\ntail = '!'\nlength = {{ {keys} }}");
    let (short, long) = (b"ab\x04\0xyz!", b"ab\x08\0\x04\0!!abc!");
    let little = lines("at = 2, size = 2, endian = 'little', add = 4");
    is(&little, &[&short[..], long].concat(), &[short, long]);
    let big = b"ab\0\x04xyz!";
    is(&lines("at = 2, size = 2, add = 4"), &[&big[..], big].concat(), &[big, big]);
    let masked = lines("at = 2, size = 2, endian = 'little', mask = 0xf0, shift = 4, add = 4");
    is(&masked, b"ab\x4f\xffxyz!ab\x51\0wxyz!", &[b"ab\x4f\xffxyz!", b"ab\x51\0wxyz!"]);
    // Its length is wrong: it ends with its tail.
    let lame = b"ab\x06\0xyz!";
    is(&little, &[&lame[..], short].concat(), &[lame, short]);
    let two = "[[frame]]\nhead = '[a]'\nlength = { at = 1, size = 1 }\n[[frame]]\nhead = 'ab'\nuntil = '!'\n[[frame]]\nhead = 'b'\nlength = { at = 1, size = 1 }";
    is(two, b"a\x09_______b\x0a________", &[b"a\x09_______", b"b\x0a________"]);
    let first = "[[frame]]\nstage = 'first'\nhead = 'a'\nlength = { at = 1, size = 1 }\n[[frame]]\nuntil = '!'";
    is(first, b"a\x0a________!", &[b"a\x0a________"]);
}

#[test]
fn digits_end_a_frame() {
    let until = "[[frame]]\nhead = '\\$'\ndigits = { at = 2, until = ',', from = 'until' }";
    is(until, b"$a6,1234\r$b2,x", &[b"$a6,1234\r", b"$b2,x"]);
    let head = "[[frame]]\nhead = '<'\ndigits = { re = '<[a-z]+;[0-9]+,', from = 'until' }";
    is(head, b"<a;4,xy<bc7;<bcd;11,34567890ab", &[b"<a;4,xy<", b"<bcd;11,34567890ab"]);
    is(
        "[[frame]]\ndigits = { at = 0, size = 2, base = 16, add = 2 }",
        b"0Aabcdefghij00",
        &[b"0Aabcdefghij", b"00"],
    );
}

#[test]
fn sizes_patterns_and_brackets_end_a_frame() {
    is("[[frame]]\nsize = 3", b"abcdefg", &[b"abc", b"def"]);
    is(
        "[[frame]]\nhead = 'a'\nsize = [2, 4]",
        b"a1a234a5axxxa6",
        &[b"a1", b"a234", b"a5", b"axxx"],
    );
    let quoted = "[[frame]]\nhead = '\\('\nend = '\\((?:[^$)]|\\$[^$]*\\$)*\\)'";
    is(quoted, b"(a)x(b$)$c)($", &[b"(a)", b"(b$)$c)"]);
    is("[[frame]]\nhead = 'a'\nend = 'ab+c'", b"abbcabdabc", &[b"abbc", b"abc"]);
    is("[[frame]]\nhead = '\\['\nbalanced = '[]'", b"[a[b]c] [[]][", &[b"[a[b]c]", b"[[]]"]);
    is(
        "[[frame]]\nhead = '\\{'\nbalanced = '{}\"'",
        br#"{"a":"}\"{"}{"b":{}}"#,
        &[br#"{"a":"}\"{"}"#, br#"{"b":{}}"#],
    );
}

#[test]
fn the_first_head_that_fits_says_of_which_kind_a_frame_is() {
    let kinds = "[[frame]]\nhead = 'ab'\nsize = 4\n[[frame]]\nhead = 'a'\nsize = 2\n[[frame]]\nhead = '[0-9]'\nuntil = ';'";
    is(kinds, b"abcdacab12a_7;abcd", &[b"abcd", b"ac", b"ab12", b"a_", b"7", b"abcd"]);
}

#[test]
fn what_begins_no_frame_is_junk_and_counted() {
    let (came, junk, fault) = cut("[[frame]]\nhead = 'ab'\nsize = 3", b"xxab1aab2yab3a");
    assert_eq!(came, [b"ab1".to_vec(), b"ab2".to_vec(), b"ab3".to_vec()]);
    assert_eq!((junk, fault), (4, None));
    let (came, junk, _) =
        cut("[[frame]]\nhead = '\\$'\ndigits = { at = 1, size = 1, add = 2 }", b"$x$1a$$0");
    assert_eq!(came, [b"$1a".to_vec(), b"$0".to_vec()]);
    assert_eq!(junk, 3);
    let (came, junk, _) =
        cut("[[frame]]\nskip_until = '$$'\nskip = '\\n'\nuntil = ';'", b"x$\n$$a;\n\n$$b;y;$$c;");
    assert_eq!(came, [b"$$a".to_vec(), b"$$b".to_vec(), b"$$c".to_vec()]);
    assert!(junk > 0);
}

#[test]
fn a_frame_without_its_tail_ends_at_the_next_one() {
    let tailed = "[[frame]]\nhead = 'x'\nlength = { at = 1, size = 1, add = 4 }\ntail = '\\r\\n'";
    is(
        tailed,
        b"x\x01a\r\nx\x00abc\r\nx\x01b\r\n",
        &[b"x\x01a\r\n", b"x\x00abc\r\n", b"x\x01b\r\n"],
    );
    // Too large a length finds it in a pause.
    let protocol = frames(tailed);
    let mut conversation = Conversation::new(&protocol);
    conversation.read(b"x\x20a\r\n");
    assert!(conversation.waits());
    assert_eq!(conversation.pause().bytes(), [b"x\x20a\r\n".to_vec()]);
}

#[test]
fn a_frame_above_the_longest_is_never_one() {
    let too_long = Some(super::super::Fault::FrameTooLong);
    let long = [b'a'; 65];
    for lines in [
        "[[frame]]\nuntil = ';'",
        "[[frame]]\nhead = 'a'\nend = 'a+;'",
        "[[frame]]\nhead = 'a'\nbalanced = 'ab'",
        "[[frame]]\nhead = 'a'\nlength = { at = 3, size = 1, mask = 1, add = 4 }\ntail = ';'",
        "[[frame]]\nrest = true",
    ] {
        let (came, _, fault) = cut(lines, &long);
        assert_eq!((came.len(), fault), (0, too_long.clone()), "{lines}");
    }
    let (came, junk, fault) =
        cut("[[frame]]\nhead = 'x'\nlength = { at = 1, size = 1 }", b"x\x41ax\x03b");
    assert_eq!((came, junk, fault), (vec![b"x\x03b".to_vec()], 3, None));
    let (came, junk, _) = cut("[[frame]]\nhead = 'x'\nsize = [2, 65]", b"xaxbyxc");
    assert_eq!((came, junk), (vec![b"xa".to_vec(), b"xb".to_vec(), b"xc".to_vec()], 1));
    let (came, junk, fault) = cut("[[frame]]\nhead = 'x'\nsize = 65", &[b'x'; 80]);
    assert_eq!((came, junk, fault), (vec![], 80, None));
    let malformed = Some(Malformed::Frame.into());
    let (_, _, fault) = cut("[[frame]]\nlength = { at = 0, size = 1 }", b"\x02a\xffb");
    assert_eq!(fault, malformed);
    let (_, _, fault) = cut("max_frame = '2B'\n[[frame]]\nuntil = ';'", b"ab;abc;");
    assert_eq!(fault, too_long);
}

#[test]
fn a_pause_decides_what_only_time_can_tell() {
    let decided = |lines: &str, stream: &[u8]| {
        let protocol = frames(lines);
        let mut conversation = Conversation::new(&protocol);
        conversation.read(stream);
        assert_eq!((conversation.seen.len(), conversation.waits()), (0, true), "{lines}");
        conversation.pause();
        assert_eq!(conversation.held(), b"");
        conversation.bytes()
    };
    assert_eq!(decided("[[frame]]\nrest = true", b"abc"), [b"abc".to_vec()]);
    let length = "[[frame]]\nlength = { at = 0, size = 1 }\nor_pause = true";
    assert_eq!(decided(length, b"\x09ab"), [b"\x09ab".to_vec()]);
    let either = "[[frame]]\nuntil = ';'\nor_pause = true";
    assert_eq!(decided(either, b"ab"), [b"ab".to_vec()]);
    is(either, b"ab;c;", &[b"ab", b"c"]);
    assert_eq!(decided("[[frame]]\nhead = 'a'\nsize = [2, 4]", b"a1"), [b"a1".to_vec()]);
    assert_eq!(decided("[[frame]]\nuntil = '\\r'\nunless = '\\n'", b"a\r"), [b"a".to_vec()]);
    let kinds = "[[frame]]\nhead = 'ab'\nsize = 4\n[[frame]]\nhead = 'a'\nsize = 1";
    assert_eq!(decided(kinds, b"a"), [b"a".to_vec()]);
    // Half a frame waits on.
    let protocol = frames("[[frame]]\nhead = 'ab'\nsize = 4");
    let mut conversation = Conversation::new(&protocol);
    conversation.read(b"a").pause().read(b"bcd");
    assert_eq!(conversation.bytes(), [b"abcd".to_vec()]);
}

#[test]
fn at_the_end_what_a_delimiter_would_have_ended_is_a_frame_and_else_junk() {
    let protocol = frames("[[frame]]\nhead = 'a'\nsize = 4\n[[frame]]\nuntil = ';'");
    let mut conversation = Conversation::new(&protocol);
    conversation.read(b"bc").finish();
    assert_eq!((conversation.bytes(), conversation.junk), (vec![b"bc".to_vec()], 0));
    let mut conversation = Conversation::new(&protocol);
    conversation.read(b"ab").finish();
    assert_eq!((conversation.bytes(), conversation.junk), (vec![], 2));
}

#[test]
fn some_frames_come_before_the_name_only_and_others_behind_it() {
    let text = "[[frame]]\nstage = 'first'\nuntil = ';'\nmatch = '^(?P<id>.+)'\n[[frame]]\nstage = 'after'\nsize = 2";
    let protocol = Protocol::parse("x", &format!("name = 'x'\n{text}")).unwrap();
    let mut conversation = Conversation::new(&protocol);
    conversation.read(b"pump;a;b;");
    assert_eq!(conversation.bytes(), [b"pump".to_vec(), b"a;".to_vec(), b"b;".to_vec()]);
    assert_eq!(conversation.seen[0].name.as_deref(), Some("pump"));
}

#[test]
fn escapes_are_undone_and_cost_nothing_where_there_are_none() {
    let pairs = "[[frame]]\nhead = '~[^~]'\nuntil = '~'\nmin = 1\nkeep = true\nescape = { '}\\x01' = '}', '}\\x02' = '~' }";
    is(pairs, b"~a}\x02}\x01}~~b~", &[b"~a~}}~", b"~b~"]);
    is(
        "[[frame]]\nuntil = '\\x04'\nescape_xor = { byte = '\\x10', xor = 0x20, markers = ['\\x01'] }",
        b"\x10\x21a\x10\x04",
        &[b"\x01a\x10"],
    );
    is("[[frame]]\nuntil = ';'\ndrop_head = 2\ndrop_tail = 1", b"abcd;ab;", &[b"c", b""]);
}

#[test]
fn nothing_is_kept_when_nothing_is_unfinished() {
    let protocol = frames("[[frame]]\nuntil = ';'\nescape = { '}a' = '}' }");
    let mut engine = super::super::Engine::default();
    let terms = super::super::Terms { named: true, max_frame: 64 };
    let vocabulary = protocol.vocabulary().unwrap();
    for read in [&b"a}a"[..], b"b;c"] {
        let mut input = read;
        while !matches!(engine.feed(vocabulary, terms, &mut input), super::super::Piece::NeedMore) {
        }
    }
    assert_eq!(engine.held(), b"c");
    let mut input = &b"d;"[..];
    while !matches!(engine.feed(vocabulary, terms, &mut input), super::super::Piece::NeedMore) {}
    assert!(engine.is_idle());
    assert_eq!(size_of::<super::super::Engine>(), 8);
}
