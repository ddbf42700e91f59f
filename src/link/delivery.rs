//! What the web server has, what is on its way, and what comes next.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{LinkType, UpstreamSettings, encode::Gap};
use crate::{limits::Backoff, model::Offset, spool::DropReason};

/// How a forwarder delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliverySettings {
    /// Most bytes sent and not acknowledged. A single event above it still goes, alone.
    pub window: usize,
    /// Nothing acknowledged for so long while something is on its way: the link is no good.
    /// `None`: wait for ever.
    pub ack_timeout: Option<Duration>,
}

impl From<&UpstreamSettings> for DeliverySettings {
    fn from(settings: &UpstreamSettings) -> Self {
        let ack_timeout = match settings.kind {
            LinkType::Tcp => settings.ack_timeout.non_zero(),
            // Each request has a time of its own.
            LinkType::Http => None,
        };
        Self { window: settings.window.bytes(), ack_timeout }
    }
}

/// The pure core of a forwarder: cursor, window, acknowledgements, failures. It outlives links.
///
/// On each link: [`Delivery::begin`], then for as long as [`Delivery::fits`] the events from
/// [`Delivery::next`] on, each told by [`Delivery::sent`]; acknowledgements as they come; and
/// [`Delivery::failed`] when the link breaks, or [`Delivery::ended`] when it was closed on purpose.
///
/// Nothing is skipped: the cursor moves only over what was acknowledged, and a new link begins at
/// the cursor.
#[derive(Debug)]
pub struct Delivery {
    settings: DeliverySettings,
    backoff: Backoff,
    /// First offset that is not acknowledged.
    cursor: Offset,
    /// First offset that was not yet sent on this link.
    next: Offset,
    /// Offset behind the last one ever sent, on whichever link.
    sent_end: Offset,
    /// Offsets below this may have been sent by a process before this one.
    earlier: Offset,
    /// Offsets below this were sent before the cursor was set back.
    outdated: Offset,
    in_flight: InFlight,
    /// Events that were delivered and are not yet asked for.
    arrived: u64,
    /// Since when nothing moved while something was on its way.
    quiet_since: Option<Instant>,
    failures: Failures,
    /// Offsets passed over by hand and not yet told.
    skip: Option<(Offset, Offset)>,
}

/// What an acknowledgement changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// Everything up to and including `through` is delivered.
    Accepted {
        /// Last delivered offset.
        through: Offset,
    },
    /// It was known already.
    Past,
    /// This was never sent: an error of the web server.
    Future,
}

/// A link that failed, or could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setback {
    /// How long to wait before the next try.
    pub pause: Duration,
    /// With this failure the link became stuck at this offset.
    pub stuck: Option<Offset>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    at: Offset,
    count: u32,
}

impl Delivery {
    /// Failures at one offset that make the link stuck.
    pub const MOST_FAILURES: u32 = 5;

    /// Begins at `cursor`, the first offset that is not acknowledged.
    pub fn new(settings: DeliverySettings, cursor: Offset, backoff: Backoff) -> Self {
        Self {
            settings,
            backoff,
            cursor,
            next: cursor,
            sent_end: cursor,
            earlier: cursor,
            outdated: cursor,
            in_flight: InFlight::default(),
            arrived: 0,
            quiet_since: None,
            failures: Failures { at: cursor, count: 0 },
            skip: None,
        }
    }

    /// Takes acknowledgements of everything below `began`, too: a process before this one may have
    /// sent it, even if it did not survive here.
    pub fn following(self, began: Offset) -> Self {
        Self { earlier: began, ..self }
    }

    /// The settings are others, and so is perhaps the web server: it goes on at the cursor, on a new
    /// link, and has failed at nothing.
    pub fn change(&mut self, settings: DeliverySettings, backoff: Backoff) {
        (self.settings, self.backoff) = (settings, backoff);
        self.failures.count = 0;
        self.go_back();
    }

    /// The cursor was set back by hand to `cursor`: everything from there on is sent once more, on a
    /// new link. A web server that acknowledges what it had before that acknowledges no more than
    /// what it was sent since.
    pub fn rewound(&mut self, cursor: Offset) {
        self.outdated = self.outdated.max(self.sent_end).max(self.earlier);
        (self.cursor, self.sent_end, self.earlier) = (cursor, cursor, cursor);
        self.failures = Failures { at: cursor, count: 0 };
        (self.arrived, self.skip) = (0, None);
        self.go_back();
    }

    /// A new link: answers the offset that it begins with.
    pub fn begin(&mut self) -> Offset {
        self.go_back();
        self.in_flight.position = 0;
        self.cursor
    }

    /// First offset that is not acknowledged.
    pub fn cursor(&self) -> Offset {
        self.cursor
    }

