use std::{io, net::Shutdown, path::Path};

use bytes::BytesMut;
use socket2::SockRef;
use tokio::net::{TcpStream, UnixStream};

/// A connection of either kind.
#[derive(Debug)]
pub enum Stream {
    /// Over IP.
    Tcp(TcpStream),
    /// Within this machine.
    Unix(UnixStream),
}

impl Stream {
    /// Waits until there is something to read, be it the end.
    pub async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.readable().await,
            Self::Unix(stream) => stream.readable().await,
        }
    }

    /// Waits until there is room to write.
    pub async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.writable().await,
            Self::Unix(stream) => stream.writable().await,
        }
    }

    /// Reads what is there; zero at the end.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_read(buffer),
            Self::Unix(stream) => stream.try_read(buffer),
        }
    }

    /// Reads what is there behind what `buffer` holds; zero at the end.
    pub fn try_read_buf(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_read_buf(buffer),
            Self::Unix(stream) => stream.try_read_buf(buffer),
        }
    }

    /// Writes what there is room for.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            Self::Unix(stream) => stream.try_write(bytes),
        }
    }

    /// Sends FIN; the other direction stays open.
    pub fn finish(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => SockRef::from(stream).shutdown(Shutdown::Write),
            Self::Unix(stream) => SockRef::from(stream).shutdown(Shutdown::Write),
        }
    }

    /// Closes with a reset instead of FIN. A Unix socket knows none and is just closed.
    pub fn reset(self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_zero_linger(),
            Self::Unix(_) => Ok(()),
        }
    }

    /// Our own address.
    pub fn local(&self) -> String {
        match self {
            Self::Tcp(stream) => told(stream.local_addr()),
            Self::Unix(stream) => unix_told(stream.local_addr()),
        }
    }

    /// The other side's address.
    pub fn peer(&self) -> String {
        match self {
            Self::Tcp(stream) => told(stream.peer_addr()),
            Self::Unix(stream) => unix_told(stream.peer_addr()),
        }
    }
}

fn told(address: io::Result<std::net::SocketAddr>) -> String {
    address.map_or_else(|_| "unknown".to_owned(), |address| address.to_string())
}

fn unix_told(address: io::Result<tokio::net::unix::SocketAddr>) -> String {
    let path = address.ok().and_then(|address| address.as_pathname().map(Path::to_owned));
    path.map_or_else(|| "unix".to_owned(), |path| format!("unix:{}", path.display()))
}
