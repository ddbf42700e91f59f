use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::{Dialer, Payload, Target};

/// What a device does, from its first connection to its last. Many devices share one.
#[derive(Clone, Debug)]
pub struct Script {
    /// Where it connects.
    pub target: Target,
    /// How it connects.
    pub dialer: Dialer,
    /// What it says.
    pub payload: Payload,
    /// Pause between two messages.
    pub every: Duration,
    /// Each pause is longer or shorter by at most this.
    pub jitter: Duration,
    /// When the first message leaves.
    pub first: FirstMessage,
    /// So many messages, answers included, over all connections; `None`: no limit.
    pub messages: Option<u64>,
    /// After the last message it stays connected and silent instead of ending.
    pub stay: bool,
    /// It ends this long after its first connection was made.
    pub duration: Option<Duration>,
    /// It ends when nothing was read or written for so long.
    pub idle: Option<Duration>,
    /// How it ends.
    pub ending: Ending,
    /// Written before it finishes or half-closes.
    pub last_words: Bytes,
    /// Longest wait for the other side's FIN after its own.
    pub linger: Duration,
    /// Answer to each message received (each read counts as one): `{i}` is the answer's number
    /// from 1, `{received}` the bytes received.
    pub answer: Option<Arc<str>>,
    /// The first bytes received end it at once, without a word.
    pub once: bool,
    /// How fast and in which pieces its bytes leave.
    pub pace: Pace,
    /// Whether and how it comes back after an ending that was not its own.
    pub reconnect: Option<Reconnect>,
}

/// When the first message leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstMessage {
    /// Right behind the registration.
    #[default]
    AtOnce,
    /// At a random moment within the first pause, so that a fleet does not speak in chorus.
    Spread,
}

/// How a device ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// Last words, FIN, a short wait for the other side's FIN (Node's `end(data)`).
    #[default]
    Finish,
    /// Last words, FIN, and then it reads the rest for as long as it comes.
    HalfClose,
    /// Closed at once, without last words (Node's `destroy()`).
    Destroy,
    /// Reset, without last words (Node's `resetAndDestroy()`).
    Reset,
}

/// How fast and in which pieces bytes leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Each message in one write.
    #[default]
    Whole,
    /// The registration in random pieces with random pauses up to this, the rest whole.
    Pieces(Duration),
    /// One byte each time this has passed, always.
    Slow(Duration),
}

/// How a device comes back: pauses from `initial`, doubled at each failure up to `max`, of which a
/// random part is waited. A connection that held for `max` starts afresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconnect {
    /// Longest first pause.
    pub initial: Duration,
    /// Longest pause ever.
    pub max: Duration,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self { initial: Duration::from_millis(200), max: Duration::from_secs(30) }
    }
}

impl Reconnect {
    /// The longest pause after so many failures in a row, counted from 0.
    pub(super) fn ceiling(&self, failures: u32) -> Duration {
        self.initial.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX)).min(self.max)
    }
}

impl Script {
    /// A device that connects to `target`, says nothing and stays.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            dialer: Dialer::default(),
            payload: Payload::Nothing,
            every: Duration::from_secs(1),
            jitter: Duration::ZERO,
            first: FirstMessage::AtOnce,
            messages: None,
            stay: false,
            duration: None,
            idle: None,
            ending: Ending::Finish,
            last_words: Bytes::new(),
            linger: Duration::from_secs(5),
            answer: None,
            once: false,
            pace: Pace::Whole,
            reconnect: None,
        }
    }
}

/// A registration as DTUs send it: `ETUNG:`, the name, and what ends it.
pub fn etung(name: &str, terminator: &[u8]) -> Bytes {
    [b"ETUNG:", name.as_bytes(), terminator].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let reconnect =
            Reconnect { initial: Duration::from_millis(200), max: Duration::from_secs(1) };
        let millis: Vec<_> = (0..5).map(|n| reconnect.ceiling(n).as_millis()).collect();
        assert_eq!(millis, [200, 400, 800, 1000, 1000]);
        assert_eq!(reconnect.ceiling(u32::MAX), reconnect.max);
    }
}
