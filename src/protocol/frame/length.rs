use std::ops::Range;

use super::{Cut, Pattern, Progress};

/// A frame that says in bytes how long it is.
#[derive(Clone, Debug)]
pub(in crate::protocol) struct Length {
    pub at: usize,
    /// 1 to 8 bytes.
    pub size: usize,
    pub little: bool,
    pub mask: u64,
    pub shift: u32,
    pub mul: u64,
    pub add: i64,
}

/// A frame that says in digits how long it is.
#[derive(Clone, Debug)]
pub(in crate::protocol) struct Digits {
    pub at: usize,
    pub width: Width,
    pub base: u32,
    pub add: i64,
    /// The number counts from the byte that ends it, not from the beginning of the frame.
    pub from_end: bool,
}

/// How many digits there are.
#[derive(Clone, Debug)]
pub(in crate::protocol) enum Width {
    Fixed(usize),
    /// As many as come before this byte.
    Until(u8),
    /// The last in the bytes at the beginning of the frame that this fits.
    Head(Box<Pattern>),
}

/// Longest beginning of a frame that holds the digits of its length.
const LONGEST_HEAD: usize = 256;

/// Most digits of a length.
const MOST_DIGITS: usize = 9;

impl Length {
    #[inline]
    pub fn cut(&self, bytes: &[u8], limit: usize) -> Cut {
        let end = self.at + self.size;
        let Some(field) = bytes.get(self.at..end) else {
            return Cut::More { least: end, decided: true };
        };
        let value = integer(field, self.little);
        let value = ((value & self.mask) >> self.shift).checked_mul(self.mul);
        whole(value, 0, self.add, end, bytes, limit)
    }
}

impl Digits {
    pub fn cut(&self, bytes: &[u8], limit: usize) -> Cut {
        let place = match self.stand(bytes) {
            Ok(place) => place,
            Err(cut) => return cut,
        };
        let (digits, end) = (&bytes[place.clone()], place.end);
        if digits.is_empty() || digits.len() > MOST_DIGITS {
            return Cut::Broken;
        }
        let digit = |sum: Option<u64>, byte: &u8| {
            let digit = char::from(*byte).to_digit(self.base)?;
            Some(sum? * u64::from(self.base) + u64::from(digit))
        };
        let Some(value) = digits.iter().fold(Some(0), digit) else {
            return Cut::Broken;
        };
        let from = if self.from_end { end } else { 0 };
        whole(Some(value), from, self.add, end, bytes, limit)
    }

    /// Where the digits stand; or else what the look for them says of the frame.
    pub fn stand(&self, bytes: &[u8]) -> Result<Range<usize>, Cut> {
        let behind = bytes.get(self.at..).unwrap_or_default();
        match &self.width {
            Width::Fixed(size) if behind.len() >= *size => Ok(self.at..self.at + size),
            Width::Fixed(size) => Err(Cut::More { least: self.at + size, decided: true }),
            Width::Until(byte) => match memchr::memchr(*byte, behind) {
                Some(length) => Ok(self.at..self.at + length),
                None if behind.len() > MOST_DIGITS => Err(Cut::Broken),
                None => Err(Cut::More { least: bytes.len().max(self.at) + 1, decided: true }),
            },
            Width::Head(pattern) => {
                match pattern.cut(bytes, &mut Progress::default(), LONGEST_HEAD) {
                    Cut::Done { total, .. } => Ok(last_digits(&bytes[..total], self.base)),
                    Cut::TooLong => Err(Cut::Broken),
                    cut => Err(cut),
                }
            }
        }
    }
}

/// Where the last digits in `head` stand.
fn last_digits(head: &[u8], base: u32) -> Range<usize> {
    let is_digit = |byte: &u8| char::from(*byte).is_digit(base);
    let end = head.iter().rposition(is_digit).map_or(0, |last| last + 1);
    let start = head[..end].iter().rposition(|byte| !is_digit(byte)).map_or(0, |other| other + 1);
    start..end
}

/// A frame of `value` + `from` + `add` bytes, at least `least`.
#[inline]
fn whole(
    value: Option<u64>,
    from: usize,
    add: i64,
    least: usize,
    bytes: &[u8],
    limit: usize,
) -> Cut {
    let total = value
        .and_then(|value| value.checked_add(from as u64)?.checked_add_signed(add))
        .and_then(|total| usize::try_from(total).ok());
    match total {
        // A frame holds its own length, or there would be no end of frames.
        Some(total) if total < least.max(1) => Cut::Broken,
        Some(total) if total <= bytes.len() && total <= limit => {
            Cut::Done { total, frame: 0..total }
        }
        Some(total) if total <= limit => Cut::More { least: total, decided: true },
        _ => Cut::Broken,
    }
}

/// The number in at most eight bytes.
#[inline]
pub(in crate::protocol) fn integer(bytes: &[u8], little: bool) -> u64 {
    if let [byte] = bytes {
        return u64::from(*byte);
    }
    let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
    match little {
        true => bytes.iter().rev().fold(0, add),
        false => bytes.iter().fold(0, add),
    }
}
