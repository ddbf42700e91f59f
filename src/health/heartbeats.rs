use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// A thread beats so often, whatever else it does.
pub const EVERY: Duration = Duration::from_secs(1);

/// A thread that carries devices and is later than this stands still.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// The heart of one thread. The thread beats, everybody may look; a beat costs two atomic writes.
#[derive(Debug)]
pub struct Heart {
    name: String,
    patience: Duration,
    is_vital: bool,
    began: Instant,
    /// The last beat, in microseconds since `began`.
    last: AtomicU64,
    /// The longest time by which a beat ever was late, in microseconds.
    latest: AtomicU64,
    is_retired: AtomicBool,
}

/// How a thread is, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The thread.
    pub name: String,
    /// How long ago its last beat is.
    pub age: Duration,
    /// The longest time by which a beat ever was late, the one that is missing now among them.
    pub latest: Duration,
    /// It is later than it may be.
    pub stands_still: bool,
    /// Devices are not served without it.
    pub is_vital: bool,
}

impl Heart {
    /// Of the thread called `name`, which may be late by `patience`. Its first beat is now.
    pub fn of(name: impl Into<String>, patience: Duration) -> Arc<Self> {
        Arc::new(Self::beginning(name.into(), patience, true, Instant::now()))
    }

    /// Of a thread without which devices are served all the same.
    pub fn of_helper(name: impl Into<String>, patience: Duration) -> Arc<Self> {
        Arc::new(Self::beginning(name.into(), patience, false, Instant::now()))
    }

    fn beginning(name: String, patience: Duration, is_vital: bool, began: Instant) -> Self {
        Self {
            name,
            patience,
            is_vital,
            began,
            last: AtomicU64::new(0),
            latest: AtomicU64::new(0),
            is_retired: AtomicBool::new(false),
        }
    }

    /// The thread does its work.
    pub fn beat(&self) {
        self.beat_at(Instant::now());
    }

    fn beat_at(&self, now: Instant) {
        self.latest.fetch_max(micros(self.late_at(now)), Ordering::Relaxed);
        self.last.store(micros(now.saturating_duration_since(self.began)), Ordering::Relaxed);
    }

    /// Lets the arbiter that this is called on beat, until the heart is retired or nobody listens any
    /// more.
    pub fn beat_here(self: &Arc<Self>) {
        let listened = Arc::downgrade(self);
        actix_rt::spawn(async move {
            while let Some(heart) = listened.upgrade().filter(|heart| !heart.is_retired()) {
                heart.beat();
                drop(heart);
                tokio::time::sleep(EVERY).await;
            }
        });
    }

    /// The thread ends, and will be missed by nobody.
    pub fn retire(&self) {
        self.is_retired.store(true, Ordering::Relaxed);
    }

    fn is_retired(&self) -> bool {
        self.is_retired.load(Ordering::Relaxed)
    }

    fn age_at(&self, now: Instant) -> Duration {
        let last = self.began + Duration::from_micros(self.last.load(Ordering::Relaxed));
        now.saturating_duration_since(last)
    }

    fn late_at(&self, now: Instant) -> Duration {
        self.age_at(now).saturating_sub(EVERY)
    }

    fn look_at(&self, now: Instant) -> Beat {
        let (age, late) = (self.age_at(now), self.late_at(now));
        let latest = Duration::from_micros(self.latest.load(Ordering::Relaxed));
        Beat {
            name: self.name.clone(),
            age,
            latest: latest.max(late),
            stands_still: late > self.patience,
            is_vital: self.is_vital,
        }
    }
}

fn micros(span: Duration) -> u64 {
    span.as_micros() as u64
}

/// The hearts of all threads of a gateway. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Heartbeats(Arc<Mutex<Vec<Arc<Heart>>>>);

impl Heartbeats {
    /// Listens to this one, too.
    pub fn add(&self, heart: Arc<Heart>) {
        self.hearts().push(heart);
    }

    /// Lets the arbiter that this is called on beat with this heart, and listens to it.
    pub fn add_here(&self, heart: Arc<Heart>) {
        heart.beat_here();
        self.add(heart);
    }

    /// How all of them are at `now`, in the order in which they were added.
    pub fn look(&self, now: Instant) -> Vec<Beat> {
        let mut hearts = self.hearts();
        hearts.retain(|heart| !heart.is_retired());
        hearts.iter().map(|heart| heart.look_at(now)).collect()
    }

    /// All threads end.
    pub fn retire(&self) {
        self.hearts().drain(..).for_each(|heart| heart.retire());
    }

    /// A row that nobody leaves half-changed.
    fn hearts(&self) -> MutexGuard<'_, Vec<Arc<Heart>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn heart(began: Instant) -> Heart {
        Heart::beginning("main".to_owned(), PATIENCE, true, began)
    }

    #[test]
    fn a_thread_stands_still_when_it_is_later_than_its_patience_and_not_before() {
        let began = Instant::now();
        let heart = heart(began);
        let just = EVERY + PATIENCE;
        assert!(!heart.look_at(began + just).stands_still);
        assert!(heart.look_at(began + just + SECOND / 1000).stands_still);
        heart.beat_at(began + 10 * SECOND);
        let beat = heart.look_at(began + 11 * SECOND);
        assert_eq!((beat.age, beat.stands_still), (SECOND, false));
    }

    #[test]
    fn the_longest_lateness_is_kept_and_counts_while_it_still_grows() {
        let began = Instant::now();
        let heart = heart(began);
        assert_eq!(heart.look_at(began + SECOND).latest, Duration::ZERO);
        assert_eq!(heart.look_at(began + 4 * SECOND).latest, 3 * SECOND);
        heart.beat_at(began + 6 * SECOND);
        heart.beat_at(began + 7 * SECOND);
        assert_eq!(heart.look_at(began + 7 * SECOND).latest, 5 * SECOND);
    }

    #[test]
    fn a_thread_that_has_ended_is_missed_by_nobody() {
        let hearts = Heartbeats::default();
        let (main, spool) = (Heart::of("main", PATIENCE), Heart::of("spool", PATIENCE));
        hearts.add(Arc::clone(&main));
        hearts.add(Arc::clone(&spool));
        spool.retire();
        let names: Vec<_> = hearts.look(Instant::now()).into_iter().map(|beat| beat.name).collect();
        assert_eq!(names, ["main"]);
        hearts.retire();
        assert!(main.is_retired() && hearts.look(Instant::now()).is_empty());
    }

    #[actix_rt::test]
    async fn an_arbiter_beats_by_itself() {
        let hearts = Heartbeats::default();
        let heart = Heart::of("main", PATIENCE);
        hearts.add_here(Arc::clone(&heart));
        let first = heart.last.load(Ordering::Relaxed);
        while heart.last.load(Ordering::Relaxed) == first {
            tokio::task::yield_now().await;
        }
    }
}
