use std::{
    cell::{OnceCell, RefCell},
    io,
    net::{SocketAddr, ToSocketAddrs},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
        unix::fs::FileTypeExt,
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use rustix::net::{SocketFlags, acceptfrom_with};
use socket2::{Domain, SockAddr, Socket as RawSocket, Type};

use super::{Address, KeepaliveSettings, Socket, options};
use crate::model::Peer;

/// A bound, listening, non-blocking socket.
#[derive(Debug)]
pub struct Listener {
    socket: RawSocket,
    address: String,
    /// The socket file, removed with the listener.
    path: Option<PathBuf>,
    care: RefCell<Option<Care>>,
}

/// What connections are to have from the kernel.
#[derive(Debug)]
struct Care {
    keepalive: KeepaliveSettings,
    user_timeout: Option<Duration>,
    /// Whether connections have it from the listening socket, as the first one told.
    is_inherited: OnceCell<bool>,
}

/// A connection fresh from the kernel's queue.
#[derive(Debug)]
pub struct Accepted {
    /// The connection, non-blocking and on no thread yet.
    pub socket: Socket,
    /// Where it comes from.
    pub peer: Peer,
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindFault {
    /// Somebody else listens there.
    #[error("{address} is taken by another process; stop it or choose another address")]
    Taken {
        /// As written.
        address: String,
    },
    /// Anything else, in the system's words.
    #[error("cannot listen on {address}: {source}")]
    Failed {
        /// As written.
        address: String,
        /// What the system said.
        source: io::Error,
    },
}

impl BindFault {
    fn of(address: &Address, source: io::Error) -> Self {
        let address = address.to_string();
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::Taken { address },
            _ => Self::Failed { address, source },
        }
    }
}

impl Listener {
    /// Listens on `address` with room for `backlog` connections (the kernel caps it at
    /// `net.core.somaxconn`). `[::]` takes IPv4 as well. A socket file that nobody serves any
    /// more is replaced.
    pub fn bind(address: &Address, backlog: u32) -> Result<Self, BindFault> {
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        match address {
            Address::Tcp { host, port } => bind_tcp(host, *port, backlog),
            Address::Unix(path) => bind_unix(path, backlog),
        }
        .map_err(|error| BindFault::of(address, error))
    }

    /// Connections come prepared as by [`options::prepare`]. Linux hands down what is set on the
    /// listening socket, which saves some system calls for each of them; where that is not so, each
    /// is prepared by itself.
    pub fn preparing(
        self,
        keepalive: KeepaliveSettings,
        user_timeout: Option<Duration>,
    ) -> io::Result<Self> {
        self.prepare(keepalive, user_timeout)?;
        Ok(self)
    }

    /// The same from now on, for a listener that is in use.
    pub fn prepare(
        &self,
        keepalive: KeepaliveSettings,
        user_timeout: Option<Duration>,
    ) -> io::Result<()> {
        if self.path.is_none() {
            options::prepare(&self.socket, &keepalive, user_timeout)?;
            let care = Care { keepalive, user_timeout, is_inherited: OnceCell::new() };
            self.care.replace(Some(care));
        }
        Ok(())
    }

    /// Where it listens, with the port that the kernel chose.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Takes the next connection, `WouldBlock` when there is none.
    pub fn accept(&self) -> io::Result<Accepted> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let (socket, peer) = acceptfrom_with(&self.socket, flags)?;
        match peer.and_then(|peer| SocketAddr::try_from(peer).ok()) {
            Some(address) => {
                if let Some(care) = &*self.care.borrow() {
                    care.take_of(&socket)?;
                }
                Ok(Accepted::tcp(socket, address))
            }
            None => Ok(Accepted::unix(socket)),
        }
    }
}

