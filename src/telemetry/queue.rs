//! The way of a record from whoever makes it to the thread that writes it: a bounded queue. When
//! it is full records are dropped and counted, since no device may wait for a slow terminal.

use std::{
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use slog::{Drain, Never, OwnedKVList, Record};
use slog_async::{AsyncCore, AsyncGuard};

use super::{Counts, Entry, Level, Value, json, terminal};
use crate::model::UnixMillis;

/// How many records may wait.
pub(super) const LENGTH: usize = 4096;

/// So many bytes of lines are written at once, however many records still wait.
const MOST_AT_ONCE: usize = 32 << 10;

/// How records look where they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines for people.
    Terminal {
        /// With colours.
        colour: bool,
    },
    /// Lines for programs.
    Json,
}

/// The near end: takes records and never waits.
pub(super) struct Front {
    core: AsyncCore,
    pressure: Arc<Pressure>,
}

/// Ends the writing thread when dropped, after it has written what it holds.
pub(super) struct Tail {
    thread: Option<AsyncGuard>,
    writer: Arc<Writer>,
}

/// The thread could not be started.
pub(super) struct NoThread;

struct Pressure {
    /// Dropped and not yet reported.
    lost: AtomicU64,
    counts: Arc<Counts>,
}

struct Writer {
    form: Form,
    output: Mutex<Output>,
    pressure: Arc<Pressure>,
}

struct Output {
    to: Box<dyn Write + Send>,
    /// What goes out next, and how many records that are.
    lines: String,
    records: u64,
}

/// Starts the writing thread behind a queue of `length` records.
pub(super) fn start(
    form: Form,
    to: Box<dyn Write + Send>,
    length: usize,
    counts: Arc<Counts>,
) -> Result<(Front, Tail), NoThread> {
    let pressure = Arc::new(Pressure { lost: AtomicU64::new(0), counts });
    let output = Mutex::new(Output { to, lines: String::new(), records: 0 });
    let writer = Arc::new(Writer { form, output, pressure: Arc::clone(&pressure) });
    let builder =
        AsyncCore::custom(Arc::clone(&writer)).chan_size(length).thread_name("log".to_owned());
    // slog-async panics where the operating system refuses a thread.
    let (core, guard) =
        catch_unwind(AssertUnwindSafe(|| builder.build_with_guard())).map_err(|_| NoThread)?;
    Ok((Front { core, pressure }, Tail { thread: Some(guard), writer }))
}

impl Drain for Front {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record, values: &OwnedKVList) -> Result<(), Never> {
        let pressure = &self.pressure;
        if self.core.log(record, values).is_ok() {
            pressure.counts.queues.log_records.rise();
        } else {
            pressure.lost.fetch_add(1, Ordering::AcqRel);
            pressure.counts.log_records_lost.add(1);
        }
        Ok(())
    }
}

impl Drain for Writer {
    type Ok = ();
    type Err = Never;

    fn log(&self, record: &Record, values: &OwnedKVList) -> Result<(), Never> {
        self.add(&Entry::new(record, values));
        if self.pressure.counts.queues.log_records.fall() <= 1 {
            self.report_lost();
            self.write();
        }
        Ok(())
    }
}

impl Writer {
    fn output(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line to those that go out next.
    fn add(&self, entry: &Entry) {
        let mut output = self.output();
        let lines = &mut output.lines;
        match self.form {
            Form::Terminal { colour } => terminal::write(lines, entry, colour),
            Form::Json => json::write(lines, entry),
        }
        output.records += 1;
        if output.lines.len() >= MOST_AT_ONCE {
            output.write(&self.pressure.counts);
        }
    }

    fn write(&self) {
        let mut output = self.output();
        output.write(&self.pressure.counts);
        output.lines.shrink_to(4096);
    }

    /// Says how many records were dropped, once all that were kept are written.
    fn report_lost(&self) {
        let lost = self.pressure.lost.swap(0, Ordering::AcqRel);
        if lost == 0 {
            return;
        }
        self.add(&Entry {
            time: UnixMillis::now(),
            level: Level::Warning,
            module: "telemetry".to_owned(),
            message: "log records lost".to_owned(),
            fields: vec![("records".to_owned(), Value::Number(lost.to_string()))],
        });
    }
}

impl Output {
    /// Writes what has gathered, with one system call where that is enough.
    fn write(&mut self, counts: &Counts) {
        let Self { to, lines, records } = self;
        if *records == 0 {
            return;
        }
        if to.write_all(lines.as_bytes()).and_then(|()| to.flush()).is_err() {
            // Nobody is left to be told, but the count stays true.
            counts.log_records_lost.add(*records);
        }
        lines.clear();
        *records = 0;
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        drop(self.thread.take());
        self.writer.report_lost();
        self.writer.write();
    }
}
