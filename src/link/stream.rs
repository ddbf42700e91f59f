use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Link, LinkFault, LinkFaultKind, Moved};

/// Asks a stream how many of the bytes written to it its peer has not acknowledged.
pub type Meter<S> = fn(&S) -> io::Result<usize>;

/// A link over one stream, of the kernel's or in memory.
pub struct StreamLink<S> {
    stream: S,
    peer: String,
    meter: Option<Meter<S>>,
    /// Bytes that came before the link was one.
    early: Vec<u8>,
    /// Where reads go first.
    buffer: Box<[u8]>,
    /// How the link broke. After a failed write what came before is still read to its end, which
    /// is never far: a socket that cannot be written because its peer is gone can be read.
    fault: Option<LinkFault>,
    /// Nothing more will come in.
    over: bool,
}

/// Bytes of one read.
const READ: usize = 16 << 10;
/// Reads in one exchange at most.
const READS: usize = 4;

impl<S> StreamLink<S> {
    /// A link over `stream`; `meter` is asked for what is not acknowledged.
    pub fn new(stream: S, peer: impl Into<String>, meter: Option<Meter<S>>) -> Self {
        let buffer = vec![0; READ].into_boxed_slice();
        let early = Vec::new();
        Self { stream, peer: peer.into(), meter, early, buffer, fault: None, over: false }
    }

    /// The same with bytes that were read from `stream` before.
    pub fn with_early(mut self, early: Vec<u8>) -> Self {
        self.early = early;
        self
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> StreamLink<S> {
    fn receive(&mut self, cx: &mut Context<'_>, inbox: &mut Vec<u8>) -> Result<usize, LinkFault> {
        let mut received = self.early.len();
        inbox.append(&mut self.early);
        for _ in 0..READS {
            if self.over {
                break;
            }
            let mut buffer = ReadBuf::new(&mut self.buffer);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Pending => break,
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                    self.over = true;
                    self.broken(LinkFault::new(LinkFaultKind::ClosedByPeer, &self.peer, ""));
                }
                Poll::Ready(Ok(())) => {
                    received += buffer.filled().len();
                    inbox.extend_from_slice(buffer.filled());
                }
                Poll::Ready(Err(error)) => {
                    self.over = true;
                    self.broken(LinkFault::from_io(&self.peer, &error));
                }
            }
        }
        match self.fault.clone() {
            Some(fault) if received == 0 && self.over => Err(fault),
            _ => Ok(received),
        }
    }

