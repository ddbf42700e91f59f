//! How a process holds a folder for itself.

use std::{
    fs, io,
    os::{fd::OwnedFd, unix::fs::FileExt},
    path::{Path, PathBuf},
    process, thread,
    time::Duration,
};

use rustix::{
    fs::{CWD, FlockOperation, Mode, OFlags, flock, openat},
    io::{Errno, retry_on_intr},
};

use super::LOCK;

/// How often a claim waits out those who only look.
const PATIENCE: u32 = 1000;

/// How long it waits each time.
const PAUSE: Duration = Duration::from_millis(1);

/// Why a folder cannot be claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimFault {
    /// Another process works in it, or this one does already.
    #[error(
        "the spool folder {} is held by {}: stop that process, or give this one a folder of its own",
        folder.display(),
        named(*pid)
    )]
    Held {
        /// The folder.
        folder: PathBuf,
        /// The process that holds it, as it wrote it down itself.
        pid: Option<u32>,
    },
    /// The file system refused.
    #[error("cannot {what} {}: {error}; {}", path.display(), remedy(error))]
    Io {
        /// What was tried: `make the folder`.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
}

/// Who holds a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process, as it wrote it down itself. Numbers of another container mean nothing here.
    pub pid: Option<u32>,
}

/// A held lock; dropping it gives the folder back, and so does the end of the process, however it
/// ends.
#[derive(Debug)]
pub(super) struct Lock(fs::File);

impl Lock {
    /// Takes the lock of the open `folder`, which is at `path`.
    pub fn take(folder: &OwnedFd, path: &Path) -> Result<Self, ClaimFault> {
        let fault = |what| {
            let path = path.join(LOCK);
            move |error: Errno| ClaimFault::Io { what, path, error: error.into() }
        };
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = retry_on_intr(|| openat(folder, LOCK, flags, mode));
        let file = fs::File::from(file.map_err(fault("open"))?);
        if !is_taken(&file, || thread::sleep(PAUSE)).map_err(fault("lock"))? {
            return Err(ClaimFault::Held { folder: path.to_owned(), pid: read_pid(&file) });
        }
        let lock = Self(file);
        match lock.write_pid() {
            // A gateway must start on a full disk: what it delivers makes room. Nobody reads the
            // number but who is refused.
            Err(error) if is_full(&error) => Ok(lock),
            Err(error) => Err(ClaimFault::Io { what: "write to", path: path.join(LOCK), error }),
            Ok(()) => Ok(lock),
        }
    }

    fn write_pid(&self) -> io::Result<()> {
        self.0.set_len(0)?;
        self.0.write_all_at(format!("{}\n", process::id()).as_bytes(), 0)
    }
}

impl Drop for Lock {
    /// Leaves no number behind that could later be another process. The file itself stays: removing
    /// it would let two processes each lock a file of that name.
    ///
    /// Closing alone would not do: a child that is just being spawned has the file open too, until
    /// it executes its own program.
    fn drop(&mut self) {
        let _ = self.0.set_len(0);
        let _ = retry_on_intr(|| flock(&self.0, FlockOperation::Unlock));
    }
}

/// Who holds the folder at `path`; nobody holds one that is not there.
pub(super) fn holder(path: &Path) -> io::Result<Option<Holder>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match retry_on_intr(|| openat(CWD, path.join(LOCK), flags, Mode::empty())) {
        Err(Errno::NOENT) => return Ok(None),
        file => fs::File::from(file?),
    };
    if !is_locked(&file, FlockOperation::NonBlockingLockShared)? {
        return Ok(Some(Holder { pid: read_pid(&file) }));
    }
    retry_on_intr(|| flock(&file, FlockOperation::Unlock))?;
    Ok(None)
}

/// Takes the lock for this process alone. Who only looks takes a shared lock for a moment
/// ([`holder`]); a claim waits that out instead of taking it for another gateway.
fn is_taken(file: &fs::File, mut pause: impl FnMut()) -> Result<bool, Errno> {
    for _ in 0..PATIENCE {
        if is_locked(file, FlockOperation::NonBlockingLockExclusive)? {
            return Ok(true);
        }
        if !is_locked(file, FlockOperation::NonBlockingLockShared)? {
            return Ok(false);
        }
        retry_on_intr(|| flock(file, FlockOperation::Unlock))?;
        pause();
    }
    Ok(false)
}

fn is_locked(file: &fs::File, operation: FlockOperation) -> Result<bool, Errno> {
    match retry_on_intr(|| flock(file, operation)) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error),
    }
}

fn read_pid(file: &fs::File) -> Option<u32> {
    let mut text = [0; 16];
    let count = file.read_at(&mut text, 0).ok()?;
    str::from_utf8(&text[..count]).ok()?.trim().parse().ok()
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        _ if is_full(error) => "make room on its disk, or choose another folder",
        io::ErrorKind::PermissionDenied => "let the user that runs this write there",
        _ => "choose another folder, or look after the disk",
    }
}

fn named(pid: Option<u32>) -> String {
    match pid {
        Some(pid) if pid == process::id() => format!("this process itself ({pid})"),
        Some(pid) => format!("process {pid}"),
        None => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_waits_for_those_who_only_look_and_not_for_a_holder() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join(LOCK);
        let [file, other] =
            [(); 2].map(|()| fs::File::options().append(true).create(true).open(&path).unwrap());
        flock(&other, FlockOperation::NonBlockingLockShared).unwrap();
        let mut pauses = 0;
        let is_first = is_taken(&file, || {
            pauses += 1;
            if pauses == 3 {
                flock(&other, FlockOperation::Unlock).unwrap();
            }
        });
        assert_eq!((is_first, pauses), (Ok(true), 3));
        assert_eq!(is_taken(&other, || panic!("waited for a holder")), Ok(false));
        flock(&file, FlockOperation::Unlock).unwrap();
        flock(&other, FlockOperation::NonBlockingLockShared).unwrap();
        let file = fs::File::open(&path).unwrap();
        assert_eq!(is_taken(&file, || {}), Ok(false), "its patience ends");
    }
}
