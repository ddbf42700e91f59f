use bytes::BytesMut;

use super::courier::Courier;
use crate::{
    link::Gap,
    model::{Event, Offset},
    spool::{Block, Read},
    supervision::failpoint,
};

/// So many bytes are encoded ahead of the socket.
const AHEAD: usize = 256 << 10;

/// So many events are looked at before others on this thread get their turn, where their format
/// writes little or nothing for them.
const EVENTS_A_TURN: usize = 4096;

/// Why no more was encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// Nothing more waits in the spool.
    CaughtUp,
    /// The window is full, or enough waits for the socket.
    Full,
    /// Its turn was over.
    TurnOver,
}

impl Courier {
    /// Encodes what waits in the spool, as far as the window and the room ahead of the socket go.
    pub(super) fn fill(&mut self, out: &mut BytesMut) -> Filled {
        let mut left = EVENTS_A_TURN;
        let filled = loop {
            if out.len() >= AHEAD {
                break Filled::Full;
            }
            let stopped = match self.delivery.skipped() {
                Some(gap) => self.send_gap(gap, out),
                None => self.fill_next(&mut left, out),
            };
            if let Some(filled) = stopped {
                break filled;
            }
        };
        if filled == Filled::CaughtUp {
            self.tell_resent();
        }
        self.store_cursor();
        filled
    }

    /// Encodes what stands in the spool at the next offset; answers why it was the last for now.
    fn fill_next(&mut self, left: &mut usize, out: &mut BytesMut) -> Option<Filled> {
        let from = self.delivery.next();
        match self.parts.spool.read(self.parts.reader, from) {
            Read::Empty => Some(Filled::CaughtUp),
            Read::Hole { next, events, reason } => {
                self.send_gap(Gap { from, to: next.before(), events, reason }, out)
            }
            Read::Block(block) => self.fill_from(&block, left, out),
        }
    }

    /// Encodes the rest of a block; answers why it stopped before its end.
    fn fill_from(&mut self, block: &Block, left: &mut usize, out: &mut BytesMut) -> Option<Filled> {
        let now = Self::now();
        for (offset, event) in block.events().skip_to(self.delivery.next()) {
            if out.len() >= AHEAD {
                return Some(Filled::Full);
            }
            if *left == 0 {
                return Some(Filled::TurnOver);
            }
            if offset > self.delivery.next() {
                return self.pass_over(offset);
            }
            *left -= 1;
            if let Event::Data { name, .. } = event {
                failpoint::hit("forwarder.data", name);
            }
            let before = out.len();
            self.encoder.event(offset, &event, out);
            let bytes = out.len() - before;
            if !self.delivery.fits(bytes) {
                out.truncate(before);
                self.encoder.rewind(offset);
                return Some(Filled::Full);
            }
            self.note_sent(offset);
            self.delivery.sent(offset, bytes, now);
        }
        if self.delivery.next() < block.end() { self.pass_over(block.end()) } else { None }
    }

    /// What stands in the spool up to `to` is no event; it becomes a hole, which is read next. Where
    /// the spool cannot do that, it would be read again and again.
    fn pass_over(&self, to: Offset) -> Option<Filled> {
        let is_hole = self.parts.spool.give_up(self.delivery.next(), to);
        (!is_hole).then_some(Filled::Full)
    }

    /// Tells of a gap. It keeps to the window as events do: a hole that grows while the web server
    /// acknowledges nothing becomes one gap, not a stream of them.
    fn send_gap(&mut self, gap: Gap, out: &mut BytesMut) -> Option<Filled> {
        let before = out.len();
        self.encoder.gap(&gap, out);
        let bytes = out.len() - before;
        if !self.delivery.fits(bytes) {
            out.truncate(before);
            self.encoder.rewind(gap.to);
            return Some(Filled::Full);
        }
        self.delivery.sent_gap(gap.to, bytes, Self::now());
        let telemetry = &self.parts.telemetry;
        telemetry.gap(&self.parts.name, gap.from, gap.to, gap.events, gap.reason.as_str());
        None
    }
}
