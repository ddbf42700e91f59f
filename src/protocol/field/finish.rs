use super::{Coding, Out, Short};

/// What is done to a value once it is read.
#[derive(Clone, Debug, Default)]
pub(in crate::protocol) struct Finish {
    /// So many characters at the front do not count.
    pub drop: usize,
    /// Only so many count.
    pub keep: Option<usize>,
    /// Zeros at the front do not count, but for a last one.
    pub strip0: bool,
    /// Zeros go in front until there are so many characters.
    pub zpad: usize,
    /// The Luhn digit goes behind.
    pub luhn: bool,
    /// Bits that count.
    pub and: Option<u64>,
    /// Bits that are set.
    pub or: u64,
    pub shift: u32,
    /// What a number is divided by; 0: by nothing.
    pub div: u64,
    pub add: i64,
}

impl Finish {
    /// What becomes of a number.
    #[inline]
    pub fn number(&self, number: u64) -> u64 {
        let bits = (number & self.and.unwrap_or(u64::MAX)) >> self.shift | self.or;
        bits.checked_div(self.div).unwrap_or(bits).wrapping_add_signed(self.add)
    }

    /// Writes the value of `raw` as `coding` reads it, finished. Answers whether there is one.
    #[inline]
    pub fn write(&self, coding: Coding, raw: &[u8], out: &mut impl Out) -> bool {
        if self.is_plain() {
            return self.value(coding, raw, out);
        }
        let mut short = Short::new();
        if !self.value(coding, raw, &mut short) {
            return false;
        }
        let text = self.cut(short.as_bytes());
        let check = if self.luhn { luhn(text) } else { None };
        let length = text.len() + usize::from(check.is_some());
        (length..self.zpad).for_each(|_| out.push(b'0'));
        out.extend(text);
        if let Some(digit) = check {
            out.push(digit);
        }
        true
    }

    /// The same in `short`, of which the text it gives is a part.
    #[inline]
    pub fn text<'s>(&self, coding: Coding, raw: &[u8], short: &'s mut Short) -> Option<&'s [u8]> {
        if self.zpad > 0 || self.luhn {
            return self.write(coding, raw, short).then(|| short.as_bytes());
        }
        self.value(coding, raw, short).then(|| self.cut(short.as_bytes()))
    }

    /// The characters of `text` that count.
    fn cut<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let mut text = text.get(self.drop..).unwrap_or_default();
        if let Some(keep) = self.keep {
            text = &text[..text.len().min(keep)];
        }
        if self.strip0 {
            let zeros = text.iter().take_while(|byte| **byte == b'0').count();
            text = &text[zeros.min(text.len().saturating_sub(1))..];
        }
        text
    }

    fn value(&self, coding: Coding, raw: &[u8], out: &mut impl Out) -> bool {
        match coding.number(raw) {
            Some(number) => {
                out.decimal(self.number(number));
                true
            }
            None => coding.write(raw, out),
        }
    }

    /// Whether a number stays as it is.
    pub fn keeps_numbers(&self) -> bool {
        self.and.is_none() && self.or == 0 && self.shift == 0 && self.div == 0 && self.add == 0
    }

    /// Whether a text stays as it is.
    pub fn is_plain(&self) -> bool {
        let whole = self.drop == 0 && self.keep.is_none() && self.zpad == 0;
        whole && !self.strip0 && !self.luhn
    }
}

/// The digit that makes `digits` a Luhn number.
fn luhn(digits: &[u8]) -> Option<u8> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let worth = |(place, byte): (usize, &u8)| {
        let digit = u32::from(byte - b'0');
        match place % 2 {
            0 => digit * 2 % 10 + digit * 2 / 10,
            _ => digit,
        }
    };
    let sum: u32 = digits.iter().rev().enumerate().map(worth).sum();
    Some(b'0' + ((10 - sum % 10) % 10) as u8)
}
