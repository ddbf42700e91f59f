//! Bad input for every preset: no crash, no endless loop, nothing above the longest frame, nothing
//! held beyond it, the same in any pieces, and good frames are found again. What must hold at each
//! step is looked after by the session itself.

use tetherd::protocol::Protocol;

use crate::{
    dice::Dice,
    samples::{Sample, bytes, pieces, presets, samples},
    session::{Seen, Session},
};

/// What came out.
#[derive(Debug, Default, PartialEq)]
struct Out {
    frames: Vec<Vec<u8>>,
    filtered: usize,
    failed: bool,
}

/// What a device sends in a sample that says no more than frames, and how much of it registers.
struct Stream {
    bytes: Vec<u8>,
    name: Option<String>,
}

fn streams(name: &str) -> Vec<Stream> {
    let spoken = samples(name).into_iter().filter(|sample| sample.command.is_none());
    let stream = |sample: Sample| Stream { bytes: sample.stream(), name: sample.name };
    spoken.map(stream).collect()
}

fn out(protocol: &Protocol, name: Option<&str>, reads: Vec<&[u8]>) -> Out {
    let mut session = Session::new(protocol, name, true);
    let mut out = Out::default();
    let mut see = |seen: Seen<'_>| match seen {
        Seen::Frame(frame, _) => out.frames.push(frame.bytes.to_vec()),
        Seen::Filtered(count) => out.filtered += count,
        Seen::Fault(_) => out.failed = true,
        _ => {}
    };
    reads.into_iter().for_each(|read| session.read(read, &mut see));
    session.pause(&mut see);
    session.finish(&mut see);
    out
}

/// Feeds `stream` as one read, and byte by byte: the frames are the same.
fn check(protocol: &Protocol, name: Option<&str>, stream: &[u8]) -> Out {
    let whole = check_whole(protocol, name, stream);
    // Where reads mean something, other reads mean something else.
    if protocol.names_by_frames() {
        let bytewise = out(protocol, name, stream.chunks(1).collect());
        assert_eq!(bytewise, whole, "{} {stream:02x?}", protocol.name());
    }
    whole
}

/// Feeds `stream` as one read.
fn check_whole(protocol: &Protocol, name: Option<&str>, stream: &[u8]) -> Out {
    out(protocol, name, vec![stream])
}

#[test]
fn streams_cut_at_each_byte_harm_nobody_and_the_next_connection_is_a_new_one() {
    for (name, protocol) in presets() {
        for stream in streams(name) {
            let known = stream.name.as_deref();
            let expected = check(&protocol, known, &stream.bytes);
            for at in 0..stream.bytes.len() {
                check(&protocol, known, &stream.bytes[..at]);
                let again = [&stream.bytes[..at], &stream.bytes].concat();
                check(&protocol, known, &again);
            }
            assert_eq!(check(&protocol, known, &stream.bytes), expected, "{name}");
        }
    }
}

#[test]
fn every_bit_may_be_turned() {
    for (name, protocol) in presets() {
        for stream in streams(name) {
            let most = stream.bytes.len().min(160);
            for at in 0..most {
                for bit in 0..8 {
                    let mut turned = stream.bytes.clone();
                    turned[at] ^= 1 << bit;
                    if bit == at % 8 {
                        // Good frames may be taken for a part of a bent one in front of them.
                        turned.extend(&stream.bytes);
                        check(&protocol, stream.name.as_deref(), &turned);
                    } else {
                        check_whole(&protocol, stream.name.as_deref(), &turned);
                    }
                }
            }
        }
    }
}

#[test]
fn every_byte_may_be_none_or_the_largest_or_any_marker() {
    let markers = b"\0\xff\x7e\x7d\x68\x16\r\n#$*;,[](){}\xfe\x02";
    for (name, protocol) in presets() {
        for stream in streams(name) {
            let mut dice = Dice::new(stream.bytes.len() as u64);
            for at in 0..stream.bytes.len().min(160) {
                for byte in [0, 0xff, markers[dice.below(markers.len())]] {
                    let mut turned = stream.bytes.clone();
                    turned[at] = byte;
                    check(&protocol, stream.name.as_deref(), &turned);
                    // Lengths have several bytes.
                    turned.iter_mut().skip(at).take(2).for_each(|place| *place = byte);
                    check_whole(&protocol, stream.name.as_deref(), &turned);
                    turned.iter_mut().skip(at).take(4).for_each(|place| *place = byte);
                    check_whole(&protocol, stream.name.as_deref(), &turned);
                }
            }
        }
    }
}

