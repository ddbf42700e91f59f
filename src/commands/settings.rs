use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::{Size, Span};

/// `[commands]`: what web servers may ask devices to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// `false`: commands are refused.
    pub enabled: bool,
    /// Most commands of one device that have not ended; one more is refused.
    pub max_per_device: u32,
    /// Most bytes of all commands that have not ended; one more is refused. As much again is kept of
    /// the answers to those that have.
    pub max_total: Size,
    /// A device rests so long behind the end of a command before it gets the next one.
    pub pause: Span,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            max_per_device: 100,
            max_total: Size::mib(64),
            pause: Span::seconds(0),
        }
    }
}

/// Why commands cannot be kept as the settings say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsFault {
    /// No device could have any.
    #[error("max_per_device is 0")]
    NonePerDevice,
    /// Not even one large command would fit.
    #[error("max_total is below the least of {least}")]
    TotalTooSmall {
        /// The least that works.
        least: Size,
    },
    /// A device would hardly ever get its next command.
    #[error("pause is above the most of {most}")]
    PauseTooLong {
        /// The most that works.
        most: Span,
    },
}

impl Settings {
    /// Least `max_total`.
    pub const LEAST: Size = Size::mib(1);

    /// Most `pause`.
    pub const LONGEST_PAUSE: Span = Span::seconds(3600);

    /// Finds what a queue could not work with.
    pub fn check(&self) -> Result<(), SettingsFault> {
        if self.max_per_device == 0 {
            return Err(SettingsFault::NonePerDevice);
        }
        if self.max_total < Self::LEAST {
            return Err(SettingsFault::TotalTooSmall { least: Self::LEAST });
        }
        if self.pause > Self::LONGEST_PAUSE {
            return Err(SettingsFault::PauseTooLong { most: Self::LONGEST_PAUSE });
        }
        Ok(())
    }
}

/// How much the queue holds.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most commands of one device that have not ended.
    pub per_device: usize,
    /// Most bytes of all that have not ended, and most bytes of the answers that are remembered.
    pub total: u64,
    /// How long a device rests behind a command.
    pub pause: Duration,
    /// Most ends that are remembered.
    pub remembered: usize,
}

impl Limits {
    /// So many ends are remembered; the oldest are forgotten first.
    pub const REMEMBERED: usize = 100_000;
}

impl From<&Settings> for Limits {
    fn from(settings: &Settings) -> Self {
        Self {
            per_device: settings.max_per_device as usize,
            total: settings.max_total.0,
            pause: settings.pause.get(),
            remembered: Self::REMEMBERED,
        }
    }
}
