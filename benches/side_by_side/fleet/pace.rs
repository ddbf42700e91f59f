//! When how much is due.

use std::time::Duration;

/// So often it is looked what is due: nothing is sent in larger lumps than what a slot brings.
pub const SLOT: Duration = Duration::from_millis(1);

/// Slots that are made up for when their time was missed.
const MISSED: f64 = 5.0;

/// A rate that began some time ago.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    begun: u64,
    rate: f64,
    given: u64,
}

impl Pace {
    /// So many a second from now on.
    pub fn new(rate: f64, now: u64) -> Self {
        Self { begun: now, rate, given: 0 }
    }

    /// How many are due since it was asked last, and how many are left out, since it was asked so
    /// late that they would come as one lump.
    pub fn due(&mut self, now: u64) -> (u64, u64) {
        let whole = ((now - self.begun) as f64 * self.rate / 1e9) as u64;
        let due = whole - self.given;
        self.given = whole;
        let most = (self.rate * SLOT.as_secs_f64() * MISSED).ceil() as u64;
        (due.min(most), due.saturating_sub(most))
    }
}
