use std::cell::RefCell;

use tokio::sync::Notify;

use crate::link::UpstreamSettings;

/// Other settings, until the courier has let go of its link and heeds them. Newer ones take their
/// place.
#[derive(Debug, Default)]
pub(super) struct Change {
    waiting: RefCell<Option<Box<UpstreamSettings>>>,
    asked: Notify,
}

impl Change {
    pub(super) fn put(&self, settings: Box<UpstreamSettings>) {
        self.waiting.replace(Some(settings));
        self.asked.notify_one();
    }

    pub(super) fn is_asked(&self) -> bool {
        self.waiting.borrow().is_some()
    }

    /// Waits until there are some.
    pub(super) async fn asked(&self) {
        while !self.is_asked() {
            self.asked.notified().await;
        }
    }

    pub(super) fn take(&self) -> Option<Box<UpstreamSettings>> {
        self.waiting.take()
    }
}
