//! The pieces of JSON, written as `JSON.stringify` writes them.

use crate::model::{SessionId, UnixMillis};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Writes `number` in decimal.
pub(super) fn number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Writes `text` in quotes.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"\"");
    inside(out, text);
    out.extend_from_slice(b"\"");
}

/// Writes `text` as it stands between quotes.
pub(super) fn inside(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    // Without a way out of the loop the compiler looks at many bytes at once.
    if !bytes.iter().fold(false, |any, byte| any | needs_escape(*byte)) {
        return out.extend_from_slice(bytes);
    }
    let mut written = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if !needs_escape(*byte) {
            continue;
        }
        out.extend_from_slice(&bytes[written..at]);
        escape(out, *byte);
        written = at + 1;
    }
    out.extend_from_slice(&bytes[written..]);
}

pub(super) const fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        _ => {
            let [high, low] = PAIRS[usize::from(byte)];
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// The two lower-case hex digits of each byte.
pub(super) const PAIRS: [[u8; 2]; 256] = {
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [HEX[byte >> 4], HEX[byte & 15]];
        byte += 1;
    }
    pairs
};

/// Writes a session's id in quotes, as its `Display` has it.
pub(super) fn session(out: &mut Vec<u8>, session: SessionId) {
    let mut text = [b'"'; 18];
    for (pair, byte) in text[1..17].chunks_exact_mut(2).zip(session.0.to_be_bytes()) {
        pair.copy_from_slice(&PAIRS[usize::from(byte)]);
    }
    out.extend_from_slice(&text);
}

/// Writes moments in quotes, and works out the calendar once a second only.
#[derive(Debug)]
pub(super) struct Moments {
    millis: u64,
    text: [u8; Self::LENGTH],
}

impl Default for Moments {
    fn default() -> Self {
        Self { millis: 0, text: *b"\"1970-01-01T00:00:00.000Z\"" }
    }
}

impl Moments {
    /// Bytes of a moment, its quotes among them.
    pub(super) const LENGTH: usize = 26;

    /// Where its milliseconds stand.
    const DECIMALS: usize = Self::LENGTH - "123Z\"".len();

    /// Writes `time` in quotes.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, time: UnixMillis) {
        out.extend_from_slice(self.text(time));
    }

    /// `time` in quotes.
    pub(super) fn text(&mut self, time: UnixMillis) -> &[u8; Self::LENGTH] {
        if self.millis / 1000 != time.0 / 1000 {
            let text = format!("\"{time}\"");
            // Moments behind the year 9999 have more digits, and lose their end.
            for (to, from) in self.text.iter_mut().zip(text.bytes()) {
                *to = from;
            }
        }
        if self.millis != time.0 {
            let millis = time.0 % 1000;
            let decimals =
                [millis / 100, millis / 10 % 10, millis % 10].map(|digit| b'0' + digit as u8);
            self.text[Self::DECIMALS..][..3].copy_from_slice(&decimals);
            self.millis = time.0;
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn control_characters_quotes_and_backslashes_are_escaped_and_nothing_else_is() {
        let text = "\0\u{1}\u{8}\t\n\u{b}\u{c}\r\u{1f} \"\\/'\u{7f}ä\u{2028}\u{fffd}😀";
        let expected =
            concat!(r#""\u0000\u0001\b\t\n\u000b\f\r\u001f \"\\/'"#, "\u{7f}ä\u{2028}\u{fffd}😀\"");
        assert_eq!(written(|out| string(out, text)), expected);
    }

    #[test]
    fn sessions_are_written_as_they_display() {
        for id in [0, 7, 0x5f0c_0123_4567_89ab, u64::MAX].map(SessionId) {
            assert_eq!(written(|out| session(out, id)), format!("\"{id}\""));
        }
    }

    proptest! {
        #[test]
        fn any_text_reads_back_the_same(text in any::<String>()) {
            let json = written(|out| string(out, &text));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn moments_are_written_as_they_display(
            first in 0u64..253_000_000_000_000,
            steps in proptest::collection::vec(0u64..700, 1..20),
        ) {
            let (mut moments, mut time) = (Moments::default(), first);
            for step in steps {
                time += step;
                let json = written(|out| moments.write(out, UnixMillis(time)));
                prop_assert_eq!(json, format!("\"{}\"", UnixMillis(time)));
            }
        }
    }
}