impl Care {
    fn take_of(&self, socket: &OwnedFd) -> io::Result<()> {
        let Self { keepalive, user_timeout, is_inherited } = self;
        let is_prepared = || options::is_prepared(socket, keepalive, *user_timeout);
        if *is_inherited.get_or_init(|| is_prepared().unwrap_or(false)) {
            return Ok(());
        }
        // Only one that is gone already cannot be prepared.
        options::prepare(socket, keepalive, *user_timeout)
            .map_err(|_gone| io::Error::from_raw_os_error(libc::ECONNABORTED))
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // Whoever removed it before us had the same in mind.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Accepted {
    fn tcp(socket: OwnedFd, address: SocketAddr) -> Self {
        Self { socket: Socket::Tcp(socket.into()), peer: Peer::ip(address) }
    }

    fn unix(socket: OwnedFd) -> Self {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        Self { socket: Socket::Unix(socket.into()), peer: Peer::Unix(serial) }
    }
}

fn bind_tcp(host: &str, port: u16, backlog: i32) -> io::Result<Listener> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match bind_to(address, backlog) {
            Ok(socket) => {
                let bound = socket.local_addr()?.as_socket().unwrap_or(address);
                let address = bound.to_string();
                return Ok(Listener { socket, address, path: None, care: RefCell::default() });
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn bind_to(address: SocketAddr, backlog: i32) -> io::Result<RawSocket> {
    let socket = RawSocket::new(Domain::for_address(address), Type::STREAM.nonblocking(), None)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket)
}

fn bind_unix(path: &Path, backlog: i32) -> io::Result<Listener> {
    let address = SockAddr::unix(path)?;
    let socket = RawSocket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    if let Err(error) = socket.bind(&address) {
        if error.kind() != io::ErrorKind::AddrInUse || !is_abandoned(path, &address) {
            return Err(error);
        }
        std::fs::remove_file(path)?;
        socket.bind(&address)?;
    }
    socket.listen(backlog)?;
    let address = format!("unix:{}", path.display());
    Ok(Listener { socket, address, path: Some(path.to_owned()), care: RefCell::default() })
}

/// Whether `path` is a socket file left over from a process that is gone. A file of another kind
/// refuses connections in the same words, and is nobody's to remove.
fn is_abandoned(path: &Path, address: &SockAddr) -> bool {
    let is_socket = |file: std::fs::Metadata| file.file_type().is_socket();
    if !std::fs::symlink_metadata(path).is_ok_and(is_socket) {
        return false;
    }
    let Ok(probe) = RawSocket::new(Domain::UNIX, Type::STREAM, None) else { return false };
    probe.connect(address).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;
    use crate::units::Span;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn a_taken_port_is_named() {
        let first = Listener::bind(&address("127.0.0.1:0"), 16).unwrap();
        let fault = Listener::bind(&address(first.address()), 16).unwrap_err();
        assert!(matches!(&fault, BindFault::Taken { address } if address == first.address()));
    }

    #[test]
    fn ipv4_peers_of_a_dual_stack_listener_are_ipv4() {
        let listener = Listener::bind(&address("[::]:0"), 16).unwrap();
        let port = listener.address().rsplit_once(':').unwrap().1.to_owned();
        let device = std::net::TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        let accepted = listener.accept().unwrap();
        assert_eq!(accepted.peer, Peer::Ip(device.local_addr().unwrap()));
        assert!(listener.accept().is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock));
    }

    const KEEPALIVE: KeepaliveSettings =
        KeepaliveSettings { idle: Span::seconds(7), interval: Span::seconds(3), probes: 5 };

    fn accepted(listener: &Listener) -> Socket {
        let device = std::net::TcpStream::connect(listener.address()).unwrap();
        let Accepted { socket, .. } = listener.accept().unwrap();
        drop(device);
        socket
    }

    fn is_prepared(socket: &Socket) -> bool {
        let Socket::Tcp(socket) = socket else { return false };
        options::is_prepared(socket, &KEEPALIVE, Some(Duration::from_secs(90))).unwrap()
    }

    #[test]
    fn connections_have_their_options_from_the_listening_socket() {
        let plain = Listener::bind(&address("127.0.0.1:0"), 16).unwrap();
        assert!(!is_prepared(&accepted(&plain)));
        let listener = plain.preparing(KEEPALIVE, Some(Duration::from_secs(90))).unwrap();
        for _ in 0..3 {
            assert!(is_prepared(&accepted(&listener)));
        }
        assert_eq!(listener.care.borrow().as_ref().unwrap().is_inherited.get(), Some(&true));
    }

    #[test]
    fn where_the_listening_socket_hands_nothing_down_each_connection_is_prepared() {
        let listener = Listener::bind(&address("127.0.0.1:0"), 16).unwrap();
        let listener = listener.preparing(KEEPALIVE, Some(Duration::from_secs(90))).unwrap();
        // As if the kernel did not.
        let nothing = KeepaliveSettings { idle: Span::seconds(0), ..KEEPALIVE };
        options::prepare(&listener.socket, &nothing, None).unwrap();
        for _ in 0..3 {
            assert!(is_prepared(&accepted(&listener)));
        }
    }

    #[test]
    fn a_socket_file_that_nobody_serves_is_replaced_and_one_in_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dtu.sock");
        drop(UnixListener::bind(&path).unwrap());
        let here = address(&format!("unix:{}", path.display()));
        let listener = Listener::bind(&here, 16).unwrap();
        let _device = UnixStream::connect(&path).unwrap();
        assert!(matches!(listener.accept().unwrap().peer, Peer::Unix(_)));
        assert!(matches!(Listener::bind(&here, 16), Err(BindFault::Taken { .. })));
        drop(listener);
        assert!(!path.exists());
    }
}
