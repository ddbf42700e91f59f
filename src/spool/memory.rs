//! The make of spool that lives in memory: a row of blocks behind one short lock.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use tokio::sync::{Notify, watch};

use super::{
    Backlog, Batch, Block, DropReason, Ledger, Pressure, Read, ReaderId, ReaderSettings, Room,
    Settings, Spool, Start, WhenBehind, WhenFull,
    cursor::{Cursor, Progress},
    holes::Holes,
    limits::Limits,
};
use crate::model::Offset;

/// Bytes that a block costs beside its records: its place in the row and what the allocator adds.
const BLOCK_OVERHEAD: usize = 96;

/// Numbering never jumps here.
static NO_HOLES: Holes = Holes::NONE;

/// Events kept in memory, gone with the process.
///
/// Numbering begins at the Unix time in microseconds, so that no restart repeats an offset.
pub struct MemorySpool {
    id: String,
    began: Offset,
    limits: Limits,
    max_size: u64,
    when_full: WhenFull,
    pressure: Pressure,
    state: Mutex<State>,
}

struct State {
    blocks: VecDeque<Stored>,
    next: Offset,
    /// Bytes of all blocks, their overhead included.
    held: usize,
    /// Bytes of all blocks that there ever were.
    appended: u64,
    readers: Vec<Cursor>,
}

struct Stored {
    block: Block,
    /// [`State::appended`] before this block came.
    position: u64,
}

impl MemorySpool {
    /// An empty spool.
    pub fn new(settings: &Settings) -> Self {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Self::starting_at(settings, Offset(now.as_micros() as u64))
    }

    /// An empty spool whose first event gets the offset `first`.
    pub fn starting_at(settings: &Settings, first: Offset) -> Self {
        Self {
            id: format!("{:016x}", rand::random::<u64>()),
            began: first,
            limits: Limits::of(settings.max_size()),
            max_size: settings.max_size().0,
            when_full: settings.when_full,
            pressure: Pressure::default(),
            state: Mutex::new(State {
                blocks: VecDeque::new(),
                next: first,
                held: 0,
                appended: 0,
                readers: Vec::new(),
            }),
        }
    }

    /// A panic inside the lock cannot leave the row half-changed in a way that matters more than
    /// going on without a spool.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes held at this moment.
    pub fn held(&self) -> usize {
        self.state().held
    }

    fn settle(&self, state: &mut State) {
        state.trim();
        let paused = self.limits.paused(state.held, self.pressure.is_paused());
        let full = self.when_full == WhenFull::Pause;
        self.pressure.set(paused && full, self.limits.admits(state.held));
    }
}

impl State {
    fn push(&mut self, block: Block) {
        let size = block.size() + BLOCK_OVERHEAD;
        self.blocks.push_back(Stored { block, position: self.appended });
        self.held += size;
        self.appended += size as u64;
    }

    fn pop(&mut self) -> Option<Block> {
        let oldest = self.blocks.pop_front()?;
        self.held -= oldest.block.size() + BLOCK_OVERHEAD;
        Some(oldest.block)
    }

    /// Gives back what no reader needs.
    fn trim(&mut self) {
        let needed =
            self.readers.iter().map(|reader| reader.progress.needs()).min().unwrap_or(self.next);
        while self.blocks.front().is_some_and(|oldest| oldest.block.end() <= needed) {
            self.pop();
        }
    }

    /// Readers that may be skipped lose what lies more than their lag behind.
    fn skip_those_behind(&mut self, most: u64) {
        let (blocks, appended) = (&self.blocks, self.appended);
        for reader in &mut self.readers {
            if reader.settings.when_behind != WhenBehind::Skip {
                continue;
            }
            let lag = reader.settings.max_lag.min(most);
            let at = blocks.partition_point(|stored| stored.block.end() <= reader.progress.needs());
            let first_allowed = appended.saturating_sub(lag);
            if blocks.get(at).is_none_or(|oldest| oldest.position >= first_allowed) {
                continue;
            }
            let keep = blocks.partition_point(|stored| stored.position < first_allowed);
            let floor = blocks.get(keep).map_or(self.next, |stored| stored.block.base());
            reader.progress.lose_until(floor, DropReason::Behind, &NO_HOLES);
        }
    }

