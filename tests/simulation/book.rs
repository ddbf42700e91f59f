//! What is written down of a run: its story, for people, and the first promise that was broken.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
    sync::{Mutex, MutexGuard},
};

use tetherd::telemetry::{Records, Telemetry};
use tokio::{sync::Notify, time::Instant};

/// Steps that are kept.
const STEPS: usize = 400;

/// The book of one run.
pub struct Book {
    began: Instant,
    pages: Mutex<Pages>,
    broken: Notify,
    /// It holds all steps, and the gateway's log.
    is_whole: bool,
}

#[derive(Default)]
struct Pages {
    steps: VecDeque<String>,
    /// Of all steps, so that two runs can be compared.
    hash: u64,
    count: u64,
    broken: Option<String>,
    /// What there was to be seen.
    sights: BTreeSet<&'static str>,
    /// The log of the present gateway, and how much of it was heard.
    log: Option<(Records, usize)>,
}

impl Book {
    pub fn new(is_whole: bool) -> Self {
        Self { began: Instant::now(), pages: Mutex::default(), broken: Notify::new(), is_whole }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap()
    }

    /// Writes down one step. It must hold nothing that another run of the seed would not have:
    /// no offset, no session, no time of the day.
    pub fn tell(&self, step: fmt::Arguments<'_>) {
        self.hear_log();
        let step = self.step(format_args!("{step}"));
        let mut pages = self.pages();
        for byte in step.bytes() {
            pages.hash = (pages.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        pages.count += 1;
        if pages.steps.len() >= STEPS && !self.is_whole {
            pages.steps.pop_front();
        }
        pages.steps.push_back(step);
    }

    fn step(&self, step: fmt::Arguments<'_>) -> String {
        format!("{:>7} ms  {step}", self.began.elapsed().as_millis())
    }

    /// A gateway begins: what it tells its log goes somewhere. Into the book, if that is to hold
    /// the whole story.
    pub fn telemetry(&self) -> Telemetry {
        if !self.is_whole {
            return Telemetry::discarding();
        }
        let (telemetry, records) = Telemetry::recording();
        self.pages().log = Some((records, 0));
        telemetry
    }

    /// Writes down what the gateway has told its log since the last step.
    fn hear_log(&self) {
        let mut pages = self.pages();
        let Some((records, heard)) = &mut pages.log else { return };
        let entries = records.all().split_off(*heard);
        *heard += entries.len();
        for entry in entries {
            let fields = entry.fields.iter().map(|(key, value)| format!(" {key}={value}"));
            let fields: String = fields.collect();
            let step = self.step(format_args!("    {:?}: {}{fields}", entry.level, entry.message));
            pages.steps.push_back(step);
        }
    }

    /// A promise was broken. The first counts; what comes behind it mostly follows from it.
    pub fn broken(&self, what: impl Into<String>) {
        let what = what.into();
        self.tell(format_args!("BROKEN: {what}"));
        self.pages().broken.get_or_insert(what);
        self.broken.notify_one();
    }

    /// The same, if there is something.
    pub fn check<T>(&self, checked: Result<T, String>) -> Option<T> {
        checked.map_err(|what| self.broken(what)).ok()
    }

    pub fn is_broken(&self) -> bool {
        self.pages().broken.is_some()
    }

    /// Waits for the first broken promise.
    pub async fn until_broken(&self) {
        while !self.is_broken() {
            self.broken.notified().await;
        }
    }

    /// Notes that there was this to be seen.
    pub fn saw(&self, sight: &'static str) {
        self.pages().sights.insert(sight);
    }

    /// All there was to be seen.
    pub fn sights(&self) -> BTreeSet<&'static str> {
        self.pages().sights.clone()
    }

    /// What was broken, if anything was.
    pub fn verdict(&self) -> Option<String> {
        self.pages().broken.clone()
    }

    /// A number that stands for the whole story, and how many steps it has.
    pub fn fingerprint(&self) -> (u64, u64) {
        let pages = self.pages();
        (pages.hash, pages.count)
    }

    /// The last steps.
    pub fn last_steps(&self, most: usize) -> String {
        let pages = self.pages();
        let from = pages.steps.len().saturating_sub(most);
        pages.steps.iter().skip(from).fold(String::new(), |text, step| text + step + "\n")
    }
}

/// Writes down one step.
macro_rules! tell {
    ($book:expr, $($text:tt)*) => { $book.tell(format_args!($($text)*)) };
}
pub(crate) use tell;
