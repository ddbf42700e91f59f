use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use super::{DeviceEvent, SentKind, Verdict, Why};

macro_rules! counters {
    ($($(#[$doc:meta])+ $name:ident),+ $(,)?) => {
        /// What a fleet has done so far, counted while it runs.
        #[derive(Debug, Default)]
        pub struct FleetCounters {
            $($name: AtomicU64),+
        }

        /// The counts at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct FleetSnapshot {
            $($(#[$doc])+ pub $name: u64),+
        }

        impl FleetCounters {
            /// The counts of this moment.
            pub fn snapshot(&self) -> FleetSnapshot {
                FleetSnapshot { $($name: self.$name.load(Relaxed)),+ }
            }
        }
    };
}

counters! {
    /// Connected right now.
    connected,
    /// Connections made.
    connects,
    /// Tries that failed.
    failed_connects,
    /// Registrations sent to the last byte.
    registered,
    /// Messages and answers sent to the last byte.
    messages,
    /// Bytes of registrations, messages, answers and last words, sent to the last byte.
    sent_bytes,
    /// Bytes read.
    received_bytes,
    /// Connections that the other side finished.
    closed_by_peer,
    /// Connections that the other side reset.
    resets,
    /// Connections that ended with another error.
    failed,
    /// Logins, or parts of them, that were answered, rightly or not.
    logins_answered,
    /// Logins, or parts of them, that were not answered.
    logins_unanswered,
    /// Replies that are due by the protocol.
    replies_expected,
    /// Replies that came as they should.
    replies_right,
    /// Replies in whose place something else came.
    replies_wrong,
    /// Replies that did not come.
    replies_missing,
    /// Messages that make no frame of the protocol.
    unfit,
    /// Devices whose script is over.
    done,
}

impl FleetCounters {
    pub(super) fn count(&self, event: &DeviceEvent<'_>) {
        match event {
            DeviceEvent::Connected { .. } => {
                self.connects.fetch_add(1, Relaxed);
                self.connected.fetch_add(1, Relaxed);
            }
            DeviceEvent::ConnectFailed { .. } => add(&self.failed_connects, 1),
            DeviceEvent::Sent { kind, bytes } => {
                add(&self.sent_bytes, bytes.len() as u64);
                match kind {
                    SentKind::Registration => add(&self.registered, 1),
                    SentKind::Message | SentKind::Answer => add(&self.messages, 1),
                    SentKind::Heartbeat | SentKind::Typed | SentKind::LastWords => {}
                }
            }
            DeviceEvent::Judged { verdict } => self.count_verdict(verdict),
            DeviceEvent::Received { bytes } => add(&self.received_bytes, bytes.len() as u64),
            DeviceEvent::Closed { why } => self.count_ending(why),
            DeviceEvent::LookedUp { .. }
            | DeviceEvent::Idle
            | DeviceEvent::PeerFinished
            | DeviceEvent::Waiting { .. } => {}
        }
    }

    fn count_verdict(&self, verdict: &Verdict) {
        let (counter, login, logins) = match verdict {
            Verdict::Awaited { .. } => return add(&self.replies_expected, 1),
            Verdict::Right { login, .. } => (&self.replies_right, *login, &self.logins_answered),
            Verdict::Wrong { login, .. } => (&self.replies_wrong, *login, &self.logins_answered),
            Verdict::Missing { login, .. } => {
                (&self.replies_missing, *login, &self.logins_unanswered)
            }
            Verdict::Unfit(_) => return add(&self.unfit, 1),
            Verdict::Other(_) => return,
        };
        add(counter, 1);
        add(logins, u64::from(login));
    }

    fn count_ending(&self, why: &Why) {
        self.connected.fetch_sub(1, Relaxed);
        match why {
            Why::PeerFinished => add(&self.closed_by_peer, 1),
            Why::Reset => add(&self.resets, 1),
            Why::TimedOut | Why::Failed(_) => add(&self.failed, 1),
            Why::Done | Why::Idle | Why::Stopped | Why::Unanswered | Why::Unreachable(_) => {}
        }
    }

    pub(super) fn count_done(&self) {
        add(&self.done, 1);
    }

    /// Waits until `reached` holds, and gives the counts at that moment, or after `timeout` those
    /// of then.
    pub async fn wait_until(
        &self,
        timeout: Duration,
        mut reached: impl FnMut(&FleetSnapshot) -> bool,
    ) -> Result<FleetSnapshot, FleetSnapshot> {
        let end = tokio::time::Instant::now() + timeout;
        loop {
            let snapshot = self.snapshot();
            if reached(&snapshot) {
                return Ok(snapshot);
            }
            if tokio::time::Instant::now() >= end {
                return Err(snapshot);
            }
            // Looked at now and then: a wake-up at every message would slow a fleet down.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Relaxed);
}
