use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    pin::Pin,
    task::{Context, Poll, Waker},
};

use rustix::net::RecvFlags;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::{Readiness, Ready, Socket};

/// A device's connection on the thread that serves it.
///
/// It is read and written when the thread's [`Readiness`] has told of it; where there is nothing to
/// do it says `Pending`, and wakes nobody but by way of that.
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
    Memory(Box<Memory>),
}

/// A stream inside the process, for tests. It may be asked at any time.
#[derive(Debug)]
struct Memory {
    stream: DuplexStream,
    /// It is asked with this, and so tells the thread when it is worth asking again.
    bell: Waker,
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
            Socket::Memory(stream) => {
                Stream::Memory(Box::new(Memory { stream, bell: readiness.bell(key) }))
            }
        };
        Ok(Self { stream, readable: false, writable: false, closed: false })
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
    pub fn poll_read_some(&mut self, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let room = buffer.len();
        let read = match &mut self.stream {
            Stream::Memory(memory) => return memory.poll_read(buffer),
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
    pub fn poll_write_some(&mut self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = match &mut self.stream {
            Stream::Memory(memory) => {
                let mut task = Context::from_waker(&memory.bell);
                return Pin::new(&mut memory.stream).poll_write(&mut task, bytes);
            }
            _ if !self.writable => return Poll::Pending,
            Stream::Tcp(stream) => at_once(|| stream.write(bytes)),
            Stream::Unix(stream) => at_once(|| stream.write(bytes)),
        };
        self.writable = written.is_ready();
        written
    }

    /// Tells the peer that nothing more will come (FIN).
    pub fn poll_finish(&mut self) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tcp(stream) => Poll::Ready(stream.shutdown(Shutdown::Write)),
            Stream::Unix(stream) => Poll::Ready(stream.shutdown(Shutdown::Write)),
            Stream::Memory(memory) => {
                let mut task = Context::from_waker(&memory.bell);
                Pin::new(&mut memory.stream).poll_shutdown(&mut task)
            }
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

impl Memory {
    fn poll_read(&mut self, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let mut task = Context::from_waker(&self.bell);
        let polled = Pin::new(&mut self.stream).poll_read(&mut task, &mut buffer);
        polled.map_ok(|()| buffer.filled().len())
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

    use std::{
        iter,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        task::Wake,
    };

    use tokio::io::AsyncWriteExt;

    use super::*;

    fn pair(readiness: &Readiness) -> (Connection, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (Connection::new(Socket::Unix(ours), readiness, 1).unwrap(), theirs)
    }

    fn read(connection: &mut Connection, room: usize) -> Poll<usize> {
        connection.poll_read_some(&mut vec![0; room]).map(Result::unwrap)
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
        assert!(ours.poll_write_some(b"x").is_pending(), "nobody told of room");
        ours.note(&CLOSED);
        let mut written = 0;
        while let Poll::Ready(count) = ours.poll_write_some(&[0; 4096]) {
            written += count.unwrap();
        }
        theirs.read_exact(&mut vec![0; written]).unwrap();
        assert!(ours.poll_write_some(b"x").is_pending(), "nobody told of it yet");
    }

    #[tokio::test]
    async fn a_stream_in_memory_is_told_by_its_key_once_it_is_worth_asking_again() {
        let readiness = Readiness::new().unwrap();
        let streams = (0..300).map(|key| {
            let (ours, theirs) = tokio::io::duplex(4);
            (Connection::new(Socket::Memory(ours), &readiness, key).unwrap(), theirs)
        });
        let mut streams: Vec<_> = streams.collect();
        let told = || {
            let mut ready = Vec::new();
            let polled = readiness.poll(&mut Context::from_waker(Waker::noop()), &mut ready);
            assert_eq!(polled.is_pending(), ready.is_empty());
            ready.iter().map(|ready| ready.key).collect::<Vec<_>>()
        };
        streams[1].1.write_all(b"1234").await.unwrap();
        assert!(told().is_empty(), "nobody has asked");
        for (ours, _) in &mut streams {
            while read(ours, 4).is_ready() {}
        }
        streams[1].1.write_all(b"5").await.unwrap();
        assert_eq!(told(), [1]);
        assert!(told().is_empty(), "it was told already");
        for (_, theirs) in &mut streams {
            theirs.write_all(b"6").await.unwrap();
        }
        let keys: Vec<_> = iter::from_fn(|| Some(told()).filter(|told| !told.is_empty())).collect();
        assert!(keys.len() == 2 && keys[0].len() < 300, "some at a time");
        assert!(keys.into_iter().flatten().eq((0..300).filter(|key| *key != 1)));
    }

    #[tokio::test]
    async fn whoever_waits_for_streams_in_memory_is_woken() {
        struct Woken(AtomicBool);
        impl Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let readiness = Readiness::new().unwrap();
        let (ours, mut theirs) = tokio::io::duplex(4);
        let mut ours = Connection::new(Socket::Memory(ours), &readiness, 7).unwrap();
        let (woken, mut ready) = (Arc::new(Woken(AtomicBool::new(false))), Vec::new());
        let waker = Waker::from(Arc::clone(&woken));
        let mut task = Context::from_waker(&waker);
        assert!(read(&mut ours, 4).is_pending());
        assert!(readiness.poll(&mut task, &mut ready).is_pending());
        theirs.write_all(b"1").await.unwrap();
        assert!(woken.0.load(Ordering::Relaxed));
        assert!(readiness.poll(&mut task, &mut ready).is_ready());
    }
}
