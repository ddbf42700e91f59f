//! Bytes as people and programs write them.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

/// Why a text is no bytes in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HexFault {
    /// Something else stands at this character, counted from 1.
    #[error("character {1} is {0:?}, which is no hexadecimal digit; write two digits a byte")]
    Digit(char, usize),
    /// The last byte has one digit only.
    #[error("the last byte has one digit only; write two digits a byte")]
    Odd,
}

/// Reads bytes in hexadecimal: spaces and line ends, `0x` before a byte and commas and colons
/// between two are passed over.
pub(super) fn read(text: &str, bytes: &mut Vec<u8>) -> Result<(), HexFault> {
    let before = bytes.len();
    if let Ok(length) = HEXLOWER_PERMISSIVE.decode_len(text.len()) {
        bytes.resize(before + length, 0);
        if HEXLOWER_PERMISSIVE.decode_mut(text.as_bytes(), &mut bytes[before..]).is_ok() {
            return Ok(());
        }
        bytes.truncate(before);
    }
    read_loose(text, bytes)
}

fn read_loose(text: &str, bytes: &mut Vec<u8>) -> Result<(), HexFault> {
    let mut high = None;
    let mut letters = text.chars().enumerate().peekable();
    while let Some((at, letter)) = letters.next() {
        if high.is_none() && letter == '0' && letters.next_if(|(_, x)| *x == 'x').is_some() {
            continue;
        }
        if high.is_none() && (letter.is_whitespace() || matches!(letter, ',' | ':')) {
            continue;
        }
        let digit = letter.to_digit(16).ok_or(HexFault::Digit(letter, at + 1))? as u8;
        match high.take() {
            None => high = Some(digit << 4),
            Some(high) => bytes.push(high | digit),
        }
    }
    if high.is_some() { Err(HexFault::Odd) } else { Ok(()) }
}

/// Two digits a byte.
pub(super) fn write(bytes: &[u8], out: &mut Vec<u8>) {
    let before = out.len();
    out.resize(before + HEXLOWER.encode_len(bytes.len()), 0);
    HEXLOWER.encode_mut(bytes, &mut out[before..]);
}

/// Two digits a byte, and a space between two.
pub(super) fn spaced(bytes: &[u8]) -> String {
    let bytes = bytes.iter().map(|byte| HEXLOWER.encode(&[*byte]));
    bytes.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Result<Vec<u8>, HexFault> {
        let mut bytes = Vec::new();
        read(text, &mut bytes).map(|()| bytes)
    }

    #[test]
    fn bytes_are_read_however_they_are_set_apart() {
        for text in
            ["78780d0a", "78 78 0D 0a\n", "0x78,0x78, 0x0d,0x0a", "78:78:0d:0a", "7878\n0d0a"]
        {
            assert_eq!(bytes(text), Ok(b"xx\r\n".to_vec()), "{text}");
        }
        assert_eq!(bytes(""), Ok(vec![]));
        assert_eq!(spaced(b"xx\r"), "78 78 0d");
    }

    #[test]
    fn what_is_no_byte_is_told_with_its_place() {
        assert_eq!(bytes("78zz"), Err(HexFault::Digit('z', 3)));
        assert_eq!(bytes("78 7"), Err(HexFault::Odd));
        assert_eq!(bytes("7 8"), Err(HexFault::Digit(' ', 2)));
    }
}
