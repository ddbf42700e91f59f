use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Durability;
use crate::units::{Size, Span};

/// `[spool]`: where events wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Where events are kept.
    #[serde(rename = "type")]
    pub kind: SpoolType,
    /// The folder of the disk make.
    pub path: PathBuf,
    /// Disk make: when an event is safe.
    pub durability: Durability,
    /// Disk make: events are written and synced at most so often.
    pub commit_interval: Span,
    /// Most bytes that it holds; `None`, written `"auto"`, is 10 GiB on disk and 256 MiB in memory.
    #[serde(with = "size_or_auto")]
    pub max_size: Option<Size>,
    /// Disk make: how long to keep what every upstream has acknowledged, for a rewind.
    pub retain: Span,
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
    /// So short that the disk would do nothing else, or so long that it is no interval.
    #[error("commit_interval is {given}; it must be from {least} to {most}")]
    CommitInterval {
        /// As written.
        given: Span,
        /// The least that works.
        least: Span,
        /// The most.
        most: Span,
    },
}

impl Settings {
    /// Least `max_size`.
    pub const LEAST: Size = Size::mib(4);

    /// Most bytes that it holds.
    pub fn max_size(&self) -> Size {
        self.max_size.unwrap_or(match self.kind {
            SpoolType::Disk => Size::mib(10 << 10),
            SpoolType::Memory => Size::mib(256),
        })
    }

    /// Finds what a spool could not work with.
    pub fn check(&self) -> Result<(), SettingsFault> {
        if self.max_size() < Self::LEAST {
            return Err(SettingsFault::TooSmall { given: self.max_size(), least: Self::LEAST });
        }
        let (given, least, most) = (self.commit_interval, Span::millis(1), Span::seconds(10));
        if !(least.get()..=most.get()).contains(&given.get()) {
            return Err(SettingsFault::CommitInterval { given, least, most });
        }
        Ok(())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kind: SpoolType::Disk,
            path: PathBuf::from("data/spool"),
            durability: Durability::Group,
            commit_interval: Span::millis(5),
            max_size: None,
            retain: Span::seconds(0),
            when_full: WhenFull::Pause,
        }
    }
}

mod size_or_auto {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::units::Size;

    #[allow(clippy::ref_option)] // as serde wants it
    pub fn serialize<S: Serializer>(size: &Option<Size>, to: S) -> Result<S::Ok, S::Error> {
        match size {
            Some(size) => to.collect_str(size),
            None => to.serialize_str("auto"),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Size>, D::Error> {
        match String::deserialize(from)?.as_str() {
            "auto" => Ok(None),
            text => text.parse().map(Some).map_err(D::Error::custom),
        }
    }
}
