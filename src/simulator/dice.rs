use std::time::Duration;

/// A small generator of random numbers (SplitMix64): the same seed gives the same numbers in every
/// version and on every machine, and fifteen thousand of them cost nothing.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// Dice for the `index`th of those who share a seed.
    pub fn new(seed: u64, index: u64) -> Self {
        let mut dice = Self(seed ^ index.wrapping_mul(0xd134_2543_de82_ef95));
        dice.next();
        dice
    }

    /// Any number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; zero where `end` is zero.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// A length of time up to `most`.
    pub fn up_to(&mut self, most: Duration) -> Duration {
        let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.below(nanos))
    }

    /// `middle`, longer or shorter by at most `jitter`.
    pub fn around(&mut self, middle: Duration, jitter: Duration) -> Duration {
        (middle + self.up_to(jitter * 2)).saturating_sub(jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_and_neighbours_give_others() {
        let roll = |seed, index| {
            let mut dice = Dice::new(seed, index);
            [dice.next(), dice.next(), dice.next()]
        };
        assert_eq!(roll(7, 1), roll(7, 1));
        assert_ne!(roll(7, 1), roll(7, 2));
        assert_ne!(roll(7, 1), roll(8, 1));
    }

    #[test]
    fn numbers_and_times_stay_within_their_bounds() {
        let mut dice = Dice::new(1, 0);
        assert_eq!(dice.below(0), 0);
        let (second, tenth) = (Duration::from_secs(1), Duration::from_millis(100));
        for _ in 0..1000 {
            assert!(dice.below(6) < 6);
            let pause = dice.around(second, tenth);
            assert!(pause >= second - tenth && pause <= second + tenth);
        }
        assert_eq!(dice.around(Duration::ZERO, Duration::ZERO), Duration::ZERO);
    }
}
