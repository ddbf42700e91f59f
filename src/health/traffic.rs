use std::{collections::VecDeque, time::Duration};

use crate::units::Percent;

/// Moments that are noted in a window; more would not make it truer.
const NOTES: u32 = 20;

/// Whether devices have fallen silent: how many messages came within a window, held against the same
/// time before that. Knows no clock; times are spans since any beginning.
#[derive(Debug)]
pub struct Traffic {
    window: Duration,
    floor: Percent,
    least: u64,
    /// How many messages there had been at which moment, the oldest first: two windows of them.
    notes: VecDeque<(Duration, u64)>,
    /// Messages of the window before the silence, while there is one.
    silenced: Option<u64>,
}

/// Traffic at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// How long the window is.
    pub window: Duration,
    /// Messages within the window.
    pub messages: u64,
    /// Messages in the same time before it. While the silence lasts: in the window before it began.
    pub before: u64,
    /// The devices have fallen silent.
    pub quiet: bool,
}

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// They have fallen silent.
    Silenced,
    /// They speak again.
    Resumed,
}

impl Traffic {
    /// Falling below `floor` of what was in the `window` before counts as silence, if that were `least`
    /// messages or more.
    pub fn new(window: Duration, floor: Percent, least: u64) -> Self {
        Self { window, floor, least, notes: VecDeque::new(), silenced: None }
    }

    /// How often to note.
    pub fn every(&self) -> Duration {
        self.window / NOTES
    }

    /// There have been `total` messages since the beginning, at `now`.
    pub fn note(&mut self, now: Duration, total: u64) -> Option<Turn> {
        self.notes.push_back((now, total));
        let oldest = now.saturating_sub(self.window * 2);
        // The newest of those that are old enough stands for the moment two windows ago.
        while self.notes.get(1).is_some_and(|(at, _)| *at <= oldest) {
            self.notes.pop_front();
        }
        let (messages, before) = self.counts()?;
        match self.silenced {
            None if before >= self.least && self.is_below(messages, before) => {
                self.silenced = Some(before);
                Some(Turn::Silenced)
            }
            Some(before) if !self.is_below(messages, before) => {
                self.silenced = None;
                Some(Turn::Resumed)
            }
            _ => None,
        }
    }

    /// What was noted counts no more: messages were kept from coming. A silence lasts.
    pub fn forget(&mut self) {
        self.notes.clear();
    }

    /// How it stands.
    pub fn flow(&self) -> Flow {
        let (messages, before) = self.counts().unwrap_or_else(|| (self.within(), 0));
        Flow {
            window: self.window,
            messages,
            before: self.silenced.unwrap_or(before),
            quiet: self.silenced.is_some(),
        }
    }

    fn is_below(&self, messages: u64, before: u64) -> bool {
        let floor = u128::from(before) * u128::from(self.floor.0);
        u128::from(messages) * 100 < floor
    }

    /// Messages in the window, and in the one before it, once there are two.
    fn counts(&self) -> Option<(u64, u64)> {
        let (now, total) = *self.notes.back()?;
        let (_, first) = *self.notes.front().filter(|(at, _)| *at + self.window * 2 <= now)?;
        let middle = self.total_at(now.checked_sub(self.window)?);
        Some((total.saturating_sub(middle), middle.saturating_sub(first)))
    }

    /// Messages in the window, or since the beginning.
    fn within(&self) -> u64 {
        let Some((now, total)) = self.notes.back().copied() else { return 0 };
        total.saturating_sub(self.total_at(now.saturating_sub(self.window)))
    }

    /// How many there had been at `at`, as far as that was noted.
    fn total_at(&self, at: Duration) -> u64 {
        let behind = self.notes.partition_point(|(noted, _)| *noted <= at);
        let note = self.notes.get(behind.saturating_sub(1));
        note.map_or(0, |(_, total)| *total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(20);

    /// Notes once a second, with so many messages in each; answers what changed, and in which second.
    fn run(least: u64, a_second: impl IntoIterator<Item = u64>) -> Vec<(usize, Turn)> {
        let mut traffic = Traffic::new(WINDOW, Percent(10), least);
        let mut total = 0;
        let mut turns = Vec::new();
        traffic.note(Duration::ZERO, 0);
        for (second, messages) in a_second.into_iter().enumerate() {
            total += messages;
            let turn = traffic.note(Duration::from_secs(second as u64 + 1), total);
            turns.extend(turn.map(|turn| (second + 1, turn)));
        }
        turns
    }

    fn speak(messages: u64, seconds: usize) -> impl Iterator<Item = u64> {
        std::iter::repeat_n(messages, seconds)
    }

    #[test]
    fn a_fleet_that_falls_silent_is_told_once_and_once_more_when_it_speaks_again() {
        let story = speak(5, 40).chain(speak(0, 200)).chain(speak(5, 30));
        // 100 came in the window before. In the 19th silent second below 10 of 95 are left, and in
        // the second second of speech there are 10 again.
        assert_eq!(run(50, story), [(59, Turn::Silenced), (242, Turn::Resumed)]);
    }

    #[test]
    fn silence_lasts_also_when_the_window_before_was_silent_as_well() {
        let mut traffic = Traffic::new(WINDOW, Percent(10), 50);
        for second in 0..300_u64 {
            traffic.note(Duration::from_secs(second), 5 * second.min(40));
        }
        let flow = traffic.flow();
        assert_eq!((flow.quiet, flow.messages), (true, 0));
        assert!(flow.before >= 95, "{flow:?}");
    }

    #[test]
    fn what_is_no_silence() {
        let cases: [(&str, u64, Vec<u64>); 5] = [
            ("nothing was ever said", 1, speak(0, 100).collect()),
            (
                "too little was said before to count",
                101,
                speak(5, 40).chain(speak(0, 60)).collect(),
            ),
            ("a fifth of it is left", 50, speak(5, 40).chain(speak(1, 60)).collect()),
            ("there is no window before yet", 1, speak(9, 10).chain(speak(0, 29)).collect()),
            ("it grows", 1, (0..100).collect()),
        ];
        for (what, least, story) in cases {
            assert_eq!(run(least, story), [], "{what}");
        }
    }

    #[test]
    fn it_takes_as_many_notes_as_two_windows_have_and_no_more() {
        let mut traffic = Traffic::new(WINDOW, Percent(10), 1);
        for note in 0..1000 {
            traffic.note(traffic.every() * note, u64::from(note));
        }
        assert_eq!(traffic.notes.len(), 2 * NOTES as usize + 1);
        let flow = traffic.flow();
        assert_eq!((flow.messages, flow.before), (u64::from(NOTES), u64::from(NOTES)));
    }
}
