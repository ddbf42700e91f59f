use std::fmt::{self, Write as _};

/// Whether a character may be shown as it is: no control character, nothing that changes the
/// direction of writing, nothing invisible.
pub(super) fn is_harmless(c: char) -> bool {
    matches!(c, ' '..='~') || c.escape_debug().len() == 1
}

/// Whether all of it may be shown as it is, and nothing in it means anything to those who read
/// quoted text or `key=value`. Nearly all that is logged is so, and looking is cheap.
pub(super) fn is_plain(text: &str) -> bool {
    let is_plain = |byte: &u8| matches!(byte, b'!'..=b'~') && !matches!(byte, b'"' | b'\\' | b'=');
    text.as_bytes().iter().all(is_plain)
}

/// Bytes of a stranger as text for a log record: ASCII as it is, everything else as `\xNN`, cut
/// off behind [`Excerpt::LONGEST`] bytes with a word on how many there are.
#[derive(Clone, Copy, Debug)]
pub struct Excerpt<'a>(pub &'a [u8]);

impl Excerpt<'_> {
    /// Most bytes that are shown.
    pub const LONGEST: usize = 120;
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(Self::LONGEST)];
        for byte in shown {
            match byte {
                b' '..=b'~' => f.write_char(char::from(*byte))?,
                b'\n' => f.write_str("\\n")?,
                b'\r' => f.write_str("\\r")?,
                byte => write!(f, "\\x{byte:02x}")?,
            }
        }
        if shown.len() < self.0.len() {
            write!(f, "... ({} bytes)", self.0.len())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_shows_no_raw_byte_outside_ascii_and_says_how_much_is_missing() {
        assert_eq!(Excerpt(b"a b\r\n\x1b\xff\0").to_string(), "a b\\r\\n\\x1b\\xff\\x00");
        let long = Excerpt(&[b'x'; 500]).to_string();
        assert_eq!(long, format!("{}... (500 bytes)", "x".repeat(120)));
    }

    #[test]
    fn letters_of_all_scripts_are_harmless_and_what_steers_a_terminal_is_not() {
        for good in ['a', 'ä', '水', '"', '\\', '\'', ' '] {
            assert!(is_harmless(good), "{good:?}");
        }
        for bad in ['\n', '\x1b', '\u{7f}', '\u{9b}', '\u{202e}', '\u{2028}', '\u{200b}'] {
            assert!(!is_harmless(bad), "{bad:?}");
        }
    }
}
