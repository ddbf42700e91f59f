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

/// The connections of one listener.
#[derive(Debug, Default)]
pub struct ListenerCounts {
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
pub struct Ticket {
    all: Arc<Occupancy>,
    listener: Arc<ListenerCounts>,
}

impl Occupancy {
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

    /// Counts a connection of `listener`, unless that has `limit` of them already, or all listeners
    /// together have as many as they may.
    pub fn admit(
        self: &Arc<Self>,
        listener: &Arc<ListenerCounts>,
        limit: u32,
    ) -> Result<Ticket, OverLimit> {
        let of_listener = raise(&listener.connections, limit).ok_or(OverLimit)?;
        let most = if self.limit == 0 { u32::MAX } else { self.limit };
        let Some(of_all) = raise(&self.connections, most) else {
            listener.connections.fetch_sub(1, Ordering::Relaxed);
            return Err(OverLimit);
        };
        listener.peak.fetch_max(of_listener, Ordering::Relaxed);
        listener.accepted.fetch_add(1, Ordering::Relaxed);
        self.peak.fetch_max(of_all, Ordering::Relaxed);
        Ok(Ticket { all: Arc::clone(self), listener: Arc::clone(listener) })
    }
}

/// Counts one more, up to `limit`; answers how many there are now.
fn raise(connections: &AtomicU32, limit: u32) -> Option<u32> {
    let below = |now: u32| (now < limit).then_some(now + 1);
    let before = connections.fetch_update(Ordering::Relaxed, Ordering::Relaxed, below).ok()?;
    Some(before + 1)
}

impl ListenerCounts {
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
        self.listener.connections.fetch_sub(1, Ordering::Relaxed);
        if self.all.connections.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.all.vacated.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_hard_and_a_ticket_counts_until_it_is_dropped() {
        let (all, dtu, meters) = <(Arc<Occupancy>, Arc<_>, Arc<_>)>::default();
        let first = all.admit(&dtu, 2).unwrap();
        let _second = all.admit(&dtu, 2).unwrap();
        assert_eq!(all.admit(&dtu, 2).unwrap_err(), OverLimit);
        let _other = all.admit(&meters, 2).unwrap();
        assert_eq!((all.connections(), dtu.connections(), meters.connections()), (3, 2, 1));
        drop(first);
        assert_eq!((all.connections(), dtu.connections()), (2, 1));
        assert!(all.admit(&dtu, 2).is_ok());
        assert_eq!((all.peak(), dtu.peak(), dtu.accepted()), (3, 2, 3));
    }

    #[test]
    fn all_listeners_together_have_a_limit_too() {
        let all = Arc::new(Occupancy::with_limit(2));
        let (dtu, meters) = <(Arc<_>, Arc<_>)>::default();
        let _kept = (all.admit(&dtu, 9).unwrap(), all.admit(&meters, 9).unwrap());
        assert_eq!(all.admit(&dtu, 9).unwrap_err(), OverLimit);
        assert_eq!((dtu.connections(), all.connections()), (1, 2), "nothing half counted is left");
    }

    #[test]
    fn many_threads_never_get_past_the_limit() {
        let (all, dtu) = <(Arc<Occupancy>, Arc<ListenerCounts>)>::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let taken: Vec<_> = (0..1000).filter_map(|_| all.admit(&dtu, 7).ok()).collect();
                    assert!(taken.len() <= 7);
                });
            }
        });
        assert_eq!((all.connections(), dtu.connections()), (0, 0));
        assert!(dtu.peak() <= 7);
    }
}
