use std::fmt;

use serde::{Deserialize, Serialize};

/// An event's number: rising by one while the gateway runs, never used twice, below 2^53 because
/// web servers read it as a double.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Offset(pub u64);

impl Offset {
    /// First number that a double can no longer tell from its neighbour.
    pub const END: Self = Self(1 << 53);

    /// The offset `count` events later.
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0 + count)
    }

    /// The offset before this one.
    pub const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// How many offsets lie from `earlier` up to this one, zero if it is not earlier.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
