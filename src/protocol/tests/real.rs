//! Frames of real devices, where they are at hand: who says them, what is answered, and that a
//! stream of them comes out whole in whatever pieces. They lie beside this project and not in it.

use std::{fs, path::PathBuf};

use serde_json::Value;

use super::{built_in, conversation::Conversation};
use crate::model::UnixMillis;

const PROTOCOLS: [&str; 10] = [
    "gl200",
    "gps103",
    "gt06",
    "h02",
    "jt808",
    "meitrack",
    "ruptela",
    "suntech",
    "teltonika",
    "tk103",
];

/// What is found right, of how many.
#[derive(Debug, Default)]
struct Score {
    names: (usize, usize),
    replies: (usize, usize),
    framing: (usize, usize),
    streams: (usize, usize),
    misses: Vec<String>,
}

#[test]
fn frames_of_real_devices_are_named_and_answered_and_come_out_whole() {
    let Some(folder) = folder() else {
        return println_skipped();
    };
    let mut score = Score::default();
    for name in PROTOCOLS {
        let text = fs::read_to_string(folder.join(name).with_extension("jsonl")).unwrap();
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        of_protocol(name, &lines, &mut score);
    }
    let share = |(right, all): (usize, usize)| right as f64 / all as f64;
    let told = format!("{score:#?}");
    assert!(score.names.1 > 300 && score.replies.1 > 150, "too few were read: {told}");
    assert!(share(score.names) >= 0.99, "{told}");
    assert!(share(score.replies) >= 0.97, "{told}");
    assert_eq!(score.streams.0, score.streams.1, "{told}");
    assert_eq!(score.framing.0, score.framing.1, "{told}");
}

/// A test has no other way to say that it looked at nothing.
#[allow(clippy::print_stderr)]
fn println_skipped() {
    eprintln!("no frames of real devices here: shared/frames is not beside this project");
}

fn folder() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let above = root.ancestors().skip(1).take(2);
    above.map(|above| above.join("shared/frames")).find(|folder| folder.is_dir())
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    let text = value.as_str()?;
    Some(data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).unwrap())
}

fn of_protocol(name: &str, lines: &[Value], score: &mut Score) {
    let protocol = built_in(name);
    let mut stream = Vec::new();
    for line in lines {
        match line["what"].as_str().unwrap() {
            "frame" => {
                let wire = bytes(&line["wire"]);
                one_frame(name, line, wire.as_deref(), score);
                stream.extend(wire);
            }
            "framing" => one_framing(name, line, score),
            _ => {}
        }
    }
    let whole = |pieces: &dyn Fn(usize) -> usize| {
        let mut conversation = Conversation::of(&protocol, "anybody");
        let all = stream.concat();
        let mut rest = &all[..];
        for at in 0.. {
            let (piece, behind) = rest.split_at(pieces(at).min(rest.len()));
            conversation.read(piece);
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        conversation.pause();
        (conversation.bytes(), conversation.junk, conversation.fault.clone())
    };
    let at_once = whole(&|_| usize::MAX);
    let expected = stream.len();
    score.streams.1 += expected;
    score.streams.0 += at_once.0.len().min(expected);
    if at_once.0.len() != expected || at_once.1 > 0 {
        score.misses.push(format!(
            "{name}: {} of {expected} frames, {} junk, {:?}",
            at_once.0.len(),
            at_once.1,
            at_once.2
        ));
    }
    for seed in 1..20 {
        let pieces = whole(&|at| {
            1 + at.wrapping_mul(7919 * seed).wrapping_add(seed * seed) % (1 + seed * 50)
        });
        assert!(pieces == at_once, "{name}: pieces of seed {seed} change the frames");
    }
}

fn one_frame(protocol: &str, line: &Value, wire: Option<&[u8]>, score: &mut Score) {
    let parsed = built_in(protocol);
    let frame = bytes(&line["frame"]).unwrap();
    let mut conversation = match line["logged_in_before"].as_bool() {
        Some(true) => Conversation::of(&parsed, "123456789012345"),
        _ => Conversation::new(&parsed),
    };
    conversation.now = UnixMillis(1_795_215_802_000);
    match wire {
        Some(wire) => _ = conversation.read(wire).pause().finish(),
        // How it was sent is not known: it is read as it is.
        None => conversation.see(&parsed.vocabulary().unwrap().read(&frame, false).unwrap()),
    }
    let seen = conversation.seen.first();
    let hex = data_encoding::HEXLOWER.encode(&frame[..frame.len().min(60)]);
    let text = String::from_utf8_lossy(&frame[..frame.len().min(40)]).into_owned();
    if let Some(name) = line["name"].as_str() {
        score.names.1 += 1;
        let found = seen.and_then(|seen| seen.name.as_deref());
        if found == Some(name) {
            score.names.0 += 1;
        } else {
            score.misses.push(format!("{protocol}: {hex} {text:?} is {name}, not {found:?}"));
        }
    }
    let Some(replies) = line["reply"].as_array() else { return };
    let expected: Vec<Vec<u8>> = replies.iter().filter_map(bytes).collect();
    let found: Vec<Vec<u8>> = seen.map(|seen| seen.replies.clone()).unwrap_or_default();
    let told = |all: &[Vec<u8>]| {
        all.iter().map(|one| data_encoding::HEXLOWER.encode(one)).collect::<Vec<_>>()
    };
    if !expected.is_empty() {
        score.replies.1 += 1;
        score.replies.0 += usize::from(found == expected);
    }
    if found != expected {
        score.misses.push(format!(
            "{protocol}: {hex} {text:?} wants {:?}, not {:?}",
            told(&expected),
            told(&found)
        ));
    }
}

fn one_framing(protocol: &str, line: &Value, score: &mut Score) {
    let parsed = built_in(protocol);
    let mut conversation = Conversation::new(&parsed);
    conversation.read(&bytes(&line["input"]).unwrap()).pause();
    let expected = bytes(&line["expected"]);
    score.framing.1 += 1;
    if conversation.bytes().first() == expected.as_ref() {
        score.framing.0 += 1;
    } else {
        score.misses.push(format!("{protocol}: framing of {}", line["input"]));
    }
}
