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

    /// Rests. Behind [`Rest::Idle`] it wakes when there is something to do, and rests for `gather`
    /// more, so that more comes together. Answers whether to go on.
    pub(super) fn rest(&self, rest: Rest, gather: Duration) -> bool {
        match rest {
            Rest::For(time) => self.sleep(time),
            Rest::Idle => self.wait() && self.sleep(gather),
        }
    }

    fn wait(&self) -> bool {
        self.sleeps.store(true, Ordering::SeqCst);
        let is_idle = |rung: &mut Rung| *rung == Rung::No && !self.has_work.load(Ordering::SeqCst);
        let most = self.most.unwrap_or(Duration::MAX);
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
