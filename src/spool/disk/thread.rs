//! The two threads of a spool, and what wakes them.

use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::Rest;

/// Wakes a thread that has nothing to do, and costs nothing while it has.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rung: Mutex<Rung>,
    changed: Condvar,
    /// There is work that the thread has not looked at.
    has_work: AtomicBool,
    sleeps: AtomicBool,
    /// So long it sleeps at most; for ever without.
    most: Option<Duration>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Rung {
    #[default]
    No,
    Work,
    Urgent,
    Stop,
}

impl Bell {
    /// One that wakes its thread after `most`, too.
    pub(super) fn waking_after(most: Duration) -> Self {
        Self { most: Some(most), ..Self::default() }
    }

    /// There is something to do.
    pub(super) fn ring(&self) {
        self.has_work.store(true, Ordering::SeqCst);
        if self.sleeps.load(Ordering::SeqCst) {
            self.wake(Rung::Work);
        }
    }

    /// There is something to do that must not wait.
    pub(super) fn hurry(&self) {
        self.wake(Rung::Urgent);
    }

    /// The thread should end.
    pub(super) fn stop(&self) {
        self.wake(Rung::Stop);
    }

    fn wake(&self, rung: Rung) {
        let mut now = self.rung();
        // What is more urgent stays so.
        *now = rung.max(*now);
        self.changed.notify_all();
    }

    fn rung(&self) -> MutexGuard<'_, Rung> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rests. Who is woken because there is something to do rests for `gather` more, so that more
    /// comes together. Answers whether to go on.
    pub(super) fn rest(&self, rest: Rest, gather: Duration) -> bool {
        match rest {
            Rest::For(time) => self.sleep(time),
            Rest::Within(time) => self.wait(time) && self.sleep(gather),
            Rest::Idle => self.wait(Duration::MAX) && self.sleep(gather),
        }
    }

    fn wait(&self, most: Duration) -> bool {
        self.sleeps.store(true, Ordering::SeqCst);
        let is_idle = |rung: &mut Rung| *rung == Rung::No && !self.has_work.load(Ordering::SeqCst);
        let most = self.most.map_or(most, |own| own.min(most));
        let (mut rung, _) = self
            .changed
            .wait_timeout_while(self.rung(), most, is_idle)
            .unwrap_or_else(PoisonError::into_inner);
        self.sleeps.store(false, Ordering::SeqCst);
        self.has_work.store(false, Ordering::SeqCst);
        if *rung == Rung::Work {
            *rung = Rung::No;
        }
        *rung != Rung::Stop
    }

    fn sleep(&self, time: Duration) -> bool {
        let rung = self.rung();
        let undisturbed = |rung: &mut Rung| matches!(rung, Rung::No | Rung::Work);
        let (mut rung, _) = self
            .changed
            .wait_timeout_while(rung, time, undisturbed)
            .unwrap_or_else(PoisonError::into_inner);
        if *rung == Rung::Stop {
            return false;
        }
        *rung = Rung::No;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread, time::Instant};

    use super::*;

    const FOR_EVER: Duration = Duration::from_secs(100_000);
    /// Nothing takes longer unless something is broken.
    const LIMIT: Duration = Duration::from_secs(20);

    fn is_woken_by_work_from(rest: Rest) -> bool {
        let bell = Arc::new(Bell::default());
        let resting = Arc::clone(&bell);
        let rests = thread::spawn(move || resting.rest(rest, Duration::ZERO));
        let begun = Instant::now();
        while !rests.is_finished() {
            assert!(begun.elapsed() < LIMIT, "nobody woke behind {rest:?}");
            bell.ring();
            thread::yield_now();
        }
        rests.join().is_ok_and(|goes_on| goes_on)
    }

    #[test]
    fn work_ends_a_rest_that_has_nothing_else_to_wait_for() {
        assert!(is_woken_by_work_from(Rest::Idle));
        assert!(is_woken_by_work_from(Rest::Within(FOR_EVER)));
    }

    #[test]
    fn without_work_a_rest_ends_when_its_time_is_over() {
        let bell = Bell::default();
        assert!(bell.rest(Rest::Within(Duration::from_millis(1)), Duration::ZERO));
    }
}
