use std::{collections::BTreeMap, io};

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use rustix::io::Errno;

use super::{
    Operation, Sums,
    content::Content,
    faults::Faults,
    names::{FileId, Names},
};

/// A write that is killed in the middle has done whole pages.
const PAGE: u64 = 4096;

/// A machine with one folder, running or off.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    pub names: Names,
    files: BTreeMap<FileId, Stored>,
    next: u64,
    pub capacity: Option<u64>,
    pub faults: Faults,
    pub sums: Sums,
    /// No step behind this one happens.
    pub last_step: Option<u64>,
    /// A step was refused because of that.
    is_refused: bool,
    /// The step that was refused first, if it was a write.
    interrupted: Option<(FileId, u64, Vec<u8>)>,
    is_off: bool,
}

#[derive(Clone, Debug, Default)]
struct Stored {
    content: Content,
    /// How many have it open.
    opened: u64,
}

impl Disk {
    /// A machine that is off for ever.
    pub fn off() -> Self {
        Self { is_off: true, ..Self::default() }
    }

    /// Counts the step, and fails where a failure is due.
    pub fn begin(&mut self, operation: Operation, name: &str) -> io::Result<()> {
        self.step(operation)?;
        self.faults.meet(operation, name)
    }

    /// Counts the step; fails only where the machine is off.
    pub fn step(&mut self, operation: Operation) -> io::Result<()> {
        let running = self.check_running();
        self.is_refused |= running.is_err() && operation.is_step();
        running?;
        self.sums.steps += u64::from(operation.is_step());
        self.sums.syncs += u64::from(operation == Operation::Sync);
        self.sums.name_syncs += u64::from(operation == Operation::SyncNames);
        Ok(())
    }

    pub fn check_running(&self) -> io::Result<()> {
        match self.is_off || self.is_halted() {
            true => Err(io::Error::other("the machine is off")),
            false => Ok(()),
        }
    }

    fn is_halted(&self) -> bool {
        self.last_step.is_some_and(|last| self.sums.steps >= last)
    }

    pub fn content(&self, id: FileId) -> io::Result<&Content> {
        Ok(&self.files.get(&id).ok_or(Errno::NOENT)?.content)
    }

    pub fn content_mut(&mut self, id: FileId) -> io::Result<&mut Content> {
        Ok(&mut self.files.get_mut(&id).ok_or(Errno::NOENT)?.content)
    }

    pub fn find(&self, name: &str) -> io::Result<FileId> {
        Ok(self.names.get(name).ok_or(Errno::NOENT)?)
    }

    pub fn create(&mut self, name: &str) -> io::Result<FileId> {
        if self.names.get(name).is_some() {
            return Err(Errno::EXIST.into());
        }
        if self.room() == Some(0) {
            return Err(Errno::NOSPC.into());
        }
        let id = self.add(Content::default());
        self.names.create(name, id);
        Ok(id)
    }

    fn add(&mut self, content: Content) -> FileId {
        let id = FileId(self.next);
        self.next += 1;
        self.files.insert(id, Stored { content, opened: 0 });
        id
    }

    /// Puts a file there with all that it holds synced, and its name.
    pub fn settle(&mut self, name: &str, bytes: Vec<u8>) {
        match self.names.get(name) {
            Some(id) => {
                if let Ok(content) = self.content_mut(id) {
                    *content = Content::settled(bytes);
                }
                self.names.settle(name, id);
            }
            None => {
                let id = self.add(Content::settled(bytes));
                self.names.settle(name, id);
            }
        }
    }

    pub fn opened(&mut self, id: FileId) {
        if let Some(stored) = self.files.get_mut(&id) {
            stored.opened += 1;
        }
    }

    pub fn closed(&mut self, id: FileId) {
        if let Some(stored) = self.files.get_mut(&id) {
            stored.opened = stored.opened.saturating_sub(1);
        }
        self.forget_files();
    }

    /// Drops files that nobody can reach any more, not even after a loss of power.
    pub fn forget_files(&mut self) {
        let names = &self.names;
        self.files.retain(|id, stored| stored.opened > 0 || names.may_need(*id));
    }

