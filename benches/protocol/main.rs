//! What it costs to cut and name frames as a protocol file describes them, beside a decoder written
//! by hand for the same protocol. Reported, never asserted.
//!
//! `cargo bench --bench protocol`; `benches/README.md` tells what is measured.
#![allow(clippy::print_stdout)] // it is a program for a terminal
#![allow(clippy::unwrap_used)] // what is built in is sound
#![allow(unsafe_code)] // allocations are counted

mod by_hand;
mod counted;

use std::{hint::black_box, time::Instant};

use tetherd::protocol::{BUILT_IN, Checked, Engine, Piece, Protocol, Terms};

/// Frames of a stream, one of ten a login.
const FRAMES: usize = 20_000;

/// Bytes of a read.
const READ: usize = 4096;

/// Longest frame.
const MAX_FRAME: usize = 64 << 10;

/// How often each is measured, by turns.
const TURNS: usize = 100;

fn main() {
    let (_, text) = BUILT_IN.iter().find(|(name, _)| *name == "gt06").unwrap();
    let protocol = Protocol::parse("gt06", text).unwrap();
    let stream = stream();
    for checks in [false, true] {
        let described = || described(&protocol, &stream, checks);
        let by_hand = || by_hand(&stream, checks);
        assert_eq!(described(), by_hand(), "both find the same");
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            ours.push(nanoseconds(described));
            theirs.push(nanoseconds(by_hand));
        }
        let (ours, theirs) = (least(ours), least(theirs));
        let what = if checks { "cut, name and check" } else { "cut and name" };
        println!(
            "gt06, {what}: described {ours:.1} ns a frame, by hand {theirs:.1} ns, {:.2} times",
            ours / theirs
        );
    }
    let before = counted::allocations();
    black_box(described(&protocol, &stream, true));
    println!("gt06: {} allocations for {FRAMES} frames", counted::allocations() - before);
}

/// What was found: frames, letters of names, sums that hold.
type Found = (usize, usize, usize);

fn described(protocol: &Protocol, stream: &[u8], checks: bool) -> Found {
    let vocabulary = protocol.vocabulary().unwrap();
    let terms = Terms { named: true, max_frame: MAX_FRAME };
    let mut engine = Engine::default();
    let mut found = (0, 0, 0);
    for mut read in stream.chunks(READ) {
        loop {
            match &engine.feed(vocabulary, terms, &mut read) {
                Piece::Frame(frame) => {
                    found.0 += 1;
                    if let Some(Ok(name)) = frame.name() {
                        found.1 += black_box(name).as_str().len();
                    }
                    found.2 += usize::from(checks && frame.check() == Checked::Ok);
                }
                Piece::NeedMore => break,
                piece => panic!("{piece:?}"),
            }
        }
    }
    found
}

fn by_hand(stream: &[u8], checks: bool) -> Found {
    let mut decoder = by_hand::Decoder::new(MAX_FRAME);
    let mut found = (0, 0, 0);
    for read in stream.chunks(READ) {
        decoder.feed(read, |frame| {
            found.0 += 1;
            if let Some(Ok(name)) = by_hand::name(frame) {
                found.1 += black_box(name).as_str().len();
            }
            found.2 += usize::from(checks && by_hand::holds(frame));
        });
    }
    assert_eq!(decoder.junk, 0);
    found
}

fn stream() -> Vec<u8> {
    let mut stream = Vec::new();
    for at in 0..FRAMES {
        let body: Vec<u8> = match at % 10 {
            0 => [&[0x01][..], &[0x08, 0x64, 0x71, 0x70, 0x03, 0x28, 0x35, (at % 90) as u8 & 0x77]]
                .concat(),
            _ => [&[0x22][..], &[0x15; 30]].concat(),
        };
        let mut frame = vec![0x78, 0x78, body.len() as u8 + 4];
        frame.extend(body);
        frame.extend((at as u16).to_be_bytes());
        frame.extend(by_hand::X25.checksum(&frame[2..]).to_be_bytes());
        frame.extend(b"\r\n");
        stream.extend(frame);
    }
    stream
}

fn nanoseconds(run: impl Fn() -> Found) -> f64 {
    let start = Instant::now();
    black_box(run());
    start.elapsed().as_nanos() as f64 / FRAMES as f64
}

/// What else runs on the machine only makes it slower.
fn least(all: Vec<f64>) -> f64 {
    all.into_iter().fold(f64::INFINITY, f64::min)
}
