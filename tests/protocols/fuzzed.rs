//! The bodies of the fuzzers with random bytes, and with samples and presets that are bent: the
//! same every time.

use tetherd::protocol::BUILT_IN;

use crate::{bodies, dice::Dice, samples::samples};

/// How often each body runs.
const ROUNDS: usize = 4000;

/// `bytes` with a few places changed, cut, doubled or swapped.
fn bent(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bent = bytes.to_vec();
    for _ in 0..dice.below(6) {
        if bent.is_empty() {
            break;
        }
        let at = dice.below(bent.len());
        let to = (at + 1 + dice.below(12)).min(bent.len());
        match dice.below(5) {
            0 => bent[at] = dice.byte(),
            1 => _ = bent.drain(at..to),
            2 => bent.insert(at, dice.byte()),
            3 => {
                let part = bent[at..to].to_vec();
                let place = dice.below(bent.len());
                bent.splice(place..place, part);
            }
            _ => bent[at] ^= 1 << dice.below(8),
        }
    }
    bent
}

fn streams() -> Vec<Vec<Vec<u8>>> {
    let of = |(name, _): &(&str, &str)| {
        samples(name).iter().map(crate::samples::Sample::stream).collect()
    };
    BUILT_IN.iter().map(of).collect()
}

#[test]
fn bent_and_random_protocol_files_are_read_or_refused() {
    let mut dice = Dice::new(1);
    for round in 0..ROUNDS / 4 {
        let (_, text) = BUILT_IN[round % BUILT_IN.len()];
        // So that it has the name that is asked for.
        let text = text.replacen("name = '", "name = 'x' # '", 1);
        let bent = bent(text.as_bytes(), &mut dice);
        bodies::protocol_compile(&bent);
        let random = dice.below(200);
        bodies::protocol_compile(&dice.bytes(random));
    }
}

#[test]
fn bent_and_random_streams_harm_nobody() {
    let mut dice = Dice::new(2);
    let streams = streams();
    for round in 0..ROUNDS {
        let which = round % streams.len();
        let mut data = vec![which as u8, dice.byte(), dice.byte()];
        for _ in 0..1 + dice.below(3) {
            let known = &streams[which][dice.below(streams[which].len())];
            data.extend(bent(known, &mut dice));
        }
        bodies::protocol_run(&data);
        let random = dice.below(300);
        bodies::protocol_run(&dice.bytes(random));
    }
}

#[test]
fn bent_and_random_registrations_lose_no_byte() {
    let mut dice = Dice::new(3);
    let packets: [&[u8]; 6] =
        [b"ETUNG:", b"860000000000001", b"pump-7\r\n", b"EE:ab", b"\xaa\x01139\r", b"data\n"];
    for _ in 0..ROUNDS {
        let mut data = vec![dice.byte(), dice.byte(), dice.byte()];
        for _ in 0..dice.below(8) {
            let packet = packets[dice.below(packets.len())];
            data.extend(bent(packet, &mut dice));
        }
        bodies::registration(&data);
        let random = dice.below(300);
        bodies::registration(&dice.bytes(random));
    }
}
