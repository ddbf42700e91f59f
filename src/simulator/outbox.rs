use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{Pace, SentKind, dice::Dice};

/// Bytes that may wait before the device stops reading, and so stops answering.
const LIMIT: usize = 256 << 10;

/// What a device has said and the socket has not taken yet, with the pace at which it leaves.
#[derive(Debug)]
pub(super) struct Outbox {
    pace: Pace,
    queue: VecDeque<Item>,
    /// Bytes in the queue that are not written.
    waiting: usize,
    /// Length of the next write, once it has been thrown.
    piece: Option<usize>,
    /// The next write waits for this moment.
    hold: Option<Instant>,
}

#[derive(Debug)]
struct Item {
    kind: SentKind,
    bytes: Bytes,
    written: usize,
}

impl Outbox {
    pub fn new(pace: Pace) -> Self {
        Self { pace, queue: VecDeque::new(), waiting: 0, piece: None, hold: None }
    }

    pub fn push(&mut self, kind: SentKind, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        self.waiting += bytes.len();
        self.queue.push_back(Item { kind, bytes, written: 0 });
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.waiting >= LIMIT
    }

    /// Bytes that are not written.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// When the next bytes may leave, if they must wait.
    pub fn held_until(&self) -> Option<Instant> {
        if self.is_empty() { None } else { self.hold }
    }

    /// What may be written now.
    pub fn chunk(&mut self, now: Instant, dice: &mut Dice) -> Option<&[u8]> {
        if self.hold.is_some_and(|hold| hold > now) {
            return None;
        }
        let item = self.queue.front()?;
        let rest = &item.bytes[item.written..];
        let length = match (self.pace, item.kind) {
            (Pace::Slow(_), _) => 1,
            (Pace::Pieces(_), SentKind::Registration) => {
                *self.piece.get_or_insert_with(|| 1 + dice.below(rest.len() as u64) as usize)
            }
            _ => rest.len(),
        };
        Some(&rest[..length.min(rest.len())])
    }

    /// The socket took so many bytes of the last chunk. Gives the message if it is now complete.
    pub fn written(
        &mut self,
        n: usize,
        now: Instant,
        dice: &mut Dice,
    ) -> Option<(SentKind, Bytes)> {
        let item = self.queue.front_mut()?;
        item.written += n;
        self.waiting -= n;
        self.piece = None;
        self.hold = pause(self.pace, item.kind, dice).map(|pause| now + pause);
        if item.written < item.bytes.len() {
            return None;
        }
        self.queue.pop_front().map(|item| (item.kind, item.bytes))
    }
}

fn pause(pace: Pace, kind: SentKind, dice: &mut Dice) -> Option<Duration> {
    match pace {
        Pace::Whole => None,
        Pace::Slow(pause) => Some(pause),
        Pace::Pieces(most) => (kind == SentKind::Registration).then(|| dice.up_to(most)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything in the order it leaves, each write with its moment.
    fn play(outbox: &mut Outbox, dice: &mut Dice) -> Vec<(Duration, Vec<u8>)> {
        let start = Instant::now();
        let mut now = start;
        let mut writes = Vec::new();
        while !outbox.is_empty() {
            now = now.max(outbox.held_until().unwrap_or(now));
            let chunk = outbox.chunk(now, dice).expect("the hold is over").to_vec();
            outbox.written(chunk.len(), now, dice);
            writes.push((now - start, chunk));
        }
        writes
    }

    fn filled(pace: Pace) -> Outbox {
        let mut outbox = Outbox::new(pace);
        outbox.push(SentKind::Registration, Bytes::from_static(b"ETUNG:860000000000001\r\n"));
        outbox.push(SentKind::Message, Bytes::from_static(b"hello"));
        outbox
    }

    fn joined(writes: &[(Duration, Vec<u8>)]) -> Vec<u8> {
        writes.iter().flat_map(|(_, bytes)| bytes.clone()).collect()
    }

    #[test]
    fn whole_messages_leave_in_one_write_each() {
        let writes = play(&mut filled(Pace::Whole), &mut Dice::new(1, 1));
        assert_eq!(writes.len(), 2);
        assert_eq!(writes[1].1, b"hello");
    }

    #[test]
    fn pieces_differ_by_seed_and_give_the_same_bytes() {
        let pace = Pace::Pieces(Duration::from_millis(20));
        let one = play(&mut filled(pace), &mut Dice::new(1, 1));
        let same = play(&mut filled(pace), &mut Dice::new(1, 1));
        let other = play(&mut filled(pace), &mut Dice::new(2, 1));
        assert_eq!(one, same);
        assert_ne!(one, other);
        assert_eq!(joined(&one), b"ETUNG:860000000000001\r\nhello");
        assert_eq!(joined(&one), joined(&other));
        assert_eq!(one.last().map(|write| &write.1[..]), Some(&b"hello"[..]));
    }

    #[test]
    fn pieces_are_of_many_lengths() {
        let pace = Pace::Pieces(Duration::ZERO);
        let uneven = (0..20).any(|seed| {
            let writes = play(&mut filled(pace), &mut Dice::new(seed, 1));
            let lengths: Vec<_> = writes.iter().map(|(_, bytes)| bytes.len()).collect();
            // The message is the last write, and the piece before it only what was left.
            lengths[..lengths.len() - 2].windows(2).any(|pair| pair[0] != pair[1])
        });
        assert!(uneven);
    }

    #[test]
    fn a_slow_device_writes_one_byte_at_a_time() {
        let pace = Pace::Slow(Duration::from_millis(100));
        let writes = play(&mut filled(pace), &mut Dice::new(1, 1));
        assert_eq!(writes.len(), 28);
        assert_eq!(writes[27].0, Duration::from_millis(2700));
    }

    #[test]
    fn a_message_is_told_once_its_last_byte_is_taken() {
        let (mut outbox, mut dice) = (Outbox::new(Pace::Whole), Dice::new(1, 1));
        let now = Instant::now();
        outbox.push(SentKind::Message, Bytes::from_static(b"hello"));
        assert_eq!(outbox.written(2, now, &mut dice), None);
        assert_eq!(outbox.chunk(now, &mut dice), Some(&b"llo"[..]));
        let whole = (SentKind::Message, Bytes::from_static(b"hello"));
        assert_eq!(outbox.written(3, now, &mut dice), Some(whole));
        assert!(outbox.is_empty());
    }
}
