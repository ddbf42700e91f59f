use super::Out;
use crate::protocol::frame::integer;

/// How a field is written in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::protocol) enum Coding {
    /// Bytes, told in hexadecimal.
    Raw,
    /// Text; zero bytes and spaces around it do not count.
    Ascii,
    /// Bytes whose hexadecimal digits are the value.
    Hex,
    /// Two digits a byte. Nibbles of `f` behind the last digit are padding.
    Bcd,
    /// The same, the last byte first.
    BcdReversed,
    /// A number from 0 to 99 in each byte.
    Base100,
    Integer {
        size: u8,
        little: bool,
    },
    /// A number in decimal digits.
    Decimal,
    /// A number in hexadecimal digits.
    HexDigits,
    /// How many bytes there are.
    Count,
}

impl Coding {
    /// The coding called `name`.
    pub fn find(name: &str) -> Option<Self> {
        let fixed = match name {
            "raw" => Some(Self::Raw),
            "ascii" => Some(Self::Ascii),
            "hex" => Some(Self::Hex),
            "bcd" => Some(Self::Bcd),
            "bcdle" => Some(Self::BcdReversed),
            "base100" => Some(Self::Base100),
            "decimal" => Some(Self::Decimal),
            "hexdigits" => Some(Self::HexDigits),
            "count" => Some(Self::Count),
            _ => None,
        };
        fixed.or_else(|| {
            let (size, little) = integer_size(name)?;
            Some(Self::Integer { size: size as u8, little })
        })
    }

    /// What protocol files call it.
    pub fn word(&self) -> String {
        let fixed = match self {
            Self::Raw => "raw",
            Self::Ascii => "ascii",
            Self::Hex => "hex",
            Self::Bcd => "bcd",
            Self::BcdReversed => "bcdle",
            Self::Base100 => "base100",
            Self::Decimal => "decimal",
            Self::HexDigits => "hexdigits",
            Self::Count => "count",
            Self::Integer { size, little } => return integer_word((*size).into(), *little),
        };
        fixed.to_owned()
    }

    /// The number that `raw` is, for codings of numbers.
    #[inline]
    pub fn number(&self, raw: &[u8]) -> Option<u64> {
        let digits = |base| u64::from_str_radix(std::str::from_utf8(raw).ok()?.trim(), base).ok();
        match self {
            Self::Integer { little, .. } if raw.len() <= 8 => Some(integer(raw, *little)),
            Self::Decimal => digits(10),
            Self::HexDigits => digits(16),
            Self::Count => Some(raw.len() as u64),
            _ => None,
        }
    }

    /// Whether `raw` can be read so.
    #[inline]
    pub fn is_sound(&self, raw: &[u8]) -> bool {
        match self {
            Self::Raw | Self::Ascii | Self::Hex | Self::Count => true,
            Self::Integer { .. } | Self::Decimal | Self::HexDigits => self.number(raw).is_some(),
            Self::Base100 => raw.iter().all(|byte| *byte < 100),
            Self::Bcd => {
                let (words, rest) = raw.as_chunks();
                let full = words.iter().all(|word| digits(*word).is_some());
                full && is_bcd(rest.iter()) || is_bcd(raw.iter())
            }
            Self::BcdReversed => is_bcd(raw.iter().rev()),
        }
    }

    /// Writes the text that `raw`, which is sound, stands for. Answers whether there is any.
    pub fn write(&self, raw: &[u8], out: &mut impl Out) -> bool {
        match self {
            Self::Ascii => out.extend(trimmed(raw)),
            Self::Raw | Self::Hex => raw.iter().for_each(|byte| hex(*byte, out)),
            Self::Bcd => {
                let mut rest = raw;
                while let Some((word, behind)) = rest.split_first_chunk()
                    && let Some(digits) = digits(*word)
                {
                    out.extend(&digits);
                    rest = behind;
                }
                bcd(rest.iter(), out);
            }
            Self::BcdReversed => bcd(raw.iter().rev(), out),
            Self::Base100 => raw.iter().for_each(|byte| {
                out.push(b'0' + byte / 10);
                out.push(b'0' + byte % 10);
            }),
            Self::Integer { .. } | Self::Decimal | Self::HexDigits | Self::Count => {
                let Some(number) = self.number(raw) else { return false };
                out.decimal(number);
            }
        }
        true
    }
}

/// The size in bytes of an integer called `u24le` or the like, and whether its low byte comes
/// first.
pub(in crate::protocol) fn integer_size(name: &str) -> Option<(usize, bool)> {
    let rest = name.strip_prefix('u')?;
    let (bits, little) = match rest.strip_suffix("le") {
        Some(bits) => (bits, true),
        None => (rest.strip_suffix("be").unwrap_or(rest), false),
    };
    let bits: usize = bits.parse().ok()?;
    let known = bits.is_multiple_of(8) && (8..=64).contains(&bits);
    known.then_some((bits / 8, little))
}

/// What an integer of so many bytes is called.
pub(in crate::protocol) fn integer_word(size: usize, little: bool) -> String {
    let order = if size == 1 { "" } else { ["be", "le"][usize::from(little)] };
    format!("u{}{order}", 8 * size)
}

/// `raw` without zero bytes and spaces around it.
pub(super) fn trimmed(raw: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, 0 | b' ');
    let Some(start) = raw.iter().position(is_text) else {
        return &[];
    };
    let end = raw.iter().rposition(is_text).map_or(raw.len(), |last| last + 1);
    &raw[start..end]
}

/// The eight digits that four bytes are, if they are nothing else: all of them at once.
#[inline]
fn digits(word: [u8; 4]) -> Option<[u8; 8]> {
    let mut word = u64::from(u32::from_be_bytes(word));
    // Each nibble gets a byte of its own.
    word = (word | word << 16) & 0x0000_ffff_0000_ffff;
    word = (word | word << 8) & 0x00ff_00ff_00ff_00ff;
    word = (word | word << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    let over = (word + 0x0606_0606_0606_0606) & 0x1010_1010_1010_1010;
    (over == 0).then(|| (word | 0x3030_3030_3030_3030).to_be_bytes())
}

fn is_bcd<'r>(raw: impl Iterator<Item = &'r u8>) -> bool {
    let mut padding = false;
    for byte in raw {
        let sound = match (byte >> 4, byte & 0xf) {
            (0..=9, 0..=9) => !padding,
            (0xf, 0xf) => true,
            (0..=9, 0xf) => !padding,
            _ => false,
        };
        padding |= byte & 0xf == 0xf;
        if !sound {
            return false;
        }
    }
    true
}

fn bcd<'r>(raw: impl Iterator<Item = &'r u8>, out: &mut impl Out) {
    for byte in raw {
        match (byte >> 4, byte & 0xf) {
            (0xf, _) => return,
            (high, 0xf) => return out.push(b'0' + high),
            (high, low) => {
                out.push(b'0' + high);
                out.push(b'0' + low);
            }
        }
    }
}

fn hex(byte: u8, out: &mut impl Out) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(DIGITS[usize::from(byte >> 4)]);
    out.push(DIGITS[usize::from(byte & 0xf)]);
}
