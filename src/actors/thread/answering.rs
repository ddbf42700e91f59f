use std::task::{Context as TaskContext, Poll};

use tokio::sync::watch;
use tokio_util::sync::ReusableBoxFuture;

use super::{SessionThread, serving::Key};
use crate::{
    actors::session::{Nudge, Session},
    messages::Refused,
    model::{CloseReason, Offset},
};

/// When a reply may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Behind the replies that wait already.
    Now,
    /// Once all that was told so far is safe: what the device hears then is a promise.
    Safe,
}

/// What devices are answered.
impl SessionThread {
    /// Answers the device in `slot`.
    ///
    /// # Errors
    /// The device does not read, or nothing more is to be sent to it.
    pub fn answer(&self, slot: u32, reply: &[u8], due: Due) -> Result<(), Refused> {
        if reply.is_empty() {
            return Ok(());
        }
        self.ports.telemetry.answered();
        let events = self.batch.borrow().count();
        let waits = self.with(slot, |who| {
            if who.owed == 0 && due == Due::Now {
                return None;
            }
            who.owed += reply.len();
            Some(Key::new(slot, who.session))
        });
        match waits.flatten() {
            None => self.send(slot, reply),
            Some(key) => {
                self.promises.borrow_mut().gather(events, key, reply);
                self.flush_soon();
                Ok(())
            }
        }
    }

    /// Whether anything is ever safe.
    pub fn can_promise(&self) -> bool {
        self.promises_are_kept
    }

    fn send(&self, slot: u32, reply: &[u8]) -> Result<(), Refused> {
        let sent = self.with(slot, |who| who.outbound.push(reply, who.listener.outbound_limit));
        sent.unwrap_or(Err(Refused::Gone))
    }

    /// Sends the replies whose events are safe by now; the task is woken when more are.
    pub(super) fn keep_promises(&self, safe: &mut Safe, task: &mut TaskContext<'_>) {
        while self.promises.borrow().waits() {
            self.send_due(safe.now());
            if !self.promises.borrow().waits() || safe.poll(task).is_pending() {
                return;
            }
        }
    }

    /// Tells how many replies wait, if that is another number than last time.
    pub(super) fn tell_replies(&self) {
        let now = self.promises.borrow().len();
        self.ports.telemetry.replies_changed(self.replies.replace(now), now);
    }

    fn send_due(&self, safe: Offset) {
        let mut sent = Vec::new();
        self.promises.borrow_mut().take_due(safe, |key, reply| {
            let is_there = self.with(key.slot(), |who| {
                let is_it = who.tag() == key.tag();
                who.owed -= if is_it { reply.len() } else { 0 };
                is_it
            });
            if is_there != Some(true) {
                return;
            }
            if self.send(key.slot(), reply) == Err(Refused::Full) {
                self.nudge(key.slot(), Nudge::End(CloseReason::SlowReader));
            } else if sent.last() != Some(&key) {
                sent.push(key);
            }
        });
        for key in sent {
            self.run(key, Session::goes_on);
        }
    }
}

/// Up to where events are safe.
pub(super) struct Safe {
    receiver: Option<watch::Receiver<Offset>>,
    changed: ReusableBoxFuture<'static, watch::Receiver<Offset>>,
}

impl Safe {
    /// Follows `promised`.
    pub fn new(promised: Option<watch::Receiver<Offset>>) -> Self {
        let changed = match promised.clone() {
            Some(receiver) => ReusableBoxFuture::new(next(receiver)),
            None => ReusableBoxFuture::new(std::future::pending()),
        };
        Self { receiver: promised, changed }
    }

    /// Where no event is ever safe, nothing waits for it.
    fn now(&self) -> Offset {
        self.receiver.as_ref().map_or(Offset(u64::MAX), |receiver| *receiver.borrow())
    }

    fn poll(&mut self, task: &mut TaskContext<'_>) -> Poll<()> {
        self.changed.poll(task).map(|receiver| self.changed.set(next(receiver)))
    }
}

async fn next(mut receiver: watch::Receiver<Offset>) -> watch::Receiver<Offset> {
    if receiver.changed().await.is_err() {
        // The spool is gone, and nothing becomes safe any more.
        std::future::pending::<()>().await;
    }
    receiver
}
