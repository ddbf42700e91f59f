use bytes::{Buf, BytesMut};

use crate::messages::Refused;

/// The bytes on their way to one device, bounded and in order. A word while there are none.
#[derive(Debug, Default)]
pub struct Outbound {
    queue: Option<Box<Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    bytes: BytesMut,
    /// FIN behind what is queued.
    finish: Finish,
    /// Somebody was refused and wants to hear when there is room.
    wanted: bool,
    /// So many of the bytes have stayed, since the device does not take them.
    stayed: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Finish {
    #[default]
    No,
    Asked,
    Done,
}

impl Outbound {
    /// Queues `bytes`, unless more than `limit` would wait then. What is larger than the limit goes
    /// alone, or it would wait for ever.
    pub fn push(&mut self, bytes: &[u8], limit: usize) -> Result<(), Refused> {
        let queue = self.queue.get_or_insert_default();
        if queue.finish != Finish::No {
            return Err(Refused::Gone);
        }
        if !queue.bytes.is_empty() && queue.bytes.len() + bytes.len() > limit {
            queue.wanted = true;
            return Err(Refused::Full);
        }
        queue.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// What is to be written next.
    pub fn waiting(&self) -> &[u8] {
        self.queue.as_ref().map_or(&[], |queue| &queue.bytes)
    }

    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.waiting().is_empty()
    }

    /// How many bytes the device did not take when it was offered them, and has not taken since.
    pub fn stayed(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.stayed)
    }

    /// The socket takes nothing more for now.
    pub fn stay(&mut self) {
        if let Some(queue) = self.queue.as_mut() {
            queue.stayed = queue.bytes.len();
        }
    }

    /// The socket took `count` bytes; answers whether somebody waits to hear of room.
    pub fn written(&mut self, count: usize) -> bool {
        let Some(queue) = self.queue.as_mut() else { return false };
        queue.bytes.advance(count);
        queue.stayed = queue.stayed.min(queue.bytes.len());
        if !queue.bytes.is_empty() {
            return false;
        }
        let wanted = queue.wanted;
        if queue.finish == Finish::No {
            self.queue = None;
        } else {
            (queue.bytes, queue.wanted) = (BytesMut::new(), false);
        }
        wanted
    }

    /// Nothing more will be queued: tell the device so once all is written.
    pub fn finish(&mut self) {
        let queue = self.queue.get_or_insert_default();
        if queue.finish == Finish::No {
            queue.finish = Finish::Asked;
        }
    }

    /// Whether the device is to be told now that nothing more comes.
    pub fn must_finish(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.must_finish())
    }

    /// The device was told.
    pub fn finished(&mut self) {
        self.queue.get_or_insert_default().finish = Finish::Done;
    }

    /// Whether the device was told that nothing more comes.
    pub fn is_finished(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.finish == Finish::Done)
    }
}

impl Queue {
    fn must_finish(&self) -> bool {
        self.finish == Finish::Asked && self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_refuses_beyond_its_limit_and_tells_once_when_there_is_room_again() {
        let mut outbound = Outbound::default();
        assert_eq!(outbound.push(b"12345678", 8), Ok(()));
        assert_eq!(outbound.push(b"9", 8), Err(Refused::Full));
        assert!(!outbound.written(5));
        assert!(outbound.written(3), "all written, and somebody wanted to know");
        assert_eq!(outbound.push(b"9", 8), Ok(()));
        assert!(!outbound.written(1), "nobody was refused since");
    }

    #[test]
    fn what_the_device_does_not_take_stays_until_it_does() {
        let mut outbound = Outbound::default();
        outbound.push(b"12345678", 99).unwrap();
        assert_eq!(outbound.stayed(), 0, "nobody has offered it");
        outbound.written(2);
        outbound.stay();
        outbound.push(b"90", 99).unwrap();
        assert_eq!(outbound.stayed(), 6);
        outbound.written(5);
        assert_eq!(outbound.stayed(), 3);
        outbound.written(3);
        assert_eq!(outbound.stayed(), 0);
    }

    #[test]
    fn what_is_larger_than_the_limit_goes_alone() {
        let mut outbound = Outbound::default();
        assert_eq!(outbound.push(b"123456789", 8), Ok(()));
        assert_eq!(outbound.push(b"1", 8), Err(Refused::Full));
    }

    #[test]
    fn nothing_is_queued_behind_the_end_and_the_end_comes_last() {
        let mut outbound = Outbound::default();
        outbound.push(b"bye", 8).unwrap();
        outbound.finish();
        assert_eq!(outbound.push(b"x", 8), Err(Refused::Gone));
        assert!(!outbound.must_finish());
        outbound.written(3);
        assert!(outbound.must_finish());
        outbound.finished();
        assert!(!outbound.must_finish() && outbound.is_finished());
    }
}
