//! Where commands outlive the process: a file of records, written behind each other and synced
//! before anybody hears of what they say.
//!
//! A file that has grown to twice what was alive in it is written anew, under another name, and
//! takes the place of the old one when it is whole and synced. After a failed write or sync nobody
//! knows what the file holds, so that the next thing to do is the same.

use std::{io, sync::Arc};

use super::{record, replay::Replay};
use crate::{
    model::UnixMillis,
    spool::{File, Files},
};

/// The file.
const NAME: &str = "journal";
/// The file that is to take its place.
const NEXT: &str = "journal.next";
/// What could not be read of a file, for whoever wants to know.
const DAMAGED: &str = "journal.damaged";

/// So much of a file can be read at the most; one that is longer is damaged from there on.
const LONGEST: u64 = 4 << 30;

/// A file below this is not written anew.
const SMALL: u64 = 1 << 20;

/// The journal of commands.
#[derive(Debug)]
pub struct Journal {
    files: Arc<dyn Files>,
    /// None before the first rewriting, and after a failure.
    file: Option<Arc<dyn File>>,
    size: u64,
    /// How long the file was when it was written anew.
    base: u64,
    /// The latest that the wall clock has shown.
    latest: UnixMillis,
}

/// Bytes of the journal that are no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Where they begin.
    pub at: u64,
    /// How many there are.
    pub bytes: u64,
}

impl Journal {
    /// Opens the journal in this folder, and answers what it holds. It takes nothing before it was
    /// [rewritten](Journal::rewrite).
    ///
    /// # Errors
    /// What the file system said. Bytes that are no records are no error: what stands behind them
    /// is lost, and they are kept aside.
    pub fn open(files: Arc<dyn Files>) -> io::Result<(Self, Replay)> {
        let names = files.names()?;
        let mut replay = Replay::default();
        let mut size = 0;
        if names.iter().any(|name| name == NAME) {
            let bytes = read(&*files.open(NAME)?)?;
            size = bytes.len() as u64;
            replay.read(&bytes);
            if let Some(torn) = replay.torn {
                // A disk that is full must not keep the gateway from starting.
                let _ = keep_aside(&*files, &names, &bytes[torn.at as usize..]);
            }
        }
        let latest = replay.latest;
        Ok((Self { files, file: None, size, base: 0, latest }, replay))
    }

    /// Whether the next thing to do is to write it anew: it has grown, has failed, or the wall clock
    /// went back, so that what it says of time is not true any more.
    pub fn wants_rewriting(&self, now: UnixMillis) -> bool {
        self.file.is_none() || now < self.latest || self.size > 2 * self.base.max(SMALL)
    }

    /// Writes these records behind the others, and makes them safe.
    ///
    /// # Errors
    /// What the file system said; the journal wants rewriting then.
    pub fn append(&mut self, records: &[u8], now: UnixMillis) -> io::Result<()> {
        let Some(file) = self.file.take() else {
            return Err(io::Error::other("the journal has to be written anew first"));
        };
        let mut bytes = Vec::with_capacity(records.len() + 32);
        record::clock(&mut bytes, now);
        bytes.extend_from_slice(records);
        file.write_at(self.size, &bytes)?;
        file.sync()?;
        self.file = Some(file);
        self.size += bytes.len() as u64;
        self.latest = now;
        Ok(())
    }

    /// Writes a file that holds these records only, and puts it in the place of the old one.
    ///
    /// # Errors
    /// What the file system said; the old file may be there still, and the journal wants rewriting.
    pub fn rewrite(&mut self, records: &[u8], now: UnixMillis) -> io::Result<()> {
        self.file = None;
        if self.files.names()?.iter().any(|name| name == NEXT) {
            self.files.remove(NEXT)?;
        }
        let file = self.files.create(NEXT)?;
        let mut bytes = Vec::with_capacity(records.len() + 32);
        record::clock(&mut bytes, now);
        bytes.extend_from_slice(records);
        file.write_at(0, &bytes)?;
        file.sync()?;
        self.files.rename(NEXT, NAME)?;
        self.files.sync_names()?;
        self.size = bytes.len() as u64;
        self.base = self.size;
        self.latest = now;
        self.file = Some(file);
        Ok(())
    }

    /// How many bytes the file has.
    pub fn size(&self) -> u64 {
        self.size
    }
}

fn read(file: &dyn File) -> io::Result<Vec<u8>> {
    let size = file.size()?.min(LONGEST);
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
    let count = file.read_at(0, &mut bytes)?;
    bytes.truncate(count);
    Ok(bytes)
}

/// Keeps bytes that are no records for whoever wants to know; only the latest of them.
fn keep_aside(files: &dyn Files, names: &[String], bytes: &[u8]) -> io::Result<()> {
    if names.iter().any(|name| name == DAMAGED) {
        files.remove(DAMAGED)?;
    }
    files.create(DAMAGED)?.write_at(0, bytes)
}
