//! Whether the gateway does its work: the hearts of its threads, and whether devices still speak.
//!
//! What holds:
//! - Every thread that serves devices leaves a beat each second, with two atomic writes and nothing for
//!   each message. Whoever asks needs no answer from a thread that stands still.
//! - [`Traffic`] is pure: clock and counts are arguments.
//! - Nothing here logs or counts; whoever watches does.

mod heartbeats;
mod settings;
mod traffic;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

pub use heartbeats::{Beat, EVERY, Heart, Heartbeats, PATIENCE};
pub use settings::{Settings, SettingsFault, WhenQuiet};
pub use traffic::{Flow, Traffic, Turn};

/// All that is known of a gateway's health.
#[derive(Debug)]
pub struct Health {
    /// How its threads are.
    pub heartbeats: Heartbeats,
    began: Instant,
    traffic: Option<Mutex<Traffic>>,
    when_quiet: WhenQuiet,
}

impl Health {
    /// Of a gateway that begins.
    pub fn new(settings: &Settings) -> Self {
        Self {
            heartbeats: Heartbeats::default(),
            began: Instant::now(),
            traffic: settings.traffic().map(Mutex::new),
            when_quiet: settings.when_quiet,
        }
    }

    /// Devices have sent so many messages by now.
    pub fn note_traffic(&self, now: Instant, total: u64) -> Option<Turn> {
        self.traffic()?.note(now.saturating_duration_since(self.began), total)
    }

    /// Messages were kept from coming: how many came lately says nothing.
    pub fn forget_traffic(&self) {
        if let Some(mut traffic) = self.traffic() {
            traffic.forget();
        }
    }

    /// How often somebody should look.
    pub fn every(&self) -> Duration {
        self.traffic().map_or(EVERY, |traffic| traffic.every().min(EVERY))
    }

    /// How the traffic stands, if anybody looks.
    pub fn flow(&self) -> Option<Flow> {
        self.traffic().map(|traffic| traffic.flow())
    }

    /// What a watchdog has to be told: all is well, or why not.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn verdict(&self, now: Instant) -> Result<(), String> {
        let is_ill = |beat: &Beat| beat.stands_still && beat.is_vital;
        if let Some(still) = self.heartbeats.look(now).into_iter().find(is_ill) {
            return Err(format!("thread {} stands still", still.name));
        }
        let is_quiet = || self.flow().is_some_and(|flow| flow.quiet);
        match self.when_quiet == WhenQuiet::Restart && is_quiet() {
            true => Err("the devices have fallen silent".to_owned()),
            false => Ok(()),
        }
    }

    /// Counts that nobody leaves half-changed.
    fn traffic(&self) -> Option<MutexGuard<'_, Traffic>> {
        let traffic = self.traffic.as_ref()?;
        Some(traffic.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Percent, Span};

    fn silenced(when_quiet: WhenQuiet) -> Health {
        let health = Health::new(&Settings {
            traffic_window: Span::seconds(10),
            traffic_floor: Percent(50),
            traffic_least: 1,
            when_quiet,
        });
        for second in 0..30 {
            health.note_traffic(health.began + Duration::from_secs(second), second.min(12));
        }
        assert!(health.flow().unwrap().quiet);
        health
    }

    #[test]
    fn a_silence_starves_the_watchdog_only_where_that_is_asked_for() {
        let now = Instant::now();
        assert_eq!(silenced(WhenQuiet::Tell).verdict(now), Ok(()));
        let ill = silenced(WhenQuiet::Restart).verdict(now).unwrap_err();
        assert_eq!(ill, "the devices have fallen silent");
    }

    #[test]
    fn a_vital_thread_that_stands_still_starves_the_watchdog_and_a_helper_does_not() {
        let health = Health::new(&Settings::default());
        health.heartbeats.add(Heart::of_helper("admin", PATIENCE));
        let later = Instant::now() + Duration::from_secs(60);
        assert!(health.heartbeats.look(later)[0].stands_still);
        assert_eq!(health.verdict(later), Ok(()));
        health.heartbeats.add(Heart::of("main", PATIENCE));
        assert_eq!(health.verdict(later).unwrap_err(), "thread main stands still");
    }
}
