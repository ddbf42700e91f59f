use std::cell::Cell;

use tokio::{sync::Notify, time::Instant};

/// The word to finish, and the answer that it is done. It outlives a courier that panics.
#[derive(Debug, Default)]
pub(super) struct Ending {
    deadline: Cell<Option<Instant>>,
    asked: Notify,
    is_done: Cell<bool>,
    done: Notify,
}

impl Ending {
    /// Asks for the end, at `deadline` at the latest; asked again, the first deadline holds.
    pub(super) fn ask(&self, deadline: Instant) {
        let first = self.deadline.get().unwrap_or(deadline);
        self.deadline.set(Some(first.min(deadline)));
        self.asked.notify_one();
    }

    /// By when it shall be over, once somebody has asked.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline.get()
    }

    /// Waits until somebody asks; answers the deadline.
    pub(super) async fn asked(&self) -> Instant {
        loop {
            if let Some(deadline) = self.deadline.get() {
                return deadline;
            }
            self.asked.notified().await;
        }
    }

    /// Says that it is over.
    pub(super) fn finish(&self) {
        self.is_done.set(true);
        self.done.notify_waiters();
    }

    /// Waits until it is over.
    pub(super) async fn done(&self) {
        while !self.is_done.get() {
            self.done.notified().await;
        }
    }
}
