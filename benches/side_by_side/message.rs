//! What devices send, and what a web server reads of it. A message is a line of text; its front says
//! what kind it is and when it was sent.

use data_encoding::BASE64;

/// Bytes of a front: a sign, the kind, and sixteen digits of time. A multiple of three, so that it
/// stands by itself in base64 as well.
const FRONT: usize = 18;

/// Characters of a front in base64.
const FRONT_BASE64: usize = FRONT / 3 * 4;

/// What a front begins with. No other byte of what is measured is one of these.
const SIGN: u8 = b'~';

const TEXT: &[u8] =
    b" the quick brown fox jumps over the lazy dog, and again, and again, and again,";

/// What sent it, as far as a web server is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A device that keeps its pace: its latency counts.
    Paced,
    /// Any other.
    Bulk,
}

impl Kind {
    fn letter(self) -> u8 {
        match self {
            Self::Paced => b'p',
            Self::Bulk => b'b',
        }
    }
}

/// One of so many bytes, its line feed among them, sent at the time 0.
pub fn line(kind: Kind, bytes: usize) -> Vec<u8> {
    let front = [SIGN, kind.letter()].into_iter().chain([b'0'; FRONT - 2]);
    let mut line: Vec<_> =
        front.chain(TEXT.iter().copied().cycle()).take(bytes.saturating_sub(1)).collect();
    line.push(b'\n');
    line
}

/// Writes the time into its front.
pub fn stamp(line: &mut [u8], now: u64) {
    for (at, digit) in line[2..FRONT].iter_mut().rev().enumerate() {
        *digit = b"0123456789abcdef"[(now >> (4 * at)) as usize & 15];
    }
}

/// What stands in this front, and when it was sent.
pub fn read(front: &[u8]) -> Option<(Kind, u64)> {
    let [SIGN, letter, digits @ ..] = front.get(..FRONT)? else { return None };
    let kind = [Kind::Paced, Kind::Bulk].into_iter().find(|kind| kind.letter() == *letter)?;
    let sent = match kind {
        Kind::Paced => u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?,
        Kind::Bulk => 0,
    };
    Some((kind, sent))
}

/// The same for one in base64.
pub fn read_base64(text: &[u8]) -> Option<(Kind, u64)> {
    let mut front = [0; FRONT];
    BASE64.decode_mut(text.get(..FRONT_BASE64)?, &mut front).ok()?;
    read(&front)
}

/// The same for one that stands somewhere in this line as it is.
pub fn find(line: &[u8]) -> Option<(Kind, u64)> {
    read(&line[memchr::memchr(SIGN, line)?..])
}
