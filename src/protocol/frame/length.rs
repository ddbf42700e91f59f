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
        let behind = bytes.get(self.at..).unwrap_or_default();
        let (digits, end) = match &self.width {
            Width::Fixed(size) => match behind.get(..*size) {
                Some(digits) => (digits, self.at + size),
                None => return Cut::More { least: self.at + size, decided: true },
            },
            Width::Until(byte) => match memchr::memchr(*byte, behind) {
                Some(length) => (&behind[..length], self.at + length),
                None if behind.len() > MOST_DIGITS => return Cut::Broken,
                None => {
                    let least = bytes.len().max(self.at) + 1;
                    return Cut::More { least, decided: true };
                }
            },
            Width::Head(pattern) => {
                match pattern.cut(bytes, &mut Progress::default(), LONGEST_HEAD) {
                    Cut::Done { total, .. } => last_digits(&bytes[..total], self.base),
                    Cut::TooLong => return Cut::Broken,
                    cut => return cut,
                }
            }
        };
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
}

/// The last digits in `head`, and where they end.
fn last_digits(head: &[u8], base: u32) -> (&[u8], usize) {
    let is_digit = |byte: &u8| char::from(*byte).is_digit(base);
    let end = head.iter().rposition(is_digit).map_or(0, |last| last + 1);
    let start = head[..end].iter().rposition(|byte| !is_digit(byte)).map_or(0, |other| other + 1);
    (&head[start..end], end)
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
