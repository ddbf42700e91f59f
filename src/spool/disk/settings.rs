use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::spool::{Settings, WhenFull};

/// How safe an event is before it counts as safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Synced to the disk, many events a sync: it survives a loss of power.
    Group,
    /// In the kernel's page cache: it survives the process.
    Os,
}

/// How a spool on disk works. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskSettings {
    /// Most bytes of all segments.
    pub max_size: u64,
    /// Bytes of a segment.
    pub segment: u64,
    /// When an event is safe.
    pub durability: Durability,
    /// Events are written and synced at most so often.
    pub commit_interval: Duration,
    /// How long to keep what everybody has acknowledged.
    pub retain: Duration,
    /// What happens when there is no room.
    pub when_full: WhenFull,
}

impl DiskSettings {
    /// Largest segment: what one trim gives back, and what the reserve is.
    const MOST_SEGMENT: u64 = 64 << 20;

    /// Most that may wait for an upstream that can be skipped: less than what fills the spool, with
    /// a segment that is written, one that is ready, and one of slack.
    pub(super) fn most_lag(&self) -> u64 {
        self.max_size.saturating_sub(3 * self.segment)
    }
}

impl From<&Settings> for DiskSettings {
    fn from(settings: &Settings) -> Self {
        let max_size = settings.max_size().bytes() as u64;
        Self {
            max_size,
            // Eight of them at least, of whole pages.
            segment: (max_size / 8).min(Self::MOST_SEGMENT) & !4095,
            durability: settings.durability,
            commit_interval: settings.commit_interval.get(),
            retain: settings.retain.get(),
            when_full: settings.when_full,
        }
    }
}
