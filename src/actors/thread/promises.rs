use std::collections::VecDeque;

use super::serving::Key;
use crate::model::Offset;

/// Replies that wait until what they answer is safe, in the order of the events: a device that has
/// its reply forgets its data.
#[derive(Debug, Default)]
pub(super) struct Promises {
    /// The replies, one behind the other.
    bytes: Vec<u8>,
    /// So many of these bytes have gone out.
    gone: usize,
    waiting: VecDeque<Waiting>,
    /// So many of these answer events that have no offset yet.
    gathered: usize,
    /// Where the events end that have one.
    end: Offset,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// Every event before this must be safe. Until these have offsets: how many events of the
    /// batch.
    before: Offset,
    key: Key,
    length: usize,
}

impl Promises {
    /// A reply to the session behind `key`, once the first `events` of the batch that is being
    /// gathered are safe, and all that came before it.
    pub fn gather(&mut self, events: u32, key: Key, reply: &[u8]) {
        let before = match events {
            0 => self.end,
            events => Offset(u64::from(events)),
        };
        self.waiting.push_back(Waiting { before, key, length: reply.len() });
        self.bytes.extend_from_slice(reply);
        self.gathered += usize::from(events > 0);
    }

    /// The batch was handed over: its `events` stand from `base` on.
    pub fn handed_over(&mut self, base: Offset, events: u32) {
        let handed_over = self.waiting.len() - self.gathered;
        for waiting in self.waiting.iter_mut().skip(handed_over) {
            waiting.before = base.plus(waiting.before.0);
        }
        self.gathered = 0;
        self.end = base.plus(u64::from(events));
    }

    /// Hands out the replies whose events are all before `safe`.
    pub fn take_due(&mut self, safe: Offset, mut send: impl FnMut(Key, &[u8])) {
        while let Some(next) = self.waiting.front().copied().filter(|_| self.waits())
            && next.before <= safe
        {
            self.waiting.pop_front();
            let reply = self.gone..self.gone + next.length;
            self.gone = reply.end;
            send(next.key, &self.bytes[reply]);
        }
        if self.waiting.is_empty() {
            let end = self.end;
            *self = Self { end, ..Self::default() };
        } else if self.gone > self.bytes.len() / 2 {
            self.bytes.drain(..self.gone);
            self.gone = 0;
        }
    }

    /// How many replies wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether any waits for its events to be safe.
    pub fn waits(&self) -> bool {
        self.waiting.len() > self.gathered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(promises: &mut Promises, safe: u64) -> Vec<(u64, Vec<u8>)> {
        let mut due = Vec::new();
        promises.take_due(Offset(safe), |key, reply| due.push((key.0, reply.to_vec())));
        due
    }

    #[test]
    fn a_reply_goes_out_once_its_event_and_all_before_are_safe() {
        let mut promises = Promises::default();
        promises.gather(1, Key(7), b"one");
        promises.gather(3, Key(8), b"three");
        assert!(!promises.waits());
        assert_eq!(due(&mut promises, u64::MAX), [], "it has no offset yet");
        promises.handed_over(Offset(100), 3);
        promises.gather(1, Key(7), b"later");
        assert_eq!(due(&mut promises, 100), []);
        assert_eq!(due(&mut promises, 102), [(7, b"one".to_vec())]);
        assert_eq!(due(&mut promises, 103), [(8, b"three".to_vec())]);
        assert!(!promises.waits());
        promises.handed_over(Offset(103), 1);
        assert!(promises.waits());
        assert_eq!(due(&mut promises, 104), [(7, b"later".to_vec())]);
    }

    #[test]
    fn a_reply_to_what_was_handed_over_already_waits_for_that() {
        let mut promises = Promises::default();
        promises.handed_over(Offset(100), 3);
        promises.gather(0, Key(7), b"late");
        assert!(promises.waits());
        assert_eq!(due(&mut promises, 102), []);
        assert_eq!(due(&mut promises, 103), [(7, b"late".to_vec())]);
    }

    #[test]
    fn replies_of_one_event_keep_their_order() {
        let mut promises = Promises::default();
        for reply in [&b"a"[..], b"bb", b""] {
            promises.gather(1, Key(1), reply);
        }
        promises.handed_over(Offset(5), 1);
        let all: Vec<u8> = due(&mut promises, 6).into_iter().flat_map(|(_, reply)| reply).collect();
        assert_eq!(all, b"abb");
        assert_eq!(promises.bytes.capacity(), 0, "nothing is kept while nothing waits");
    }
}
