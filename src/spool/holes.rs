use serde::{Deserialize, Serialize};

use super::DropReason;
use crate::model::Offset;

/// Offsets without an event: numbering jumped there, or what stood there cannot be read any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hole {
    /// First offset without an event.
    pub from: Offset,
    /// Offset behind the last one.
    pub to: Offset,
    /// Why.
    pub reason: DropReason,
}

impl Hole {
    /// How many events are lost between `from`, in the hole, and its end.
    pub fn events_from(&self, from: Offset) -> u64 {
        match self.reason {
            DropReason::Restart => 0,
            _ => self.to.since(from.max(self.from)),
        }
    }
}

/// All holes of a spool, in order, none touching another of its sort.
#[derive(Clone, Debug, Default)]
pub(super) struct Holes(Vec<Hole>);

impl Holes {
    /// None at all.
    pub(super) const NONE: Self = Self(Vec::new());

    /// The hole that `offset` is in.
    pub(super) fn at(&self, offset: Offset) -> Option<&Hole> {
        let at = self.0.partition_point(|hole| hole.to <= offset);
        self.0.get(at).filter(|hole| hole.from <= offset)
    }

    /// How many of the offsets from `from` up to, not including, `to` have no event.
    pub(super) fn width(&self, from: Offset, to: Offset) -> u64 {
        self.within(from, to).map(|part| part.to.since(part.from)).sum()
    }

    /// How many of them never had one.
    pub(super) fn jumps(&self, from: Offset, to: Offset) -> u64 {
        let jumps = self.within(from, to).filter(|part| part.reason == DropReason::Restart);
        jumps.map(|part| part.to.since(part.from)).sum()
    }

    /// The parts of holes that lie from `from` up to, not including, `to`.
    fn within(&self, from: Offset, to: Offset) -> impl Iterator<Item = Hole> {
        let at = self.0.partition_point(|hole| hole.to <= from);
        let within = self.0[at..].iter().take_while(move |hole| hole.from < to);
        within.map(move |hole| Hole { from: hole.from.max(from), to: hole.to.min(to), ..*hole })
    }

    /// Adds what of `hole` is not known yet, and answers those parts.
    pub(super) fn add(&mut self, hole: Hole) -> Vec<Hole> {
        let mut added = Vec::new();
        let mut from = hole.from;
        while from < hole.to {
            let at = self.0.partition_point(|known| known.to <= from);
            let known = self.0.get(at).filter(|known| known.from < hole.to).copied();
            let to = known.map_or(hole.to, |known| known.from);
            if from < to {
                let part = Hole { from, to, ..hole };
                self.insert(at, part);
                added.push(part);
            }
            from = known.map_or(hole.to, |known| known.to);
        }
        added
    }

    fn insert(&mut self, at: usize, part: Hole) {
        self.0.insert(at, part);
        self.join(at);
        if let Some(before) = at.checked_sub(1) {
            self.join(before);
        }
    }

    /// Makes one of the hole at `at` and the next, if they touch and are of one sort.
    fn join(&mut self, at: usize) {
        let Some([hole, next]) = self.0.get_mut(at..at + 2) else { return };
        if hole.to == next.from && hole.reason == next.reason {
            hole.to = next.to;
            self.0.remove(at + 1);
        }
    }

    /// Forgets what ends before `offset`.
    pub(super) fn forget_before(&mut self, offset: Offset) {
        self.0.retain(|hole| hole.to > offset);
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Hole> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hole(from: u64, to: u64) -> Hole {
        Hole { from: Offset(from), to: Offset(to), reason: DropReason::Damaged }
    }

    #[test]
    fn holes_are_found_and_measured() {
        let mut holes = Holes::default();
        holes.add(hole(10, 20));
        holes.add(hole(30, 40));
        assert_eq!(holes.at(Offset(9)), None);
        assert_eq!(holes.at(Offset(10)), Some(&hole(10, 20)));
        assert_eq!(holes.at(Offset(20)), None);
        assert_eq!(holes.width(Offset(0), Offset(100)), 20);
        assert_eq!(holes.width(Offset(15), Offset(35)), 10);
        assert_eq!(holes.width(Offset(20), Offset(30)), 0);
    }

    #[test]
    fn what_is_known_already_is_not_added_twice() {
        let mut holes = Holes::default();
        holes.add(hole(10, 20));
        assert_eq!(holes.add(hole(5, 25)), [hole(5, 10), hole(20, 25)]);
        assert_eq!(holes.add(hole(5, 25)), []);
        assert_eq!(holes.width(Offset(0), Offset(100)), 20);
        assert_eq!(holes.iter().copied().collect::<Vec<_>>(), [hole(5, 25)]);
    }

    #[test]
    fn a_jump_costs_offsets_and_no_events() {
        let jump = Hole { reason: DropReason::Restart, ..hole(10, 20) };
        assert_eq!(jump.events_from(Offset(12)), 0);
        assert_eq!(hole(10, 20).events_from(Offset(12)), 8);
        let mut holes = Holes::default();
        holes.add(jump);
        holes.add(hole(15, 30));
        assert_eq!(holes.jumps(Offset(12), Offset(25)), 8);
        assert_eq!(holes.width(Offset(12), Offset(25)), 13);
    }
}
