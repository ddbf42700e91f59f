//! The clock that all processes of a machine share.

use std::{thread, time::Duration};

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since some moment in the past, the same for every process (`CLOCK_MONOTONIC`).
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Sleeps until then; not at all, if that is over.
pub fn sleep_until(moment: u64) {
    thread::sleep(Duration::from_nanos(moment.saturating_sub(now())));
}
