use std::fmt;

macro_rules! close_reasons {
    ($($(#[$doc:meta])+ $variant:ident = $text:literal),+ $(,)?) => {
        /// How a session ended: one closed list, the same words in event, log, metric and API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum CloseReason {
            $($(#[$doc])+ $variant),+
        }

        impl CloseReason {
            /// Every ending there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for it on the wire, in logs and in metrics.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }
        }
    };
}

close_reasons! {
    /// The device closed its side (FIN).
    PeerClosed = "peer_closed",
    /// The device, or something on the way, reset the connection.
    Reset = "reset",
    /// Bytes of ours stayed unacknowledged for longer than `user_timeout`.
    TimedOut = "timed_out",
    /// Keep-alive probes stayed unanswered in silence.
    Keepalive = "keepalive",
    /// Nothing was heard for `idle_timeout`.
    Idle = "idle",
    /// No name came within `registration_timeout`.
    RegistrationTimeout = "registration_timeout",
    /// What came within `registration_bytes` was no registration.
    Unidentified = "unidentified",
    /// A registration that breaks the rules, or a later one that claims another name.
    Malformed = "malformed",
    /// A frame whose checksum failed, where the protocol ends the session for it.
    BadChecksum = "bad_checksum",
    /// A frame above `max_frame`.
    FrameTooLong = "frame_too_long",
    /// A newer connection took the name over.
    Replaced = "replaced",
    /// An older connection kept the name.
    DuplicateRejected = "duplicate_rejected",
    /// A limit was reached.
    Limit = "limit",
    /// A decider refused it.
    Denied = "denied",
    /// Shed to bring the load down.
    Shed = "shed",
    /// The device is in quarantine.
    Quarantined = "quarantined",
    /// A missing or broken PROXY header.
    ProxyHeader = "proxy_header",
    /// The TLS handshake failed.
    TlsFailed = "tls_failed",
    /// The protocol's own heartbeat stayed away.
    HeartbeatMissed = "heartbeat_missed",
    /// The device did not read what was written to it.
    SlowReader = "slow_reader",
    /// Writing failed for another reason than the ones above.
    WriteFailed = "write_failed",
    /// Closed by hand or by an extension.
    Kicked = "kicked",
    /// The gateway is shutting down.
    Draining = "draining",
    /// A bug: the session's code panicked.
    Panicked = "panicked",
}

impl CloseReason {
    /// Reads the number that `as u8` gives; `None` for a number of no ending.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
