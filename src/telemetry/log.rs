//! The log: started once, then written to through a [`Log`] for each module.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    ops::Deref,
    sync::Arc,
};

use slog::{
    BorrowedKV, KV, Logger, OwnedKV, OwnedKVList, Record, RecordLocation, RecordStatic, Serializer,
};

use super::{
    Counts, Level, LevelControl, LogFormat, Module, Settings, SettingsFault, foreign,
    gate::{Gate, Sink},
    queue::{self, Form, Tail},
};

/// Where one module writes its records: a [`slog::Logger`] whose level can change at any time.
///
/// A record that is not wanted costs one atomic load; its message and values are not built.
#[derive(Clone)]
pub struct Log {
    logger: Logger,
    module: Module,
    trunk: Arc<Trunk>,
}

/// What the logs of all modules share.
struct Trunk {
    levels: LevelControl,
    sink: Sink,
    values: Values,
}

/// Keys that every record carries.
#[derive(Clone, Default)]
struct Values(Arc<[(&'static str, String)]>);

/// Keeps the log running. When it is dropped what was logged until then is written; what comes
/// later is counted as lost. So it is dropped last.
pub struct LogGuard {
    log: Log,
    // First no more foreign records, then the rest is written.
    foreign: Option<foreign::Open>,
    _tail: Tail,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogFault {
    /// The settings are wrong.
    #[error("[log] modules: {0}")]
    Settings(#[from] SettingsFault),
    /// The operating system refused a thread.
    #[error("the log got no thread of its own; look at the process limits (ulimit -u)")]
    NoThread,
}

/// Starts the log to standard error, with `extra` keys on every record, and sends the records of
/// the crates that we are made with to it.
pub fn start(
    settings: &Settings,
    extra: &[(&'static str, &str)],
    counts: Arc<Counts>,
) -> Result<LogGuard, LogFault> {
    let form = match settings.format {
        LogFormat::Terminal => Form::Terminal { colour: wants_colour() },
        LogFormat::Json => Form::Json,
    };
    let mut guard = start_to(settings, extra, form, Box::new(io::stderr()), queue::LENGTH, counts)?;
    guard.foreign = Some(guard.log.open_foreign());
    Ok(guard)
}

/// As [`start`], to anywhere, and without the records of others.
fn start_to(
    settings: &Settings,
    extra: &[(&'static str, &str)],
    form: Form,
    to: Box<dyn Write + Send>,
    length: usize,
    counts: Arc<Counts>,
) -> Result<LogGuard, LogFault> {
    settings.check()?;
    let (front, tail) =
        queue::start(form, to, length, counts).map_err(|queue::NoThread| LogFault::NoThread)?;
    let log = Log::to_sink(Arc::new(front), LevelControl::new(settings), extra);
    Ok(LogGuard { log, foreign: None, _tail: tail })
}

/// As <https://no-color.org> asks for it.
fn wants_colour() -> bool {
    let set = |key| std::env::var_os(key).filter(|value| !value.is_empty());
    io::stderr().is_terminal()
        && set("NO_COLOR").is_none()
        && set("TERM").is_none_or(|term| term != "dumb")
}

impl LogGuard {
    /// The log of one module.
    pub fn log(&self, module: Module) -> Log {
        self.log.for_module(module)
    }

    /// The levels in force.
    pub fn levels(&self) -> &LevelControl {
        self.log.levels()
    }
}

impl Log {
    pub(super) fn to_sink(
        sink: Sink,
        levels: LevelControl,
        extra: &[(&'static str, &str)],
    ) -> Self {
        let values = Values(extra.iter().map(|(key, text)| (*key, str::to_owned(text))).collect());
        Self::of(Arc::new(Trunk { levels, sink, values }), Module::App)
    }

    fn of(trunk: Arc<Trunk>, module: Module) -> Self {
        let (levels, sink) = (trunk.levels.clone(), Arc::clone(&trunk.sink));
        let gate = Gate { module, levels, sink };
        let logger = Logger::root(gate, OwnedKV(trunk.values.clone()));
        Self { logger, module, trunk }
    }

    /// The log of another module.
    pub fn for_module(&self, module: Module) -> Self {
        Self::of(Arc::clone(&self.trunk), module)
    }

    /// Whether a record of this level would be written. Worth asking only where finding out what
    /// to write is dear.
    pub fn enabled(&self, level: Level) -> bool {
        self.trunk.levels.enabled(self.module, level)
    }

    /// Writes a record whose level is only known now.
    #[track_caller]
    pub(super) fn put(&self, level: Level, message: &str, facts: BorrowedKV) {
        let caller = std::panic::Location::caller();
        let location = RecordLocation {
            file: caller.file(),
            line: caller.line(),
            column: caller.column(),
            function: "",
            module: "",
        };
        let fixed = RecordStatic { location: &location, tag: "", level: level.into() };
        self.logger.log(&Record::new(&fixed, &format_args!("{message}"), facts));
    }

    /// The levels in force, for all modules.
    pub fn levels(&self) -> &LevelControl {
        &self.trunk.levels
    }

    pub(super) fn open_foreign(&self) -> foreign::Open {
        let trunk = &self.trunk;
        let values = OwnedKVList::from(OwnedKV(trunk.values.clone()));
        foreign::open(trunk.levels.clone(), Arc::clone(&trunk.sink), values)
    }
}

impl Deref for Log {
    type Target = Logger;

    fn deref(&self) -> &Logger {
        &self.logger
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("module", &self.module).finish_non_exhaustive()
    }
}

impl KV for Values {
    fn serialize(&self, _: &Record, serializer: &mut dyn Serializer) -> slog::Result {
        // Newest first, as slog does it.
        self.0.iter().rev().try_for_each(|(key, text)| serializer.emit_str(key, text))
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