    /// The offset to send next.
    pub fn next(&self) -> Offset {
        self.next
    }

    /// The last offset ever sent, on whichever link; the one before the cursor where none was.
    pub fn last_sent(&self) -> Offset {
        self.sent_end.before()
    }

    /// Bytes of events sent and not acknowledged.
    pub fn bytes_in_flight(&self) -> usize {
        self.in_flight.bytes
    }

    /// Whether everything that was sent is acknowledged.
    pub fn is_settled(&self) -> bool {
        self.in_flight.entries.is_empty()
    }

    /// Whether one more event of `bytes` may be sent now.
    pub fn fits(&self, bytes: usize) -> bool {
        // An event costs memory even where its format writes nothing for it.
        let most_events = (self.settings.window / 32).max(1024) as u64;
        self.is_settled()
            || self.in_flight.bytes.saturating_add(bytes) <= self.settings.window
                && self.in_flight.sent < most_events
    }

    /// The event at `offset` was sent as `bytes` bytes; zero where the format writes nothing for it.
    pub fn sent(&mut self, offset: Offset, bytes: usize, now: Instant) {
        self.push(offset, bytes, 1, now);
    }

    /// The gap that ends at `offset` was sent as `bytes` bytes, zero as above.
    pub fn sent_gap(&mut self, offset: Offset, bytes: usize, now: Instant) {
        self.push(offset, bytes, 0, now);
    }

    fn push(&mut self, offset: Offset, bytes: usize, events: u64, now: Instant) {
        debug_assert!(offset >= self.next, "{offset} was sent after {}", self.next);
        self.next = offset.plus(1);
        self.sent_end = self.sent_end.max(self.next);
        if self.is_settled() {
            if bytes == 0 {
                self.arrived += events;
                self.move_cursor(offset);
                return;
            }
            self.quiet_since = Some(now);
        }
        self.in_flight.push(Entry { offset, end: 0, bytes, sent: 1, events });
    }

    /// How many events were delivered since this was asked before; those of which an earlier link's
    /// acknowledgement came before they were repeated are not among them.
    pub fn take_arrived(&mut self) -> u64 {
        std::mem::take(&mut self.arrived)
    }

    /// Bytes that belong to no event were sent: `hello`, answers to errors.
    pub fn sent_besides(&mut self, bytes: usize) {
        self.in_flight.position += bytes as u64;
    }

    /// The web server says that everything up to and including `through` is safe with it. What an
    /// earlier link sent counts too, though this link did not repeat it yet.
    pub fn acknowledge(&mut self, through: Offset, now: Instant) -> Acknowledged {
        let sent = self.sent_end.max(self.earlier);
        let through = match through >= sent && through < self.outdated {
            true => sent.before(),
            false => through,
        };
        if through < self.cursor {
            return Acknowledged::Past;
        }
        if through >= sent {
            return Acknowledged::Future;
        }
        self.arrived += self.in_flight.drop_through(through).map_or(0, |(_, events)| events);
        self.advance(through, now);
        Acknowledged::Accepted { through }
    }

    /// For links without acknowledgements: of the `written` bytes that this link was given so far,
    /// the peer's TCP has not acknowledged the last `unacknowledged`. Answers the last offset that
    /// this delivers, if it is any further than before.
    pub fn transport_acknowledged(
        &mut self,
        written: u64,
        unacknowledged: usize,
        now: Instant,
    ) -> Option<Offset> {
        let reached = written.saturating_sub(unacknowledged as u64);
        let (through, events) = self.in_flight.drop_reached(reached)?;
        self.arrived += events;
        self.advance(through, now);
        Some(through)
    }

    /// Where in this link's stream the first event ends that does not end before `position`, of
    /// those on their way.
    pub fn end_from(&self, position: u64) -> Option<u64> {
        let entries = &self.in_flight.entries;
        let at = entries.partition_point(|entry| entry.end < position);
        entries.get(at).map(|entry| entry.end)
    }

    /// When the link is no good unless something is acknowledged before.
    pub fn ack_deadline(&self) -> Option<Instant> {
        Some(self.quiet_since? + self.settings.ack_timeout?)
    }

    /// Whether that moment has passed.
    pub fn is_overdue(&self, now: Instant) -> bool {
        self.ack_deadline().is_some_and(|deadline| now >= deadline)
    }

    /// The link broke, or could not be made. It counts towards being stuck only if an event was on
    /// its way: a web server that is away is not stuck.
    pub fn failed(&mut self) -> Setback {
        let offered = !self.is_settled();
        self.go_back();
        let pause = self.backoff.pause();
        if !offered {
            return Setback { pause, stuck: None };
        }
        if self.failures.at != self.cursor {
            self.failures = Failures { at: self.cursor, count: 0 };
        }
        self.failures.count = self.failures.count.saturating_add(1);
        let stuck = (self.failures.count == Self::MOST_FAILURES).then_some(self.cursor);
        Setback { pause, stuck }
    }