    /// Bytes that are free, where there is a limit.
    fn room(&self) -> Option<u64> {
        let capacity = self.capacity?;
        let is_held = |id: &FileId, stored: &Stored| stored.opened > 0 || self.names.show(*id);
        let held = self.files.iter().filter(|(id, stored)| is_held(id, stored));
        let used: u64 = held.map(|(_, stored)| stored.content.size()).sum();
        Some(capacity.saturating_sub(used))
    }

    /// How many of `growth` bytes there is no room for.
    fn lacking(&self, growth: u64) -> u64 {
        self.room().map_or(0, |room| growth.saturating_sub(room))
    }

    /// Writes as much as there is room for.
    pub fn write(&mut self, id: FileId, at: u64, bytes: &[u8]) -> io::Result<()> {
        check_size(at.saturating_add(bytes.len() as u64))?;
        let lacking = self.lacking(self.content(id)?.growth(at, bytes)) as usize;
        let written = &bytes[..bytes.len().saturating_sub(lacking)];
        self.put(id, at, written)?;
        match lacking {
            0 => Ok(()),
            _ => Err(Errno::NOSPC.into()),
        }
    }

    fn put(&mut self, id: FileId, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.sums.written += bytes.len() as u64;
        self.content_mut(id)?.write(at, bytes);
        Ok(())
    }

    /// Some beginning of a write that failed.
    pub fn write_part(&mut self, id: FileId, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut dice = Xoshiro256PlusPlus::seed_from_u64(self.sums.steps);
        let count = dice.random_range(0..=bytes.len().saturating_sub(1));
        self.write(id, at, &bytes[..count])
    }

    pub fn allocate(&mut self, id: FileId, size: u64) -> io::Result<()> {
        check_size(size)?;
        let before = self.content(id)?.size();
        let growth = size.saturating_sub(before);
        let lacking = self.lacking(growth);
        self.content_mut(id)?.resize(before + growth - lacking);
        match lacking {
            0 => Ok(()),
            _ => Err(Errno::NOSPC.into()),
        }
    }

    /// Remembers the write that is about to be refused, if it is the first.
    pub fn interrupt(&mut self, id: FileId, at: u64, bytes: &[u8]) {
        if self.is_halted() && !self.is_refused {
            self.interrupted = Some((id, at, bytes.to_vec()));
        }
    }

    /// Does the first pages of the write that was under way.
    pub fn finish_in_part(&mut self, seed: u64) {
        let Some((id, at, bytes)) = self.interrupted.take() else { return };
        let first = at / PAGE;
        let last = (at + bytes.len().saturating_sub(1) as u64) / PAGE;
        let page = Xoshiro256PlusPlus::seed_from_u64(seed).random_range(first..=last);
        let count = (page * PAGE).saturating_sub(at) as usize;
        // There may be no room for it, or no file any more.
        let _ = self.write(id, at, &bytes[..count]);
    }

    /// The process is gone, and the next one begins: nothing is open, nothing ordered, nothing
    /// counted.
    pub fn restart(mut self) -> Self {
        self.close_all();
        Self {
            names: self.names,
            files: self.files,
            next: self.next,
            capacity: self.capacity,
            is_off: self.is_off,
            ..Self::default()
        }
    }

    pub fn close_all(&mut self) {
        self.files.values_mut().for_each(|stored| stored.opened = 0);
        self.forget_files();
    }

    pub fn cut_power(&mut self, seed: u64) {
        let mut dice = Xoshiro256PlusPlus::seed_from_u64(seed);
        self.names.cut_power(&mut dice);
        self.files.values_mut().for_each(|stored| stored.content.cut_power(&mut dice));
    }

    pub fn evict(&mut self, seed: u64) {
        let mut dice = Xoshiro256PlusPlus::seed_from_u64(seed);
        self.files.values_mut().for_each(|stored| stored.content.evict(&mut dice));
    }
}

/// Refuses sizes that only a mistake asks for.
fn check_size(size: u64) -> io::Result<()> {
    const MOST: u64 = 1 << 32;
    match size > MOST {
        true => Err(Errno::FBIG.into()),
        false => Ok(()),
    }
}
