use proptest::prelude::*;

use super::*;

/// Decodes `chunks` of one session, each to a text of its own; the last is what `ended` adds.
fn decoded(chunks: &[&[u8]]) -> Vec<String> {
    let mut texts = Texts::default();
    let mut all = Vec::new();
    for (offset, chunk) in (0..).zip(chunks) {
        let mut text = String::new();
        texts.data(Offset(offset), SessionId(1), false, chunk, |piece| text.push_str(piece));
        all.push(text);
    }
    let unfinished = texts.ended(Offset(chunks.len() as u64), SessionId(1));
    all.push(if unfinished { REPLACEMENT } else { "" }.to_owned());
    assert!(texts.rests.is_empty());
    all
}

#[test]
fn a_split_character_waits_for_its_rest() {
    assert_eq!(decoded(&["a\u{20ac}".as_bytes(), b"b"]), ["a\u{20ac}", "b", ""]);
    assert_eq!(decoded(&[b"a\xe2", b"\x82", b"\xacb"]), ["a", "", "\u{20ac}b", ""]);
    assert_eq!(decoded(&[b"\xf0\x9f\x98", b"\x80"]), ["", "\u{1f600}", ""]);
}

#[test]
fn each_longest_broken_piece_becomes_one_replacement() {
    assert_eq!(decoded(&[b"\xff\xfe"]), ["\u{fffd}\u{fffd}", ""]);
    assert_eq!(decoded(&[b"\xe2\x82", b"x"]), ["", "\u{fffd}x", ""]);
    assert_eq!(decoded(&[b"\xe0", b"\x80"]), ["", "\u{fffd}\u{fffd}", ""]);
    assert_eq!(decoded(&[b"\xe2\x82", b"\xe2\x82\xac"]), ["", "\u{fffd}\u{20ac}", ""]);
    assert_eq!(decoded(&[b"\xed\xa0\x80"]), ["\u{fffd}\u{fffd}\u{fffd}", ""]);
    assert_eq!(decoded(&[b"\xf0\x9f", b""]), ["", "", "\u{fffd}"]);
}

#[test]
fn what_a_gap_replaced_never_comes_back() {
    let mut texts = Texts::default();
    texts.data(Offset(1), SessionId(1), false, b"\xe2", |_| {});
    texts.rewind(Offset(1));
    texts.clear(Offset(1));
    texts.acknowledged(Offset(1));
    assert!(texts.rests.is_empty() && texts.changes.is_empty());
    texts.data(Offset(2), SessionId(1), false, b"\xe2", |_| {});
    texts.clear(Offset(5));
    assert!(texts.rests.is_empty());
    texts.rewind(Offset(5));
    assert!(!texts.rests.is_empty(), "before the gap it was there");
}

#[test]
fn sessions_without_a_name_cannot_fill_the_memory() {
    let mut texts = Texts::default();
    let many = Texts::MOST_NAMELESS as u64 + 100;
    texts.data(Offset(0), SessionId(0), false, b"\xe2", |_| {});
    for session in 1..=many {
        texts.data(Offset(session), SessionId(session), true, b"\xe2", |_| {});
    }
    assert_eq!(texts.rests.len(), Texts::MOST_NAMELESS + 1);
    assert!(texts.rests.contains_key(&SessionId(0)), "a named one must not suffer for it");
    texts.acknowledged(Offset(many));
    assert!(texts.changes.is_empty());
    texts.clear(Offset(many + 1));
    assert!(texts.rests.is_empty() && texts.nameless.is_empty());
}

proptest! {
    #[test]
    fn however_it_is_cut_the_text_is_that_of_the_whole(
        bytes in prop::collection::vec(any::<u8>(), 0..40),
        cut in 1usize..5,
    ) {
        let chunks: Vec<_> = bytes.chunks(cut).collect();
        prop_assert_eq!(decoded(&chunks).concat(), String::from_utf8_lossy(&bytes));
    }
}

/// A JavaScript program that decodes chunks of hex, given as lines of JSON, with Node's own
/// decoders, and writes what each chunk and the end gave.
const PROGRAM: &str = r"
const { StringDecoder } = require('string_decoder');
for (const line of require('fs').readFileSync(0, 'utf8').trim().split('\n')) {
  const chunks = JSON.parse(line).map((hex) => Buffer.from(hex, 'hex'));
  const strings = new StringDecoder('utf8');
  const web = new TextDecoder('utf-8', { ignoreBOM: true });
  console.log(JSON.stringify({
    strings: [...chunks.map((chunk) => strings.write(chunk)), strings.end()],
    web: [...chunks.map((chunk) => web.decode(chunk, { stream: true })), web.decode()],
  }));
}";

#[derive(serde::Deserialize)]
struct Decoded {
    strings: Vec<String>,
    web: Vec<String>,
}

#[test]
fn chunks_decode_as_node_decodes_them() {
    let pieces: [&[u8]; 14] = [
        b"a",
        b"\x80",
        b"\xbf",
        b"\xc2",
        b"\xa9",
        b"\xe2",
        b"\x82",
        b"\xac",
        b"\xe0",
        b"\xf0",
        b"\x9f\x98",
        b"\xed\xa0",
        b"\xf4\x90",
        b"\xff",
    ];
    let mut cases: Vec<Vec<&[u8]>> = Vec::new();
    for first in pieces {
        for second in pieces {
            cases.push(vec![first, second]);
            for third in pieces {
                cases.push(vec![first, second, third]);
            }
        }
    }
    let valid = "aé€😀\u{feff}z".as_bytes();
    cases.extend((1..valid.len()).map(|cut| vec![&valid[..cut], &valid[cut..]]));
    cases.push(valid.chunks(1).collect());
    let lines: Vec<_> = cases
        .iter()
        .map(|chunks| {
            let hex: Vec<_> =
                chunks.iter().map(|chunk| data_encoding::HEXLOWER.encode(chunk)).collect();
            serde_json::to_string(&hex).unwrap()
        })
        .collect();
    let Some(answers) = super::super::tests::node(PROGRAM, &lines.join("\n")) else { return };
    let answers: Vec<Decoded> =
        answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), cases.len());
    for (chunks, node) in cases.iter().zip(answers) {
        assert_eq!(decoded(chunks), node.web, "{chunks:x?}");
        // Node's older decoder also waits behind bytes that no character begins with; in the end it
        // gives the same.
        assert_eq!(decoded(chunks).concat(), node.strings.concat(), "{chunks:x?}");
        if std::str::from_utf8(&chunks.concat()).is_ok() {
            assert_eq!(decoded(chunks), node.strings, "{chunks:x?}");
        }
    }
}
