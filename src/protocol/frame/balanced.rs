use super::{Cut, Progress};

/// A frame that ends where as many brackets are closed as were opened.
#[derive(Clone, Debug)]
pub(in crate::protocol) struct Balanced {
    pub open: u8,
    pub close: u8,
    /// Between two of these brackets do not count; a backslash takes the next byte's meaning.
    pub quote: Option<u8>,
}

impl Balanced {
    pub fn cut(&self, bytes: &[u8], progress: &mut Progress, limit: usize) -> Cut {
        let mut at = progress.scanned;
        while at < bytes.len() {
            let byte = bytes[at];
            at += 1;
            if progress.quoted {
                if byte == b'\\' {
                    if at == bytes.len() {
                        at -= 1;
                        break;
                    }
                    at += 1;
                }
                progress.quoted = Some(byte) != self.quote;
                continue;
            }
            if byte == self.close {
                progress.depth = progress.depth.saturating_sub(1);
            } else if byte == self.open {
                progress.depth += 1;
            } else if Some(byte) == self.quote {
                progress.quoted = true;
            }
            if progress.depth == 0 {
                return match byte == self.close && at > 1 {
                    true if at > limit => Cut::TooLong,
                    true => Cut::Done { total: at, frame: 0..at },
                    false => Cut::Broken,
                };
            }
        }
        progress.scanned = at;
        match bytes.len() > limit {
            true => Cut::TooLong,
            false => Cut::More { least: bytes.len() + 1, decided: true },
        }
    }
}
