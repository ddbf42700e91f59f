use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

/// One connection of a device, from accept to its one ending. Never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

impl SessionId {
    /// The next id: numbers rise from the Unix time in microseconds at the first call, so that no
    /// later process repeats one unless it takes more than a million connections a second.
    pub fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        if NEXT.load(Ordering::Relaxed) == 0 {
            let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
            let first = (now.as_micros() as u64).max(1);
            let _ = NEXT.compare_exchange(0, first, Ordering::Relaxed, Ordering::Relaxed);
        }
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Where a session lives: its thread, and its slot in that thread's table. Slots are used again;
/// whoever keeps a seat keeps the [`SessionId`] beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seat {
    /// Number of the session thread, from 0.
    pub thread: u32,
    /// Place in its table.
    pub slot: u32,
}
