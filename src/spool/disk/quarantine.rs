//! Where bytes go that are not what was written: kept for whoever wants to know what happened.

use std::{fmt, io};

use super::walk::Damage;
use crate::spool::{File, Files};

/// Most files that are kept; what comes then is told and counted all the same.
const MOST_FILES: usize = 100;

/// Most bytes of one damaged part that are kept.
const MOST_BYTES: u64 = 64 << 20;

/// Where damaged bytes were put.
#[derive(Debug)]
pub(crate) enum Kept {
    /// In this file of the spool's folder.
    In(String),
    /// Nowhere, for this reason.
    Nowhere(String),
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::In(name) => f.write_str(name),
            Self::Nowhere(why) => write!(f, "not kept: {why}"),
        }
    }
}

/// Copies a damaged part of a segment.
pub(super) fn copy(files: &dyn Files, file: &dyn File, segment: u64, damage: &Damage) -> Kept {
    let name = format!("quarantine-{segment:012}-{}", damage.at);
    kept(&name, write(files, file, &name, damage))
}

/// Puts a whole file aside.
pub(super) fn set_aside(files: &dyn Files, name: &str) -> Kept {
    let aside = format!("quarantine-{name}");
    kept(&aside, files.rename(name, &aside))
}

fn kept(name: &str, done: io::Result<()>) -> Kept {
    match done {
        Ok(()) => Kept::In(name.to_owned()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Kept::In(name.to_owned()),
        Err(error) => Kept::Nowhere(error.to_string()),
    }
}

fn write(files: &dyn Files, from: &dyn File, name: &str, damage: &Damage) -> io::Result<()> {
    let names = files.names()?;
    if names.iter().any(|known| known == name) {
        return Ok(());
    }
    if names.iter().filter(|name| name.starts_with("quarantine-")).count() >= MOST_FILES {
        return Err(io::Error::other(
            "the folder holds enough of them; look at them and move them",
        ));
    }
    let to = files.create(name)?;
    let copied = fill(&*to, from, damage);
    if copied.is_err() {
        // Half of it helps nobody, and takes room.
        let _ = files.remove(name);
    }
    copied
}

fn fill(to: &dyn File, from: &dyn File, damage: &Damage) -> io::Result<()> {
    let (mut done, size) = (0, damage.size.min(MOST_BYTES));
    let mut bytes = vec![0; 64 << 10];
    while done < size {
        let piece = bytes.len().min((size - done) as usize);
        let read = from.read_at(damage.at + done, &mut bytes[..piece])?;
        if read == 0 {
            break;
        }
        to.write_at(done, &bytes[..read])?;
        done += read as u64;
    }
    Ok(())
}
