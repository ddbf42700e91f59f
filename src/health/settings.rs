use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Traffic;
use crate::units::{Percent, Span};

/// `[health]`: when the gateway counts as ill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Messages of devices within this time are held against those of the same time before; `0s`:
    /// they are not.
    pub traffic_window: Span,
    /// Fewer than so much of what was before is silence.
    pub traffic_floor: Percent,
    /// So many messages there must have been before, for a silence to count.
    pub traffic_least: u64,
    /// What follows from a silence.
    pub when_quiet: WhenQuiet,
}

/// What follows when all devices have fallen silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenQuiet {
    /// Log, metric and API tell of it.
    Tell,
    /// systemd's watchdog is not fed either, so that the process is started afresh.
    Restart,
}

/// What is wrong with the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsFault {
    /// No window, or one between `least` and `most`.
    Window {
        /// The shortest.
        least: Span,
        /// The longest.
        most: Span,
    },
    /// Nothing is below zero.
    Floor,
    /// Nothing before is no silence now.
    Least,
    /// A silence that nobody looks for.
    NoWindow,
}

impl Settings {
    /// The shortest window.
    pub const LEAST_WINDOW: Span = Span::seconds(1);

    /// The longest.
    pub const MOST_WINDOW: Span = Span::seconds(7 * 86_400);

    /// Looks for what cannot work.
    ///
    /// # Errors
    /// The first of it.
    pub fn check(&self) -> Result<(), SettingsFault> {
        let (least, most) = (Self::LEAST_WINDOW, Self::MOST_WINDOW);
        match self.traffic_window.non_zero() {
            None if self.when_quiet == WhenQuiet::Restart => return Err(SettingsFault::NoWindow),
            None => {}
            Some(window) if (least.get()..=most.get()).contains(&window) => {}
            Some(_) => return Err(SettingsFault::Window { least, most }),
        }
        if self.traffic_floor == Percent(0) {
            return Err(SettingsFault::Floor);
        }
        if self.traffic_least == 0 {
            return Err(SettingsFault::Least);
        }
        Ok(())
    }

    /// What watches the traffic, if anything does.
    pub(super) fn traffic(&self) -> Option<Traffic> {
        let window: Duration = self.traffic_window.non_zero()?;
        Some(Traffic::new(window, self.traffic_floor, self.traffic_least))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            traffic_window: Span::seconds(0),
            traffic_floor: Percent(10),
            traffic_least: 100,
            when_quiet: WhenQuiet::Tell,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused() {
        let on = Settings { traffic_window: Span::seconds(600), ..Settings::default() };
        assert_eq!((Settings::default().check(), on.check()), (Ok(()), Ok(())));
        let (least, most) = (Settings::LEAST_WINDOW, Settings::MOST_WINDOW);
        let cases = [
            (
                Settings { traffic_window: Span::millis(999), ..on.clone() },
                SettingsFault::Window { least, most },
            ),
            (
                Settings { traffic_window: Span::seconds(700_000), ..on.clone() },
                SettingsFault::Window { least, most },
            ),
            (Settings { traffic_floor: Percent(0), ..on.clone() }, SettingsFault::Floor),
            (Settings { traffic_least: 0, ..on }, SettingsFault::Least),
            (
                Settings { when_quiet: WhenQuiet::Restart, ..Settings::default() },
                SettingsFault::NoWindow,
            ),
        ];
        for (settings, fault) in cases {
            assert_eq!(settings.check(), Err(fault), "{settings:?}");
        }
    }
}
