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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        health::{Heart, PATIENCE, Settings},
        model::{Event, SessionId, UnixMillis},
        spool::{self, Batch, MemorySpool, ReaderSettings, Start, WhenBehind},
        telemetry::Records,
        units::{Size, Span},
    };

    const SECOND: Duration = Duration::from_secs(1);

    fn watcher() -> (Watcher, Records) {
        let (telemetry, records) = Telemetry::recording();
        let window = Span::seconds(10);
        let settings = Settings { traffic_window: window, traffic_least: 1, ..Settings::default() };
        let room = spool::Settings { max_size: Some(Size::mib(4)), ..spool::Settings::default() };
        let (health, spool) = (Health::new(&settings), MemorySpool::new(&room));
        let watcher = Watcher {
            health: Arc::new(health),
            spool: Arc::new(spool),
            telemetry,
            still: BTreeMap::new(),
        };
        (watcher, records)
    }

    /// Has so many messages come in each of so many seconds from `now` on.
    fn speak(watcher: &Watcher, now: &mut Instant, messages: u64, seconds: u32) {
        for _ in 0..seconds {
            *now += SECOND;
            watcher.telemetry.data_told(messages, 0);
            watcher.look_at_traffic(*now);
        }
    }

    /// Fills the spool until devices are not read.
    fn fill(spool: &dyn Spool) {
        let (name, start) = ("web".to_owned(), Start::Now);
        let (when_behind, max_lag) = (WhenBehind::Hold, u64::MAX);
        spool.open_reader(&ReaderSettings { name, start, when_behind, max_lag });
        let (session, time, data) = (SessionId(1), UnixMillis(0), &[b'x'; 64 << 10][..]);
        while !spool.pressure().is_paused() {
            let mut batch = Batch::new();
            let (name, peer, meaning) = ("a", "p", &b""[..]);
            let data =
                Event::Data { name, session, seq: 1, time, peer, connections: 1, data, meaning };
            batch.push(&data);
            spool.append(&mut batch);
        }
    }

    #[test]
    fn a_silence_is_told_at_its_beginning_and_at_its_end() {
        let (watcher, records) = watcher();
        let mut now = Instant::now();
        speak(&watcher, &mut now, 9, 30);
        speak(&watcher, &mut now, 0, 60);
        assert_eq!(records.count("devices have fallen silent"), 1);
        assert_eq!(records.count("devices speak again"), 0);
        speak(&watcher, &mut now, 9, 5);
        assert_eq!(records.count("devices speak again"), 1);
        assert_eq!(records.all().len(), 2);
    }

    #[test]
    fn while_the_spool_is_full_it_is_not_the_devices_that_are_silent() {
        let (watcher, records) = watcher();
        let mut now = Instant::now();
        speak(&watcher, &mut now, 9, 30);
        fill(&*watcher.spool);
        speak(&watcher, &mut now, 0, 60);
        assert_eq!(records.all().len(), 0);
        assert!(!watcher.health.flow().unwrap().quiet);
    }

    #[test]
    fn a_thread_that_stands_still_is_told_of_once_and_once_more_when_it_goes_on() {
        let (mut watcher, records) = watcher();
        let heart = Heart::of("main", PATIENCE);
        watcher.health.heartbeats.add(Arc::clone(&heart));
        let now = Instant::now();
        for second in 0..10 {
            watcher.look_at_threads(now + SECOND * second);
        }
        assert_eq!(records.count("thread stands still"), 1);
        assert_eq!(records.all()[0].get("thread").as_deref(), Some("main"));
        heart.beat();
        watcher.look_at_threads(Instant::now());
        assert_eq!((records.count("thread goes on"), records.all().len()), (1, 2));
    }
}
