use std::{io, task::Poll};

use super::Session;
use crate::{model::CloseReason, net::kernel};

/// A session on its way out.
#[derive(Debug)]
pub(super) struct Ending {
    /// When it stops waiting for the device, on the thread's clock.
    pub(super) deadline: u64,
    /// Nothing is left to be done for the device.
    pub(super) over: bool,
}

/// Most bytes that are read and thrown away while waiting for the device's FIN.
const LINGER_READ: usize = 64 << 10;

impl Session {
    /// The only way a session ends, whatever the reason; the first reason counts. What is queued
    /// still goes out within `farewell`, where the device is there to take it.
    pub(super) fn end(&mut self, reason: CloseReason) {
        if self.ending.is_some() {
            // Somebody waits for the name, or the device is gone: no more farewells.
            if !takes_farewell(reason) {
                self.over();
            }
            return;
        }
        self.thread.with(self.slot, |who| who.reason = Some(reason));
        self.stash = Vec::new();
        if matches!(reason, CloseReason::Denied | CloseReason::DuplicateRejected) {
            self.answer_refused();
        }
        self.give_up_held();
        let over = !takes_farewell(reason) || !self.is_owed(reason);
        let farewell = self.listener.farewell.as_millis() as u64;
        self.ending = Some(Box::new(Ending { deadline: self.thread.now() + farewell, over }));
        self.finish_once_settled();
    }

    /// Nothing more comes behind what is queued, once nothing is owed to the device.
    pub(super) fn finish_once_settled(&mut self) {
        if self.ending.as_ref().is_none_or(|ending| ending.over) {
            return;
        }
        self.thread.with(self.slot, |who| {
            if who.owed == 0 {
                who.outbound.finish();
            }
        });
    }

    /// Whether something is still on its way to the device. Last words of an extension may have
    /// reached its kernel already; a reset could destroy them there.
    fn is_owed(&self, reason: CloseReason) -> bool {
        let (queued, sent) = self
            .thread
            .with(self.slot, |who| (!who.outbound.is_empty() || who.owed > 0, who.sent > 0))
            .unwrap_or_default();
        queued || (sent && (reason == CloseReason::Kicked || self.unacknowledged() > 0))
    }

    /// Bytes that the device has not acknowledged; none where that cannot be known.
    pub(super) fn unacknowledged(&self) -> usize {
        let bytes = self.stream.descriptor().map(kernel::unacknowledged_bytes);
        bytes.and_then(Result::ok).unwrap_or(0)
    }

    /// Ends at once; the device sees a reset.
    pub(super) fn end_with_reset(&mut self) {
        self.stream.reset_on_drop();
        self.end(CloseReason::Kicked);
        self.over();
    }

    /// The connection failed with `error`.
    pub(super) fn broken(&mut self, error: &io::Error) {
        if self.ending.is_some() {
            return self.over();
        }
        let reason = self.reason_of(error);
        self.end(reason);
        self.over();
    }

    /// The peer may have hung up while nothing was read. Without an error it has merely closed its
    /// side in good order, and what it said before still waits to be read.
    pub(super) fn hung_up(&mut self) {
        if let Some(error) = self.stream.take_error() {
            self.broken(&error);
        }
    }

    pub(super) fn over(&mut self) {
        if let Some(ending) = self.ending.as_mut() {
            ending.over = true;
        }
    }

    /// Linux reports the same error whether probes or data stayed unanswered; what the peer has
    /// not acknowledged tells them apart.
    fn reason_of(&self, error: &io::Error) -> CloseReason {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::ConnectionReset | Kind::BrokenPipe | Kind::ConnectionAborted => {
                CloseReason::Reset
            }
            Kind::TimedOut | Kind::HostUnreachable | Kind::NetworkUnreachable => {
                if self.unacknowledged() > 0 {
                    CloseReason::TimedOut
                } else {
                    CloseReason::Keepalive
                }
            }
            _ => CloseReason::WriteFailed,
        }
    }

    /// Ready once nothing is left to be done for an ending session: all is written, the device
    /// was told, and it has finished too. Closing a socket earlier would reset it and destroy what
    /// is still under way.
    pub(super) fn part(&mut self) -> Poll<()> {
        let Some(ending) = &self.ending else { return Poll::Pending };
        if ending.over {
            return Poll::Ready(());
        }
        let told = self.thread.with(self.slot, |who| who.outbound.is_finished());
        if told != Some(true) {
            return Poll::Pending;
        }
        if self.peer_finished {
            return Poll::Ready(());
        }
        self.linger()
    }

    fn linger(&mut self) -> Poll<()> {
        let thread = std::rc::Rc::clone(&self.thread);
        let mut buffer = thread.buffer();
        let mut thrown_away = 0;
        while thrown_away < LINGER_READ {
            match self.stream.poll_read_some(&mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) | Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(count)) => {
                    thrown_away += count;
                    self.received(&buffer[..count]);
                }
            }
        }
        Poll::Ready(())
    }
}

/// Whether the device is there to take what is queued, and somebody is still waiting for it.
fn takes_farewell(reason: CloseReason) -> bool {
    !matches!(
        reason,
        CloseReason::Reset
            | CloseReason::TimedOut
            | CloseReason::Keepalive
            | CloseReason::SlowReader
            | CloseReason::WriteFailed
            | CloseReason::Replaced
    )
}
