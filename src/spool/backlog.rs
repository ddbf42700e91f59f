use crate::model::UnixMillis;

/// What waits for one upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// About so many bytes, as they are kept.
    pub bytes: u64,
    /// About when the oldest event happened that it has not acknowledged.
    pub since: Option<UnixMillis>,
}

impl Backlog {
    /// How far the upstream is behind at `now`, in seconds.
    pub fn lag(&self, now: UnixMillis) -> f64 {
        let millis = self.since.map_or(0, |since| now.0.saturating_sub(since.0));
        millis as f64 / 1000.0
    }
}

/// How much a spool keeps, and how much it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Bytes of everything that is kept; on disk, of all files of events, which have their size from
    /// the beginning.
    pub kept: u64,
    /// Most that may be kept.
    pub limit: u64,
    /// Bytes that are in memory only, or not safe yet.
    pub held: u64,
}
