//! The closed lists that records and counts are sorted by.

use super::label::labels;

labels! {
    /// Why a connection was refused at the door.
    Refusal by "reason" {
        /// As many are there as may be, or not even the spool's reserve has room to tell of more.
        Limit = "limit",
        /// The gateway is shutting down.
        Draining = "draining",
        /// A rule said no.
        Denied = "denied",
        /// It was broken before it could be served.
        Reset = "reset",
    }
}

labels! {
    /// What went wrong when a connection was accepted.
    AcceptFaultKind by "kind" {
        /// This one connection was gone or broken.
        ThisConnection = "this_connection",
        /// Descriptors or memory are used up for the moment.
        Exhausted = "exhausted",
        /// The listener does not exist any more.
        ListenerGone = "listener_gone",
        /// Nothing that is known.
        Unexpected = "unexpected",
    }
}

labels! {
    /// Why bytes of a device never became an event.
    Filtered by "reason" {
        /// They came before the name, where such bytes are not forwarded.
        Unregistered = "unregistered",
        /// They were the registration itself.
        Registration = "registration",
        /// A decider said no.
        Denied = "denied",
        /// They were read when the session was ending.
        Ended = "ended",
        /// A heartbeat, where heartbeats are not forwarded.
        Heartbeat = "heartbeat",
        /// Their checksum failed, where such frames are not forwarded.
        BadChecksum = "bad_checksum",
        /// They belong to no frame.
        Junk = "junk",
        /// They had no room.
        SpoolFull = "spool_full",
    }
}

labels! {
    /// What became of the questions that devices are asked at intervals.
    Polled by "outcome" {
        /// Put.
        Asked = "asked",
        /// Answered.
        Answered = "answered",
        /// Not answered in time.
        Unanswered = "unanswered",
        /// Given up, since a command came.
        GivenUp = "given_up",
    }
}

labels! {
    /// What kind of actor.
    ActorKind by "actor" {
        /// One for each device.
        Session = "session",
        /// One for each session thread.
        Host = "host",
        /// One for each listener.
        Server = "server",
        /// The one that knows all names.
        Registry = "registry",
        /// One for each upstream.
        Forwarder = "forwarder",
        /// The one that has all commands.
        Commander = "commander",
        /// What users plug in.
        Extension = "extension",
    }
}

labels! {
    /// Why a link is down, or did not come up.
    LinkFaultKind by "kind" {
        /// The host name could not be resolved.
        Resolve = "resolve",
        /// Nobody listens there.
        Refused = "refused",
        /// No way leads there.
        Unreachable = "unreachable",
        /// No answer in time.
        TimedOut = "timed_out",
        /// The connection was reset.
        Reset = "reset",
        /// The web server closed its side.
        ClosedByPeer = "closed_by_peer",
        /// The web server's first line did not hold the token.
        WrongToken = "wrong_token",
        /// Nothing was acknowledged for `ack_timeout`.
        AckTimeout = "ack_timeout",
        /// A newer connection of the web server took its place.
        Replaced = "replaced",
        /// The upstream's cursor was set back by hand.
        Rewound = "rewound",
        /// Its settings are others.
        Reconfigured = "reconfigured",
        /// By HTTPS: no TLS, or a certificate that is not trusted.
        Tls = "tls",
        /// By HTTP: a 3xx.
        Redirected = "redirected",
        /// By HTTP: a 4xx for one event.
        Rejected = "rejected",
        /// By HTTP: a 5xx, or a word to come later.
        Unavailable = "unavailable",
        /// Anything else.
        Other = "other",
    }
}

impl LinkFaultKind {
    /// Whether somebody wanted the link to end.
    pub const fn is_by_hand(self) -> bool {
        matches!(self, Self::Replaced | Self::Rewound | Self::Reconfigured)
    }
}

labels! {
    /// What the web server did wrong without the link breaking.
    LinkError by "kind" {
        /// A line that cannot be understood.
        BadLine = "bad_line",
        /// A line above the limit.
        LineTooLong = "line_too_long",
        /// Our own lines came back.
        Echo = "echo",
        /// An acknowledgement of the future.
        FutureAck = "future_ack",
        /// A command that was not taken.
        Refused = "refused",
        /// Something that this gateway does not do.
        Unsupported = "unsupported",
    }
}
