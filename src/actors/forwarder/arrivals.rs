use std::cell::RefCell;

use tokio::sync::Notify;

use crate::{model::Peer, net::Stream};

/// A web server that has connected to us, and may.
#[derive(Debug)]
pub(super) struct Caller {
    /// The connection.
    pub(super) stream: Stream,
    /// Where it comes from.
    pub(super) peer: Peer,
    /// What it said behind its token.
    pub(super) early: Vec<u8>,
}

/// The web server that connected last and is not served yet. A newer one takes its place.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    waiting: RefCell<Option<Caller>>,
    arrived: Notify,
}

impl Arrivals {
    /// Puts a web server in the place of whoever waits.
    pub(super) fn put(&self, caller: Caller) {
        self.waiting.replace(Some(caller));
        self.arrived.notify_one();
    }

    /// Whether somebody waits.
    pub(super) fn has_any(&self) -> bool {
        self.waiting.borrow().is_some()
    }

    /// Waits until somebody waits.
    pub(super) async fn any(&self) {
        while !self.has_any() {
            self.arrived.notified().await;
        }
    }

    /// Waits for a web server, and takes it.
    pub(super) async fn take(&self) -> Caller {
        loop {
            if let Some(caller) = self.waiting.take() {
                return caller;
            }
            self.arrived.notified().await;
        }
    }
}
