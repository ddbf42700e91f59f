use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use super::taps::Way;
use crate::model::UnixMillis;

/// Bytes that are kept of one connection, the last ones, with what keeping them takes; a chunk that is
/// longer alone.
const MOST: usize = 16 << 10;

/// The same of all connections together; beyond it nothing is kept of further ones.
const MOST_OF_ALL: usize = 512 << 10;

/// What keeping one chunk takes, about.
const KEEPING: usize = 64;

/// Bytes that passed, when and which way.
pub type Chunk = (UnixMillis, Way, Bytes);

/// The last of what passed on connections, by their slots.
#[derive(Debug, Default)]
pub struct Recents {
    lines: HashMap<u32, Recent>,
    weight: usize,
}

#[derive(Debug, Default)]
struct Recent {
    chunks: VecDeque<Chunk>,
    weight: usize,
}

impl Recents {
    /// Keeps what passed on the connection in `slot`.
    pub fn keep(&mut self, slot: u32, chunk: Chunk) {
        let added = weight(&chunk);
        let recent = self.lines.entry(slot).or_default();
        recent.chunks.push_back(chunk);
        (recent.weight, self.weight) = (recent.weight + added, self.weight + added);
        while recent.weight > MOST && recent.chunks.len() > 1 {
            let Some(oldest) = recent.chunks.pop_front() else { break };
            recent.weight -= weight(&oldest);
            self.weight -= weight(&oldest);
        }
        if self.weight > MOST_OF_ALL {
            self.forget(slot);
        }
    }

    /// Takes what was kept of the connection in `slot`.
    pub fn forget(&mut self, slot: u32) -> VecDeque<Chunk> {
        let recent = self.lines.remove(&slot).unwrap_or_default();
        self.weight -= recent.weight;
        recent.chunks
    }
}

fn weight((_, _, bytes): &Chunk) -> usize {
    bytes.len() + KEEPING
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(length: usize) -> Chunk {
        (UnixMillis(1), Way::Received, vec![b'x'; length].into())
    }

    #[test]
    fn of_each_connection_the_last_is_kept_and_of_all_no_more_than_the_limit() {
        let mut recents = Recents::default();
        for _ in 0..100 {
            recents.keep(1, chunk(960));
        }
        assert_eq!((recents.lines.len(), recents.weight), (1, 16 << 10));
        recents.keep(1, chunk(60 << 10));
        assert_eq!(recents.weight, (60 << 10) + KEEPING, "a long chunk is kept alone");
        for slot in 2..100 {
            recents.keep(slot, chunk(60 << 10));
        }
        assert_eq!(recents.lines.len(), 8);
        assert_eq!((recents.forget(1).len(), recents.forget(1).len()), (1, 0));
        assert_eq!(recents.weight, 7 * ((60 << 10) + KEEPING));
    }

    #[test]
    fn many_small_chunks_are_bounded_too() {
        let mut recents = Recents::default();
        for slot in 0..10_000 {
            recents.keep(slot, chunk(1));
        }
        assert!(recents.weight <= MOST_OF_ALL && recents.lines.len() <= MOST_OF_ALL / KEEPING);
    }
}
