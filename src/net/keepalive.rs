use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::Span;

/// When the kernel asks a silent peer whether it is still there (`SO_KEEPALIVE` and its three
/// numbers, in whole seconds as Linux counts them).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeepaliveSettings {
    /// Silence before the first probe; `0s` turns keep-alive off.
    pub idle: Span,
    /// Between two probes.
    pub interval: Span,
    /// Probes that may stay unanswered.
    pub probes: u32,
}

impl KeepaliveSettings {
    /// How long a peer that has vanished stays unnoticed in silence.
    pub fn detection(&self) -> Duration {
        self.idle.get().saturating_add(self.interval.get().saturating_mul(self.probes))
    }
}

impl Default for KeepaliveSettings {
    fn default() -> Self {
        Self { idle: Span::seconds(60), interval: Span::seconds(15), probes: 4 }
    }
}
