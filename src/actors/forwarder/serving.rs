use std::{future::poll_fn, pin::Pin, time::Duration};

use bytes::BytesMut;
use tokio::{
    task::yield_now,
    time::{Instant, Sleep, sleep_until},
};

use super::{courier::Courier, filling::Filled};
use crate::{
    link::{
        Acknowledged, Complaint, Format, Hello, Inbound, Item, Link, LinkFault, LinkFaultKind,
        Moved,
    },
    model::Offset,
    spool::Pace,
    telemetry::LinkError,
};

/// How often a socket is asked what its peer has acknowledged, at first and at most.
const TRANSPORT_LOOK: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));

/// So few bytes that wait for the socket make nobody late.
const LITTLE: usize = 64 << 10;

/// When nothing else is due.
const FAR: Duration = Duration::from_secs(3600);

/// One link while it lasts.
pub(super) struct Serving {
    pub(super) link: Box<dyn Link>,
    pub(super) out: BytesMut,
    pub(super) inbox: Vec<u8>,
    inbound: Inbound,
    /// Bytes handed to the socket so far.
    pub(super) written: u64,
    /// Time to the next look at the socket, where the web server does not acknowledge.
    look_after: Duration,
    alarm: Pin<Box<Sleep>>,
    turn: Turn,
    pace: Pace,
}

/// How long a link that always has more to do may keep the thread from the others.
#[derive(Debug, Default)]
struct Turn {
    bytes: usize,
    rounds: u32,
}

impl Turn {
    const BYTES: usize = 128 << 10;
    const ROUNDS: u32 = 32;
    const LINES: u32 = 256;

    /// Lets the others have their turn now and then.
    async fn pass(&mut self, moved: Moved) {
        self.bytes += moved.sent + moved.received;
        self.rounds += 1;
        if self.bytes >= Self::BYTES || self.rounds >= Self::ROUNDS {
            *self = Self::default();
            yield_now().await;
        }
    }
}

impl Courier {
    /// Sends and takes acknowledgements until the link breaks, and answers how it broke; without a
    /// fault when it was asked to end, and has said good-bye.
    pub(super) async fn serve(&mut self, link: Box<dyn Link>) -> Result<(), LinkFault> {
        let mut serving = self.begin(link);
        let served = self.supply(&mut serving).await;
        let in_order = match &served {
            Ok(()) => true,
            Err(fault) => {
                matches!(fault.kind, LinkFaultKind::Rewound | LinkFaultKind::Reconfigured)
            }
        };
        if in_order {
            self.say_goodbye(&mut serving).await;
        }
        self.tell_resent();
        served
    }

    async fn supply(&mut self, serving: &mut Serving) -> Result<(), LinkFault> {
        let appended = self.parts.spool.appended(self.parts.reader);
        while !self.is_over() {
            let filled = self.fill(&mut serving.out);
            self.keep_pace(filled, serving);
            self.set_alarm(serving);
            let Serving { link, out, inbox, alarm, .. } = serving;
            let waiting = out.len();
            let moved = tokio::select! {
                biased;
                moved = poll_fn(|task| link.poll_exchange(task, out, inbox)) => moved,
                () = self.arrivals.any() => Ok(Moved::default()),
                () = self.rewinds.happened() => Ok(Moved::default()),
                () = self.change.asked() => Ok(Moved::default()),
                () = appended.notified(), if filled == Filled::CaughtUp => Ok(Moved::default()),
                _ = self.ending.asked(), if self.ending.deadline().is_none() => {
                    Ok(Moved::default())
                }
                () = alarm.as_mut() => Ok(Moved::default()),
                () = yield_now(), if filled == Filled::TurnOver => Ok(Moved::default()),
            };
            serving.written += (waiting - serving.out.len()) as u64;
            self.keep_pace(filled, serving);
            // What came in counts even if the link broke right behind it.
            self.take_in(serving).await;
            self.look_at_transport(serving);
            serving.turn.pass(moved?).await;
            // Asked here too: a link that always has more to say leaves the others no word above.
            if self.arrivals.has_any() {
                return Err(self.fault(LinkFaultKind::Replaced));
            }
            if self.rewinds.is_pending() {
                return Err(self.fault(LinkFaultKind::Rewound));
            }
            if self.change.is_asked() {
                return Err(self.fault(LinkFaultKind::Reconfigured));
            }
            if self.delivery.is_overdue(Self::now()) {
                return Err(self.fault(LinkFaultKind::AckTimeout));
            }
        }
        Ok(())
    }

    /// Tells session threads whether what devices send goes on its way at once. What the spool has
    /// and cannot hand out yet, since a disk is slow, is late as well.
    fn keep_pace(&self, filled: Filled, serving: &mut Serving) {
        let is_up_to_date = filled == Filled::CaughtUp
            && serving.out.len() <= LITTLE
            && self.delivery.next() >= self.parts.spool.next();
        serving.pace.note(is_up_to_date);
    }

