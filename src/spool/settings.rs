use serde::{Deserialize, Serialize};

use crate::units::Size;

/// `[spool]`: where events wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Where events are kept.
    #[serde(rename = "type")]
    pub kind: SpoolType,
    /// Most bytes that it holds.
    pub max_size: Size,
    /// What happens when it is full.
    pub when_full: WhenFull,
}

/// The makes of spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpoolType {
    /// In memory, gone with the process.
    Memory,
    /// On disk.
    Disk,
}

/// What happens when the spool is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// Devices are not read until there is room; their own buffers hold what they send.
    Pause,
    /// The oldest data make room, counted and told as a gap.
    DropOldest,
}

/// Why a spool cannot be built from its settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsFault {
    /// Below the least that holds a reserve and a batch of each thread.
    #[error("max_size is {given}, below the least of {least}")]
    TooSmall {
        /// As written.
        given: Size,
        /// The least that works.
        least: Size,
    },
    /// Known, and not built yet.
    #[error("type = \"disk\" is not built yet; use type = \"memory\"")]
    DiskNotBuilt,
}

impl Settings {
    /// Least `max_size`.
    pub const LEAST: Size = Size::mib(4);

    /// Finds what a spool could not work with.
    pub fn check(&self) -> Result<(), SettingsFault> {
        if self.kind == SpoolType::Disk {
            return Err(SettingsFault::DiskNotBuilt);
        }
        if self.max_size < Self::LEAST {
            return Err(SettingsFault::TooSmall { given: self.max_size, least: Self::LEAST });
        }
        Ok(())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { kind: SpoolType::Memory, max_size: Size::mib(256), when_full: WhenFull::Pause }
    }
}
