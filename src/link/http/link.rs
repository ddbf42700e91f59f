use std::{
    io::Write,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::BytesMut;
use jiff::Timestamp;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{
    answer::{Answer, Verdict},
    batch::{Batch, Waiting},
    connection::{Connection, Exchanged, LONGEST_BODY, exchange},
    size::Size,
    way::Way,
};
use crate::link::{CONNECT_TIMEOUT, Link, LinkFault, LinkFaultKind, Moved, UpstreamSettings};

type Exchange = Pin<Box<dyn Future<Output = Exchanged> + Send>>;

/// A link over requests by HTTP. What a 2xx acknowledges comes out as a line `{"ack":…}`, as if the
/// web server had said it, with the commands of its body behind.
pub struct HttpLink {
    way: Arc<Way>,
    peer: String,
    waiting: Waiting,
    size: Size,
    /// The request that is on its way, and its events.
    exchange: Option<(Exchange, Batch)>,
    connection: Option<Connection>,
    /// How long a request may wait for more events.
    linger: Option<Pin<Box<Sleep>>>,
    /// The web server has answered since anything came to wait: what waits has waited enough.
    is_late: bool,
    is_finishing: bool,
    fault: Option<LinkFault>,
}

impl HttpLink {
    /// Connects to the web server of these settings.
    ///
    /// # Errors
    /// Why it cannot be reached.
    pub async fn dial(settings: &UpstreamSettings) -> Result<Self, LinkFault> {
        let way = Way::new(settings).await?;
        let connection = Connection::open(&way, CONNECT_TIMEOUT).await?;
        Ok(Self {
            peer: way.target.to_string(),
            waiting: Waiting::default(),
            size: Size::new(way.settings.events, way.settings.bytes),
            exchange: None,
            connection: Some(connection),
            linger: None,
            is_late: false,
            is_finishing: false,
            fault: None,
            way,
        })
    }

    /// One step: begins a request if one is due, and takes its answer once it is there. Answers how
    /// many bytes it put into `inbox`.
    fn poll_step(
        &mut self,
        cx: &mut Context<'_>,
        inbox: &mut Vec<u8>,
    ) -> Poll<Result<usize, LinkFault>> {
        if let Some(fault) = self.fault.take() {
            return Poll::Ready(Err(fault));
        }
        if self.exchange.is_none() {
            if self.is_finishing {
                return Poll::Ready(Err(self.fault(LinkFaultKind::ClosedByPeer, "")));
            }
            if !self.is_due(cx) {
                return Poll::Pending;
            }
            self.begin();
        }
        let Some((exchange, batch)) = &mut self.exchange else { return Poll::Pending };
        let Poll::Ready((connection, answered)) = exchange.as_mut().poll(cx) else {
            return Poll::Pending;
        };
        let batch = *batch;
        self.exchange = None;
        self.connection = connection;
        self.is_late = true;
        Poll::Ready(answered.and_then(|answer| self.take(&answer, batch, inbox)))
    }

    /// Whether what waits shall go now.
    fn is_due(&mut self, cx: &mut Context<'_>) -> bool {
        if self.waiting.events() == 0 {
            (self.linger, self.is_late) = (None, false);
            return false;
        }
        let is_full =
            self.waiting.events() >= self.size.events || self.waiting.bytes() >= self.size.bytes;
        if is_full || self.is_late || self.way.settings.linger.is_zero() {
            return true;
        }
        let until = Instant::now() + self.way.settings.linger;
        let linger = self.linger.get_or_insert_with(|| Box::pin(sleep_until(until)));
        linger.as_mut().poll(cx).is_ready()
    }

    fn begin(&mut self) {
        (self.linger, self.is_late) = (None, false);
        let Some(batch) = self.waiting.first(self.size.events, self.size.bytes) else { return };
        let body = self.waiting.body(batch, self.way.format);
        let request = self.way.request(&self.waiting.facts, body);
        let exchange = exchange(Arc::clone(&self.way), self.connection.take(), request);
        self.exchange = Some((Box::pin(exchange), batch));
    }

    fn take(
        &mut self,
        answer: &Answer,
        batch: Batch,
        inbox: &mut Vec<u8>,
    ) -> Result<usize, LinkFault> {
        match answer.verdict(&self.peer, Timestamp::now()) {
            Verdict::Taken => Ok(self.delivered(answer, batch, inbox)),
            Verdict::Broken(fault) => Err(fault),
            Verdict::Refused if batch.events == 1 => {
                let detail = format!("offset {}: {}", batch.through, answer.refusal());
                Err(self.fault(LinkFaultKind::Rejected, &detail))
            }
            Verdict::Refused => {
                match answer.status.as_u16() {
                    413 => self.size.fit(batch.bytes),
                    _ => self.size.halve(batch.events),
                }
                Ok(0)
            }
        }
    }

    fn delivered(&mut self, answer: &Answer, batch: Batch, inbox: &mut Vec<u8>) -> usize {
        self.waiting.delivered(batch);
        self.size.grow();
        let before = inbox.len();
        // Writing to memory cannot fail.
        let _ = writeln!(inbox, "{{\"ack\":{}}}", batch.through);
        for line in answer.commands() {
            inbox.extend_from_slice(line);
            inbox.push(b'\n');
        }
        if answer.is_cut {
            let detail =
                format!("an answer may have {LONGEST_BODY} bytes at most; the rest is lost");
            self.fault = Some(self.fault(LinkFaultKind::Other, &detail));
        }
        inbox.len() - before
    }

    fn fault(&self, kind: LinkFaultKind, detail: &str) -> LinkFault {
        LinkFault::new(kind, &*self.peer, detail)
    }
}

impl Link for HttpLink {
    fn poll_exchange(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut BytesMut,
        inbox: &mut Vec<u8>,
    ) -> Poll<Result<Moved, LinkFault>> {
        // While a request is on its way, the next one gathers.
        let sent = self.waiting.gather(out, self.size.most_bytes().saturating_mul(2));
        let mut received = 0;
        while received == 0 {
            match self.poll_step(cx, inbox) {
                Poll::Ready(Ok(bytes)) => received = bytes,
                Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
                Poll::Pending => break,
            }
        }
        match (sent, received) {
            (0, 0) => Poll::Pending,
            _ => Poll::Ready(Ok(Moved { sent, received })),
        }
    }

    /// The request on its way is the last; what gathers behind it is not sent.
    fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkFault>> {
        self.is_finishing = true;
        Poll::Ready(Ok(()))
    }

    /// Requests are acknowledged by their answers.
    fn unacknowledged(&self) -> Option<usize> {
        None
    }

    fn peer(&self) -> &str {
        &self.peer
    }
}
