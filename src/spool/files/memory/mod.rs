//! A disk in memory whose failures are chosen, for tests of the spool and of what is built on it.

mod content;
mod disk;
mod faults;
mod names;
#[cfg(test)]
mod tests;

use std::{
    io, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use disk::Disk;
use names::FileId;
use rustix::io::Errno;

use super::{File, Files, check_name};

pub use faults::Operation;

/// A machine with one folder, in memory, for tests of those who build on the spool.
///
/// It keeps what the kernel promises and no more. What was written is seen at once, and stays when
/// the process is killed ([`MemoryFiles::kill`]). When the power goes
/// ([`MemoryFiles::cut_power`]), it stays only as far as it was synced: the bytes and size of a file
/// by [`File::sync`], its name by [`Files::sync_names`]; the rest is kept, torn or lost as the seed
/// says. The same calls and seeds give the same bytes, in every version and on every machine.
///
/// A value is a handle; its clones are the same machine.
///
/// # Cutting at every step
/// Every call that could change something is a step. Run the work once and ask for
/// [`MemoryFiles::steps`]; then, for each `step` below that, run it on a new machine with
/// [`MemoryFiles::halt_after`]`(step)`, take what is left with `cut_power` or `kill`, and look at it.
///
/// # Room
/// It costs up to three times the bytes that files hold, and once more those not synced.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    disk: Arc<Mutex<Disk>>,
}

/// What a machine did since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Calls that could change something, those that failed among them.
    pub steps: u64,
    /// Bytes that were written; allocating writes none.
    pub written: u64,
    /// Syncs of files, the failed ones among them.
    pub syncs: u64,
    /// Syncs of the names, the failed ones among them.
    pub name_syncs: u64,
}

#[derive(Debug)]
struct MemoryFile {
    disk: Arc<Mutex<Disk>>,
    id: FileId,
    /// Under which it was opened.
    name: String,
}

impl MemoryFiles {
    /// A machine with an empty folder and no limit.
    pub fn new() -> Self {
        Self::default()
    }

    /// The process is killed, and the next one begins: it finds all that was written. This machine's
    /// handles and files answer errors for ever after. The capacity stays; failures that were
    /// ordered do not, and steps and sums begin anew.
    pub fn kill(&self) -> Self {
        Self::running(self.take().restart())
    }

    /// Like [`MemoryFiles::kill`], in the middle of the write that met
    /// [`MemoryFiles::halt_after`], if it was a write: of its pages of 4 KiB the first few are
    /// there, as the seed says.
    pub fn kill_within(&self, seed: u64) -> Self {
        let mut disk = self.take();
        disk.finish_in_part(seed);
        Self::running(disk.restart())
    }

    /// The power goes, and the machine starts again: what was synced is there; of the rest, what
    /// `seed` says. Each write that was not synced is there whole, in some of its sectors of 512
    /// bytes, or not at all; a file has one of the sizes that it had since its last sync, or grew
    /// half-way to the next; names are as they were after some of the changes, in order or (as on some file systems) out of it.
    /// Otherwise like [`MemoryFiles::kill`].
    pub fn cut_power(&self, seed: u64) -> Self {
        let mut disk = self.take();
        disk.cut_power(seed);
        Self::running(disk.restart())
    }

    /// Another machine in the same state, running or halted, with nothing open: so that one run of
    /// the work serves many seeds.
    pub fn copy(&self) -> Self {
        let mut disk = self.lock().clone();
        disk.close_all();
        Self::running(disk)
    }

    fn running(disk: Disk) -> Self {
        Self { disk: Arc::new(Mutex::new(disk)) }
    }

    fn take(&self) -> Disk {
        mem::replace(&mut *self.lock(), Disk::off())
    }

    /// From now on there is room for so many bytes in all files together: what is beyond is refused
    /// as [`io::ErrorKind::StorageFull`], and so are new files when there is none left. Removed
    /// files hold their room until they are closed. What is allocated holds its room already.
    pub fn set_capacity(&self, capacity: Option<u64>) {
        self.lock().capacity = capacity;
    }

    /// The next so many [`File::sync`] fail with EIO. As on Linux, what waited for one of them is
    /// still seen, but no later sync makes it durable: when the power goes, it is kept or lost.
    pub fn fail_syncs(&self, times: u64) {
        self.fail(Operation::Sync, times, |_| true);
    }

    /// The next so many [`File::write_at`] fail with EIO, after some beginning of the bytes.
    pub fn fail_writes(&self, times: u64) {
        self.fail(Operation::Write, times, |_| true);
    }

    /// The next so many [`File::read_at`] fail with EIO.
    pub fn fail_reads(&self, times: u64) {
        self.fail(Operation::Read, times, |_| true);
    }

    /// The next so many calls of `operation` fail with EIO, on files `which` picks by name: the one
    /// that they were opened under. Only syncs and writes leave something behind.
    pub fn fail(
        &self,
        operation: Operation,
        times: u64,
        which: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) {
        self.lock().faults.order(operation, times, Arc::new(which));
    }

    /// Withdraws the failures that were ordered and have not happened.
    pub fn heal(&self) {
        self.lock().faults = faults::Faults::default();
    }

