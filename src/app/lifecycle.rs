use std::{fmt, future::Future, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

/// Where a gateway is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Parts are being built.
    Starting,
    /// Devices are served.
    Running,
    /// No newcomers; sessions are let go of.
    Draining,
    /// No sessions; upstreams get what is left.
    Flushing,
    /// All over.
    Stopped,
}

impl Phase {
    /// The word for it in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Draining => "draining",
            Self::Flushing => "flushing",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a gateway ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to stop, and did.
    Asked,
    /// A part crashed too often, or ended without being told; the process should be started
    /// afresh.
    Failed(String),
}

/// The word to hurry: a second signal.
#[derive(Clone, Debug)]
pub struct Hurry(watch::Sender<bool>);

impl Default for Hurry {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Hurry {
    /// Skips what is being waited for now and later.
    pub fn up(&self) {
        self.0.send_replace(true);
    }

    /// Waits for `work`, at most `within`, or until somebody is in a hurry. `None` when it was
    /// not done by then.
    pub async fn wait<T>(&self, within: Duration, work: impl Future<Output = T>) -> Option<T> {
        let mut hurried = self.0.subscribe();
        let deadline = Instant::now() + within;
        tokio::select! {
            biased;
            done = timeout_at(deadline, work) => done.ok(),
            _ = hurried.wait_for(|hurried| *hurried) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_with_the_work_at_the_deadline_or_in_a_hurry() {
        let hurry = Hurry::default();
        let minute = Duration::from_secs(60);
        assert_eq!(hurry.wait(minute, async { 7 }).await, Some(7));
        let before = Instant::now();
        assert_eq!(hurry.wait(minute, pending::<()>()).await, None);
        assert_eq!(before.elapsed(), minute);
        hurry.up();
        assert_eq!(hurry.wait(minute, pending::<()>()).await, None);
        assert_eq!(before.elapsed(), minute, "nothing is waited for any more");
    }
}
