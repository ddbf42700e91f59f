//! A decoder of GT06 frames, written for nothing else.
//!
//! It does what any decoder has to: frames come in any pieces, none is longer than the longest, each
//! ends with its tail, what is no frame is passed over and counted, and a name is one.

use crc::{CRC_16_IBM_SDLC, Crc};
use tetherd::model::{Name, NameFault};

pub const X25: Crc<u16> = Crc::<u16>::new(&CRC_16_IBM_SDLC);

/// Fewest bytes of a frame.
const LEAST: usize = 10;

/// Cuts frames out of reads.
pub struct Decoder {
    held: Vec<u8>,
    max_frame: usize,
    /// Bytes that belong to no frame.
    pub junk: usize,
}

/// What stands at the front of some bytes.
enum Front {
    Frame(usize),
    More,
    Junk,
}

impl Decoder {
    pub fn new(max_frame: usize) -> Self {
        Self { held: Vec::new(), max_frame, junk: 0 }
    }

    /// Hands each frame of `read`, and the one that was unfinished, to `tell`.
    pub fn feed(&mut self, mut read: &[u8], mut tell: impl FnMut(&[u8])) {
        while !self.held.is_empty() {
            let used = match self.front(&self.held) {
                Front::Frame(used) => {
                    tell(&self.held[..used]);
                    used
                }
                Front::Junk => {
                    self.junk += 1;
                    1
                }
                Front::More => {
                    let wanted = self.wanted(&self.held).unwrap_or(0).max(self.held.len() + 1);
                    let missing = (wanted - self.held.len()).min(read.len());
                    if missing == 0 {
                        return;
                    }
                    let (taken, rest) = read.split_at(missing);
                    self.held.extend_from_slice(taken);
                    read = rest;
                    continue;
                }
            };
            self.held.drain(..used);
        }
        while !read.is_empty() {
            match self.front(read) {
                Front::Frame(used) => {
                    let (frame, rest) = read.split_at(used);
                    tell(frame);
                    read = rest;
                }
                Front::Junk => {
                    self.junk += 1;
                    read = &read[1..];
                }
                Front::More => break,
            }
        }
        self.held.extend_from_slice(read);
    }

    fn front(&self, bytes: &[u8]) -> Front {
        if !matches!(bytes, [0x78] | [0x79] | [0x78, 0x78, ..] | [0x79, 0x79, ..]) {
            return Front::Junk;
        }
        let Some(wanted) = self.wanted(bytes) else {
            return Front::More;
        };
        if wanted < LEAST || wanted > self.max_frame {
            return Front::Junk;
        }
        match bytes.get(..wanted) {
            None => Front::More,
            Some([.., b'\r', b'\n']) => Front::Frame(wanted),
            Some(_) => Front::Junk,
        }
    }

    /// How long the frame at the front of `bytes` is, once that can be said.
    fn wanted(&self, bytes: &[u8]) -> Option<usize> {
        match bytes {
            [0x78, _, length, ..] => Some(usize::from(*length) + 5),
            [0x79, _, high, low, ..] => Some(usize::from(u16::from_be_bytes([*high, *low])) + 6),
            _ => None,
        }
    }
}

/// The name in a login.
pub fn name(frame: &[u8]) -> Option<Result<Name, NameFault>> {
    if frame[0] != 0x78 || frame[3] != 0x01 {
        return None;
    }
    let number = frame.get(4..12)?;
    let mut text = [0; 16];
    for (pair, byte) in text.chunks_exact_mut(2).zip(number) {
        let (high, low) = (byte >> 4, byte & 0xf);
        if high > 9 || low > 9 {
            return None;
        }
        (pair[0], pair[1]) = (b'0' + high, b'0' + low);
    }
    Some(Name::new(&text[1..]))
}

/// Whether its checksum holds.
pub fn holds(frame: &[u8]) -> bool {
    let end = frame.len() - 4;
    X25.checksum(&frame[2..end]) == u16::from_be_bytes([frame[end], frame[end + 1]])
}