#[test]
fn two_streams_in_one_read_are_what_they_are_in_two() {
    for (name, protocol) in presets().into_iter().filter(|(_, one)| one.names_by_frames()) {
        let spoken = samples(name).into_iter();
        let whole = spoken.filter(|sample| {
            sample.command.is_none() && sample.rest.is_empty() && !sample.pause && !sample.finish
        });
        let all: Vec<_> = whole.filter(|sample| sample.name.is_some() || sample.accept).collect();
        let sound = |sample: &&Sample| sample.expect.iter().all(|one| one.get("fault").is_none());
        for first in all.iter().filter(sound) {
            for second in all.iter().filter(sound) {
                let glued = [first.stream(), second.stream()].concat();
                let frames = check(&protocol, None, &glued);
                let expected = first.expect.iter().chain(&second.expect);
                let expected: Vec<_> = expected.filter_map(|one| one["bytes"].as_str()).collect();
                let expected: Vec<_> = expected.into_iter().map(bytes).collect();
                assert_eq!(frames.frames, expected, "{name}: {} {}", first.id, second.id);
            }
        }
    }
}

#[test]
fn garbage_before_and_between_is_passed_over_where_frames_have_heads() {
    let mut found = 0;
    for (name, protocol) in presets().into_iter().filter(|(_, one)| one.names_by_frames()) {
        let good = samples(name).into_iter().find(|sample| sample.id == "login").unwrap();
        let stream = good.stream();
        let alone = check(&protocol, None, &stream);
        for garbage in [&b"\x01"[..], b"\x00\x01\x05", b"%%%%%%%%", &[0x55; 300]] {
            let glued = [garbage, &stream[..], garbage, &stream[..]].concat();
            let out = check(&protocol, None, &glued);
            if begins_in(name, garbage) {
                continue;
            }
            let twice = [&alone.frames[..], &alone.frames].concat();
            assert_eq!(out.frames, twice, "{name} behind {garbage:02x?}");
            assert!(out.filtered >= 2 * garbage.len(), "{name}: {} bytes", out.filtered);
            found += 1;
        }
    }
    assert!(found > 40, "{found}");
}

/// Whether a frame of preset `name` may begin in `garbage`: it is taken for one then, up to its end
/// or to the end of the session.
fn begins_in(name: &str, garbage: &[u8]) -> bool {
    match name {
        "gps103" | "ruptela" | "suntech" | "t55" | "wialon" => true,
        "teltonika" => garbage.contains(&0),
        "galileo" => garbage.contains(&1),
        _ => false,
    }
}

#[test]
fn floods_of_one_byte_and_of_beginnings_end_or_are_passed_over() {
    for (name, protocol) in presets() {
        let mut floods: Vec<Vec<u8>> = (0..=u8::MAX).map(|byte| vec![byte; 600]).collect();
        for stream in streams(name) {
            let half = stream.bytes.len() / 2;
            floods.push(stream.bytes[..half].repeat(900 / half.max(1)));
            floods.push([&stream.bytes[..], &vec![0xff; 900]].concat());
        }
        for flood in floods {
            check(&protocol, None, &flood);
            out(&protocol, Some("known"), pieces(&flood, 3));
        }
    }
}

#[test]
fn a_frame_above_the_longest_is_never_one() {
    for (_, protocol) in presets() {
        for longest in [1, 2, 7, 16, 40] {
            for stream in streams(protocol.name()) {
                let mut session = crate::session::Session::new(&protocol, None, true);
                session.rules.max_frame = longest;
                for read in pieces(&stream.bytes, 1) {
                    session.read(read, &mut |_| {});
                }
                session.pause(&mut |_| {});
                session.finish(&mut |_| {});
            }
        }
    }
}
