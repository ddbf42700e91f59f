//! A decoder of GT06 frames, written for nothing else.

use crc::{CRC_16_IBM_SDLC, Crc};
use tetherd::model::Name;

pub const X25: Crc<u16> = Crc::<u16>::new(&CRC_16_IBM_SDLC);

/// Cuts frames out of reads.
#[derive(Default)]
pub struct Decoder {
    held: Vec<u8>,
}

impl Decoder {
    /// Hands each frame of `read`, and the one that was unfinished, to `tell`.
    pub fn feed(&mut self, mut read: &[u8], mut tell: impl FnMut(&[u8])) {
        while !self.held.is_empty() {
            let Some(wanted) = length(&self.held) else {
                let Some((byte, rest)) = read.split_first() else { return };
                self.held.push(*byte);
                read = rest;
                continue;
            };
            let missing = (wanted - self.held.len()).min(read.len());
            let (taken, rest) = read.split_at(missing);
            self.held.extend_from_slice(taken);
            read = rest;
            if self.held.len() < wanted {
                return;
            }
            tell(&self.held);
            self.held.clear();
        }
        while let Some(wanted) = length(read).filter(|wanted| *wanted <= read.len()) {
            let (frame, rest) = read.split_at(wanted);
            if !frame.ends_with(b"\r\n") {
                panic!("no tail");
            }
            tell(frame);
            read = rest;
        }
        self.held.extend_from_slice(read);
    }
}

/// How long the frame at the front of `bytes` is, once that can be said.
fn length(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [0x78, 0x78, length, ..] => Some(usize::from(*length) + 5),
        [0x79, 0x79, high, low, ..] => Some(usize::from(u16::from_be_bytes([*high, *low])) + 6),
        [0x78 | 0x79] | [] | [_, _] | [0x79, 0x79, _] => None,
        _ => panic!("no head"),
    }
}

/// The name in a login.
pub fn name(frame: &[u8]) -> Option<Name> {
    if frame[0] != 0x78 || frame[3] != 0x01 {
        return None;
    }
    let mut text = [0; 15];
    for (at, digit) in text.iter_mut().enumerate() {
        let byte = frame[4 + at.div_ceil(2)];
        let nibble = if at % 2 == 0 { byte & 0xf } else { byte >> 4 };
        if nibble > 9 {
            return None;
        }
        *digit = b'0' + nibble;
    }
    Name::new(&text).ok()
}

/// Whether its checksum holds.
pub fn holds(frame: &[u8]) -> bool {
    let end = frame.len() - 4;
    X25.checksum(&frame[2..end]) == u16::from_be_bytes([frame[end], frame[end + 1]])
}
