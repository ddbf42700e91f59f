use std::{fmt, net::SocketAddr};

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
