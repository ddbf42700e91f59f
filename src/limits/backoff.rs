use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::SmallRng};

/// Pauses between tries: the bound doubles from `initial` to `max`, and each pause is drawn
/// evenly from zero up to it ("full jitter"), so that many who failed together do not come back
/// together.
#[derive(Clone, Debug)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
    bound: Duration,
    tries: u32,
    dice: SmallRng,
}

impl Backoff {
    /// Pauses up to `initial` at first and up to `max` at last. The same `seed` draws the same
    /// pauses.
    pub fn new(initial: Duration, max: Duration, seed: u64) -> Self {
        let initial = initial.min(max);
        Self { initial, max, bound: initial, tries: 0, dice: SmallRng::seed_from_u64(seed) }
    }

    /// How long to wait before the next try.
    pub fn pause(&mut self) -> Duration {
        let pause = self.bound.mul_f64(self.dice.random::<f64>());
        self.bound = self.bound.saturating_mul(2).min(self.max);
        self.tries = self.tries.saturating_add(1);
        pause
    }

    /// A try succeeded: pauses start afresh.
    pub fn reset(&mut self) {
        self.bound = self.initial;
        self.tries = 0;
    }

    /// How many pauses were drawn since the last success.
    pub fn tries(&self) -> u32 {
        self.tries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn bounds_double_up_to_the_last_and_start_afresh_after_a_success() {
        let mut backoff = Backoff::new(200 * MILLI, 30_000 * MILLI, 1);
        let bounds = [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000];
        for bound in bounds {
            assert_eq!(backoff.bound, bound * MILLI);
            assert!(backoff.pause() <= bound * MILLI);
        }
        assert_eq!(backoff.tries(), 10);
        backoff.reset();
        assert_eq!((backoff.bound, backoff.tries()), (200 * MILLI, 0));
    }

    #[test]
    fn pauses_are_spread_evenly_from_zero_to_the_bound() {
        let pauses: Vec<_> =
            (0..4000).map(|seed| Backoff::new(100 * MILLI, MILLI * 100, seed).pause()).collect();
        for quarter in 0..4 {
            let range = 25 * quarter * MILLI..25 * (quarter + 1) * MILLI;
            let share = pauses.iter().filter(|pause| range.contains(*pause)).count();
            assert!((900..1100).contains(&share), "{share} of 4000 in quarter {quarter}");
        }
    }

    #[test]
    fn a_seed_repeats_its_pauses_and_absurd_bounds_do_no_harm() {
        let draw = |seed| {
            let mut backoff = Backoff::new(Duration::from_secs(1), Duration::MAX, seed);
            (0..100).map(|_| backoff.pause()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
