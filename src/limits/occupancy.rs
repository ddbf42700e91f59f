use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

use tokio::sync::Notify;

/// How many connections there are, over all threads: one atomic that is raised before the first
/// read of a connection and lowered before its `offline` is told.
#[derive(Debug, Default)]
pub struct Occupancy {
    /// Most connections of all listeners together; zero: no limit.
    limit: u32,
    connections: AtomicU32,
    peak: AtomicU32,
    vacated: Notify,
}

/// The connections of one listener, which count among all.
#[derive(Debug)]
pub struct ListenerCounts {
    all: Arc<Occupancy>,
    connections: AtomicU32,
    peak: AtomicU32,
    accepted: AtomicU64,
    refused: AtomicU64,
}

/// The listener has as many connections as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverLimit;

/// One counted connection; it counts until it is dropped.
#[derive(Debug)]
pub struct Ticket(Arc<ListenerCounts>);

impl Occupancy {
    /// Most connections of all listeners together; zero: no limit.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// With room for `limit` connections of all listeners together.
    pub fn with_limit(limit: u32) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Connections accepted and not yet ended, named or not.
    pub fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Most connections there ever were at a time.
    pub fn peak(&self) -> u32 {
        self.peak.load(Ordering::Relaxed)
    }

    /// Waits until there is no connection.
    pub async fn vacant(&self) {
        loop {
            let vacated = self.vacated.notified();
            if self.connections() == 0 {
                return;
            }
            vacated.await;
        }
    }
}

/// Counts one more, up to `limit`; answers how many there are now.
fn raise(connections: &AtomicU32, limit: u32) -> Option<u32> {
    let below = |now: u32| (now < limit).then_some(now + 1);
    let before = connections.fetch_update(Ordering::Relaxed, Ordering::Relaxed, below).ok()?;
    Some(before + 1)
}

impl ListenerCounts {
    /// A listener that has no connections yet.
    pub fn of(all: &Arc<Occupancy>) -> Self {
        Self {
            all: Arc::clone(all),
            connections: AtomicU32::default(),
            peak: AtomicU32::default(),
            accepted: AtomicU64::default(),
            refused: AtomicU64::default(),
        }
    }

    /// Counts a connection, unless there are `limit` of this listener already, or all listeners
    /// together have as many as they may.
    pub fn admit(self: &Arc<Self>, limit: u32) -> Result<Ticket, OverLimit> {
        let all = &self.all;
        let of_listener = raise(&self.connections, limit).ok_or(OverLimit)?;
        let most = if all.limit == 0 { u32::MAX } else { all.limit };
        let Some(of_all) = raise(&all.connections, most) else {
            self.connections.fetch_sub(1, Ordering::Relaxed);
            return Err(OverLimit);
        };
        self.peak.fetch_max(of_listener, Ordering::Relaxed);
        self.accepted.fetch_add(1, Ordering::Relaxed);
        all.peak.fetch_max(of_all, Ordering::Relaxed);
        Ok(Ticket(Arc::clone(self)))
    }

    /// Connections of this listener.
    pub fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Most of them there ever were at a time.
    pub fn peak(&self) -> u32 {
        self.peak.load(Ordering::Relaxed)
    }

    /// All that were ever let in.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// All that were turned away at the door.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Counts one that was turned away.
    pub fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Self(listener) = self;
        listener.connections.fetch_sub(1, Ordering::Relaxed);
        if listener.all.connections.fetch_sub(1, Ordering::Relaxed) == 1 {
            listener.all.vacated.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_limit(limit: u32) -> (Arc<Occupancy>, [Arc<ListenerCounts>; 2]) {
        let all = Arc::new(Occupancy::with_limit(limit));
        let listeners = [(); 2].map(|()| Arc::new(ListenerCounts::of(&all)));
        (all, listeners)
    }

    #[test]
    fn the_limit_is_hard_and_a_ticket_counts_until_it_is_dropped() {
        let (all, [dtu, meters]) = with_limit(0);
        let first = dtu.admit(2).unwrap();
        let _second = dtu.admit(2).unwrap();
        assert_eq!(dtu.admit(2).unwrap_err(), OverLimit);
        let _other = meters.admit(2).unwrap();
        assert_eq!((all.connections(), dtu.connections(), meters.connections()), (3, 2, 1));
        drop(first);
        assert_eq!((all.connections(), dtu.connections()), (2, 1));
        assert!(dtu.admit(2).is_ok());
        assert_eq!((all.peak(), dtu.peak(), dtu.accepted()), (3, 2, 3));
    }

    #[test]
    fn all_listeners_together_have_a_limit_too() {
        let (all, [dtu, meters]) = with_limit(2);
        let _kept = (dtu.admit(9).unwrap(), meters.admit(9).unwrap());
        assert_eq!(dtu.admit(9).unwrap_err(), OverLimit);
        assert_eq!((dtu.connections(), all.connections()), (1, 2), "nothing half counted is left");
    }

    #[test]
    fn many_threads_never_get_past_the_limit() {
        let (all, [dtu, _]) = with_limit(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let taken: Vec<_> = (0..1000).filter_map(|_| dtu.admit(7).ok()).collect();
                    assert!(taken.len() <= 7);
                });
            }
        });
        assert_eq!((all.connections(), dtu.connections()), (0, 0));
        assert!(dtu.peak() <= 7);
    }
}
