//! What fuzzers run: plain functions, so that tests run them as well. Each takes any bytes, and
//! fails by a panic.

use std::sync::LazyLock;

use tetherd::protocol::{BUILT_IN, Protocol, Registration, Unregistered};

use crate::session::{Seen, Session};

/// What a protocol that a fuzzer made up has to cut.
const STREAM: &[u8] = b"\x78\x78\x05\x01\x00\x01\xd9\xdc\r\n$$A20,8600,AAA,1*00\r\n[3G*8600*0002*LK]\
    \x7e\x00\x02\x7d\x02\x00\x7e*HQ,8600,V1#\x68\x01\x00\x00\x68\x00\x16ETUNG:8600;\xff\xff\xff\xff";

/// Longest text of a protocol file that is tried: compiling is no path that devices reach.
const LONGEST_TEXT: usize = 16 << 10;

static PRESETS: LazyLock<Vec<Protocol>> = LazyLock::new(|| {
    BUILT_IN.iter().filter_map(|(name, text)| Protocol::parse(name, text).ok()).collect()
});

/// Registrations of every kind: with a silence, and as a read of their own.
static REGISTRATIONS: LazyLock<Vec<Protocol>> = LazyLock::new(|| {
    let silent = "name = 'x'\n[registration]\nhead = 'EE:'\ngap = '1s'\nname_pattern = '[a-z]+'";
    let chunk = "name = 'x'\n[registration]\nhead = 'E'\nterminators = ['\\n']\nchunk = true";
    let made = [silent, chunk].map(|text| Protocol::parse("x", text));
    let registers =
        |protocol: &&Protocol| !protocol.names_by_frames() && !protocol.names_by_address();
    let built_in = PRESETS.iter().filter(registers).cloned();
    built_in.chain(made.into_iter().filter_map(Result::ok)).collect()
});

/// Any text is a protocol file, or has faults that can be told.
pub fn protocol_compile(data: &[u8]) {
    let text = String::from_utf8_lossy(&data[..data.len().min(LONGEST_TEXT)]);
    match Protocol::parse("x", &text) {
        Err(faults) => {
            assert!(!faults.is_empty(), "no fault is told");
            faults.iter().for_each(|fault| assert!(!fault.to_string().is_empty()));
        }
        Ok(protocol) => {
            for piece in [STREAM.len(), 1, 7] {
                let mut session = Session::new(&protocol, None, true);
                session.rules.max_frame = 4096;
                STREAM.chunks(piece).for_each(|read| session.read(read, &mut |_| {}));
                session.pause(&mut |_| {});
                session.finish(&mut |_| {});
            }
        }
    }
}

/// The first byte says which preset, the second the longest frame, the third how long pieces are
/// and whether silences come between them; what follows comes from a device.
pub fn protocol_run(data: &[u8]) {
    let [which, longest, pieces, stream @ ..] = data else { return };
    let protocol = &PRESETS[usize::from(*which) % PRESETS.len()];
    let mut session = Session::new(protocol, (which & 0x80 != 0).then_some("known"), true);
    session.rules.max_frame = 1 + usize::from(*longest) * 8;
    let silences = pieces & 0x80 != 0;
    for read in stream.chunks(1 + usize::from(pieces & 0x7f)) {
        session.read(read, &mut |_| {});
        if silences {
            session.pause(&mut |_| {});
        }
    }
    session.pause(&mut |_| {});
    session.finish(&mut |_| {});
}

/// The first byte says which registration, the second under which rules, the third how long pieces
/// are; what follows comes from a device, and all of it comes out or is counted.
pub fn registration(data: &[u8]) {
    let [which, rules, pieces, stream @ ..] = data else { return };
    let protocol = &REGISTRATIONS[usize::from(*which) % REGISTRATIONS.len()];
    let mut session = Session::new(protocol, None, true);
    session.rules.forward_registration = rules & 1 != 0;
    session.rules.registration =
        if rules & 2 == 0 { Registration::Once } else { Registration::Every };
    session.rules.unregistered = match rules >> 2 & 3 {
        0 | 1 => Unregistered::Hold,
        2 => Unregistered::Forward,
        _ => Unregistered::Close,
    };
    session.rules.registration_bytes = 1 + usize::from(rules >> 4) * 16;
    session.rules.max_frame = 1 + usize::from(rules >> 4) * 8;
    let mut out = 0;
    let mut see = |seen: Seen<'_>| {
        out += match seen {
            Seen::Data(bytes) | Seen::Unnamed(bytes) => bytes.len(),
            Seen::Filtered(count) => count,
            _ => 0,
        };
    };
    for read in stream.chunks(1 + usize::from(pieces & 0x3f)) {
        session.read(read, &mut see);
        if pieces & 0x80 != 0 {
            session.pause(&mut see);
        }
    }
    session.finish(&mut see);
    // Delimiters of frames go without a word.
    let all = out == stream.len() || protocol.cuts_frames() || session.has_failed();
    assert!(all, "{out} of {} bytes came out", stream.len());
}
