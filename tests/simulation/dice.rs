//! Chance, all of it from one seed.

use std::{ops::RangeInclusive, time::Duration};

use rand::{RngExt, SeedableRng, rngs::SmallRng};

/// Dice of one of those who roll. Each has its own, so that what one does changes nothing for the
/// others.
#[derive(Clone, Debug)]
pub struct Dice(SmallRng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(SmallRng::seed_from_u64(seed))
    }

    /// Dice for somebody else.
    pub fn fork(&mut self) -> Self {
        Self::new(self.seed())
    }

    /// A seed for something that rolls by itself.
    pub fn seed(&mut self) -> u64 {
        self.0.random()
    }

    pub fn between(&mut self, range: RangeInclusive<u64>) -> u64 {
        self.0.random_range(range)
    }

    /// So many times of a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.between(0..=99) < percent
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.between(0..=from.len() as u64 - 1) as usize].clone()
    }

    /// A number up to `most` whose order of magnitude is as likely as any other.
    pub fn magnitude(&mut self, most: u64) -> u64 {
        let bits = self.between(0..=u64::from(most.max(1).ilog2()));
        self.between(0..=(1 << (bits + 1)) - 1).min(most)
    }

    pub fn millis(&mut self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.between(range))
    }
}
