use std::{net::SocketAddr, time::Duration};

use super::{ConnectFault, RunningHash, Stream, Verdict};

/// What happens to a device, told as it happens.
#[derive(Debug)]
pub enum DeviceEvent<'a> {
    /// A host name was looked up.
    LookedUp {
        /// The name.
        host: &'a str,
        /// Its addresses, in the order they will be tried.
        addresses: &'a [SocketAddr],
    },
    /// No connection could be made.
    ConnectFailed {
        /// Why.
        fault: &'a ConnectFault,
    },
    /// A connection stands.
    Connected {
        /// Its stream, to be asked for addresses.
        stream: &'a Stream,
    },
    /// A message has been handed to the socket to its last byte.
    Sent {
        /// What it was.
        kind: SentKind,
        /// All its bytes.
        bytes: &'a [u8],
    },
    /// Bytes came.
    Received {
        /// What one read gave.
        bytes: &'a [u8],
    },
    /// What a device that plays a protocol makes of what came, or did not.
    Judged {
        /// Its verdict.
        verdict: &'a Verdict,
    },
    /// The device's own idle time-out passed.
    Idle,
    /// The other side sent FIN.
    PeerFinished,
    /// The connection is over.
    Closed {
        /// Why.
        why: &'a Why,
    },
    /// It will try again.
    Waiting {
        /// After this pause.
        pause: Duration,
    },
}

/// What was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentKind {
    /// The registration.
    Registration,
    /// A sign of life by the protocol.
    Heartbeat,
    /// A message by the script.
    Message,
    /// An answer to what was received.
    Answer,
    /// What was typed or handed in from outside.
    Typed,
    /// The last words.
    LastWords,
}

/// How a connection ended, or why there was none.
#[derive(Debug)]
pub enum Why {
    /// By the script: messages sent, time over, or the one answer came.
    Done,
    /// By the device's own idle time-out.
    Idle,
    /// By whoever runs the device.
    Stopped,
    /// By the device: its login was not answered.
    Unanswered,
    /// The other side finished first.
    PeerFinished,
    /// The other side reset the connection.
    Reset,
    /// The kernel gave the other side up.
    TimedOut,
    /// Another error of the socket.
    Failed(std::io::Error),
    /// No connection could be made.
    Unreachable(ConnectFault),
}

impl Why {
    /// The ending that an error of the socket stands for.
    pub(super) fn of(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe => Self::Reset,
            std::io::ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Failed(error),
        }
    }

    /// Whether the device itself wanted it so.
    pub fn own(&self) -> bool {
        matches!(self, Self::Done | Self::Idle | Self::Stopped)
    }
}

/// A device's sums over all its connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceTally {
    /// Connections made.
    pub connects: u64,
    /// Tries that failed.
    pub failed_connects: u64,
    /// Messages and answers sent to the last byte.
    pub messages: u64,
    /// Bytes of messages, answers, signs of life, typed lines and last words, sent to the last byte.
    pub message_bytes: u64,
    /// Every byte handed to the socket, the registration too.
    pub sent_bytes: u64,
    /// Every byte read.
    pub received_bytes: u64,
    /// Hash of what `message_bytes` counts.
    pub hash: RunningHash,
}

/// A device at its end.
#[derive(Debug)]
pub struct Outcome {
    /// How its last connection ended.
    pub why: Why,
    /// Its sums.
    pub tally: DeviceTally,
}