    /// What waits for `reader`, what blocks cost beside their records among it.
    fn backlog(&self, reader: ReaderId) -> Backlog {
        let from = self.readers[reader.0].progress.needs();
        let at = self.blocks.partition_point(|stored| stored.block.end() <= from);
        let Some(Stored { block, position }) = self.blocks.get(at) else {
            return Backlog::default();
        };
        let mut events = block.events().skip_to(from);
        let delivered = (block.size() - events.bytes_left()) as u64;
        let since = events.next().map(|(_, event)| event.time());
        Backlog { bytes: self.appended - position - delivered, since }
    }

    fn drop_oldest(&mut self, most: usize) {
        while self.held > most && self.blocks.len() > 1 {
            let Some(oldest) = self.pop() else { return };
            for reader in &mut self.readers {
                reader.progress.lose_until(oldest.end(), DropReason::SpoolFull, &NO_HOLES);
            }
        }
    }
}

impl Spool for MemorySpool {
    fn append(&self, batch: &mut Batch) -> Option<Offset> {
        if batch.is_empty() {
            return None;
        }
        let mut state = self.state();
        let first = state.next;
        let block = batch.take(first);
        state.next = block.end();
        state.push(block);
        state.skip_those_behind(self.limits.lag());
        if self.when_full == WhenFull::DropOldest {
            state.trim();
            state.drop_oldest(self.limits.data());
        }
        self.settle(&mut state);
        state.readers.iter().for_each(|reader| reader.appended.notify_one());
        Some(first)
    }

    fn open_reader(&self, settings: &ReaderSettings) -> ReaderId {
        let mut state = self.state();
        if let Some(at) = state.readers.iter().position(|r| r.settings.name == settings.name) {
            return ReaderId(at);
        }
        let oldest = state.blocks.front().map_or(state.next, |stored| stored.block.base());
        let began = match settings.start {
            Start::Now => state.next,
            Start::Oldest => oldest,
        };
        state.readers.push(Cursor::new(settings.clone(), Progress::beginning_at(began)));
        ReaderId(state.readers.len() - 1)
    }

    fn read(&self, reader: ReaderId, from: Offset) -> Read {
        let state = self.state();
        let progress = &state.readers[reader.0].progress;
        if from < progress.floor {
            let (next, reason) = (progress.floor, progress.floor_reason);
            return Read::Hole { next, events: next.since(from), reason };
        }
        let at = state.blocks.partition_point(|stored| stored.block.end() <= from);
        match state.blocks.get(at) {
            Some(stored) => Read::Block(stored.block.clone()),
            None => Read::Empty,
        }
    }

    /// What is in memory is as it was put there.
    fn give_up(&self, _: Offset, _: Offset) -> bool {
        false
    }

    fn acknowledge(&self, reader: ReaderId, through: Offset) -> u64 {
        let mut state = self.state();
        let cursor = through.plus(1).min(state.next);
        let delivered = state.readers[reader.0].progress.acknowledge(cursor, &NO_HOLES);
        self.settle(&mut state);
        delivered
    }

    fn found(&self, reader: ReaderId, events: u64) {
        self.state().readers[reader.0].progress.found(events);
    }

    fn skip(&self, reader: ReaderId, through: Offset) {
        let mut state = self.state();
        let floor = through.plus(1).min(state.next);
        state.readers[reader.0].progress.lose_until(floor, DropReason::Skipped, &NO_HOLES);
        self.settle(&mut state);
    }

    fn cursor(&self, reader: ReaderId) -> Offset {
        self.state().readers[reader.0].progress.cursor
    }

    fn next(&self) -> Offset {
        self.state().next
    }

    fn began(&self) -> Offset {
        self.began
    }

    /// What the process before still held in memory, if there was one, is gone.
    fn was_clean(&self) -> bool {
        false
    }

    fn promised(&self) -> Option<watch::Receiver<Offset>> {
        None
    }

    fn start(&self) -> io::Result<()> {
        Ok(())
    }

    fn close(&self) -> bool {
        true
    }

    fn appended(&self, reader: ReaderId) -> Arc<Notify> {
        Arc::clone(&self.state().readers[reader.0].appended)
    }

    fn pressure(&self) -> &Pressure {
        &self.pressure
    }

    fn ledger(&self, reader: ReaderId) -> Ledger {
        let state = self.state();
        state.readers[reader.0].progress.ledger(state.next, &NO_HOLES)
    }

    fn backlog(&self, reader: ReaderId) -> Backlog {
        self.state().backlog(reader)
    }

    fn room(&self) -> Room {
        let kept = self.held() as u64;
        Room { kept, limit: self.max_size, held: kept }
    }

    fn id(&self) -> &str {
        &self.id
    }
}

#[cfg(test)]
mod tests;
