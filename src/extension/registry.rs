use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use actix::Recipient;

use super::{Decider, Moment, Observed, Occurrence, Question, Verdict};

/// Everything that was plugged in; shared by all threads.
#[derive(Default)]
pub struct Extensions {
    observers: Vec<Recipient<Observed>>,
    deciders: [Vec<Decider>; Moment::COUNT],
    missed: AtomicU64,
}

/// What the deciders of a moment have answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What counts.
    pub verdict: Verdict,
    /// How many of them did not answer in time, or are gone.
    pub silent: u64,
}

/// Gathers what is plugged in.
#[derive(Default)]
pub struct ExtensionsBuilder(Extensions);

impl ExtensionsBuilder {
    /// Adds an observer. Its mailbox capacity (16 batches unless it sets another) is how far it may
    /// lag behind.
    pub fn observe(mut self, observer: Recipient<Observed>) -> Self {
        self.0.observers.push(observer);
        self
    }

    /// Adds a decider that is asked at `moment`. Several are asked in the order they were added;
    /// the first refusal counts.
    pub fn decide(mut self, moment: Moment, decider: Decider) -> Self {
        self.0.deciders[moment as usize].push(decider);
        self
    }

    /// Ready for use.
    pub fn build(self) -> Extensions {
        self.0
    }
}

impl Extensions {
    /// Starts gathering.
    pub fn builder() -> ExtensionsBuilder {
        ExtensionsBuilder::default()
    }

    /// Whether anybody is told anything.
    pub fn has_observers(&self) -> bool {
        !self.observers.is_empty()
    }

    /// Whether anybody is asked at `moment`.
    pub fn has_deciders(&self, moment: Moment) -> bool {
        !self.deciders[moment as usize].is_empty()
    }

    /// Tells all observers; answers how many of them were full or gone and miss these.
    pub fn tell(&self, occurrences: Arc<[Occurrence]>) -> u64 {
        let missed = self
            .observers
            .iter()
            .filter(|observer| observer.try_send(Observed(Arc::clone(&occurrences))).is_err())
            .count() as u64;
        self.missed.fetch_add(missed * occurrences.len() as u64, Ordering::Relaxed);
        missed
    }

    /// Occurrences that observers have missed since the start.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    /// Asks the deciders of this moment in turn.
    pub async fn ask(&self, occurrence: Occurrence) -> Answer {
        let mut silent = 0;
        for decider in &self.deciders[occurrence.what.moment() as usize] {
            let answer = decider.ask(Question(occurrence.clone())).await;
            silent += u64::from(answer.is_none());
            let verdict = answer.unwrap_or_else(|| decider.when_silent());
            if verdict != Verdict::Proceed {
                return Answer { verdict, silent };
            }
        }
        Answer { verdict: Verdict::Proceed, silent }
    }
}
