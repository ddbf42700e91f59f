use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// How full the spool is, as two answers that cost one atomic read each.
#[derive(Debug)]
pub struct Pressure {
    admits: AtomicBool,
    paused: watch::Sender<bool>,
    paused_now: AtomicBool,
}

impl Default for Pressure {
    fn default() -> Self {
        Self {
            admits: AtomicBool::new(true),
            paused: watch::Sender::new(false),
            paused_now: AtomicBool::new(false),
        }
    }
}

impl Pressure {
    /// Whether devices' data must stay unread for now.
    pub fn is_paused(&self) -> bool {
        self.paused_now.load(Ordering::Relaxed)
    }

    /// Whether there is still room to tell of a newcomer's coming and going.
    pub fn admits_newcomers(&self) -> bool {
        self.admits.load(Ordering::Relaxed)
    }

    /// Follows the pause: `true` while data must stay unread.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.paused.subscribe()
    }

    /// Sets both answers.
    pub(super) fn set(&self, paused: bool, admits: bool) {
        self.admits.store(admits, Ordering::Relaxed);
        if self.paused_now.swap(paused, Ordering::Relaxed) != paused {
            self.paused.send_replace(paused);
        }
    }
}
