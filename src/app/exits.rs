use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::mpsc;

use crate::{
    supervision::Exit,
    telemetry::{ActorKind, Telemetry},
};

/// Hears of every ending of an infrastructure actor: tells log and counts, and the gateway where
/// nothing can go on without it.
#[derive(Clone)]
pub struct ExitReports {
    telemetry: Telemetry,
    failures: mpsc::Sender<String>,
    /// Parts end when they are told to; before that, none may.
    stopping: Arc<AtomicBool>,
}

/// The gateway's side of the reports.
pub struct Failures {
    failures: mpsc::Receiver<String>,
    stopping: Arc<AtomicBool>,
}

impl ExitReports {
    /// Reports to `telemetry`, and failures to whoever holds the other side.
    pub fn new(telemetry: Telemetry) -> (Self, Failures) {
        let (tell, failures) = mpsc::channel(1);
        let stopping = Arc::<AtomicBool>::default();
        let told = Failures { failures, stopping: Arc::clone(&stopping) };
        (Self { telemetry, failures: tell, stopping }, told)
    }

    /// The report for one actor.
    pub fn of(&self, kind: ActorKind, name: &str) -> impl FnMut(Exit) + Send + Unpin + 'static {
        let (reports, name) = (self.clone(), name.to_owned());
        move |exit| reports.tell(kind, &name, exit)
    }

    /// The report for one actor that may end once `leaving` is set.
    pub fn of_leaving(
        &self,
        kind: ActorKind,
        name: &str,
        leaving: &Arc<AtomicBool>,
    ) -> impl FnMut(Exit) + Send + Unpin + 'static {
        let (reports, name, leaving) = (self.clone(), name.to_owned(), Arc::clone(leaving));
        move |exit| match exit {
            Exit::Stopped if leaving.load(Ordering::Relaxed) => {
                reports.telemetry.actor_stopped(kind, &name);
            }
            exit => reports.tell(kind, &name, exit),
        }
    }

    fn tell(&self, kind: ActorKind, name: &str, exit: Exit) {
        match exit {
            Exit::Panicked(text) => {
                self.telemetry.actor_panicked(kind, name, &text);
                self.telemetry.actor_restarted(kind, name);
            }
            Exit::GaveUp(text) => {
                self.telemetry.actor_gave_up(kind, name, &text);
                self.fail(format!("{kind} {name} crashed too often: {text}"));
            }
            Exit::Stopped => {
                self.telemetry.actor_stopped(kind, name);
                if !self.stopping.load(Ordering::Relaxed) {
                    self.fail(format!("{kind} {name} ended without being told to"));
                }
            }
        }
    }

    /// One failure is enough to end the process; the rest need no place.
    fn fail(&self, text: String) {
        let _ = self.failures.try_send(text);
    }
}

impl Failures {
    /// From now on parts may end.
    pub fn expect_endings(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Waits for the first failure.
    pub async fn first(&mut self) -> String {
        match self.failures.recv().await {
            Some(text) => text,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_end_that_nobody_asked_for_is_a_failure_and_one_asked_for_is_none() {
        let (exits, mut failures) = ExitReports::new(Telemetry::discarding());
        exits.of(ActorKind::Server, "dtu")(Exit::Stopped);
        assert_eq!(failures.first().await, "server dtu ended without being told to");
        failures.expect_endings();
        exits.of(ActorKind::Server, "dtu")(Exit::Stopped);
        exits.of(ActorKind::Forwarder, "web")(Exit::GaveUp("oh".to_owned()));
        assert_eq!(failures.first().await, "forwarder web crashed too often: oh");
    }
}
