use std::ops::Range;

use rand::{RngExt, SeedableRng, rngs::SmallRng};

/// Longest piece.
const LONGEST: usize = 1000;

/// Cuts so many bytes into pieces at random: the same ones for the same seed.
pub(super) fn pieces(length: usize, seed: u64) -> Vec<Range<usize>> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < length {
        let end = (at + random.random_range(1..=LONGEST)).min(length);
        pieces.push(at..end);
        at = end;
    }
    pieces
}
