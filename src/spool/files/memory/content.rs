use std::{cmp::Ordering, fmt, mem};

use rand::{Rng, RngExt};

/// A disk writes so many bytes whole or not at all.
const SECTOR: u64 = 512;

/// What is in one file: as processes see it, and as far as the disk has promised to keep it.
#[derive(Clone, Default)]
pub(super) struct Content {
    /// What every read sees: the page cache.
    visible: Vec<u8>,
    /// What was synced: the platter.
    durable: Vec<u8>,
    /// What leads from there to here, the oldest first.
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
struct Change {
    what: What,
    /// A sync failed over it: the kernel reports that once, and marks the pages clean. No later
    /// sync will write them.
    is_forsaken: bool,
}

#[derive(Clone, Debug)]
enum What {
    /// These bytes, from there on.
    Write(u64, Vec<u8>),
    /// So many bytes long; a longer file gets zeros.
    Resize(u64),
}

impl Content {
    /// A file that holds `bytes`, all of them synced.
    pub fn settled(bytes: Vec<u8>) -> Self {
        Self { durable: bytes.clone(), visible: bytes, pending: Vec::new() }
    }

    pub fn visible(&self) -> &[u8] {
        &self.visible
    }

    pub fn size(&self) -> u64 {
        self.visible.len() as u64
    }

    /// How many bytes longer a write there would make it.
    pub fn growth(&self, at: u64, bytes: &[u8]) -> u64 {
        at.saturating_add(bytes.len() as u64).saturating_sub(self.size())
    }

    pub fn write(&mut self, at: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let end = at + bytes.len() as u64;
        if end > self.size() {
            self.resize(end);
        }
        put(&mut self.visible, at, bytes);
        self.change(What::Write(at, bytes.to_vec()));
    }

    pub fn resize(&mut self, size: u64) {
        if size != self.size() {
            self.visible.resize(size as usize, 0);
            self.change(What::Resize(size));
        }
    }

    fn change(&mut self, what: What) {
        self.pending.push(Change { what, is_forsaken: false });
    }

    /// Makes durable what no failed sync has forsaken.
    pub fn sync(&mut self) {
        let (forsaken, synced): (Vec<_>, Vec<_>) =
            mem::take(&mut self.pending).into_iter().partition(|change| change.is_forsaken);
        // All that is forsaken is older than all that is not.
        self.pending = forsaken;
        for change in synced {
            match change.what {
                What::Write(at, bytes) => self.keep_write(at, &bytes),
                What::Resize(size) => self.keep_size(size),
            }
        }
    }

    fn keep_write(&mut self, at: u64, bytes: &[u8]) {
        let end = at as usize + bytes.len();
        // Bytes that were synced can be read, even if the size was lost to an earlier failure.
        if end > self.durable.len() {
            self.durable.resize(end, 0);
        }
        put(&mut self.durable, at, bytes);
        // Whether an older write survives or not, what was written over it stays.
        for change in &mut self.pending {
            match &mut change.what {
                What::Write(older, lost) => overlay(lost, *older, bytes, at),
                What::Resize(size) => *size = (*size).max(end as u64),
            }
        }
    }

    /// Sizes have an order on every file system: this one brings those before it along.
    fn keep_size(&mut self, size: u64) {
        // What is cut off by any of them does not come back.
        let mut least = size;
        for change in self.pending.iter_mut().rev() {
            match &mut change.what {
                What::Resize(older) => least = least.min(*older),
                What::Write(at, lost) => lost.truncate(least.saturating_sub(*at) as usize),
            }
        }
        let durable = &mut self.durable;
        self.pending.retain(|change| match &change.what {
            What::Resize(older) => {
                durable.resize(*older as usize, 0);
                false
            }
            What::Write(_, lost) => !lost.is_empty(),
        });
        durable.resize(size as usize, 0);
    }

    /// A sync failed: what waits for it is seen, and no sync will ever make it durable.
    pub fn forsake(&mut self) {
        self.pending.iter_mut().for_each(|change| change.is_forsaken = true);
    }

