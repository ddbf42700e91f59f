use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::watch;

use super::Congestion;

/// What keeps devices from being read, as answers that cost one atomic read each: how full the spool
/// is, and whether web servers keep up.
#[derive(Debug)]
pub struct Pressure {
    admits: AtomicBool,
    paused: watch::Sender<bool>,
    paused_now: AtomicBool,
    congestion: Arc<Congestion>,
}

impl Default for Pressure {
    fn default() -> Self {
        Self {
            admits: AtomicBool::new(true),
            paused: watch::Sender::new(false),
            paused_now: AtomicBool::new(false),
            congestion: Arc::default(),
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

    /// Whether web servers keep up, which the spool does not know by itself: forwarders say so.
    pub fn congestion(&self) -> &Arc<Congestion> {
        &self.congestion
    }

    /// Sets both answers of the spool.
    pub(super) fn set(&self, paused: bool, admits: bool) {
        self.admits.store(admits, Ordering::Relaxed);
        if self.paused_now.swap(paused, Ordering::Relaxed) != paused {
            self.paused.send_replace(paused);
        }
    }
}
