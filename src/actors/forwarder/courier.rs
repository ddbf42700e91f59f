use std::{rc::Rc, sync::Arc, time::Instant};

use tokio::time::{sleep, sleep_until};

use super::{
    ForwarderParts,
    arrivals::{Arrivals, Caller},
    change::Change,
    ending::Ending,
};
use crate::{
    limits::Backoff,
    link::{
        Delivery, DeliverySettings, Encoder, ErrorAnswers, Link, LinkFault, LinkFaultKind, Mode,
        UpstreamSettings, adopt_tcp, adopt_unix,
    },
    model::Offset,
    net::Stream,
    spool::Rewinds,
};

/// Carries events to one web server, over one link after the other.
pub(super) struct Courier {
    pub(super) parts: ForwarderParts,
    pub(super) arrivals: Rc<Arrivals>,
    pub(super) change: Rc<Change>,
    pub(super) ending: Rc<Ending>,
    pub(super) delivery: Delivery,
    pub(super) encoder: Encoder,
    pub(super) answers: ErrorAnswers,
    /// Tells that the cursor was set back by hand.
    pub(super) rewinds: Arc<Rewinds>,
    /// The cursor as the spool knows it.
    stored: Offset,
    /// Where the link was told to be stuck, until it moves again.
    stuck: Option<Offset>,
    /// The first event that was sent again on this link, and how many were; told once they are
    /// through.
    resent: Option<(Offset, u64)>,
}

impl Courier {
    /// Begins at the cursor that stands in the spool.
    pub(super) fn new(
        parts: ForwarderParts,
        arrivals: Rc<Arrivals>,
        change: Rc<Change>,
        ending: Rc<Ending>,
    ) -> Self {
        let settings = &parts.settings;
        let cursor = parts.spool.resume(parts.reader);
        let backoff = backoff(settings, parts.seed);
        Self {
            delivery: Delivery::new(DeliverySettings::from(settings), cursor, backoff)
                .following(parts.spool.began()),
            encoder: Encoder::new(settings.format, settings.encoding),
            answers: ErrorAnswers::default(),
            rewinds: parts.spool.rewinds(parts.reader),
            stored: cursor,
            stuck: None,
            resent: None,
            arrivals,
            change,
            ending,
            parts,
        }
    }

    /// Makes a link, serves it until it breaks, rests, and begins again; ends when it is asked to
    /// and has delivered everything, or has no time left.
    pub(super) async fn carry(mut self) {
        loop {
            self.heed_change();
            let connected = tokio::select! {
                biased;
                () = self.over() => return,
                () = self.change.asked() => continue,
                connected = self.connect() => connected,
            };
            let fault = match connected {
                Err(fault) => fault,
                Ok(link) => {
                    self.heed_rewind();
                    let (name, next) = (&self.parts.name, self.delivery.cursor());
                    self.parts.telemetry.link_up(name, &link.peer(), next);
                    let Err(fault) = self.serve(link).await else { return };
                    fault
                }
            };
            let rest = self.failed(fault);
            tokio::select! {
                biased;
                () = self.over() => return,
                () = self.change.asked() => {}
                () = rest => {}
            }
        }
    }

    /// Goes on by other settings, if there are some. What stood in the way of the old link may not do
    /// so for the next.
    fn heed_change(&mut self) {
        let Some(settings) = self.change.take() else { return };
        let backoff = backoff(&settings, self.parts.seed);
        self.delivery.change(DeliverySettings::from(&*settings), backoff);
        self.encoder = Encoder::new(settings.format, settings.encoding);
        self.parts.settings = *settings;
        if self.stuck.take().is_some() {
            self.parts.telemetry.link_unstuck(&self.parts.name, self.stored);
        }
    }

    /// Waits for the end, while there is no link.
    async fn over(&self) {
        let deadline = self.ending.asked().await;
        if self.has_more() {
            sleep_until(deadline).await;
        }
    }

    /// Whether anything waits to be delivered.
    pub(super) fn has_more(&self) -> bool {
        self.stored < self.parts.spool.next()
    }

    async fn connect(&self) -> Result<Box<dyn Link>, LinkFault> {
        match self.parts.settings.mode {
            Mode::Dial => self.dial().await,
            Mode::Accept => self.adopt(self.arrivals.take().await),
        }
    }

