use proptest::prelude::*;

use super::*;
use crate::model::{CloseReason, CommandFault, CommandState, UnixMillis};

const NOON: UnixMillis = UnixMillis(1_795_161_600_123);
const PEER: &str = "10.1.2.3:40112";
const IMEI: &str = "860000000000001";
const ID: SessionId = SessionId(0x5f0c_0000_0000_0001);

fn data(seq: u64, data: &[u8]) -> Event<'_> {
    Event::Data {
        name: IMEI,
        session: ID,
        seq,
        time: NOON,
        peer: PEER,
        connections: 12,
        data,
        meaning: b"",
    }
}

fn offline(connections: u32) -> Event<'static> {
    Event::Offline {
        name: IMEI,
        session: ID,
        time: NOON,
        reason: CloseReason::Idle,
        received_bytes: 29,
        sent_bytes: 0,
        connections,
    }
}

fn text_of(out: BytesMut) -> String {
    String::from_utf8(out.to_vec()).unwrap()
}

fn encoded(format: Format, encoding: Encoding, events: &[Event<'_>]) -> String {
    let (mut encoder, mut out) = (Encoder::new(format, encoding), BytesMut::new());
    for (event, offset) in events.iter().zip(1_763_625_600_000_016..) {
        encoder.event(Offset(offset), event, &mut out);
    }
    text_of(out)
}

#[test]
#[rustfmt::skip]
fn lines_are_those_that_web_servers_were_promised() {
    let events = [
        Event::Started { time: NOON, clean: true },
        Event::Online { name: IMEI, session: ID, time: NOON, peer: PEER, connections: 12 },
        data(1, &[1, 3, 4, 0, 1, 0, 2]),
        Event::Idle { name: IMEI, session: ID, time: NOON, connections: 12 },
        offline(11),
    ];
    let expected = concat!(
        r#"{"offset":1763625600000016,"event":"started","time":"2026-11-20T08:00:00.123Z","clean":true}"#,
        "\n",
        r#"{"offset":1763625600000017,"event":"online","imei":"860000000000001","session":"5f0c000000000001","time":"2026-11-20T08:00:00.123Z","peer":"10.1.2.3:40112","connections":12}"#,
        "\n",
        r#"{"offset":1763625600000018,"event":"data","imei":"860000000000001","session":"5f0c000000000001","seq":1,"time":"2026-11-20T08:00:00.123Z","peer":"10.1.2.3:40112","connections":12,"data":"AQMEAAEAAg=="}"#,
        "\n",
        r#"{"offset":1763625600000019,"event":"idle","imei":"860000000000001","session":"5f0c000000000001","time":"2026-11-20T08:00:00.123Z","connections":12}"#,
        "\n",
        r#"{"offset":1763625600000020,"event":"offline","imei":"860000000000001","session":"5f0c000000000001","time":"2026-11-20T08:00:00.123Z","reason":"idle","received_bytes":29,"sent_bytes":0,"connections":11}"#,
        "\n",
    );
    assert_eq!(encoded(Format::JsonLines, Encoding::Base64, &events), expected);
}

#[test]
fn what_became_of_a_command_is_a_line_for_those_who_acknowledge_and_nothing_for_node() {
    let command = |state, data, reason| Event::Command {
        id: "c-1",
        name: IMEI,
        attempt: 2,
        state,
        time: NOON,
        data,
        reason,
    };
    let answered = command(CommandState::Answered, b"\xff\0", None);
    let failed = command(CommandState::Failed, b"", Some(CommandFault::NoAnswer));
    let head = r#"{"offset":1763625600000016,"event":"command","id":"c-1","imei":"860000000000001","attempt":2,"state":"#;
    let cases = [
        (
            Encoding::Base64,
            answered,
            r#""answered","time":"2026-11-20T08:00:00.123Z","data":"/wA="}"#,
        ),
        (
            Encoding::Text,
            answered,
            "\"answered\",\"time\":\"2026-11-20T08:00:00.123Z\",\"data\":\"\u{fffd}\\u0000\"}",
        ),
        (
            Encoding::Hex,
            failed,
            r#""failed","time":"2026-11-20T08:00:00.123Z","reason":"no_answer"}"#,
        ),
    ];
    for (encoding, event, rest) in cases {
        assert_eq!(encoded(Format::JsonLines, encoding, &[event]), format!("{head}{rest}\n"));
        assert_eq!(encoded(Format::Node, Encoding::Buffer, &[event]), "");
    }
}

proptest! {
    #[test]
    fn the_short_way_to_a_line_of_data_writes_what_the_long_one_writes(
        (name, peer) in ("[!-~]{1,64}", "[ -~]{0,50}"),
        numbers in any::<(u64, u64, u64, u32)>(),
        times in proptest::collection::vec(0u64..253_402_300_799_999, 1..4),
        payload in proptest::collection::vec(any::<u8>(), 0..100),
        hex in any::<bool>(),
        meaning in "(,\"is\":\"data\",\"type\":[0-9]{1,9})?",
    ) {
        let (offset, id, seq, connections) = numbers;
        let encoding = if hex { Encoding::Hex } else { Encoding::Base64 };
        let mut encoder = Encoder::new(Format::JsonLines, encoding);
        for time in times.into_iter().map(UnixMillis) {
            let session = SessionId(id);
            let (name, peer, data) = (&name[..], &peer[..], &payload[..]);
            let event = Event::Data { name, session, seq, time, peer, connections, data, meaning: meaning.as_bytes() };
            let (mut short, mut long) = (BytesMut::new(), Vec::new());
            let is_plain = encoder.data_line(Offset(offset), &event, &mut short);
            encoder.line(Offset(offset), &event, &mut long);
            prop_assert_eq!(is_plain, !name.contains(['"', '\\']) && !peer.contains(['"', '\\']));
            if is_plain {
                prop_assert_eq!(&short[..], &long[..]);
            } else {
                prop_assert!(short.is_empty());
            }
        }
    }
}

#[test]
fn hello_and_gaps_are_lines_too_but_not_for_node() {
    let gap = Gap { from: Offset(22), to: Offset(29), events: 8, reason: DropReason::SpoolFull };
    let hello = Hello { gateway: "plant \"7\"", spool: "9f0c", next: Offset(17) };
    let written = |format| {
        let (mut encoder, mut out) = (Encoder::new(format, Encoding::Base64), BytesMut::new());
        encoder.hello(&hello, &mut out);
        encoder.gap(&gap, &mut out);
        text_of(out)
    };
    let expected = concat!(
        r#"{"hello":"tetherd","protocol":1,"gateway":"plant \"7\"","spool":"9f0c","next":17}"#,
        "\n",
        r#"{"offset":29,"event":"gap","from":22,"to":29,"events":8,"reason":"spool_full"}"#,
        "\n",
    );
    assert_eq!(written(Format::JsonLines), expected);
    assert_eq!(written(Format::Node), "");
}

#[test]
fn the_four_encodings_differ_in_the_last_key_only() {
    let cases = [
        (Encoding::Base64, r#""AP8i""#),
        (Encoding::Hex, r#""00ff22""#),
        (Encoding::Text, "\"\\u0000\u{fffd}\\\"\""),
        (Encoding::Buffer, r#"{"type":"Buffer","data":[0,255,34]}"#),
    ];
    for (encoding, value) in cases {
        let line = encoded(Format::JsonLines, encoding, &[data(1, &[0, 255, 34])]);
        assert!(line.ends_with(&format!("\"connections\":12,\"data\":{value}}}\n")), "{line}");
        let object = encoded(Format::Node, encoding, &[data(1, &[0, 255, 34])]);
        let expected = format!("{{\"data\":{value},\"connections\":12,\"imei\":\"{IMEI}\"}}");
        assert_eq!(object, expected);
    }
}

#[test]
fn node_gets_data_only_with_nothing_between() {
    let events = [
        Event::Started { time: NOON, clean: true },
        data(1, b"a"),
        Event::Idle { name: IMEI, session: ID, time: NOON, connections: 12 },
        data(2, b""),
        offline(11),
    ];
    let expected = concat!(
        r#"{"data":{"type":"Buffer","data":[97]},"connections":12,"imei":"860000000000001"}"#,
        r#"{"data":{"type":"Buffer","data":[]},"connections":12,"imei":"860000000000001"}"#,
    );
    assert_eq!(encoded(Format::Node, Encoding::Buffer, &events), expected);
}

#[test]
fn a_character_that_never_ends_comes_out_with_the_offline() {
    let events = [data(1, b"a\xe2\x82"), offline(11)];
    let lines = encoded(Format::JsonLines, Encoding::Text, &events);
    assert!(lines.contains("\"data\":\"a\"}\n"), "{lines}");
    assert!(lines.ends_with("\"connections\":11,\"data\":\"\u{fffd}\"}\n"), "{lines}");
    let expected = concat!(
        r#"{"data":"a","connections":12,"imei":"860000000000001"}"#,
        "{\"data\":\"\u{fffd}\",\"connections\":12,\"imei\":\"860000000000001\"}",
    );
    assert_eq!(encoded(Format::Node, Encoding::Text, &events), expected);
}

#[test]
fn node_gets_nothing_for_a_chunk_that_completes_no_character() {
    let events = [data(1, b"\xe2"), data(2, b"\x82"), data(3, b"\xac")];
    let expected = "{\"data\":\"\u{20ac}\",\"connections\":12,\"imei\":\"860000000000001\"}";
    assert_eq!(encoded(Format::Node, Encoding::Text, &events), expected);
}

/// One step of a session's life, for random runs.
#[derive(Clone, Debug)]
enum Step {
    Data(u64, Vec<u8>),
    Offline(u64),
    Started,
}

fn step() -> impl Strategy<Value = Step> {
    let piece = prop::collection::vec(
        prop::sample::select(&b"a\x80\xbf\xc3\xe2\x82\xac\xf0\x9f\x98\xed\xa0\xff\""[..]),
        0..5,
    );
    prop_oneof![
        20 => (0u64..3, piece).prop_map(|(session, bytes)| Step::Data(session, bytes)),
        2 => (0u64..3).prop_map(Step::Offline),
        1 => Just(Step::Started),
    ]
}

fn encode_step(encoder: &mut Encoder, offset: u64, step: &Step) -> String {
    let names = [IMEI, Name::UNKNOWN, "c"];
    let mut out = BytesMut::new();
    let event = match step {
        Step::Data(number, bytes) => Event::Data {
            name: names[*number as usize],
            session: SessionId(*number),
            seq: offset,
            time: NOON,
            peer: PEER,
            connections: 3,
            data: bytes,
            meaning: b"",
        },
        Step::Offline(number) => Event::Offline {
            name: names[*number as usize],
            session: SessionId(*number),
            time: NOON,
            reason: CloseReason::Reset,
            received_bytes: 1,
            sent_bytes: 1,
            connections: 2,
        },
        Step::Started => Event::Started { time: NOON, clean: false },
    };
    encoder.event(Offset(offset), &event, &mut out);
    text_of(out)
}

proptest! {
    #[test]
    fn every_event_is_encoded_the_same_however_often_the_link_breaks(
        steps in prop::collection::vec(step(), 1..60),
        moves in prop::collection::vec((0usize..4, 0usize..20), 1..60),
        format in prop::sample::select(&[Format::JsonLines, Format::Node][..]),
    ) {
        let mut straight = Encoder::new(format, Encoding::Text);
        let expected: Vec<_> = (0..).zip(&steps)
            .map(|(offset, step)| encode_step(&mut straight, offset, step))
            .collect();
        let mut encoder = Encoder::new(format, Encoding::Text);
        let (mut acknowledged, mut next, mut furthest) = (0, 0, 0);
        for (kind, count) in moves {
            match kind {
                0 | 1 => for _ in 0..count.min(steps.len() - next) {
                    let written = encode_step(&mut encoder, next as u64, &steps[next]);
                    prop_assert_eq!(&written, &expected[next]);
                    next += 1;
                    furthest = furthest.max(next);
                },
                // Also what was sent on an earlier link only may be acknowledged.
                2 => if acknowledged < furthest {
                    acknowledged += 1 + count % (furthest - acknowledged);
                    next = next.max(acknowledged);
                    encoder.acknowledged(Offset(acknowledged as u64 - 1));
                },
                _ => {
                    let back = if count < 10 { next } else { 1 };
                    next = next.saturating_sub(back).max(acknowledged);
                    encoder.rewind(Offset(next as u64));
                }
            }
        }
    }
}

/// Runs `program` in node with `input`; `None` where there is no node and nobody asked for it.
pub(super) fn node(program: &str, input: &str) -> Option<String> {
    use std::{
        io::Write,
        process::{Command, Stdio},
    };
    let needed = std::env::var("TETHERD_TEST_NEEDS").is_ok_and(|needs| needs.contains("node"));
    let child = Command::new("node")
        .args(["-e", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(_) if !needed => return None,
        Err(fault) => panic!("node is needed and does not start: {fault}"),
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Chunks of hex in, what a script of this field writes for them out.
const SCRIPT: &str = r"
const lines = require('fs').readFileSync(0, 'utf8').trim().split('\n');
const { StringDecoder } = require('string_decoder');
const text = new StringDecoder('utf8');
for (const line of lines) {
  const { hex, connections, imei } = JSON.parse(line);
  const buffer = Buffer.from(hex, 'hex');
  process.stdout.write(JSON.stringify({ data: buffer, connections, imei }));
  const string = text.write(buffer);
  if (string) process.stdout.write(JSON.stringify({ data: string, connections, imei }));
}";

#[test]
fn node_format_is_what_node_itself_writes() {
    let every_byte: Vec<u8> = (0..=255).collect();
    let names = ["1", "pump\\\"7\"", Name::UNKNOWN, "~!"];
    let chunks = ["\0\u{1f}\"\\\u{7f}\u{2028}é€😀".as_bytes(), b"", b"ab\r\n\t", &every_byte];
    let mut buffers = Encoder::new(Format::Node, Encoding::Buffer);
    let mut texts = Encoder::new(Format::Node, Encoding::Text);
    let (mut ours, mut input) = (BytesMut::new(), Vec::new());
    for (number, name) in (0..).zip(names) {
        let event = Event::Data {
            name,
            session: ID,
            seq: 1,
            time: NOON,
            peer: PEER,
            connections: number,
            data: chunks[number as usize],
            meaning: b"",
        };
        buffers.event(Offset(u64::from(number)), &event, &mut ours);
        texts.event(Offset(u64::from(number)), &event, &mut ours);
        let hex = data_encoding::HEXLOWER.encode(chunks[number as usize]);
        input.push(
            serde_json::json!({ "hex": hex, "connections": number, "imei": name }).to_string(),
        );
    }
    let Some(theirs) = node(SCRIPT, &input.join("\n")) else { return };
    assert_eq!(text_of(ours), theirs);
}
