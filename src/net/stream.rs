use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    pin::Pin,
    task::{Context, Poll},
};

use rustix::net::RecvFlags;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
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

impl Stream {
    /// The descriptor, where there is one.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Tcp(stream) => Some(stream.as_fd()),
            Self::Unix(stream) => Some(stream.as_fd()),
            Self::Memory(_) => None,
        }
    }

    /// The TCP stream, where it is one.
    pub fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(stream) => Some(stream),
            _ => None,
        }
    }

    /// The error that waits on the socket, taken off it; `None` while all is well.
    pub fn take_error(&self) -> Option<io::Error> {
        match self {
            Self::Tcp(stream) => stream.take_error().ok().flatten(),
            Self::Unix(stream) => stream.take_error().ok().flatten(),
            Self::Memory(_) => None,
        }
    }

    /// Reads what is there into `buffer`; zero bytes mean that the peer has finished.
    pub fn poll_read_some(
        &mut self,
        task: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let polled = match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(task, &mut buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(task, &mut buffer),
            Self::Memory(stream) => Pin::new(stream).poll_read(task, &mut buffer),
        };
        polled.map_ok(|()| buffer.filled().len())
    }

    /// Reads what the kernel holds at this moment. Unlike [`Stream::poll_read_some`] it does not
    /// rely on the runtime having heard of it already; `WouldBlock` where there is nothing.
    pub fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let socket = self.descriptor().ok_or(io::ErrorKind::WouldBlock)?;
        let (count, _) = rustix::net::recv(socket, buffer, RecvFlags::DONTWAIT)?;
        Ok(count)
    }

    /// Writes some of `bytes`.
    pub fn poll_write_some(
        &mut self,
        task: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(task, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(task, bytes),
            Self::Memory(stream) => Pin::new(stream).poll_write(task, bytes),
        }
    }

    /// Tells the peer that nothing more will come (FIN).
    pub fn poll_finish(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(task),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(task),
            Self::Memory(stream) => Pin::new(stream).poll_shutdown(task),
        }
    }

    /// Makes the coming drop a reset, where the transport knows one.
    pub fn reset_on_drop(&self) {
        if let Self::Tcp(stream) = self {
            // A socket that is gone already needs no reset.
            let _ = super::options::reset_on_close(stream);
        }
    }
}
