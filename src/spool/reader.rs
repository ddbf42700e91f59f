use serde::{Deserialize, Serialize};

/// The cursor of one upstream in one spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReaderId(pub(super) usize);

/// How an upstream reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderSettings {
    /// The upstream's name.
    pub name: String,
    /// Where it begins the first time.
    pub start: Start,
    /// What happens when it falls behind.
    pub when_behind: WhenBehind,
    /// With [`WhenBehind::Skip`]: most bytes that may wait for it.
    pub max_lag: u64,
}

/// Where a new upstream begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// With the next event.
    Now,
    /// With the oldest that is still there.
    Oldest,
}

/// What an upstream may do to the others by being slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenBehind {
    /// It may fill the spool.
    Hold,
    /// Past `max_lag` it loses the oldest, told as a gap.
    Skip,
}
