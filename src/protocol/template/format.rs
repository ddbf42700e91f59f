use crate::protocol::field::{Out, integer_size};

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::protocol) enum Format {
    Integer {
        size: usize,
        little: bool,
    },
    /// Digits of base 10 or 16, with zeros in front up to a width; 0: as many as it takes.
    Digits {
        base: u8,
        upper: bool,
        width: usize,
    },
    /// A text as it is.
    Text,
    /// Digits, two a byte, with zeros in front up to so many bytes.
    Bcd {
        size: usize,
        /// The last two digits come first.
        little: bool,
    },
}

/// Most digits that a width may ask for.
const WIDEST: usize = 32;

impl Format {
    /// Reads `u16be`, `d02`, `X4`, `bcd6`, `text` and the like.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((size, little)) = integer_size(text) {
            return Some(Self::Integer { size, little });
        }
        if text == "text" {
            return Some(Self::Text);
        }
        if let Some(rest) = text.strip_prefix("bcd") {
            let (size, little) = rest.strip_prefix("le").map_or((rest, false), |size| (size, true));
            let size = size.parse().ok().filter(|size| (1..=WIDEST).contains(size))?;
            return Some(Self::Bcd { size, little });
        }
        let (base, upper) = match text.chars().next()? {
            'd' => (10, false),
            'x' => (16, false),
            'X' => (16, true),
            _ => return None,
        };
        let width = match &text[1..] {
            "" => 0,
            width => width.parse().ok().filter(|width| *width <= WIDEST)?,
        };
        Some(Self::Digits { base, upper, width })
    }

    /// How many bytes it takes, if it takes as many for every number.
    pub fn width(&self) -> Option<usize> {
        match self {
            Self::Integer { size, .. } | Self::Bcd { size, .. } => Some(*size),
            Self::Digits { width, .. } => (*width > 0).then_some(*width),
            Self::Text => None,
        }
    }

    /// Writes `number`; what has no room at the front goes.
    pub fn number(&self, number: u64, out: &mut impl Out) {
        match self {
            Self::Integer { size, little: true } => out.extend(&number.to_le_bytes()[..*size]),
            Self::Integer { size, .. } => out.extend(&number.to_be_bytes()[8 - size..]),
            Self::Text => out.decimal(number),
            Self::Digits { base, upper, width } => {
                let mut digits = [b'0'; WIDEST];
                let first = write_digits(number, u64::from(*base), *upper, &mut digits);
                let from = if *width == 0 { first } else { WIDEST - width };
                out.extend(&digits[from..]);
            }
            Self::Bcd { .. } => {
                let mut digits = [b'0'; WIDEST];
                let first = write_digits(number, 10, false, &mut digits);
                // Digits that are written as such are digits.
                let _ = self.digits(&digits[first..], out);
            }
        }
    }

    /// Writes a text; none if it would have to be a number and is none.
    pub fn text(&self, text: &[u8], out: &mut impl Out) -> Option<()> {
        match self {
            Self::Text => out.extend(text),
            Self::Bcd { .. } => self.digits(text, out)?,
            Self::Integer { .. } | Self::Digits { .. } => {
                self.number(std::str::from_utf8(text).ok()?.parse().ok()?, out);
            }
        }
        Some(())
    }

    /// Writes `digits` two a byte; none if they are no digits.
    fn digits(&self, digits: &[u8], out: &mut impl Out) -> Option<()> {
        let Self::Bcd { size, little } = *self else {
            return None;
        };
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let digit = |place: usize| {
            // Counted from the last.
            digits.len().checked_sub(place + 1).map_or(0, |at| digits[at] - b'0')
        };
        for at in 0..size {
            let byte = if little { at } else { size - 1 - at };
            out.push(digit(2 * byte + 1) << 4 | digit(2 * byte));
        }
        Some(())
    }
}

/// Writes the digits of `number` at the end of `digits`; answers where they begin.
fn write_digits(number: u64, base: u64, upper: bool, digits: &mut [u8; WIDEST]) -> usize {
    let (mut rest, mut at) = (number, WIDEST);
    loop {
        at -= 1;
        let digit = (rest % base) as u8;
        digits[at] = match digit {
            0..=9 => b'0' + digit,
            _ if upper => b'A' + digit - 10,
            _ => b'a' + digit - 10,
        };
        rest /= base;
        if rest == 0 {
            return at;
        }
    }
}
