use std::sync::atomic::{AtomicI64, Ordering};

/// How much waits where nobody could look from outside.
#[derive(Debug, Default)]
pub struct Queues {
    /// Log records that were taken and are no line yet.
    pub log_records: Depth,
    /// Bytes that devices do not take: their sockets are full.
    pub outbound_bytes: Depth,
    /// Replies that wait until what they answer is safe.
    pub replies: Depth,
}

/// A number that rises and falls. What is put in is counted perhaps behind its coming out again, so that
/// it may be less than zero for a moment and is never too high.
#[derive(Debug, Default)]
pub struct Depth(AtomicI64);

impl Depth {
    /// How much waits now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed).max(0) as u64
    }

    /// One more.
    pub(super) fn rise(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    /// One less; answers how many there were.
    pub(super) fn fall(&self) -> i64 {
        self.0.fetch_sub(1, Ordering::AcqRel)
    }

    /// Of somebody's part of it `before` has become `after`.
    pub(super) fn change(&self, before: usize, after: usize) {
        if before != after {
            self.0.fetch_add(after as i64 - before as i64, Ordering::Relaxed);
        }
    }
}
