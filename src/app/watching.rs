use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    health::{Health, Turn},
    spool::Spool,
    telemetry::Telemetry,
};

/// Watches the health of a gateway from a thread of its own, for as long as this lives: one that
/// stands still could tell nobody.
pub struct Watch {
    /// Its end ends the thread.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Begins to watch.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn begin(
        health: Arc<Health>,
        spool: Arc<dyn Spool>,
        telemetry: Telemetry,
    ) -> io::Result<Self> {
        let (end, ended) = channel();
        let watcher = Watcher { health, spool, telemetry, still: BTreeMap::new() };
        let builder = Builder::new().name("health".to_owned());
        let thread = builder.spawn(move || watcher.run(&ended))?;
        Ok(Self { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Watch {
    /// Waits for the thread, which never waits for anybody: the folder of the spool is free for the
    /// next gateway when this one is gone.
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A panic in it has been told; there is nothing more to say.
            let _ = thread.join();
        }
    }
}

struct Watcher {
    health: Arc<Health>,
    spool: Arc<dyn Spool>,
    telemetry: Telemetry,
    /// Threads that stand still, and since when.
    still: BTreeMap<String, Instant>,
}

impl Watcher {
    fn run(mut self, ended: &Receiver<()>) {
        let every = self.health.every();
        while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
            let now = Instant::now();
            self.look_at_threads(now);
            self.look_at_traffic(now);
        }
    }

    fn look_at_threads(&mut self, now: Instant) {
        for beat in self.health.heartbeats.look(now) {
            if !beat.stands_still {
                if let Some(since) = self.still.remove(&beat.name) {
                    self.telemetry.thread_goes_on(&beat.name, rounded(now.duration_since(since)));
                }
                continue;
            }
            if !self.still.contains_key(&beat.name) {
                self.telemetry.thread_stands_still(&beat.name, rounded(beat.age));
                let since = now.checked_sub(beat.age).unwrap_or(now);
                self.still.insert(beat.name, since);
            }
        }
    }

    fn look_at_traffic(&self, now: Instant) {
        if self.spool.pressure().is_paused() {
            // It is not the devices that are silent.
            return self.health.forget_traffic();
        }
        let total = self.telemetry.counts().data_events.get();
        let turn = self.health.note_traffic(now, total);
        let (Some(turn), Some(flow)) = (turn, self.health.flow()) else { return };
        match turn {
            Turn::Silenced => {
                self.telemetry.traffic_quiet(flow.window, flow.messages, flow.before);
            }
            Turn::Resumed => self.telemetry.traffic_resumed(flow.window, flow.messages),
        }
    }
}

/// To be read by people.
fn rounded(span: Duration) -> Duration {
    Duration::from_millis(span.as_millis() as u64)
}
