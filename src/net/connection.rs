use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    pin::Pin,
    task::{Context, Poll},
};

use rustix::net::RecvFlags;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::{Readiness, Ready, Socket};

/// A device's connection on the thread that serves it.
///
/// A socket is read and written when the thread's [`Readiness`] has told of it; where there is
/// nothing to do it says `Pending` and wakes nobody. A stream in memory wakes the task it was asked
/// by, as usual.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    /// There may be something to read.
    readable: bool,
    /// There may be room to write.
    writable: bool,
    /// The peer has finished or is gone, so that a short read is not the last one.
    closed: bool,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Memory(Box<DuplexStream>),
}

impl Connection {
    /// Has `readiness` watch the socket under `key`.
    ///
    /// # Errors
    /// The socket cannot be watched.
    pub fn new(socket: Socket, readiness: &Readiness, key: u64) -> io::Result<Self> {
        let stream = match socket {
            Socket::Tcp(socket) => {
                readiness.watch(&socket, key)?;
                Stream::Tcp(socket)
            }
            Socket::Unix(socket) => {
                readiness.watch(&socket, key)?;
                Stream::Unix(socket)
            }
            Socket::Memory(stream) => Stream::Memory(Box::new(stream)),
        };
        Ok(Self { stream, readable: false, writable: false, closed: false })
    }

    /// Whether it is a stream in memory, which wakes tasks by itself.
    pub fn is_in_memory(&self) -> bool {
        matches!(self.stream, Stream::Memory(_))
    }

    /// Notes what is new.
    pub fn note(&mut self, ready: &Ready) {
        self.readable |= ready.readable;
        self.writable |= ready.writable;
        self.closed |= ready.closed;
    }

    /// The descriptor, where there is one.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.stream {
            Stream::Tcp(stream) => Some(stream.as_fd()),
            Stream::Unix(stream) => Some(stream.as_fd()),
            Stream::Memory(_) => None,
        }
    }

    /// The TCP stream, where it is one.
    pub fn tcp(&self) -> Option<&TcpStream> {
        match &self.stream {
            Stream::Tcp(stream) => Some(stream),
            _ => None,
        }
    }

    /// The error that waits on the socket, taken off it; `None` while all is well.
    pub fn take_error(&self) -> Option<io::Error> {
        match &self.stream {
            Stream::Tcp(stream) => stream.take_error().ok().flatten(),
            Stream::Unix(stream) => stream.take_error().ok().flatten(),
            Stream::Memory(_) => None,
        }
    }

    /// Reads what is there into `buffer`; zero bytes mean that the peer has finished.
    pub fn poll_read_some(
        &mut self,
        task: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let room = buffer.len();
        let read = match &mut self.stream {
            Stream::Memory(stream) => {
                let mut buffer = ReadBuf::new(buffer);
                let polled = Pin::new(stream).poll_read(task, &mut buffer);
                return polled.map_ok(|()| buffer.filled().len());
            }
            _ if !self.readable => return Poll::Pending,
            Stream::Tcp(stream) => at_once(|| stream.read(buffer)),
            Stream::Unix(stream) => at_once(|| stream.read(buffer)),
        };
        match &read {
            Poll::Pending => (self.readable, self.closed) = (false, false),
            // The kernel had no more, and tells when it has.
            Poll::Ready(Ok(count)) if *count < room => self.readable = self.closed,
            Poll::Ready(_) => {}
        }
        read
    }

    /// Reads what the kernel holds at this moment, whether that was told already or not;
    /// `WouldBlock` where there is nothing.
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
        let written = match &mut self.stream {
            Stream::Memory(stream) => return Pin::new(stream).poll_write(task, bytes),
            _ if !self.writable => return Poll::Pending,
            Stream::Tcp(stream) => at_once(|| stream.write(bytes)),
            Stream::Unix(stream) => at_once(|| stream.write(bytes)),
        };
        self.writable = written.is_ready();
        written
    }

    /// Tells the peer that nothing more will come (FIN).
    pub fn poll_finish(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(stream) => Poll::Ready(stream.shutdown(Shutdown::Write)),
            Stream::Unix(stream) => Poll::Ready(stream.shutdown(Shutdown::Write)),
            Stream::Memory(stream) => Pin::new(stream).poll_shutdown(task),
        }
    }

    /// Makes the coming drop a reset, where the transport knows one.
    pub fn reset_on_drop(&self) {
        if let Stream::Tcp(stream) = &self.stream {
            // A socket that is gone already needs no reset.
            let _ = super::options::reset_on_close(stream);
        }
    }
}

/// Sockets never block: what cannot be done at once is pending.
fn at_once(mut work: impl FnMut() -> io::Result<usize>) -> Poll<io::Result<usize>> {
    loop {
        match work() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            done => return Poll::Ready(done),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step fails the test

    use std::task::Waker;

    use super::*;

    fn pair(readiness: &Readiness) -> (Connection, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (Connection::new(Socket::Unix(ours), readiness, 1).unwrap(), theirs)
    }

    fn read(connection: &mut Connection, room: usize) -> Poll<usize> {
        let mut task = Context::from_waker(Waker::noop());
        connection.poll_read_some(&mut task, &mut vec![0; room]).map(Result::unwrap)
    }

    const READABLE: Ready = Ready { key: 1, readable: true, writable: false, closed: false };
    const CLOSED: Ready = Ready { key: 1, readable: true, writable: true, closed: true };

    #[tokio::test]
    async fn nothing_is_read_before_the_socket_was_told_to_be_ready() {
        let readiness = Readiness::new().unwrap();
        let (mut ours, mut theirs) = pair(&readiness);
        theirs.write_all(b"12345").unwrap();
        assert_eq!(read(&mut ours, 4), Poll::Pending);
        ours.note(&READABLE);
        assert_eq!(read(&mut ours, 4), Poll::Ready(4), "full: there may be more");
        assert_eq!(read(&mut ours, 4), Poll::Ready(1));
        theirs.write_all(b"6").unwrap();
        assert_eq!(read(&mut ours, 4), Poll::Pending, "a short read was the last one");
    }

    #[tokio::test]
    async fn an_end_that_was_told_together_with_the_last_bytes_is_read_behind_them() {
        let readiness = Readiness::new().unwrap();
        let (mut ours, mut theirs) = pair(&readiness);
        theirs.write_all(b"bye").unwrap();
        drop(theirs);
        ours.note(&CLOSED);
        assert_eq!(read(&mut ours, 64), Poll::Ready(3));
        assert_eq!(read(&mut ours, 64), Poll::Ready(0));
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_is_written_to_until_there_is_no_room() {
        let readiness = Readiness::new().unwrap();
        let (mut ours, mut theirs) = pair(&readiness);
        let mut task = Context::from_waker(Waker::noop());
        assert!(ours.poll_write_some(&mut task, b"x").is_pending(), "nobody told of room");
        ours.note(&CLOSED);
        let mut written = 0;
        while let Poll::Ready(count) = ours.poll_write_some(&mut task, &[0; 4096]) {
            written += count.unwrap();
        }
        theirs.read_exact(&mut vec![0; written]).unwrap();
        assert!(ours.poll_write_some(&mut task, b"x").is_pending(), "nobody told of it yet");
    }
}
