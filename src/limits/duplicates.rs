use serde::{Deserialize, Serialize};

use crate::units::Rate;

/// Who wins when two connections claim one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicate {
    /// The newest.
    Takeover,
    /// The oldest, if it still answers.
    Reject,
    /// Both.
    Allow,
}

/// The rule for duplicates, as a listener sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DuplicatePolicy {
    /// Who wins.
    pub winner: Duplicate,
    /// How often one name may be taken over; above it the oldest wins for a minute.
    pub takeover_limit: Rate,
    /// How often one name may come before it is flagged; 0: never.
    pub flapping: Rate,
}
