//! The side of whoever asks: another process, with no lock on the folder.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, fchown},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};

use super::{ANSWER, Answer, Order, REQUEST, Request};

/// How often to look for the answer.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How long the answer to a request may take that was taken when the patience was over.
const LAST_MOMENT: Duration = Duration::from_secs(2);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskFault {
    /// Somebody else asks for something.
    #[error("another request waits there already; try again in a moment")]
    Busy,
    /// Nobody took the request, and it is taken back.
    #[error("nobody took the request within {} s; look into the gateway's log, or stop it and try again", patience.as_secs())]
    NotTaken {
        /// How long it waited.
        patience: Duration,
    },
    /// It was taken, and no answer came.
    #[error(
        "the request was taken and not answered; look with tetherd spool inspect whether it was carried out"
    )]
    NotAnswered,
    /// The folder refused.
    #[error("cannot {what}: {error}; do it as the user that runs the gateway")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

/// Asks the process that works with the folder at `path`, and waits for its answer, at most for
/// `patience` and a little more.
///
/// # Errors
/// It does not answer, or the folder cannot be written to.
pub fn ask(path: &Path, order: Order, patience: Duration) -> Result<Answer, AskFault> {
    let asking = Asking::put(path, order)?;
    let begun = Instant::now();
    while begun.elapsed() < patience {
        if let Some(answer) = asking.answer()? {
            return Ok(answer);
        }
        thread::sleep(LOOK_AGAIN);
    }
    match fs::remove_file(&asking.request) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        _ => return Err(AskFault::NotTaken { patience }),
    }
    let taken = Instant::now();
    while taken.elapsed() < LAST_MOMENT {
        if let Some(answer) = asking.answer()? {
            return Ok(answer);
        }
        thread::sleep(LOOK_AGAIN);
    }
    Err(AskFault::NotAnswered)
}

/// A request that was put into the folder.
struct Asking {
    request: PathBuf,
    answer: PathBuf,
}

impl Asking {
    fn put(path: &Path, order: Order) -> Result<Self, AskFault> {
        let fault = |error| AskFault::Io { what: "write the request", error };
        let id = format!("{:016x}", rand::random::<u64>());
        let asking =
            Self { request: path.join(REQUEST), answer: path.join(format!("{ANSWER}{id}")) };
        let new = path.join(format!("{REQUEST}-{id}.new"));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)
            .map_err(fault)?;
        let text = serde_json::to_vec(&Request { id, order });
        let written = text.map_err(io::Error::from).and_then(|text| {
            give_to_owner(&file, path);
            file.write_all(&text)
        });
        let put = written.and_then(|()| put_in_place(&new, &asking.request));
        if put.is_err() {
            // It is of no use to anybody.
            let _ = fs::remove_file(&new);
        }
        match put {
            Ok(()) => Ok(asking),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(AskFault::Busy),
            Err(error) => Err(fault(error)),
        }
    }

    fn answer(&self) -> Result<Option<Answer>, AskFault> {
        let fault = |error| AskFault::Io { what: "read the answer", error };
        let bytes = match fs::read(&self.answer) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fault(error)),
        };
        // One that stays is removed by the next start.
        let _ = fs::remove_file(&self.answer);
        serde_json::from_slice(&bytes).map(Some).map_err(|error| fault(error.into()))
    }
}

/// The gateway may be another user than whoever asks, who is then root.
fn give_to_owner(file: &File, folder: &Path) {
    if let Ok(folder) = folder.metadata() {
        // Where that fails the gateway cannot read it, which shows as no answer.
        let _ = fchown(file, Some(folder.uid()), Some(folder.gid()));
    }
}

/// In its place at once and whole, and never in the place of another.
fn put_in_place(new: &Path, request: &Path) -> io::Result<()> {
    match renameat_with(CWD, new, CWD, request, RenameFlags::NOREPLACE) {
        // Not every file system knows it.
        Err(Errno::INVAL | Errno::NOSYS) => {
            fs::hard_link(new, request)?;
            fs::remove_file(new)
        }
        done => Ok(done?),
    }
}