    fn send(&mut self, cx: &mut Context<'_>, out: &mut BytesMut) -> usize {
        let mut sent = 0;
        while self.fault.is_none() && !out.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, out) {
                Poll::Pending => break,
                Poll::Ready(Ok(0)) => {
                    self.broken(LinkFault::new(LinkFaultKind::ClosedByPeer, &self.peer, ""));
                }
                Poll::Ready(Ok(count)) => {
                    out.advance(count);
                    sent += count;
                }
                Poll::Ready(Err(error)) => self.broken(LinkFault::from_io(&self.peer, &error)),
            }
        }
        sent
    }

    /// Keeps the first fault: those behind it follow from it.
    fn broken(&mut self, fault: LinkFault) {
        self.fault.get_or_insert(fault);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Link for StreamLink<S> {
    fn poll_exchange(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut BytesMut,
        inbox: &mut Vec<u8>,
    ) -> Poll<Result<Moved, LinkFault>> {
        let sent = self.send(cx, out);
        let received = match self.receive(cx, inbox) {
            Ok(received) => received,
            Err(fault) if sent == 0 => return Poll::Ready(Err(fault)),
            Err(_) => 0,
        };
        if sent == 0 && received == 0 {
            return Poll::Pending;
        }
        Poll::Ready(Ok(Moved { sent, received }))
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkFault>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        shut.map_err(|error| LinkFault::from_io(&self.peer, &error))
    }

    fn unacknowledged(&self) -> Option<usize> {
        self.meter?(&self.stream).ok()
    }

    fn peer(&self) -> &str {
        &self.peer
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::UnixStream,
    };

    use super::*;

    type Pair = (StreamLink<UnixStream>, UnixStream);

    fn pair() -> Pair {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (StreamLink::new(ours, "test", None), theirs)
    }

    async fn exchange(
        link: &mut impl Link,
        out: &mut BytesMut,
        inbox: &mut Vec<u8>,
    ) -> Result<Moved, LinkFault> {
        poll_fn(|cx| link.poll_exchange(cx, out, inbox)).await
    }

    #[tokio::test]
    async fn bytes_go_both_ways_and_early_ones_come_first() {
        let (link, mut web) = pair();
        let mut link = link.with_early(b"early ".to_vec());
        web.write_all(b"answer").await.unwrap();
        let (mut out, mut inbox) = (BytesMut::from("question"), Vec::new());
        while inbox.len() < 12 || !out.is_empty() {
            exchange(&mut link, &mut out, &mut inbox).await.unwrap();
        }
        assert_eq!(inbox, b"early answer");
        let mut question = [0; 8];
        web.read_exact(&mut question).await.unwrap();
        assert_eq!(&question, b"question");
    }

    #[tokio::test]
    async fn a_web_server_that_does_not_read_holds_nothing_else_up() {
        let (mut link, mut web) = pair();
        let (mut out, mut inbox) = (BytesMut::zeroed(8 << 20), Vec::new());
        let moved = exchange(&mut link, &mut out, &mut inbox).await.unwrap();
        assert!(moved.sent > 0 && !out.is_empty());
        web.write_all(b"ack").await.unwrap();
        exchange(&mut link, &mut out, &mut inbox).await.unwrap();
        assert_eq!(inbox, b"ack");
        let reader = tokio::spawn(async move {
            let mut all = Vec::new();
            web.read_to_end(&mut all).await.unwrap();
            all.len()
        });
        while !out.is_empty() {
            exchange(&mut link, &mut out, &mut inbox).await.unwrap();
        }
        poll_fn(|cx| link.poll_finish(cx)).await.unwrap();
        assert_eq!(reader.await.unwrap(), 8 << 20);
    }

    #[tokio::test]
    async fn the_last_words_come_before_the_end() {
        let (mut link, mut web) = pair();
        web.write_all(b"ack").await.unwrap();
        drop(web);
        let (mut out, mut inbox) = (BytesMut::from("too late"), Vec::new());
        let moved = exchange(&mut link, &mut out, &mut inbox).await;
        assert_eq!(moved, Ok(Moved { sent: 0, received: 3 }));
        for _ in 0..2 {
            let fault = exchange(&mut link, &mut out, &mut inbox).await.unwrap_err();
            assert_eq!(fault.kind, LinkFaultKind::Reset);
        }
    }

    #[tokio::test]
    async fn one_exchange_takes_a_bounded_number_of_bytes() {
        let (mut link, mut web) = pair();
        let writer = tokio::spawn(async move {
            web.write_all(&vec![b'x'; 1 << 20]).await.unwrap();
        });
        let (mut out, mut inbox, mut total) = (BytesMut::new(), Vec::new(), 0);
        loop {
            match exchange(&mut link, &mut out, &mut inbox).await {
                Ok(moved) => assert!(moved.received <= READ * READS),
                Err(fault) => {
                    assert_eq!(fault.kind, LinkFaultKind::ClosedByPeer);
                    break;
                }
            }
            total += inbox.len();
            inbox.clear();
        }
        writer.await.unwrap();
        assert_eq!(total, 1 << 20);
    }

    #[tokio::test]
    async fn the_meter_is_asked_about_the_socket() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let link = StreamLink::new(ours, "test", Some(|_| Ok(17)));
        assert_eq!(link.unacknowledged(), Some(17));
        assert_eq!(pair().0.unacknowledged(), None);
    }
}
