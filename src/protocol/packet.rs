//! The registration packet: pure questions about slices.

use std::time::Duration;

use regex::bytes::Regex;

use crate::model::{Name, NameFault};

/// How a registration looks.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    /// The bytes that open it; never empty.
    pub head: Box<[u8]>,
    /// So many digits end a name by themselves.
    pub digits: Option<usize>,
    /// Bytes that end a name.
    pub terminators: Vec<u8>,
    /// The silence that ends a name.
    pub gap: Option<Gap>,
    /// A registration is one read that begins with the head.
    pub chunk: bool,
    /// The last character of that read is no part of the name.
    pub drop_last: bool,
}

/// A silence after which what is pending is a name if the whole of it fits.
#[derive(Clone, Debug)]
pub(super) struct Gap {
    pub after: Duration,
    /// Anchored at both ends.
    pub pattern: Regex,
}

/// What stands behind a head.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// A name of so many bytes, and the terminator that ended it, if one did.
    Name { name: Name, terminator: Option<u8> },
    /// It may become a name.
    Partial,
    /// It will never be one.
    Bad(NameFault),
}

/// What may still follow a registration in a later read and belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trailing {
    /// Nothing.
    Nothing,
    /// A terminator.
    Terminator,
    /// The second half of CR LF.
    LineFeed,
}

impl Packet {
    /// Reads the name at the beginning of `body`, which stands behind a head. A longer `body` never
    /// changes the answer, unless it was [`Reading::Partial`].
    pub fn read_name(&self, body: &[u8]) -> Reading {
        let mut only_digits = true;
        for (at, &byte) in body.iter().enumerate() {
            if self.is_terminator(byte) {
                return named(&body[..at], Some(byte));
            }
            if at == Name::LONGEST {
                return Reading::Bad(NameFault::TooLong);
            }
            if !byte.is_ascii_graphic() {
                return Reading::Bad(NameFault::BadByte(byte));
            }
            only_digits &= byte.is_ascii_digit();
            if only_digits && self.digits == Some(at + 1) {
                return named(&body[..=at], None);
            }
        }
        Reading::Partial
    }

    /// Reads the name in `chunk`, a read that begins with the head, and how many bytes of it are
    /// the registration.
    pub fn read_chunk(&self, chunk: &[u8]) -> Result<(Name, usize), NameFault> {
        let body = &chunk[self.head.len()..];
        let kept = body.len().saturating_sub(usize::from(self.drop_last));
        let length = self.name_length(&body[..kept]);
        let name = Name::new(&body[..length])?;
        if length == kept {
            return Ok((name, chunk.len()));
        }
        Ok((name, self.head.len() + length + self.terminator_length(&body[length..])))
    }

    /// Where the name in a whole `body` ends.
    fn name_length(&self, body: &[u8]) -> usize {
        if let Some(digits) = self.digits
            && body.len() >= digits
            && body[..digits].iter().all(u8::is_ascii_digit)
        {
            return digits;
        }
        let ends = |byte: &u8| self.is_terminator(*byte) || !byte.is_ascii_graphic();
        body.iter().position(ends).unwrap_or(body.len())
    }

    pub fn is_terminator(&self, byte: u8) -> bool {
        self.terminators.contains(&byte)
    }

    /// How many bytes at the beginning of `rest` are one terminator: CR LF is one.
    pub fn terminator_length(&self, rest: &[u8]) -> usize {
        match rest {
            [b'\r', b'\n', ..] if self.knows_crlf() => 2,
            [byte, ..] if self.is_terminator(*byte) => 1,
            _ => 0,
        }
    }

    /// How many bytes of `rest`, which came in the same read behind a registration that
    /// `terminator` ended, still belong to it, and what may follow later.
    pub fn trailing(&self, terminator: Option<u8>, rest: &[u8]) -> (usize, Trailing) {
        let length = match terminator {
            None => self.terminator_length(rest),
            Some(b'\r') if self.knows_crlf() && rest.first() == Some(&b'\n') => 1,
            Some(_) => 0,
        };
        if length < rest.len() {
            return (length, Trailing::Nothing);
        }
        (length, self.later(rest.last().copied().or(terminator)))
    }

    /// How many bytes of `read` belong to the registration before it, and what may follow later.
    /// What could be data of the device is left alone.
    pub fn late(&self, trailing: Trailing, read: &[u8]) -> (usize, Trailing) {
        match (trailing, read) {
            (Trailing::LineFeed, [b'\n', ..]) => (1, Trailing::Nothing),
            (Trailing::Terminator, [b'\r', b'\n', ..]) if self.knows_crlf() => {
                (2, Trailing::Nothing)
            }
            (Trailing::Terminator, [byte]) if self.is_terminator(*byte) => {
                (1, self.later(Some(*byte)))
            }
            _ => (0, Trailing::Nothing),
        }
    }

    /// What may follow a read that ended with `terminator`, or without one.
    fn later(&self, terminator: Option<u8>) -> Trailing {
        match terminator {
            None if self.terminators.is_empty() => Trailing::Nothing,
            None => Trailing::Terminator,
            Some(b'\r') if self.knows_crlf() => Trailing::LineFeed,
            Some(_) => Trailing::Nothing,
        }
    }

    fn knows_crlf(&self) -> bool {
        self.is_terminator(b'\r') && self.is_terminator(b'\n')
    }
}

fn named(bytes: &[u8], terminator: Option<u8>) -> Reading {
    match Name::new(bytes) {
        Ok(name) => Reading::Name { name, terminator },
        Err(fault) => Reading::Bad(fault),
    }
}

/// Where `needle` stands first in `bytes`, or else a beginning of it that the end cuts off; the
/// length of `bytes` if neither does.
pub(super) fn first(needle: &[u8], bytes: &[u8]) -> usize {
    let begins = |at: &usize| {
        let rest = &bytes[*at..];
        let both = rest.len().min(needle.len());
        rest[..both] == needle[..both]
    };
    memchr::memchr_iter(needle[0], bytes).find(begins).unwrap_or(bytes.len())
}
