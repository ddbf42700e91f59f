use std::sync::Arc;

use bytes::Bytes;

use super::record;
use crate::{
    limits::Occupancy,
    model::{Event, Offset},
};

/// Events that one thread has gathered and not yet handed to the spool.
///
/// A push that panics half-way leaves bytes behind the last whole record; the next use cuts them
/// off, so that one session's panic cannot spoil what the others have appended.
#[derive(Debug, Default)]
pub struct Batch {
    records: Vec<u8>,
    /// Length of the whole records in `records`.
    whole: usize,
    count: u32,
    /// Where the last whole record begins.
    last: usize,
    /// What the last record is to say of connections, where others append as well.
    occupancy: Option<Arc<Occupancy>>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty batch of one of several threads. What others append meanwhile may tell of fewer
    /// connections; the last event of a batch says how many there are when it is appended, so that the
    /// last word of all is true.
    pub fn among_others(occupancy: Arc<Occupancy>) -> Self {
        Self { occupancy: Some(occupancy), ..Self::default() }
    }

    /// Appends one event; afterwards it is in the batch whole or, after a panic, not at all.
    pub fn push(&mut self, event: &Event<'_>) {
        self.records.truncate(self.whole);
        record::encode(event, &mut self.records);
        self.last = self.whole;
        self.whole = self.records.len();
        self.count += 1;
    }

    /// How many events it holds.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How many bytes they take.
    pub fn size(&self) -> usize {
        self.whole
    }

    /// Whether there is nothing to hand over.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The events in it, which have no offsets yet.
    pub fn events(&self) -> impl Iterator<Item = Event<'_>> {
        let whole = &self.records[..self.whole];
        Events { offset: Offset::default(), rest: whole }.map(|(_, event)| event)
    }

    /// Takes the events out as one shared block whose first event has the offset `base`. The
    /// batch keeps its buffer.
    pub(super) fn take(&mut self, base: Offset) -> Block {
        if let Some(occupancy) = &self.occupancy {
            let last = &mut self.records[self.last..self.whole];
            record::set_connections(last, occupancy.connections());
        }
        let records = Bytes::copy_from_slice(&self.records[..self.whole]);
        let block = Block { base, count: self.count, records };
        self.clear();
        block
    }

    /// Forgets everything. The batch keeps its buffer.
    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.whole = 0;
        self.last = 0;
        self.count = 0;
    }
}

/// Events with consecutive offsets, shared and never changed.
#[derive(Clone, Debug)]
pub struct Block {
    base: Offset,
    count: u32,
    records: Bytes,
}

impl Block {
    /// `count` events as they were encoded, the first of them at `base`.
    pub(super) fn new(base: Offset, count: u32, records: Bytes) -> Self {
        Self { base, count, records }
    }

    /// The place of `count` events of which nothing is kept, since everybody has them.
    pub(super) fn delivered(base: Offset, count: u32) -> Self {
        Self { base, count, records: Bytes::new() }
    }

    /// Whether nothing is kept of its events.
    pub(super) fn is_delivered(&self) -> bool {
        self.records.is_empty()
    }

    /// How many events it holds.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The events as bytes.
    pub(super) fn records(&self) -> &[u8] {
        &self.records
    }

    /// A block of `events` whose first has the offset `base`, for those who test readers.
    pub fn of(base: Offset, events: &[Event<'_>]) -> Self {
        let mut batch = Batch::new();
        events.iter().for_each(|event| batch.push(event));
        batch.take(base)
    }

    /// Offset of the first event.
    pub fn base(&self) -> Offset {
        self.base
    }

    /// Offset behind the last event.
    pub fn end(&self) -> Offset {
        self.base.plus(u64::from(self.count))
    }

    /// How many bytes the events take.
    pub fn size(&self) -> usize {
        self.records.len()
    }

    /// The events with their offsets, in order.
    pub fn events(&self) -> Events<'_> {
        Events { offset: self.base, rest: &self.records }
    }
}

/// Walks the events of a [`Block`].
#[derive(Debug)]
pub struct Events<'a> {
    offset: Offset,
    rest: &'a [u8],
}

impl Events<'_> {
    /// Passes over the events before `from` without a look inside.
    pub fn skip_to(mut self, from: Offset) -> Self {
        while self.offset < from {
            let Some(length) = record::skip(self.rest) else { break };
            self.rest = self.rest.get(length..).unwrap_or_default();
            self.offset = self.offset.plus(1);
        }
        self
    }

    /// How many bytes of the block are left.
    pub fn bytes_left(&self) -> usize {
        self.rest.len()
    }
}

impl<'a> Iterator for Events<'a> {
    type Item = (Offset, Event<'a>);

    /// A record that is none is passed over: one of them must not hide those behind it.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let decoded = record::decode(self.rest);
            let length = decoded.as_ref().map(|(_, length)| *length);
            let length = length.or_else(|| record::skip(self.rest))?;
            let offset = self.offset;
            self.rest = self.rest.get(length..)?;
            self.offset = offset.plus(1);
            if let Some((event, _)) = decoded {
                return Some((offset, event));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step fails the test

    use super::*;
    use crate::model::UnixMillis;

    fn started(time: u64) -> Event<'static> {
        Event::Started { time: UnixMillis(time), clean: false }
    }

    #[test]
    fn a_block_numbers_its_events_and_can_be_entered_in_the_middle() {
        let block = Block::of(Offset(100), &[started(1), started(2), started(3)]);
        assert_eq!((block.base(), block.end()), (Offset(100), Offset(103)));
        let all: Vec<_> = block.events().collect();
        assert_eq!(all[2], (Offset(102), started(3)));
        let rest: Vec<_> = block.events().skip_to(Offset(102)).collect();
        assert_eq!(rest, all[2..]);
        assert_eq!(block.events().skip_to(Offset(999)).count(), 0);
    }

    #[test]
    fn a_record_that_is_none_hides_nothing_behind_it() {
        let good = Block::of(Offset(1), &[started(1), started(2), started(3)]);
        let mut records = good.records.to_vec();
        let length = record::skip(&records).unwrap();
        records[length + 4] = 0xee;
        let block = Block::new(Offset(1), 3, records.into());
        let found: Vec<_> = block.events().map(|(offset, _)| offset).collect();
        assert_eq!(found, [Offset(1), Offset(3)]);
    }

    #[test]
    fn the_last_event_of_one_of_several_threads_says_how_many_connections_there_are_when_it_leaves()
    {
        let occupancy = Arc::new(Occupancy::with_limit(9));
        let mut batch = Batch::among_others(Arc::clone(&occupancy));
        let (name, session, time) = ("a", crate::model::SessionId(1), UnixMillis(1));
        for connections in [7, 6] {
            batch.push(&Event::Idle { name, session, time, connections });
        }
        let block = batch.take(Offset(1));
        let told: Vec<_> = block
            .events()
            .map(|(_, event)| match event {
                Event::Idle { connections, .. } => connections,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(told, [7, 0]);
        batch.push(&started(1));
        assert_eq!(batch.take(Offset(3)).events().next(), Some((Offset(3), started(1))));
        assert_eq!(batch.take(Offset(4)).count(), 0, "an empty one has no last event");
    }

    #[test]
    fn half_a_record_left_by_a_panic_is_cut_off() {
        let mut batch = Batch::new();
        batch.push(&started(1));
        batch.records.extend_from_slice(b"half a rec");
        batch.push(&started(2));
        assert_eq!(batch.events().collect::<Vec<_>>(), [started(1), started(2)]);
        let block = batch.take(Offset(1));
        assert_eq!(block.events().count(), 2);
        assert!(batch.is_empty());
    }
}
