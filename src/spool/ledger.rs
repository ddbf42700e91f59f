use std::fmt;

use serde::{Deserialize, Serialize};

/// Why events are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// The spool was full, and `when_full = "drop_oldest"`.
    SpoolFull,
    /// The upstream fell behind by more than `max_lag`.
    Behind,
    /// Passed over by hand, or because the upstream could not take it.
    Skipped,
    /// Numbering went on further ahead after an unclean stop; nothing was lost by it.
    Restart,
    /// What was stored cannot be read back: the disk gave something else, or nothing.
    Damaged,
}

impl DropReason {
    /// Every reason there is.
    pub const ALL: [Self; 5] =
        [Self::SpoolFull, Self::Behind, Self::Skipped, Self::Restart, Self::Damaged];

    /// The word for it in a `gap`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SpoolFull => "spool_full",
            Self::Behind => "behind",
            Self::Skipped => "skipped",
            Self::Restart => "restart",
            Self::Damaged => "damaged",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where the events for one upstream are: received = delivered + waiting + dropped, at any time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Events that got an offset since this upstream began.
    pub received: u64,
    /// Acknowledged by the upstream.
    pub delivered: u64,
    /// In the spool, not yet acknowledged.
    pub waiting: u64,
    /// Gone, told as gaps.
    pub dropped: u64,
}

impl Ledger {
    /// Whether the sum is right; it always is.
    pub const fn balances(&self) -> bool {
        self.received == self.delivered + self.waiting + self.dropped
    }
}
