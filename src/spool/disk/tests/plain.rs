use std::collections::BTreeMap;

use crate::{
    model::{Event, Offset, SessionId, UnixMillis},
    spool::{Batch, DropReason, holes::Hole},
};

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It got an offset, and is not gone by itself.
    Given,
    /// A crash came before it was in a file.
    Lost,
    /// It was in a file, and cannot be read any more.
    Damaged,
}

/// All that the spool was given, as plain as can be.
#[derive(Debug, Default)]
pub(super) struct Plain {
    events: BTreeMap<u64, (Fate, Told)>,
    /// So many events were made.
    made: u64,
}

/// One event: its number in the run, and how many bytes it has; or that it is a coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Data { number: u64, size: usize },
    Coming { number: u64 },
}

impl Told {
    pub(super) fn push(self, batch: &mut Batch) {
        let (session, time, peer, connections) = (SessionId(7), UnixMillis(1), "10.1.2.3:4", 1);
        match self {
            Self::Data { number, size } => batch.push(&Event::Data {
                name: "860000000000001",
                session,
                seq: number,
                time,
                peer,
                connections,
                data: &vec![number as u8; size],
                meaning: b"",
            }),
            Self::Coming { number } => {
                let name = number.to_string();
                batch.push(&Event::Online { name: &name, session, time, peer, connections });
            }
        }
    }

    pub(super) fn is(self, event: &Event<'_>) -> bool {
        match (self, event) {
            (Self::Data { number, size }, Event::Data { seq, data, .. }) => {
                *seq == number && data.len() == size && data.iter().all(|b| *b == number as u8)
            }
            (Self::Coming { number }, Event::Online { name, .. }) => *name == number.to_string(),
            _ => false,
        }
    }
}

impl Plain {
    /// Another event: with so many bytes of data, or a coming.
    pub(super) fn make(&mut self, size: Option<usize>) -> Told {
        self.made += 1;
        let number = self.made;
        size.map_or(Told::Coming { number }, |size| Told::Data { number, size })
    }

    /// The events got offsets from `first` on.
    pub(super) fn given(&mut self, first: Offset, events: &[Told]) {
        let last = self.events.keys().next_back();
        assert!(last.is_none_or(|last| *last < first.0), "{first} was given out before");
        for (offset, told) in (first.0..).zip(events) {
            self.events.insert(offset, (Fate::Given, *told));
        }
    }

    /// What stands at `offset`; it must be there to be read.
    pub(super) fn at(&self, offset: Offset) -> Told {
        let (fate, told) = self.events.get(&offset.0).expect("an event that nobody gave");
        assert_eq!(*fate, Fate::Given, "the event at {offset} came back");
        *told
    }

    fn fates(&self, from: Offset, to: Offset) -> impl Iterator<Item = Fate> {
        let range = from.0..to.0.max(from.0);
        self.events.range(range).map(|(_, (fate, _))| *fate)
    }

    /// How many events there were from `from` up to `to` as far as anyone can know.
    pub(super) fn known(&self, from: Offset, to: Offset) -> u64 {
        self.fates(from, to).filter(|fate| *fate != Fate::Lost).count() as u64
    }

    /// How many of them can be read, unless they were given up.
    pub(super) fn readable(&self, from: Offset, to: Offset) -> u64 {
        self.fates(from, to).filter(|fate| *fate == Fate::Given).count() as u64
    }

    /// After a crash these are the holes; everything from `needed` up to `kept` must be there.
    /// Answers the offsets that are lost without a word.
    pub(super) fn crashed(&mut self, holes: &[Hole], needed: Offset, kept: Offset) -> Vec<u64> {
        let mut lost = Vec::new();
        for hole in holes {
            for (offset, (fate, _)) in self.events.range_mut(hole.from.0..hole.to.0) {
                if *fate != Fate::Given {
                    continue;
                }
                let may_go = *offset < needed.0 || *offset >= kept.0;
                assert!(may_go, "{offset} is lost in {hole:?}, and all below {kept} was safe");
                *fate = match hole.reason {
                    DropReason::Restart => Fate::Lost,
                    _ => Fate::Damaged,
                };
                if *fate == Fate::Lost {
                    lost.push(*offset);
                }
            }
            if hole.reason != DropReason::Restart {
                let known = self.known(hole.from, hole.to);
                assert_eq!(known, hole.to.since(hole.from), "{hole:?} has events that never were");
            }
        }
        lost
    }

    /// What of these holes was not known; answers the offsets.
    pub(super) fn damaged(&mut self, holes: &[Hole]) -> Vec<u64> {
        let mut damaged = Vec::new();
        for hole in holes.iter().filter(|hole| hole.reason == DropReason::Damaged) {
            for (offset, (fate, _)) in self.events.range_mut(hole.from.0..hole.to.0) {
                if *fate == Fate::Given {
                    *fate = Fate::Damaged;
                    damaged.push(*offset);
                }
            }
        }
        damaged
    }
}
