use std::collections::VecDeque;

use super::serving::Key;

/// How long a session waits for its next turn at most, in milliseconds, however far behind the
/// upstreams are: nobody starves.
const PATIENCE: u64 = 100;

/// Sessions that go on at once; before the next ones, what these have sent goes on its way.
const AT_ONCE: usize = 8;

/// The sessions that had more to read when their turn was over, in the order in which they go on.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Each with the time when its last turn was over.
    waiting: VecDeque<(u64, Key)>,
}

impl Turns {
    /// The turn of this one is over at `now`.
    pub(super) fn push(&mut self, now: u64, key: Key) {
        self.waiting.push_back((now, key));
    }

    /// Whose turn it is at `now`, while all upstreams are up to date or while some are behind.
    pub(super) fn take(&mut self, now: u64, congested: bool) -> Vec<Key> {
        let is_due = |since: u64| !congested || since + PATIENCE <= now;
        let due = self.waiting.iter().take(AT_ONCE).take_while(|(since, _)| is_due(*since)).count();
        self.waiting.drain(..due).map(|(_, key)| key).collect()
    }

    /// By when the next one must have its turn, whatever happens.
    pub(super) fn next(&self) -> Option<u64> {
        self.waiting.front().map(|(since, _)| since + PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(since: impl IntoIterator<Item = u64>) -> Turns {
        let mut turns = Turns::default();
        since.into_iter().enumerate().for_each(|(at, since)| turns.push(since, Key(at as u64)));
        turns
    }

    #[test]
    fn they_go_on_in_their_order_and_some_at_a_time() {
        let mut turns = turns([0; AT_ONCE + 2]);
        let first = turns.take(0, false);
        assert!(first.iter().copied().eq((0..AT_ONCE as u64).map(Key)));
        turns.push(0, first[0]);
        assert_eq!(turns.take(0, false), [8, 9, 0].map(Key));
        assert_eq!(turns.next(), None);
    }

    #[test]
    fn while_an_upstream_is_behind_they_wait_but_not_for_ever() {
        let mut turns = turns([5, 60]);
        assert_eq!(turns.take(104, true), []);
        assert_eq!(turns.next(), Some(105));
        assert_eq!(turns.take(105, true), [Key(0)]);
        assert_eq!(turns.take(106, false), [Key(1)]);
    }
}
