use std::num::ParseIntError;

/// Why a text with escapes could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EscapeFault {
    /// A backslash before something else than the escapes there are.
    #[error("\\{0} is no escape; write \\r, \\n, \\t, \\0, \\\\ or \\x and two hex digits")]
    Unknown(char),
    /// A backslash at the end.
    #[error("the text ends with a lone backslash; write \\\\ for a backslash")]
    Lone,
    /// `\x` without its two digits.
    #[error("\\x needs two hex digits, such as \\x0d")]
    Digits,
}

impl From<ParseIntError> for EscapeFault {
    fn from(_: ParseIntError) -> Self {
        Self::Digits
    }
}

/// Writes bytes so that they can be shown anywhere, and read back by [`unescape`]: printable ASCII
/// as it is, the others as `\r`, `\n`, `\t` or `\x00`. Of more than `most` bytes only the first
/// are shown, and how many are missing.
pub fn escape(bytes: &[u8], most: usize) -> String {
    let shown = &bytes[..bytes.len().min(most)];
    let mut text = String::with_capacity(shown.len() + 16);
    for byte in shown {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    if shown.len() < bytes.len() {
        text.push_str(&format!("... ({} more)", bytes.len() - shown.len()));
    }
    text
}

/// Reads a text in which `\r`, `\n`, `\t`, `\0`, `\\` and `\x41` stand for bytes that are hard to
/// type.
pub fn unescape(text: &str) -> Result<Vec<u8>, EscapeFault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = rest[at + 1..].chars().next().ok_or(EscapeFault::Lone)?;
        rest = &rest[at + 1 + escape.len_utf8()..];
        bytes.push(match escape {
            'r' => b'\r',
            'n' => b'\n',
            't' => b'\t',
            '0' => 0,
            '\\' => b'\\',
            'x' => {
                let digits = rest.get(..2).ok_or(EscapeFault::Digits)?;
                if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                    return Err(EscapeFault::Digits);
                }
                rest = &rest[2..];
                u8::from_str_radix(digits, 16)?
            }
            other => return Err(EscapeFault::Unknown(other)),
        });
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_stand_for_the_bytes_they_name() {
        assert_eq!(unescape(r"a\r\n\t\0\\\x7fz"), Ok(b"a\r\n\t\0\\\x7fz".to_vec()));
        assert_eq!(unescape("ä"), Ok("ä".as_bytes().to_vec()));
        assert_eq!(unescape(""), Ok(vec![]));
    }

    #[test]
    fn what_is_shown_is_printable_and_reads_back_the_same() {
        let all: Vec<u8> = (0..=255).collect();
        let text = escape(&all, 256);
        assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text}");
        assert_eq!(unescape(&text), Ok(all));
        assert_eq!(escape(b"\x00\x1b[2J\r\n", 3), "\\x00\\x1b[... (4 more)");
    }

    #[test]
    fn a_broken_escape_is_refused() {
        assert_eq!(unescape(r"a\q"), Err(EscapeFault::Unknown('q')));
        assert_eq!(unescape(r"a\"), Err(EscapeFault::Lone));
        for text in [r"\x", r"\x1", r"\xzz", r"\x+1", r"\xä1"] {
            assert_eq!(unescape(text), Err(EscapeFault::Digits), "{text}");
        }
    }
}