    /// The link broke, and not for the event that was on its way: the pauses grow as with any
    /// failure, `least` is the shortest one, and nothing counts towards being stuck.
    pub fn put_off(&mut self, least: Duration) -> Setback {
        self.go_back();
        Setback { pause: self.backoff.pause().max(least), stuck: None }
    }

    /// The link was closed on purpose: no failure, and the next begins at the cursor.
    pub fn ended(&mut self) {
        self.go_back();
    }

    /// The offset at which the link has failed again and again.
    pub fn stuck(&self) -> Option<Offset> {
        (self.failures.count >= Self::MOST_FAILURES).then_some(self.failures.at)
    }

    /// Passes the event at which the link is stuck; `None` where it is not. It is told in its
    /// place as [`Delivery::skipped`] from the next [`Delivery::begin`] on.
    pub fn skip(&mut self) -> Option<Gap> {
        let stuck = self.stuck()?;
        self.failures.count = 0;
        self.skip = match self.skip {
            // Not even the gap is taken: it grows, but not over what is yet to come.
            Some((from, to)) if from <= stuck && stuck <= to => {
                Some((stuck, to.plus(1).min(self.sent_end.before()).max(to)))
            }
            _ => Some((stuck, stuck)),
        };
        self.gap()
    }

    /// The gap to send instead of the event at [`Delivery::next`], if that was passed by hand.
    pub fn skipped(&self) -> Option<Gap> {
        self.gap().filter(|gap| gap.from == self.next)
    }

    fn gap(&self) -> Option<Gap> {
        let (from, to) = self.skip?;
        Some(Gap { from, to, events: to.since(from) + 1, reason: DropReason::Skipped })
    }

    fn advance(&mut self, through: Offset, now: Instant) {
        self.quiet_since = (!self.is_settled()).then_some(now);
        self.failures.count = 0;
        self.backoff.reset();
        self.move_cursor(through);
    }

    fn move_cursor(&mut self, through: Offset) {
        self.cursor = through.plus(1);
        self.next = self.next.max(self.cursor);
        self.skip = self
            .skip
            .and_then(|(from, to)| (to >= self.cursor).then_some((from.max(self.cursor), to)));
    }

    fn go_back(&mut self) {
        self.in_flight.clear();
        self.quiet_since = None;
        self.next = self.cursor;
    }
}

/// Events sent and not acknowledged, with where each ends in the link's stream.
#[derive(Debug, Default)]
struct InFlight {
    entries: VecDeque<Entry>,
    /// Bytes sent on this link, whatever they were.
    position: u64,
    /// Bytes of the entries.
    bytes: usize,
    /// Events and gaps of the entries.
    sent: u64,
}

/// An event or gap on its way, with those behind it for which the format writes nothing.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Offset of the last of them.
    offset: Offset,
    end: u64,
    bytes: usize,
    /// How many they are.
    sent: u64,
    /// How many of them are events.
    events: u64,
}

impl InFlight {
    /// Adds one, at the end of what was sent on this link.
    fn push(&mut self, entry: Entry) {
        self.position += entry.bytes as u64;
        self.bytes += entry.bytes;
        self.sent += entry.sent;
        match self.entries.back_mut() {
            Some(last) if entry.bytes == 0 => {
                last.offset = entry.offset;
                last.sent += entry.sent;
                last.events += entry.events;
            }
            _ => self.entries.push_back(Entry { end: self.position, ..entry }),
        }
    }

    fn drop_through(&mut self, through: Offset) -> Option<(Offset, u64)> {
        self.drop_while(|entry| entry.offset <= through)
    }

    fn drop_reached(&mut self, position: u64) -> Option<(Offset, u64)> {
        self.drop_while(|entry| entry.end <= position)
    }

    /// Drops entries from the front; answers the offset of the last of them, and how many events
    /// they were.
    fn drop_while(&mut self, drop: impl Fn(&Entry) -> bool) -> Option<(Offset, u64)> {
        let (mut last, mut events) = (None, 0);
        while let Some(entry) = self.entries.front().copied().filter(&drop) {
            self.bytes -= entry.bytes;
            self.sent -= entry.sent;
            events += entry.events;
            last = Some(entry.offset);
            self.entries.pop_front();
        }
        if self.entries.is_empty() && self.entries.capacity() > 4096 {
            self.entries.shrink_to(64);
        }
        last.map(|offset| (offset, events))
    }

    fn clear(&mut self) {
        self.drop_while(|_| true);
    }
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
