use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use crc::{CRC_64_XZ, Crc};
use regex::bytes::{Regex, RegexBuilder};

use crate::model::Name;

const CONTENT: Crc<u64> = Crc::<u64>::new(&CRC_64_XZ);

/// Most memory of a compiled pattern.
const PATTERN_SIZE: usize = 256 << 10;

/// Bytes for a device, and what shall become of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The sender's id of it: 1 to [`Command::LONGEST_ID`] bytes without control characters.
    pub id: Arc<str>,
    /// The device.
    pub name: Name,
    /// What is sent, before the protocol wraps it: 1 to [`Command::MOST_DATA`] bytes.
    pub data: Bytes,
    /// It is not sent later than this after it was queued.
    pub ttl: Duration,
    /// What counts as an answer.
    pub answer: Answer,
    /// How long an answer is waited for.
    pub timeout: Duration,
    /// A newer command of the same device with the same key takes the place of one that waits.
    pub key: Option<Box<str>>,
    /// Whether it may be sent again where nobody knows whether the device has got it.
    pub repeat: bool,
}

/// What counts as an answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// None is asked for.
    Nothing,
    /// The device's next frame.
    Frame,
    /// The next one that this byte regex matches.
    Match(Box<str>),
}

impl Command {
    /// Longest id, in bytes.
    pub const LONGEST_ID: usize = 128;
    /// Longest key, in bytes.
    pub const LONGEST_KEY: usize = 128;
    /// Longest pattern of an answer, in bytes.
    pub const LONGEST_PATTERN: usize = 1024;
    /// Most bytes for a device at a time: what a listener lets wait for one unless it is set higher.
    pub const MOST_DATA: usize = 64 << 10;
    /// What `ttl` is where nothing is said: a switch that nobody has confirmed by then is better not
    /// thrown at all.
    pub const USUAL_TTL: Duration = Duration::from_secs(60);
    /// Longest `ttl`.
    pub const LONGEST_TTL: Duration = Duration::from_secs(7 * 86_400);
    /// What `timeout` is where nothing is said.
    pub const USUAL_TIMEOUT: Duration = Duration::from_secs(5);
    /// Longest `timeout`; the device gets nothing else meanwhile.
    pub const LONGEST_TIMEOUT: Duration = Duration::from_secs(3600);

    /// About what it takes in memory.
    pub fn size(&self) -> u64 {
        const REST: usize = 512;
        let key = self.key.as_deref().map_or(0, str::len);
        let pattern = match &self.answer {
            Answer::Match(pattern) => pattern.len(),
            Answer::Nothing | Answer::Frame => 0,
        };
        (REST + self.data.len() + self.id.len() + key + pattern) as u64
    }

    /// By which a command with the same id is told from this one, also when its bytes are gone.
    pub fn digest(&self) -> u64 {
        let mut digest = CONTENT.digest();
        let mut field = |bytes: &[u8]| {
            digest.update(&(bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        };
        field(self.name.as_str().as_bytes());
        field(&self.data);
        field(&millis(self.ttl).to_le_bytes());
        field(&millis(self.timeout).to_le_bytes());
        match &self.answer {
            Answer::Nothing => field(b"nothing"),
            Answer::Frame => field(b"frame"),
            Answer::Match(pattern) => {
                field(b"match");
                field(pattern.as_bytes());
            }
        }
        match &self.key {
            None => field(&[0]),
            Some(key) => {
                field(&[1]);
                field(key.as_bytes());
            }
        }
        field(&[u8::from(self.repeat)]);
        digest.finalize()
    }
}

/// The pattern of an answer, over bytes: the dot stands for any byte.
///
/// # Errors
/// What is wrong with it.
pub fn pattern(text: &str) -> Result<Regex, String> {
    let mut builder = RegexBuilder::new(text);
    builder.unicode(false).dot_matches_new_line(true);
    builder.size_limit(PATTERN_SIZE).dfa_size_limit(PATTERN_SIZE);
    builder.build().map_err(|error| {
        let text = error.to_string();
        let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        line.trim().trim_start_matches("error: ").to_owned()
    })
}

/// A length of time as it is stored.
pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{super::tests::command, *};

    #[test]
    fn every_part_of_a_command_changes_its_digest() {
        let one = command("c-1", "pump");
        let changed = [
            Command { name: Name::new(b"pump2").unwrap(), ..one.clone() },
            Command { data: Bytes::from_static(b"other"), ..one.clone() },
            Command { ttl: one.ttl * 2, ..one.clone() },
            Command { timeout: one.timeout * 2, ..one.clone() },
            Command { answer: Answer::Frame, ..one.clone() },
            Command { answer: Answer::Match("x".into()), ..one.clone() },
            Command { answer: Answer::Match("y".into()), ..one.clone() },
            Command { key: Some("".into()), ..one.clone() },
            Command { key: Some("k".into()), ..one.clone() },
            Command { repeat: true, ..one.clone() },
        ];
        let mut digests: Vec<_> = changed.iter().map(Command::digest).collect();
        digests.push(one.digest());
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), changed.len() + 1);
        assert_eq!(one.digest(), one.clone().digest());
    }

    #[test]
    fn patterns_see_bytes_and_stay_small() {
        assert!(pattern(r"^\xff.\x03").unwrap().is_match(b"\xff\n\x03"));
        assert!(pattern(r"\w{1000}{1000}").is_err());
        assert!(pattern("(").unwrap_err().contains("unclosed group"));
    }
}