    /// The kernel forgets what it need not remember: what a failed sync left behind is read from
    /// the disk again, which may have it, or parts, or not.
    pub fn evict(&self, seed: u64) {
        self.lock().evict(seed);
    }

    /// So many steps happen, counted from the start of the machine; then it is off: every call
    /// answers an error and changes nothing.
    pub fn halt_after(&self, steps: u64) {
        self.lock().last_step = Some(steps);
    }

    /// How many steps there were.
    pub fn steps(&self) -> u64 {
        self.lock().sums.steps
    }

    /// What it did.
    pub fn sums(&self) -> Sums {
        self.lock().sums
    }

    /// What a file holds, as a process sees it. Works on a halted machine too, and is no step; so do
    /// the other ways to look and to damage.
    pub fn content(&self, name: &str) -> io::Result<Vec<u8>> {
        let disk = self.lock();
        Ok(disk.content(disk.find(name)?)?.visible().to_vec())
    }

    /// Makes the file `name` hold `bytes`, as if it had long been so: name and bytes are durable.
    pub fn put(&self, name: &str, bytes: Vec<u8>) {
        self.lock().settle(name, bytes);
    }

    /// Damage: flips the bits of `mask` in the byte at `at`. The file counts as synced afterwards.
    pub fn flip(&self, name: &str, at: u64, mask: u8) -> io::Result<()> {
        let mut bytes = self.content(name)?;
        let at = usize::try_from(at).map_err(|_| Errno::INVAL)?;
        *bytes.get_mut(at).ok_or(Errno::INVAL)? ^= mask;
        self.put(name, bytes);
        Ok(())
    }

    /// Damage: the file ends at `size`, if it was longer. It counts as synced afterwards.
    pub fn cut(&self, name: &str, size: u64) -> io::Result<()> {
        let mut bytes = self.content(name)?;
        bytes.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        self.put(name, bytes);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        lock(&self.disk)
    }

    fn file(&self, disk: &mut Disk, id: FileId, name: &str) -> Arc<dyn File> {
        disk.opened(id);
        Arc::new(MemoryFile { disk: self.disk.clone(), id, name: name.to_owned() })
    }
}

impl Files for MemoryFiles {
    fn names(&self) -> io::Result<Vec<String>> {
        let disk = self.lock();
        disk.check_running()?;
        Ok(disk.names.all().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        check_name(name)?;
        let mut disk = self.lock();
        disk.begin(Operation::Create, name)?;
        let id = disk.create(name)?;
        Ok(self.file(&mut disk, id, name))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        check_name(name)?;
        let mut disk = self.lock();
        disk.begin(Operation::Open, name)?;
        let id = disk.find(name)?;
        Ok(self.file(&mut disk, id, name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        check_name(from)?;
        check_name(to)?;
        let mut disk = self.lock();
        disk.begin(Operation::Rename, from)?;
        let id = disk.find(from)?;
        disk.names.rename(from, to, id);
        disk.forget_files();
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        check_name(name)?;
        let mut disk = self.lock();
        disk.begin(Operation::Remove, name)?;
        disk.find(name)?;
        disk.names.remove(name);
        disk.forget_files();
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut disk = self.lock();
        disk.step(Operation::SyncNames)?;
        let met = disk.faults.meet(Operation::SyncNames, "");
        match met {
            Ok(()) => disk.names.sync(),
            Err(_) => disk.names.forsake(),
        }
        disk.forget_files();
        met
    }
}

impl File for MemoryFile {
    fn size(&self) -> io::Result<u64> {
        let disk = self.lock();
        disk.check_running()?;
        Ok(disk.content(self.id)?.size())
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut disk = self.lock();
        disk.begin(Operation::Read, &self.name)?;
        let bytes = disk.content(self.id)?.visible();
        let start = usize::try_from(at).map_or(bytes.len(), |at| at.min(bytes.len()));
        let count = into.len().min(bytes.len() - start);
        into[..count].copy_from_slice(&bytes[start..start + count]);
        Ok(count)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.lock();
        disk.interrupt(self.id, at, bytes);
        disk.step(Operation::Write)?;
        if let Err(error) = disk.faults.meet(Operation::Write, &self.name) {
            disk.write_part(self.id, at, bytes)?;
            return Err(error);
        }
        disk.write(self.id, at, bytes)
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        let mut disk = self.lock();
        disk.begin(Operation::Allocate, &self.name)?;
        disk.allocate(self.id, size)
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        let mut disk = self.lock();
        disk.begin(Operation::Truncate, &self.name)?;
        let content = disk.content_mut(self.id)?;
        content.resize(size.min(content.size()));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut disk = self.lock();
        disk.step(Operation::Sync)?;
        let met = disk.faults.meet(Operation::Sync, &self.name);
        let content = disk.content_mut(self.id)?;
        match met {
            Ok(()) => content.sync(),
            Err(_) => content.forsake(),
        }
        met
    }
}

impl MemoryFile {
    fn lock(&self) -> MutexGuard<'_, Disk> {
        lock(&self.disk)
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        self.lock().closed(self.id);
    }
}

fn lock(disk: &Mutex<Disk>) -> MutexGuard<'_, Disk> {
    disk.lock().unwrap_or_else(PoisonError::into_inner)
}
