use std::{cmp::Reverse, collections::BinaryHeap};

/// When to look at which session next. Sessions do not move their entry when a byte arrives: an
/// entry that comes up too early is simply set anew, so that hearing from a device costs nothing.
#[derive(Debug, Default)]
pub struct Deadlines {
    heap: BinaryHeap<Reverse<Look>>,
}

/// Look at this session, if it is still the one that set the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Look {
    /// Milliseconds since the thread began.
    pub at: u64,
    /// The session's slot.
    pub slot: u32,
    /// The low half of its id, which tells it from an earlier one in the same slot.
    pub tag: u32,
}

impl Deadlines {
    /// Sets a deadline.
    pub fn set(&mut self, look: Look) {
        self.heap.push(Reverse(look));
    }

    /// The next one.
    pub fn next(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse(look)| look.at)
    }

    /// Takes the next one that is due at `now`.
    pub fn take_due(&mut self, now: u64) -> Option<Look> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(look)| look)
    }

    /// Throws away the deadlines of sessions that are gone, once they are the larger part.
    pub fn sweep(&mut self, sessions: usize, is_there: impl Fn(&Look) -> bool) {
        if self.heap.len() > 3 * sessions + 256 {
            self.heap.retain(|Reverse(look)| is_there(look));
        }
    }

    /// How many there are.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.heap.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_up_in_order_and_not_before_their_time() {
        let mut deadlines = Deadlines::default();
        for (at, slot) in [(30, 3), (10, 1), (20, 2)] {
            deadlines.set(Look { at, slot, tag: 0 });
        }
        assert_eq!(deadlines.take_due(9), None);
        assert_eq!(deadlines.take_due(20).map(|look| look.slot), Some(1));
        assert_eq!(deadlines.take_due(20).map(|look| look.slot), Some(2));
        assert_eq!(deadlines.take_due(20), None);
        assert_eq!(deadlines.next(), Some(30));
    }

    #[test]
    fn deadlines_of_the_gone_do_not_pile_up() {
        let mut deadlines = Deadlines::default();
        for slot in 0..10_000 {
            deadlines.set(Look { at: 1, slot, tag: 0 });
            deadlines.sweep(5, |look| look.slot % 1000 == 0);
        }
        assert!(deadlines.len() < 300);
    }
}
