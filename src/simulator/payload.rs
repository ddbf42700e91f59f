use std::io;

use bytes::Bytes;
use data_encoding::HEXLOWER_PERMISSIVE;

use super::{
    dice::Dice,
    text::{EscapeFault, unescape},
};

/// What a device says in its messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Payload {
    /// No messages of its own.
    #[default]
    Nothing,
    /// The same bytes each time.
    Fixed(Bytes),
    /// So many random printable characters.
    Text(usize),
    /// So many random bytes of any value.
    Bytes(usize),
    /// This text, a blank and the message's number from 1.
    Counter(String),
}

/// Why a payload could not be made of what was written.
#[derive(Debug, thiserror::Error)]
pub enum PayloadFault {
    /// The file could not be read.
    #[error("cannot read {path}: {}", super::target::plain(source))]
    File {
        /// Its path.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// Not hex.
    #[error("{0:?} is not hex; write pairs of hex digits, such as hex:010300ff")]
    Hex(String),
    /// Not a length.
    #[error("{0:?} is not a length; write a number of bytes up to 16777216, such as random:64")]
    Length(String),
    /// A broken escape.
    #[error(transparent)]
    Escape(#[from] EscapeFault),
}

/// Longest random message.
const LONGEST: usize = 16 << 20;

impl Payload {
    /// Reads what people write: a text with escapes, `@file`, `hex:0103`, `random:64`, `bytes:64`
    /// or `counter:text`.
    pub fn parse(text: &str) -> Result<Self, PayloadFault> {
        if let Some(path) = text.strip_prefix('@') {
            let fault = |source| PayloadFault::File { path: path.to_owned(), source };
            return Ok(Self::Fixed(std::fs::read(path).map_err(fault)?.into()));
        }
        if let Some(digits) = text.strip_prefix("hex:") {
            let tight: String = digits.split_whitespace().collect();
            let bytes = HEXLOWER_PERMISSIVE.decode(tight.as_bytes());
            let bytes = bytes.map_err(|_| PayloadFault::Hex(digits.to_owned()))?;
            return Ok(Self::Fixed(bytes.into()));
        }
        if let Some(length) = text.strip_prefix("random:") {
            return Ok(Self::Text(parse_length(length)?));
        }
        if let Some(length) = text.strip_prefix("bytes:") {
            return Ok(Self::Bytes(parse_length(length)?));
        }
        if let Some(before) = text.strip_prefix("counter:") {
            return Ok(Self::Counter(before.to_owned()));
        }
        Ok(Self::Fixed(unescape(text)?.into()))
    }

    /// The message with this number, counted from 1; `None` if there is nothing to say.
    pub(super) fn message(&self, number: u64, dice: &mut Dice) -> Option<Bytes> {
        Some(match self {
            Self::Nothing => return None,
            Self::Fixed(bytes) => bytes.clone(),
            Self::Text(length) => random(*length, dice, |byte| b' ' + byte % 95),
            Self::Bytes(length) => random(*length, dice, |byte| byte),
            Self::Counter(before) => format!("{before} {number}").into(),
        })
    }
}

fn parse_length(text: &str) -> Result<usize, PayloadFault> {
    let length = text.parse().ok().filter(|length| *length <= LONGEST);
    length.ok_or_else(|| PayloadFault::Length(text.to_owned()))
}

fn random(length: usize, dice: &mut Dice, shape: impl Fn(u8) -> u8) -> Bytes {
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend(dice.next().to_le_bytes().map(&shape));
    }
    bytes.truncate(length);
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_read_as_people_write_it() {
        let fixed = |bytes: &'static [u8]| Payload::Fixed(Bytes::from_static(bytes));
        let parse = |text| Payload::parse(text).expect("a payload");
        assert_eq!(parse("on\\r\\n"), fixed(b"on\r\n"));
        assert_eq!(parse("hex:01 03 FF"), fixed(b"\x01\x03\xff"));
        assert_eq!(parse("random:64"), Payload::Text(64));
        assert_eq!(parse("bytes:3"), Payload::Bytes(3));
        assert_eq!(parse("counter:tick"), Payload::Counter("tick".to_owned()));
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), b"\x00\xff").expect("written");
        assert_eq!(parse(&format!("@{}", file.path().display())), fixed(b"\x00\xff"));
    }

    #[test]
    fn a_payload_that_makes_no_sense_says_why() {
        for (text, part) in [
            ("hex:0", "not hex"),
            ("hex:zz", "not hex"),
            ("random:many", "not a length"),
            ("bytes:99999999999", "not a length"),
            ("@/no/such/file", "cannot read /no/such/file: entity not found"),
            ("\\q", "no escape"),
        ] {
            let fault = Payload::parse(text).expect_err(text).to_string();
            assert!(fault.contains(part), "{fault}");
        }
    }

    #[test]
    fn random_messages_have_their_length_and_printable_ones_are_printable() {
        let mut dice = Dice::new(1, 1);
        let text = Payload::Text(101).message(1, &mut dice).expect("a message");
        assert_eq!(text.len(), 101);
        assert!(text.iter().all(|byte| (b' '..=b'~').contains(byte)));
        let bytes = Payload::Bytes(4096).message(1, &mut dice).expect("a message");
        assert!(bytes.iter().any(|byte| *byte > 127));
        let counter = Payload::Counter("tick".to_owned()).message(12, &mut dice);
        assert_eq!(counter, Some(Bytes::from_static(b"tick 12")));
        assert_eq!(Payload::Nothing.message(1, &mut dice), None);
    }
}
