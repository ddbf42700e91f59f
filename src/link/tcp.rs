use std::{io, net::SocketAddr, os::fd::AsFd, path::Path, time::Duration};

use socket2::SockRef;
use tokio::{
    net::{TcpStream, UnixStream, lookup_host},
    time::{Instant, timeout_at},
};

use super::{Link, LinkFault, LinkFaultKind, StreamLink};
use crate::{
    model::Peer,
    net::{Address, KeepaliveSettings, kernel, options},
};

/// How long one try to connect may take, the name's resolution included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Most bytes that wait in the kernel to be sent. Beyond some round trips they speed nothing up, and
/// a socket that holds megabytes for a slow web server tells of room only after a long while.
const UNSENT: u32 = 512 << 10;

/// Connects to a web server. A name is resolved anew, and each of its addresses gets its share of
/// the time that is left of `within` ([`CONNECT_TIMEOUT`] is usual).
///
/// # Errors
/// What went wrong at the last address, with what was tried before.
pub async fn dial(
    address: &Address,
    keepalive: &KeepaliveSettings,
    within: Duration,
) -> Result<Box<dyn Link>, LinkFault> {
    let deadline = Instant::now() + within;
    match address {
        Address::Unix(path) => dial_unix(path, &address.to_string(), deadline).await,
        Address::Tcp { host, port } => {
            let text = address.to_string();
            let stream = dial_host(&text, host, *port, deadline).await?;
            let link =
                adopt_tcp(stream, keepalive).map_err(|error| LinkFault::from_io(text, &error))?;
            Ok(Box::new(link))
        }
    }
}

async fn dial_unix(path: &Path, text: &str, deadline: Instant) -> Result<Box<dyn Link>, LinkFault> {
    let stream = timeout_at(deadline, UnixStream::connect(path))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|error| LinkFault::from_io(text, &error))?;
    Ok(Box::new(adopt_unix(stream, text)))
}

/// Connects to a host, which `text` stands for in faults.
pub(super) async fn dial_host(
    text: &str,
    host: &str,
    port: u16,
    deadline: Instant,
) -> Result<TcpStream, LinkFault> {
    dial_tcp(text, lookup_host((host, port)), deadline).await
}

async fn dial_tcp(
    text: &str,
    look_up: impl Future<Output = io::Result<impl Iterator<Item = SocketAddr>>>,
    deadline: Instant,
) -> Result<TcpStream, LinkFault> {
    let unresolved = |detail: String| LinkFault::new(LinkFaultKind::Resolve, text, detail);
    let addresses: Vec<SocketAddr> = timeout_at(deadline, look_up)
        .await
        .map_err(|_| unresolved("no answer in time".to_owned()))?
        .map_err(|error| unresolved(error.to_string()))?
        .collect();
    let mut last = unresolved("it has no address".to_owned());
    let mut tried = Vec::new();
    for (at, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / (addresses.len() - at) as u32;
        let connected = timeout_at(Instant::now() + share, TcpStream::connect(address)).await;
        match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                tried.push(format!("{address}: {error}"));
                last = LinkFault::new(LinkFaultKind::of(&error), text, tried.join(", "));
            }
        }
    }
    Err(last)
}

/// Makes a link of a TCP connection, dialled or accepted: no delay, and keep-alive as set.
///
/// # Errors
/// The connection is gone already.
pub fn adopt_tcp(
    stream: TcpStream,
    keepalive: &KeepaliveSettings,
) -> io::Result<StreamLink<TcpStream>> {
    let peer = Peer::ip(stream.peer_addr()?).to_string();
    prepare(&stream, keepalive)?;
    Ok(StreamLink::new(stream, peer, Some(|stream| kernel::unacknowledged_bytes(stream.as_fd()))))
}

/// Sets what links want of a connection.
pub(super) fn prepare(stream: &TcpStream, keepalive: &KeepaliveSettings) -> io::Result<()> {
    options::prepare(stream, keepalive, None)?;
    SockRef::from(stream).set_tcp_notsent_lowat(UNSENT)
}

/// Makes a link of a Unix connection, dialled or accepted; `peer` stands for it in logs.
pub fn adopt_unix(stream: UnixStream, peer: impl Into<String>) -> StreamLink<UnixStream> {
    StreamLink::new(stream, peer, Some(|stream| kernel::unread_memory(stream.as_fd())))
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, UnixListener};

    use super::*;
    use crate::units::Span;

    const KEEPALIVE: KeepaliveSettings =
        KeepaliveSettings { idle: Span::seconds(10), interval: Span::seconds(5), probes: 3 };

    async fn dialled(address: &str) -> Result<Box<dyn Link>, LinkFault> {
        dial(&address.parse().unwrap(), &KEEPALIVE, CONNECT_TIMEOUT).await
    }

    async fn fault(address: &str) -> LinkFaultKind {
        dialled(address).await.map(|link| link.peer().to_owned()).unwrap_err().kind
    }

    #[tokio::test]
    async fn names_ipv6_and_unix_sockets_are_dialled() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let link = dialled(&format!("localhost:{}", address.port())).await.unwrap();
        assert_eq!(link.peer(), address.to_string());
        if let Ok(listener) = TcpListener::bind("[::1]:0").await {
            let address = listener.local_addr().unwrap().to_string();
            assert_eq!(dialled(&address).await.unwrap().peer(), address);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.sock");
        let _listener = UnixListener::bind(&path).unwrap();
        let address = format!("unix:{}", path.display());
        assert_eq!(dialled(&address).await.unwrap().peer(), address);
    }

    #[tokio::test]
    async fn what_cannot_be_reached_is_told_by_its_sort() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        assert_eq!(fault(&address).await, LinkFaultKind::Refused);
        assert_eq!(fault("unix:/nowhere/web.sock").await, LinkFaultKind::Refused);
        assert_eq!(fault("no-such-host.invalid:7100").await, LinkFaultKind::Resolve);
    }

    #[tokio::test]
    async fn a_silent_address_costs_its_share_of_the_time_only() {
        // A listener whose backlog is full drops further attempts in silence.
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        socket.listen(0).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap().to_string();
        let mut held = Vec::new();
        let within = Duration::from_millis(300);
        let fault = loop {
            match dial(&address.parse().unwrap(), &KEEPALIVE, within).await {
                Ok(link) => held.push(link),
                Err(fault) => break fault,
            }
            assert!(held.len() < 50, "the backlog never fills");
        };
        assert_eq!(fault.kind, LinkFaultKind::TimedOut);
    }

    #[tokio::test]
    async fn keep_alive_and_no_delay_are_set() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let file = stream.into_std().unwrap();
        let watched = file.try_clone().unwrap();
        adopt_tcp(TcpStream::from_std(file).unwrap(), &KEEPALIVE).unwrap();
        let socket = SockRef::from(&watched);
        assert!(socket.keepalive().unwrap() && watched.nodelay().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(10));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(5));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
    }
}
