//! Byte strings as protocol files write them.

/// Turns the escapes `\r \n \t \0 \\ \xNN` of `text` into bytes.
pub(super) fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let (value, used) = escape(rest).ok_or_else(|| {
            "has a backslash that begins no escape; known are \\r \\n \\t \\0 \\\\ and \\xNN"
                .to_owned()
        })?;
        out.push(value);
        rest = &rest[used..];
    }
    Ok(out)
}

/// The byte that the escape at the beginning of `text` stands for, and the escape's length
/// without its backslash.
fn escape(text: &[u8]) -> Option<(u8, usize)> {
    let simple = |byte| Some((byte, 1));
    match text.first()? {
        b'r' => simple(b'\r'),
        b'n' => simple(b'\n'),
        b't' => simple(b'\t'),
        b'0' => simple(0),
        b'\\' => simple(b'\\'),
        b'x' => Some((hex(*text.get(1)?)? << 4 | hex(*text.get(2)?)?, 3)),
        _ => None,
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_bytes_and_everything_else_stays() {
        assert_eq!(bytes(r"ETUNG:"), Ok(b"ETUNG:".to_vec()));
        assert_eq!(bytes(r"\r\n\t\0\\\x7e\xFf"), Ok(b"\r\n\t\0\\\x7e\xff".to_vec()));
        assert_eq!(bytes("\r"), Ok(b"\r".to_vec()));
        assert_eq!(bytes("é"), Ok("é".as_bytes().to_vec()));
        assert_eq!(bytes(""), Ok(Vec::new()));
    }

    #[test]
    fn a_backslash_without_a_known_escape_is_refused() {
        for text in [r"\", r"\q", r"\x", r"\x1", r"\x1g", r"\xé", r"ok\"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
