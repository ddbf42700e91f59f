//! What happens, by where it happens. Each method writes the record and moves the count.

mod commands;
mod door;
mod facts;
mod health;
mod house;
mod links;
mod sessions;
mod spool;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

pub use facts::SessionFacts;
pub use sessions::Ending;

use super::{
    AcceptFaultKind, Counts, Label, LinkError, Log, LogFault, LogGuard, Module, Records, Refusal,
    Settings, Witness, log, recorder, throttle::Throttle,
};

/// Log and counts in one handle. Clones share everything.
#[derive(Clone)]
pub struct Telemetry(Arc<Shared>);

struct Shared {
    logs: Vec<Log>,
    counts: Arc<Counts>,
    started: Instant,
    throttles: Throttles,
    witness: OnceLock<Witness>,
}

/// What a flood can bring is logged once a second for each reason.
#[derive(Default)]
struct Throttles {
    refused: Vec<Throttle>,
    accept_faults: Vec<Throttle>,
    link_errors: Vec<Throttle>,
    link_refused: Throttle,
    observer_missed: Throttle,
    deciders_silent: Throttle,
    commands_forgotten: Throttle,
    admin_refused: Throttle,
}

fn each<L: Label>() -> Vec<Throttle> {
    L::ALL.iter().map(|_| Throttle::default()).collect()
}

/// Starts log and counts as `settings` say, with `extra` keys on every record.
pub fn start(
    settings: &Settings,
    extra: &[(&'static str, &str)],
) -> Result<(Telemetry, LogGuard), LogFault> {
    let counts = Arc::<Counts>::default();
    let guard = log::start(settings, extra, Arc::clone(&counts))?;
    Ok((Telemetry::new(&guard.log(Module::App), counts), guard))
}

impl Telemetry {
    /// Sends the records of all events to `log`, and counts in `counts`.
    pub fn new(log: &Log, counts: Arc<Counts>) -> Self {
        let logs = Module::ALL.iter().map(|module| log.for_module(*module)).collect();
        let throttles = Throttles {
            refused: each::<Refusal>(),
            accept_faults: each::<AcceptFaultKind>(),
            link_errors: each::<LinkError>(),
            link_refused: Throttle::default(),
            observer_missed: Throttle::default(),
            deciders_silent: Throttle::default(),
            commands_forgotten: Throttle::default(),
            admin_refused: Throttle::default(),
        };
        let (started, witness) = (Instant::now(), OnceLock::new());
        Self(Arc::new(Shared { logs, counts, started, throttles, witness }))
    }

    /// Counts, and keeps the records in memory: for tests.
    pub fn recording() -> (Self, Records) {
        let (log, records) = recorder::recorder();
        (Self::new(&log, Arc::default()), records)
    }

    /// Counts, and logs nothing.
    pub fn discarding() -> Self {
        Self::new(&recorder::discarder(), Arc::default())
    }

    /// The log of one module, for what is no event and has no count.
    pub fn log(&self, module: Module) -> &Log {
        &self.0.logs[module.place()]
    }

    /// What happened so far.
    pub fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// Keeps, from the first call on, what can be asked for: the last endings, how links are, a feed
    /// of what goes on.
    pub fn witness(&self) -> &Witness {
        self.0.witness.get_or_init(Witness::default)
    }

    /// The same, if anybody has asked for it by now.
    pub fn known_witness(&self) -> Option<&Witness> {
        self.0.witness.get()
    }

    /// How long all this has been going on.
    pub fn uptime(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// Tells the witness, if anybody wants one.
    fn witnessed(&self, tell: impl FnOnce(&Witness)) {
        if let Some(witness) = self.0.witness.get() {
            tell(witness);
        }
    }

    fn throttle(&self, pick: impl FnOnce(&Throttles) -> &Throttle) -> Option<u64> {
        pick(&self.0.throttles).pass(self.0.started.elapsed())
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").finish_non_exhaustive()
    }
}
