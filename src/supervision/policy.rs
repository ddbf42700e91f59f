use std::time::{Duration, Instant};

/// How often an actor may crash, and how long it rests before each restart.
#[derive(Clone, Debug)]
pub struct RestartPolicy {
    /// Restarts allowed inside one `window`; one crash more ends the actor.
    pub max_restarts: usize,
    /// Crashes older than this are forgotten.
    pub window: Duration,
    /// Rest before the first restart of a window; doubles with each further one.
    pub first_pause: Duration,
    /// Longest rest.
    pub longest_pause: Duration,
}

impl Default for RestartPolicy {
    /// Ten restarts in a minute, resting from 10 ms up to 2 s: about 12 s of trying before the
    /// process is given up.
    fn default() -> Self {
        Self {
            max_restarts: 10,
            window: Duration::from_secs(60),
            first_pause: Duration::from_millis(10),
            longest_pause: Duration::from_secs(2),
        }
    }
}

/// What follows a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is restarted after this rest.
    RestartAfter(Duration),
    /// It crashed too often.
    GiveUp,
}

/// The crashes of one actor that still count. Plain values: the clock is an argument.
#[derive(Debug)]
pub struct CrashHistory {
    policy: RestartPolicy,
    crashes: Vec<Instant>,
}

impl CrashHistory {
    /// A history without crashes.
    pub fn new(policy: RestartPolicy) -> Self {
        Self { policy, crashes: Vec::new() }
    }

    /// Notes a crash at `now` and says what follows it.
    pub fn after_crash(&mut self, now: Instant) -> Verdict {
        let window = self.policy.window;
        self.crashes.retain(|crash| now.duration_since(*crash) <= window);
        self.crashes.push(now);
        let earlier = self.crashes.len() - 1;
        if earlier >= self.policy.max_restarts {
            return Verdict::GiveUp;
        }
        let doubled = 1_u32.checked_shl(earlier as u32).unwrap_or(u32::MAX);
        let pause = self.policy.first_pause.saturating_mul(doubled);
        Verdict::RestartAfter(pause.min(self.policy.longest_pause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three_restarts() -> CrashHistory {
        CrashHistory::new(RestartPolicy {
            max_restarts: 3,
            window: Duration::from_secs(60),
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_millis(300),
        })
    }

    fn after(millis: u64) -> Verdict {
        Verdict::RestartAfter(Duration::from_millis(millis))
    }

    #[test]
    fn rests_double_up_to_the_longest_and_then_it_gives_up() {
        let (mut history, now) = (three_restarts(), Instant::now());
        let verdicts: Vec<_> = (0..4).map(|_| history.after_crash(now)).collect();
        assert_eq!(verdicts, [after(100), after(200), after(300), Verdict::GiveUp]);
    }

    #[test]
    fn crashes_outside_the_window_are_forgotten() {
        let (mut history, start) = (three_restarts(), Instant::now());
        (0..3).for_each(|_| {
            history.after_crash(start);
        });
        assert_eq!(history.after_crash(start + Duration::from_secs(61)), after(100));
    }
}
