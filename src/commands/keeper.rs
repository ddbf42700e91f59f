use std::{
    io, mem,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Commands, Journal, Limits, Now, Refusal, Torn, Turn};
use crate::{model::UnixMillis, spool::Files};

/// Most states that may wait for the journal; above it nothing is taken.
const MOST_WAITING: usize = 1 << 16;

/// Commands and their journal: what happened leaves when it is safe, in the order in which it
/// happened. Writing takes its time, and may be done elsewhere.
#[derive(Debug)]
pub struct Keeper {
    /// The commands. What happens to them goes to [`Keeper::turn`].
    pub commands: Commands,
    /// What has happened and is not being written yet.
    pub turn: Turn,
    /// None where commands are kept in memory only.
    journal: Option<Arc<Mutex<Journal>>>,
    under_way: Option<Turn>,
    rewrite: bool,
    latest: UnixMillis,
    fault: Option<String>,
}

/// What an earlier process has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Commands that go on.
    pub waiting: usize,
    /// Ends that are remembered.
    pub remembered: usize,
    /// Bytes of the journal that are no records.
    pub torn: Option<Torn>,
}

/// What is to be done next.
#[derive(Debug)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// This happened, and may leave.
    Leave(Turn),
    /// The journal is to be written; [`Keeper::written`] is told how that went.
    Write(Writing),
}

/// The journal is to be written. That blocks.
#[derive(Debug)]
pub struct Writing {
    journal: Arc<Mutex<Journal>>,
    records: Vec<u8>,
    whole: bool,
    now: UnixMillis,
}

/// How writing the journal went.
#[derive(Debug)]
pub struct Written {
    result: io::Result<()>,
    wants_rewriting: bool,
}

impl Writing {
    /// Writes, and waits until it is safe.
    pub fn run(self) -> Written {
        // Whoever panicked with it has left a file that is written anew.
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let result = match self.whole {
            true => journal.rewrite(&self.records, self.now),
            false => journal.append(&self.records, self.now),
        };
        Written { result, wants_rewriting: journal.wants_rewriting(self.now) }
    }
}

impl Written {
    /// Whoever wrote has crashed.
    pub fn crashed() -> Self {
        Self { result: Err(io::Error::other("writing it crashed")), wants_rewriting: true }
    }
}

impl Keeper {
    /// Commands that are gone with the process.
    pub fn in_memory(limits: Limits) -> Self {
        Self::with(Commands::new(limits), Turn::default(), None, UnixMillis::default())
    }

    /// Goes on with what stands in the journal of this folder; `clean` says that the process before
    /// stopped in order.
    ///
    /// # Errors
    /// What the file system said.
    pub fn open(
        limits: Limits,
        files: Arc<dyn Files>,
        clean: bool,
        now: Now,
    ) -> io::Result<(Self, Found)> {
        let (journal, replay) = Journal::open(files)?;
        let (torn, latest) = (replay.torn, replay.latest);
        let mut turn = Turn::default();
        let commands = Commands::recover(limits, replay, clean, now, &mut turn);
        let found = Found { waiting: commands.len(), remembered: commands.remembered(), torn };
        let journal = Some(Arc::new(Mutex::new(journal)));
        Ok((Self::with(commands, turn, journal, latest), found))
    }

    fn with(
        commands: Commands,
        turn: Turn,
        journal: Option<Arc<Mutex<Journal>>>,
        latest: UnixMillis,
    ) -> Self {
        let (under_way, fault) = (None, None);
        Self { commands, turn, journal, under_way, rewrite: true, latest, fault }
    }

    /// Why no command can be taken, where that is so.
    pub fn refuses(&self) -> Option<Refusal> {
        let slow = || (self.turn.told.len() > MOST_WAITING).then(|| "the disk is slow".to_owned());
        self.fault.clone().or_else(slow).map(Refusal::Journal)
    }

    /// Whether something has happened that has not left.
    pub fn is_busy(&self) -> bool {
        self.under_way.is_some() || !self.turn.is_empty()
    }

    /// Whether commands are kept on disk.
    pub fn is_durable(&self) -> bool {
        self.journal.is_some()
    }

    /// What is to be done next; with `sign` the journal is written even where nothing has happened,
    /// so that it knows what the wall clock shows.
    pub fn step(&mut self, now: Now, sign: bool) -> Step {
        let Some(journal) = &self.journal else {
            return match self.turn.is_empty() {
                true => Step::Nothing,
                false => Step::Leave(mem::take(&mut self.turn)),
            };
        };
        if self.under_way.is_some() || (self.turn.is_empty() && !sign) {
            return Step::Nothing;
        }
        let whole = self.rewrite || now.wall < self.latest;
        let mut turn = mem::take(&mut self.turn);
        let mut records = mem::take(&mut turn.records);
        // What is told again needs no journal.
        if records.is_empty() && !whole && !sign {
            return Step::Leave(turn);
        }
        if whole {
            records = self.commands.snapshot(now);
        }
        let journal = Arc::clone(journal);
        self.under_way = Some(turn);
        self.latest = now.wall;
        Step::Write(Writing { journal, records, whole, now: now.wall })
    }

    /// The journal was written; answers what may leave.
    ///
    /// # Errors
    /// What the file system said. What waits goes on waiting; nothing is taken until the next
    /// [`Keeper::step`] has gone well.
    pub fn written(&mut self, written: Written) -> Result<Turn, String> {
        let turn = self.under_way.take().unwrap_or_default();
        self.rewrite = written.wants_rewriting;
        match written.result {
            Ok(()) => {
                self.fault = None;
                Ok(turn)
            }
            Err(error) => {
                self.put_back(turn);
                self.rewrite = true;
                let error = error.to_string();
                self.fault = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Nobody knows what became of what was under way, nor of what sessions have: whoever did all
    /// that has crashed. Commands that had not left wait again.
    pub fn interrupted(&mut self, now: Now) {
        if let Some(turn) = self.under_way.take() {
            self.put_back(turn);
        }
        self.rewrite = true;
        for due in mem::take(&mut self.turn.due) {
            self.commands.missed(due.attempt, now, &|_| None, &mut self.turn);
        }
        self.commands.interrupted(now, &mut self.turn);
    }

    fn put_back(&mut self, mut earlier: Turn) {
        earlier.append(mem::take(&mut self.turn));
        self.turn = earlier;
    }
}