    async fn dial(&self) -> Result<Box<dyn Link>, LinkFault> {
        let settings = &self.parts.settings;
        self.parts.telemetry.link_connecting(&self.parts.name, &settings.place());
        self.parts.dial.dial(settings).await
    }

    fn adopt(&self, caller: Caller) -> Result<Box<dyn Link>, LinkFault> {
        let Caller { stream, peer, early } = caller;
        let peer = peer.to_string();
        match stream {
            Stream::Tcp(stream) => {
                let link = adopt_tcp(stream, &self.parts.settings.keepalive)
                    .map_err(|error| LinkFault::from_io(peer, &error))?;
                Ok(Box::new(link.with_early(early)))
            }
            Stream::Unix(stream) => Ok(Box::new(adopt_unix(stream, peer).with_early(early))),
            Stream::Memory(_) => Err(LinkFault::new(LinkFaultKind::Other, peer, "no socket")),
        }
    }

    /// Tells of the failure, and gives the rest before the next try. A web server that connects to
    /// us needs no waiting for.
    fn failed(&mut self, fault: LinkFault) -> impl Future<Output = ()> + use<> {
        let (name, telemetry) = (&self.parts.name, &self.parts.telemetry);
        let mut pause = None;
        if fault.kind.is_by_hand() {
            self.delivery.ended();
            telemetry.link_down(name, fault.kind, &fault, None);
            self.heed_rewind();
        } else {
            let setback = match fault.respite {
                Some(least) => self.delivery.put_off(least),
                None => self.delivery.failed(),
            };
            pause = (self.parts.settings.mode == Mode::Dial).then_some(setback.pause);
            telemetry.link_down(name, fault.kind, &fault, pause);
            if let Some(offset) = setback.stuck {
                telemetry.link_stuck(name, offset, Delivery::MOST_FAILURES);
                self.stuck = Some(offset);
            }
        }
        sleep(pause.unwrap_or_default())
    }

    /// Begins anew where the cursor was set back to, if somebody has done that.
    fn heed_rewind(&mut self) {
        if !self.rewinds.is_pending() {
            return;
        }
        let cursor = self.parts.spool.resume(self.parts.reader);
        let settings = &self.parts.settings;
        self.delivery.rewound(cursor);
        self.encoder = Encoder::new(settings.format, settings.encoding);
        self.stored = cursor;
        self.stuck = None;
    }

    /// Moves the spool's cursor to where the delivery's is; not when somebody has set it back.
    pub(super) fn store_cursor(&mut self) {
        if self.rewinds.is_pending() {
            return;
        }
        let cursor = self.delivery.cursor();
        if cursor == self.stored {
            return;
        }
        self.stored = cursor;
        self.encoder.acknowledged(cursor.before());
        let (spool, reader) = (&self.parts.spool, self.parts.reader);
        let delivered = spool.acknowledge(reader, cursor.before());
        // The spool may have let go of events that were on their way.
        let found = self.delivery.take_arrived().saturating_sub(delivered);
        if found > 0 {
            spool.found(reader, found);
        }
        let (name, telemetry) = (&self.parts.name, &self.parts.telemetry);
        telemetry.acknowledged(name, cursor.before(), delivered + found);
        if self.stuck.take().is_some() {
            telemetry.link_unstuck(name, cursor);
        }
    }

    /// Notes that the event at `offset` goes out, before the delivery hears of it.
    pub(super) fn note_sent(&mut self, offset: Offset) {
        if offset > self.delivery.last_sent() {
            return self.tell_resent();
        }
        self.resent.get_or_insert((offset, 0)).1 += 1;
    }

    /// Tells how many events this link was sent again.
    pub(super) fn tell_resent(&mut self) {
        if let Some((from, events)) = self.resent.take() {
            self.parts.telemetry.resent(&self.parts.name, from, events);
        }
    }

    /// The time by which the delivery's deadlines run; tests may hold it still.
    pub(super) fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

fn backoff(settings: &UpstreamSettings, seed: u64) -> Backoff {
    Backoff::new(settings.retry.initial.get(), settings.retry.max.get(), seed)
}
