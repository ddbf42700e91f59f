use std::io;

use tokio::{
    io::DuplexStream,
    net::{TcpStream, UnixStream},
};

/// A connection on no thread yet: it may be sent to the one that will serve it.
#[derive(Debug)]
pub enum Socket {
    /// Over TCP.
    Tcp(std::net::TcpStream),
    /// Over a Unix socket.
    Unix(std::os::unix::net::UnixStream),
    /// Inside the process, for tests.
    Memory(DuplexStream),
}

impl Socket {
    /// Registers the connection with this thread's runtime. A stream stays with the thread that
    /// registered it, which is why sockets travel in this form.
    pub fn register(self) -> io::Result<Stream> {
        Ok(match self {
            Self::Tcp(socket) => Stream::Tcp(TcpStream::from_std(socket)?),
            Self::Unix(socket) => Stream::Unix(UnixStream::from_std(socket)?),
            Self::Memory(stream) => Stream::Memory(Box::new(stream)),
        })
    }
}

/// A connection on the thread that serves it.
#[derive(Debug)]
pub enum Stream {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a Unix socket.
    Unix(UnixStream),
    /// Inside the process, for tests.
    Memory(Box<DuplexStream>),
}
