use std::{io, time::Duration};

pub use crate::telemetry::LinkFaultKind;

/// Why there is no link, or none any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {}{}{detail}", kind.in_words(), if detail.is_empty() { "" } else { ": " })]
pub struct LinkFault {
    /// The sort of fault.
    pub kind: LinkFaultKind,
    /// Where: an address as it was written, or a peer.
    pub place: String,
    /// What the system says beyond the sort of fault; may be empty. May hold names from outside,
    /// no bytes of a peer.
    pub detail: String,
    /// The next try shall wait so long at least. Such a fault says nothing about the event that was
    /// on its way: the web server is away, or asks to be left alone.
    pub respite: Option<Duration>,
}

impl LinkFaultKind {
    /// The sort of fault that the system's `error` is.
    pub fn of(error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::ConnectionRefused | Kind::NotFound => Self::Refused,
            Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown => {
                Self::Unreachable
            }
            Kind::AddrNotAvailable => Self::Unreachable,
            Kind::TimedOut => Self::TimedOut,
            Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => Self::Reset,
            Kind::UnexpectedEof => Self::ClosedByPeer,
            _ => Self::Other,
        }
    }

    /// What it means, for people.
    const fn in_words(self) -> &'static str {
        match self {
            Self::Resolve => "the host name could not be resolved",
            Self::Refused => "nobody listens there",
            Self::Unreachable => "no way leads there",
            Self::TimedOut => "no answer in time",
            Self::Reset => "the connection was reset",
            Self::ClosedByPeer => "the web server closed the connection",
            Self::WrongToken => "the web server did not say the right token",
            Self::AckTimeout => "nothing was acknowledged for ack_timeout",
            Self::Replaced => "a newer connection of the web server took its place",
            Self::Rewound => "the upstream was set back by hand and begins anew",
            Self::Reconfigured => "its settings are others",
            Self::Tls => "TLS could not be agreed on",
            Self::Redirected => "the web server redirects",
            Self::Rejected => "the web server refuses an event",
            Self::Unavailable => "the web server cannot take events now",
            Self::Other => "the connection failed",
        }
    }
}

impl LinkFault {
    /// A fault at `place`.
    pub fn new(kind: LinkFaultKind, place: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { kind, place: place.into(), detail: detail.into(), respite: None }
    }

    /// The same, which is not the fault of the event on its way.
    pub fn with_respite(self, least: Duration) -> Self {
        Self { respite: Some(least), ..self }
    }

    /// The system's `error` at `place`.
    pub fn from_io(place: impl Into<String>, error: &io::Error) -> Self {
        Self::new(LinkFaultKind::of(error), place, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Label;

    #[test]
    fn errors_of_the_system_are_sorted() {
        let cases = [
            (libc::ECONNREFUSED, "refused"),
            (libc::ENOENT, "refused"),
            (libc::EHOSTUNREACH, "unreachable"),
            (libc::ENETUNREACH, "unreachable"),
            (libc::ETIMEDOUT, "timed_out"),
            (libc::ECONNRESET, "reset"),
            (libc::EPIPE, "reset"),
            (libc::EACCES, "other"),
        ];
        for (number, word) in cases {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!(LinkFaultKind::of(&error).as_str(), word, "{error}");
        }
    }

    #[test]
    fn a_fault_says_where_and_what() {
        let fault = LinkFault::new(LinkFaultKind::ClosedByPeer, "10.0.0.1:7100", "");
        assert_eq!(fault.to_string(), "10.0.0.1:7100: the web server closed the connection");
        let error = io::Error::from_raw_os_error(libc::ECONNREFUSED);
        let text = LinkFault::from_io("web:7100", &error).to_string();
        assert!(text.starts_with("web:7100: nobody listens there: Connection refused"), "{text}");
    }
}
