use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep_until},
};

/// Where devices wait for their turn to connect: so many at once, so many a second.
#[derive(Debug)]
pub struct Gate {
    at_once: Semaphore,
    pause: Duration,
    next: Mutex<Option<Instant>>,
}

impl Gate {
    /// A gate for `at_once` connects under way (at least one) and `rate` a second (`None`: no
    /// limit).
    pub fn new(at_once: usize, rate: Option<u32>) -> Self {
        let pause = rate.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate.max(1));
        Self { at_once: Semaphore::new(at_once.max(1)), pause, next: Mutex::new(None) }
    }

    /// Waits for a turn; it lasts until the permit is dropped.
    pub async fn enter(&self) -> SemaphorePermit<'_> {
        let permit = self.at_once.acquire().await.expect("the semaphore is never closed");
        if !self.pause.is_zero() {
            sleep_until(self.slot(Instant::now())).await;
        }
        permit
    }

    /// The next free moment from `now` on; it is then taken.
    fn slot(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = next.map_or(now, |next| next.max(now));
        *next = Some(slot + self.pause);
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_keep_to_the_rate() {
        let gate = Gate::new(10, Some(100));
        let start = Instant::now();
        for _ in 0..101 {
            drop(gate.enter().await);
        }
        assert_eq!(start.elapsed().as_secs_f64().round(), 1.0);
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_pass_at_once() {
        let gate = Gate::new(1, None);
        let first = gate.enter().await;
        let second = tokio::time::timeout(Duration::from_secs(1), gate.enter()).await;
        assert!(second.is_err());
        drop(first);
        drop(gate.enter().await);
    }
}
