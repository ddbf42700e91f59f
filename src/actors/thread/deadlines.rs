use std::collections::BTreeMap;

/// When to look at which session next. Sessions do not move their entry when a byte arrives: an
/// entry that comes up too early is simply set anew, so that hearing from a device costs nothing.
///
/// Looks that are far away share moments, a thousandth of the way from each other: setting one and
/// taking it costs the same with a million sessions as with ten, and none comes up much later than
/// it was set for. Up to a second ahead all are exact.
#[derive(Debug, Default)]
pub struct Deadlines {
    /// None of them is empty.
    moments: BTreeMap<u64, Vec<Look>>,
    count: usize,
    /// Looks at earlier moments were swept already.
    swept: u64,
}

/// Look at this session, if it is still the one that set the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Milliseconds since the thread began.
    pub at: u64,
    /// The session's slot.
    pub slot: u32,
    /// The low half of its id, which tells it from an earlier one in the same slot.
    pub tag: u32,
}

/// Looks that one sweep goes through, about: a thread has other things to do.
const SWEPT_AT_ONCE: usize = 4096;

impl Deadlines {
    /// Sets a deadline, at the time `now`.
    pub fn set(&mut self, look: Look, now: u64) {
        self.moments.entry(moment(look.at, now)).or_default().push(look);
        self.count += 1;
    }

    /// When the next one comes up.
    pub fn next(&self) -> Option<u64> {
        self.moments.first_key_value().map(|(moment, _)| *moment)
    }

    /// Takes the next one that has come up at `now`.
    pub fn take_due(&mut self, now: u64) -> Option<Look> {
        let mut first = self.moments.first_entry()?;
        if *first.key() > now {
            return None;
        }
        let look = first.get_mut().pop();
        if first.get().is_empty() {
            first.remove();
        }
        self.count -= usize::from(look.is_some());
        look
    }

    /// Throws away deadlines of sessions that are gone, some at a time, once they are the larger
    /// part.
    pub fn sweep(&mut self, sessions: usize, is_there: impl Fn(&Look) -> bool) {
        if self.count <= 3 * sessions + 256 {
            return;
        }
        let mut left = SWEPT_AT_ONCE;
        while left > 0 {
            let Some((moment, looks)) = self.moments.range_mut(self.swept..).next() else {
                // The next sweep begins at the front.
                self.swept = 0;
                return;
            };
            let (moment, before) = (*moment, looks.len());
            looks.retain(&is_there);
            looks.shrink_to(2 * looks.len());
            self.count -= before - looks.len();
            if looks.is_empty() {
                self.moments.remove(&moment);
            }
            self.swept = moment + 1;
            left = left.saturating_sub(before);
        }
    }

    /// How many there are.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.moments.values().map(Vec::len).sum()
    }
}

/// The moment that a look at `at` comes up with: not before it, and behind it by less than a
/// thousandth of the time until then.
fn moment(at: u64, now: u64) -> u64 {
    let ahead = at.saturating_sub(now);
    let coarseness = ahead.checked_ilog2().unwrap_or(0).saturating_sub(10);
    at.div_ceil(1 << coarseness) << coarseness
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_up_in_order_and_not_before_their_time() {
        let mut deadlines = Deadlines::default();
        for (at, slot) in [(30, 3), (10, 1), (20, 2)] {
            deadlines.set(Look { at, slot, tag: 0 }, 0);
        }
        assert_eq!(deadlines.take_due(9), None);
        assert_eq!(deadlines.take_due(20).map(|look| look.slot), Some(1));
        assert_eq!(deadlines.take_due(20).map(|look| look.slot), Some(2));
        assert_eq!(deadlines.take_due(20), None);
        assert_eq!(deadlines.next(), Some(30));
    }

    #[test]
    fn what_is_near_is_exact_and_what_is_far_at_most_a_thousandth_late() {
        let now = 12_345;
        for ahead in 0..2048 {
            assert_eq!(moment(now + ahead, now), now + ahead);
        }
        for ahead in (2048..100_000_000).step_by(9973) {
            let late = moment(now + ahead, now) - (now + ahead);
            assert!(late * 1000 < ahead, "{late} ms late after {ahead} ms");
        }
        assert_eq!(moment(5, now), 5, "what is overdue comes up at once");
    }

    #[test]
    fn a_million_looks_within_ten_minutes_share_some_thousand_moments() {
        let mut deadlines = Deadlines::default();
        for slot in 0..1_000_000 {
            let look = Look { at: 600_000 + u64::from(slot) * 3 / 5, slot, tag: 0 };
            deadlines.set(look, look.at - 600_000);
        }
        assert_eq!(deadlines.len(), 1_000_000);
        assert!(deadlines.moments.len() < 2048, "{} moments", deadlines.moments.len());
    }

    #[test]
    fn deadlines_of_the_gone_do_not_pile_up() {
        let mut deadlines = Deadlines::default();
        for slot in 0..10_000 {
            deadlines.set(Look { at: 1, slot, tag: 0 }, 0);
            deadlines.sweep(5, |look| look.slot % 1000 == 0);
        }
        assert!(deadlines.len() < 300);
    }

    #[test]
    fn a_sweep_goes_on_where_the_one_before_it_ended_and_keeps_who_is_there() {
        let mut deadlines = Deadlines::default();
        for slot in 0..100_000 {
            deadlines.set(Look { at: u64::from(slot), slot, tag: 0 }, 0);
        }
        let mut sweeps = 0;
        while deadlines.len() > 1000 {
            let before = deadlines.len();
            deadlines.sweep(100, |look| look.slot % 1000 == 0);
            assert!(before - deadlines.len() <= 2 * SWEPT_AT_ONCE, "that was too much at once");
            sweeps += 1;
            assert!(sweeps < 100, "it does not get on");
        }
        let left = std::iter::from_fn(|| deadlines.take_due(u64::MAX));
        assert_eq!(left.filter(|look| look.slot % 1000 == 0).count(), 100);
    }
}
