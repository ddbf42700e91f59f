use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Lets one record through in a second and counts what it held back in between.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    /// Milliseconds from the start to when the next record may pass.
    next: AtomicU64,
    held_back: AtomicU64,
}

impl Throttle {
    const PAUSE: u64 = 1000;

    /// Whether a record may pass `since_start`, with the number of those held back since the last.
    pub(super) fn pass(&self, since_start: Duration) -> Option<u64> {
        let now = since_start.as_millis() as u64;
        let next = self.next.load(Ordering::Relaxed);
        let (order, due) = (Ordering::Relaxed, now >= next);
        if due && self.next.compare_exchange(next, now + Self::PAUSE, order, order).is_ok() {
            return Some(self.held_back.swap(0, order));
        }
        self.held_back.fetch_add(1, order);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_record_a_second_passes_and_tells_how_many_did_not() {
        let throttle = Throttle::default();
        let at = Duration::from_millis;
        assert_eq!(throttle.pass(at(0)), Some(0));
        assert_eq!(throttle.pass(at(1)), None);
        assert_eq!(throttle.pass(at(999)), None);
        assert_eq!(throttle.pass(at(1000)), Some(2));
        assert_eq!(throttle.pass(at(1500)), None);
        assert_eq!(throttle.pass(at(9000)), Some(1));
    }
}