    /// Whether it was asked to end, and everything is delivered or the time is up.
    fn is_over(&self) -> bool {
        let deadline = self.ending.deadline();
        deadline.is_some_and(|deadline| !self.has_more() || Instant::now() >= deadline)
    }

    fn fault(&self, kind: LinkFaultKind) -> LinkFault {
        LinkFault::new(kind, &*self.parts.name, "")
    }

    fn begin(&mut self, link: Box<dyn Link>) -> Serving {
        let next = self.delivery.begin();
        self.encoder.rewind(next);
        let mut out = BytesMut::new();
        let (gateway, spool) = (&*self.parts.gateway, self.parts.spool.id());
        self.encoder.hello(&Hello { gateway, spool, next }, &mut out);
        self.delivery.sent_besides(out.len());
        // A Node script's web server knows no lines.
        let inbound = match self.parts.settings.format {
            Format::JsonLines | Format::JsonArray => Inbound::new(),
            Format::Node => Inbound::deaf(),
        };
        Serving {
            link,
            out,
            inbox: Vec::new(),
            inbound,
            written: 0,
            look_after: TRANSPORT_LOOK.0,
            alarm: Box::pin(sleep_until(Instant::now() + FAR)),
            turn: Turn::default(),
            pace: Pace::of(self.parts.spool.pressure().congestion()),
        }
    }

    /// Takes what the web server has said, some lines at a time.
    pub(super) async fn take_in(&mut self, serving: &mut Serving) {
        let bytes = std::mem::take(&mut serving.inbox);
        let (mut rest, mut lines) = (&bytes[..], 0);
        while let Some(item) = serving.inbound.next(&mut rest) {
            match item {
                Item::Command(line) | Item::Cancel(line) => {
                    self.take_command(line, &mut serving.out).await;
                }
                item => self.take_item(item, &mut serving.out),
            }
            lines += 1;
            if lines % Turn::LINES == 0 {
                self.store_cursor();
                yield_now().await;
            }
        }
        self.store_cursor();
        serving.inbox = bytes;
        serving.inbox.clear();
    }

    fn take_item(&mut self, item: Item, out: &mut BytesMut) {
        let complaint = item.complaint();
        let kind = match item {
            // Without acknowledgements, one that comes all the same changes nothing.
            Item::Ack(_) if !self.parts.settings.ack => return,
            Item::Ack(offset) => return self.take_ack(offset, out),
            Item::Token => return,
            Item::Ours => return self.parts.telemetry.own_line_came_back(&self.parts.name),
            Item::Command(_) | Item::Cancel(_) => return,
            Item::NotUnderstood(_) => LinkError::BadLine,
            Item::TooLong(_) => LinkError::LineTooLong,
        };
        if let Some(complaint) = complaint {
            let (telemetry, name) = (&self.parts.telemetry, &self.parts.name);
            telemetry.bad_line(name, kind, &complaint.why, &complaint.line);
            self.answer(&complaint, out);
        }
    }

    fn take_ack(&mut self, offset: Offset, out: &mut BytesMut) {
        if self.delivery.acknowledge(offset, Self::now()) == Acknowledged::Future {
            let telemetry = &self.parts.telemetry;
            telemetry.ack_of_the_future(&self.parts.name, offset, self.delivery.next());
            self.answer(&Complaint::future(offset, self.delivery.last_sent()), out);
        }
    }

    pub(super) fn answer(&mut self, complaint: &Complaint, out: &mut BytesMut) {
        let bytes = self.answers.answer(complaint, Self::now(), out);
        self.delivery.sent_besides(bytes);
    }

    /// Without acknowledgements, what the web server's TCP has taken counts as delivered.
    pub(super) fn look_at_transport(&mut self, serving: &mut Serving) {
        if self.parts.settings.ack || self.delivery.is_settled() {
            serving.look_after = TRANSPORT_LOOK.0;
            return;
        }
        let Some(unacknowledged) = serving.link.unacknowledged() else { return };
        let now = Self::now();
        let moved = self.delivery.transport_acknowledged(serving.written, unacknowledged, now);
        match moved {
            Some(_) => {
                serving.look_after = TRANSPORT_LOOK.0;
                self.store_cursor();
            }
            None => serving.look_after = (serving.look_after * 2).min(TRANSPORT_LOOK.1),
        }
    }

    /// Sets the alarm to the next deadline. One that has moved further away is found out when the
    /// alarm goes off, which costs less than setting it anew for each acknowledgement.
    fn set_alarm(&mut self, serving: &mut Serving) {
        let now = Instant::now();
        let looks = !self.parts.settings.ack && !self.delivery.is_settled();
        let look = looks.then(|| now + serving.look_after);
        let overdue = self.delivery.ack_deadline().map(Instant::from_std);
        let due = [look, overdue, self.ending.deadline()].into_iter().flatten();
        let next = due.min().unwrap_or(now + FAR);
        if serving.alarm.is_elapsed() || next < serving.alarm.deadline() {
            serving.alarm.as_mut().reset(next);
        }
    }
}
