//! What the disk make of the spool asks of a file system: a folder of files, without subfolders.
//!
//! Everything that can go wrong with a disk goes wrong behind these two traits, so that tests can
//! lose, tear and refuse what a healthy disk never would.

mod claim;
mod memory;
mod system;
#[cfg(test)]
mod tests;

use std::{fmt, io, sync::Arc};

use rustix::io::Errno;

pub use claim::{ClaimFault, Holder};
pub use memory::{MemoryFiles, Operation, Sums};
pub use system::SystemFiles;

/// The file by which a process holds a folder. It is no file of the folder's: it is not among the
/// names, and cannot be opened.
const LOCK: &str = "lock";

/// A folder. Names are plain file names without a separator; others, and `lock`, are refused as
/// [`io::ErrorKind::InvalidInput`].
pub trait Files: Send + Sync + fmt::Debug {
    /// The names of all files, in no particular order.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Makes an empty file; an error of [`io::ErrorKind::AlreadyExists`] where there is one.
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>>;

    /// Opens a file for reading and, where the folder was opened for it, writing.
    fn open(&self, name: &str) -> io::Result<Arc<dyn File>>;

    /// Gives a file another name; what was there before is gone.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file; whoever has it open goes on with it.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes files that were made, renamed and removed stay so through a loss of power. What is in
    /// them is another matter: [`File::sync`]. After an error nobody knows which of them will.
    fn sync_names(&self) -> io::Result<()>;
}

/// An open file. All positions are bytes from its beginning.
pub trait File: Send + Sync + fmt::Debug {
    /// How long it is.
    fn size(&self) -> io::Result<u64>;

    /// Reads into all of `into`; less only where the file ends.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes`; a gap between the end and `at` reads as zeros. After an error any part
    /// of it may have been written.
    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes it `size` bytes long, zeros at its end, and takes the room for them, so that writing
    /// there never finds the disk full. A file that is longer stays as it is. After an error it may
    /// have any size between, and hold that room.
    fn allocate(&self, size: u64) -> io::Result<()>;

    /// Cuts it off at `size`; a file that is shorter stays as it is.
    fn truncate(&self, size: u64) -> io::Result<()>;

    /// Makes what was written so far, and the size, stay through a loss of power. After an error
    /// nobody knows what of it will: it must not be asked again for the same bytes (fsync on Linux
    /// reports a failure once, and marks the pages clean).
    fn sync(&self) -> io::Result<()>;
}

fn check_name(name: &str) -> io::Result<()> {
    let is_plain = !name.is_empty() && !name.contains(['/', '\0']) && name != "." && name != "..";
    if is_plain && name != LOCK {
        return Ok(());
    }
    Err(Errno::INVAL.into())
}
