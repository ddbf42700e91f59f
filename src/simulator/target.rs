use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream, UnixStream, lookup_host};

use super::stream::Stream;
use crate::net::KeepaliveSettings;

/// Where to connect, or where to listen.
pub use crate::net::Address as Target;

/// Why a connection could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectFault {
    /// The host's name has no address.
    #[error("cannot look up {host}: {}; check the name", plain(source))]
    Lookup {
        /// The name.
        host: String,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody took the connection.
    #[error("cannot connect to {to}: {}", plain(source))]
    Connect {
        /// The address tried last.
        to: String,
        /// What the system said.
        source: io::Error,
    },
    /// No answer came.
    #[error("cannot connect to {to}: no answer within {} s", after.as_secs_f64())]
    Silence {
        /// The address tried last.
        to: String,
        /// How long it was waited for.
        after: Duration,
    },
}

/// An error of the system in lower case and without its number.
pub(super) fn plain(error: &io::Error) -> String {
    let kind = error.kind().to_string();
    let told = if kind.contains("uncategorized") || kind == "other error" {
        error.to_string()
    } else {
        kind
    };
    match told.split_once(" (os error") {
        Some((text, _)) => text.to_lowercase(),
        None => told,
    }
}

/// How a connection is made.
#[derive(Clone, Debug)]
pub struct Dialer {
    /// The address to connect from, if the system shall not choose it.
    pub source: Option<IpAddr>,
    /// When the kernel asks a silent peer whether it is still there.
    pub keepalive: KeepaliveSettings,
    /// Longest wait for one address.
    pub timeout: Duration,
}

impl Default for Dialer {
    fn default() -> Self {
        let keepalive = KeepaliveSettings::default();
        Self { source: None, keepalive, timeout: Duration::from_secs(10) }
    }
}

/// Every address of the host; none for a Unix socket. An address that is written out is not looked
/// up.
pub(super) async fn addresses(target: &Target) -> Result<Vec<SocketAddr>, ConnectFault> {
    let Target::Tcp { host, port } = target else { return Ok(Vec::new()) };
    if let Some(ip) = target.ip() {
        return Ok(vec![SocketAddr::new(ip, *port)]);
    }
    let fault = |source| ConnectFault::Lookup { host: host.clone(), source };
    let found: Vec<_> = lookup_host((host.as_str(), *port)).await.map_err(fault)?.collect();
    if found.is_empty() {
        return Err(fault(io::Error::other("it has no address")));
    }
    Ok(found)
}

impl Dialer {
    /// Connects to the first of the target's `addresses` that takes the connection, or to the Unix
    /// socket.
    pub(super) async fn connect(
        &self,
        target: &Target,
        addresses: &[SocketAddr],
    ) -> Result<Stream, ConnectFault> {
        if let Target::Unix(path) = target {
            let stream = UnixStream::connect(path).await;
            let fault = |source| ConnectFault::Connect { to: target.to_string(), source };
            return stream.map(Stream::Unix).map_err(fault);
        }
        let mut last = None;
        for address in addresses {
            match connect_one(*address, self).await {
                Ok(stream) => return Ok(Stream::Tcp(stream)),
                Err(fault) => last = Some(fault),
            }
        }
        Err(last.unwrap_or_else(|| ConnectFault::Connect {
            to: target.to_string(),
            source: io::ErrorKind::AddrNotAvailable.into(),
        }))
    }
}

async fn connect_one(address: SocketAddr, dialer: &Dialer) -> Result<TcpStream, ConnectFault> {
    let to = address.to_string();
    match tokio::time::timeout(dialer.timeout, open(address, dialer)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(source)) => Err(ConnectFault::Connect { to, source }),
        Err(_) => Err(ConnectFault::Silence { to, after: dialer.timeout }),
    }
}

async fn open(address: SocketAddr, dialer: &Dialer) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Each message leaves as it was written: a gateway is tested here, not Nagle's algorithm.
    socket.set_nodelay(true)?;
    let keepalive = &dialer.keepalive;
    if let Some(idle) = keepalive.idle.non_zero() {
        let numbers = TcpKeepalive::new()
            .with_time(idle)
            .with_interval(keepalive.interval.get())
            .with_retries(keepalive.probes);
        SockRef::from(&socket).set_tcp_keepalive(&numbers)?;
    }
    if let Some(source) = dialer.source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    socket.connect(address).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_without_an_address_is_told_as_such() {
        let target: Target = "no-such-host.invalid:1".parse().expect("an address");
        let fault = addresses(&target).await.expect_err("no address").to_string();
        assert!(fault.starts_with("cannot look up no-such-host.invalid: "), "{fault}");
    }

    #[tokio::test]
    async fn nobody_at_home_is_told_with_the_address() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        drop(listener);
        let fault = Dialer::default().connect(&address.into(), &[address]).await;
        let fault = fault.err().map(|fault| fault.to_string());
        assert_eq!(fault, Some(format!("cannot connect to {address}: connection refused")));
    }
}