    /// The kernel forgets clean pages and reads them again when asked: what was forsaken is there,
    /// torn or gone, by chance.
    pub fn evict(&mut self, dice: &mut impl Rng) {
        let size = self.size();
        let (forsaken, dirty): (Vec<_>, Vec<_>) =
            mem::take(&mut self.pending).into_iter().partition(|change| change.is_forsaken);
        self.pending = forsaken;
        self.cut_power(dice);
        for change in dirty {
            match change.what {
                What::Write(at, bytes) => self.write(at, &bytes),
                What::Resize(size) => self.resize(size),
            }
        }
        // The size is not in the pages, and is not forgotten.
        self.resize(size);
    }

    /// What is left when the power goes: each un-synced write whole, torn at sectors or gone, and
    /// any of the sizes that the file had since it was synced, or one on the way to the next. Bytes
    /// that never came are zeros.
    pub fn cut_power(&mut self, dice: &mut impl Rng) {
        let mut left = mem::take(&mut self.durable);
        let is_size = |change: &&Change| matches!(change.what, What::Resize(_));
        let sizes = self.pending.iter().filter(is_size).count();
        let last = dice.random_range(0..=sizes);
        let mut seen = 0;
        for change in mem::take(&mut self.pending) {
            match change.what {
                What::Write(at, bytes) => survive(&mut left, at, &bytes, dice),
                What::Resize(size) => {
                    match seen.cmp(&last) {
                        Ordering::Less => left.resize(size as usize, 0),
                        Ordering::Equal => grow_half_way(&mut left, size, dice),
                        Ordering::Greater => {}
                    }
                    seen += 1;
                }
            }
        }
        *self = Self::settled(left);
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, into: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (visible, durable) = (self.visible.len(), self.durable.len());
        write!(into, "{visible} bytes, {durable} durable, {} changes", self.pending.len())
    }
}

/// Grows to some whole number of sectors before `size`, or not at all.
fn grow_half_way(left: &mut Vec<u8>, size: u64, dice: &mut impl Rng) {
    let sectors = (left.len() as u64 / SECTOR, size / SECTOR);
    if sectors.0 < sectors.1 && dice.random() {
        let grown = dice.random_range(sectors.0 + 1..=sectors.1) * SECTOR;
        left.resize(grown as usize, 0);
    }
}

/// Puts `bytes` at `at`, as far as `into` reaches.
fn put(into: &mut [u8], at: u64, bytes: &[u8]) {
    let Some(into) = into.get_mut(at as usize..) else { return };
    let count = bytes.len().min(into.len());
    into[..count].copy_from_slice(&bytes[..count]);
}

/// Puts `newer`, which begins at `newer_at`, over the part of `older` that it covers.
fn overlay(older: &mut [u8], older_at: u64, newer: &[u8], newer_at: u64) {
    match newer_at.checked_sub(older_at) {
        Some(within) => put(older, within, newer),
        None => {
            let hidden = (older_at - newer_at) as usize;
            put(older, 0, newer.get(hidden..).unwrap_or_default());
        }
    }
}

/// Writes `bytes` whole, not at all, or some of their sectors.
fn survive(into: &mut [u8], at: u64, bytes: &[u8], dice: &mut impl Rng) {
    match dice.random_range(0..3) {
        0 => {}
        1 => put(into, at, bytes),
        _ => {
            for (at, sector) in sectors(at, bytes) {
                if dice.random() {
                    put(into, at, sector);
                }
            }
        }
    }
}

/// The parts of `bytes` that lie in different sectors of the file.
fn sectors(mut at: u64, mut bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        let room = (SECTOR - at % SECTOR) as usize;
        let (sector, rest) = bytes.split_at(room.min(bytes.len()));
        let found = (at, sector);
        (at, bytes) = (at + sector.len() as u64, rest);
        (!sector.is_empty()).then_some(found)
    })
}
