use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Tells a reader that its cursor was set back by hand, until it begins anew
/// ([`Spool::resume`](super::Spool::resume)).
#[derive(Debug, Default)]
pub struct Rewinds {
    is_pending: AtomicBool,
    happened: Notify,
}

impl Rewinds {
    /// Whether it was set back since the reader began.
    pub fn is_pending(&self) -> bool {
        self.is_pending.load(Ordering::Acquire)
    }

    /// Waits until it is.
    pub async fn happened(&self) {
        while !self.is_pending() {
            self.happened.notified().await;
        }
    }

    pub(super) fn announce(&self) {
        self.is_pending.store(true, Ordering::Release);
        self.happened.notify_one();
    }

    pub(super) fn settle(&self) {
        self.is_pending.store(false, Ordering::Release);
    }
}
