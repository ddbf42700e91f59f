use std::{
    fmt,
    net::{AddrParseError, SocketAddr},
    str::FromStr,
};

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// An IP address and port; an IPv4 address inside IPv6 is kept as IPv4.
    Ip(SocketAddr),
    /// A process on this machine, over a Unix socket: its serial number here, since such peers
    /// have no address of their own.
    Unix(u64),
    /// A stream that never was a socket, as tests use them.
    Memory(u64),
}

impl Peer {
    /// The peer at `address`, with IPv4-mapped IPv6 addresses turned into IPv4.
    pub fn ip(address: SocketAddr) -> Self {
        Self::Ip(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(serial) => write!(f, "unix:{serial}"),
            Self::Memory(serial) => write!(f, "memory:{serial}"),
        }
    }
}

/// What is no peer's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not where a connection comes from")]
pub struct PeerFault(#[source] Option<AddrParseError>);

/// The way back from its text.
impl FromStr for Peer {
    type Err = PeerFault;

    fn from_str(text: &str) -> Result<Self, PeerFault> {
        let serial = |digits: &str| digits.parse().map_err(|_| PeerFault(None));
        if let Some(digits) = text.strip_prefix("unix:") {
            return serial(digits).map(Self::Unix);
        }
        if let Some(digits) = text.strip_prefix("memory:") {
            return serial(digits).map(Self::Memory);
        }
        text.parse().map(Self::Ip).map_err(|fault| PeerFault(Some(fault)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peers_text_leads_back_to_it() {
        let addresses = ["10.1.2.3:40112", "[2001:db8::1]:7", "[fe80::1%3]:65535"];
        let ips = addresses.map(|address| Peer::ip(address.parse().unwrap()));
        for peer in ips.into_iter().chain([Peer::Unix(7), Peer::Memory(u64::MAX)]) {
            assert_eq!(peer.to_string().parse(), Ok(peer));
        }
        for bad in ["", "10.1.2.3", "unix:", "memory:-1", "unix:/run/x"] {
            assert!(bad.parse::<Peer>().is_err(), "{bad}");
        }
    }
}
