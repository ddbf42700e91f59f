#[cfg(test)]
mod tests;

use std::{
    fs::{self, DirBuilder},
    io,
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt, FileExt},
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{
    fs::{
        AtFlags, CWD, Dir, FallocateFlags, FileType, Mode, OFlags, fallocate, fdatasync, fsync,
        openat, renameat, statat, unlinkat,
    },
    io::{Errno, retry_on_intr},
};

use super::{
    ClaimFault, File, Files, Holder, LOCK, check_name,
    claim::{self, Lock},
};

/// How many zeros at once stand in for an allocation that the file system does not know.
const ZEROS: usize = 1024 * 1024;

/// A folder of the machine's.
///
/// Folders below it, pipes, symbolic links and names that are not UTF-8 are passed over: the
/// folder may be a mount point with a `lost+found`.
#[derive(Debug)]
pub struct SystemFiles {
    folder: Arc<Folder>,
}

/// Everything goes by the open folder instead of its path, so that the files are those of the lock
/// even where somebody renames folders meanwhile.
#[derive(Debug)]
struct Folder {
    open: OwnedFd,
    /// None where it was opened for reading only.
    lock: Option<Lock>,
}

/// A file keeps the folder, and with it the lock: while anyone still writes to a file, no other
/// process may believe that the folder is its own.
#[derive(Debug)]
struct SystemFile {
    file: fs::File,
    folder: Arc<Folder>,
}

impl SystemFiles {
    /// Opens the folder at `path` for this process alone; makes it if it is missing, readable for
    /// its owner only. Held until this value and every file opened from it are gone.
    pub fn claim(path: &Path) -> Result<Self, ClaimFault> {
        make_folder(path)?;
        let fault = |error| ClaimFault::Io { what: "open the folder", path: path.into(), error };
        let open = open_folder(path).map_err(fault)?;
        let lock = Some(Lock::take(&open, path)?);
        Ok(Self { folder: Arc::new(Folder { open, lock }) })
    }

    /// Opens the folder at `path` for reading only, whoever holds it: files may grow, change and go
    /// meanwhile. Whatever would change something is refused as
    /// [`io::ErrorKind::ReadOnlyFilesystem`].
    pub fn look(path: &Path) -> io::Result<Self> {
        let open = open_folder(path)?;
        Ok(Self { folder: Arc::new(Folder { open, lock: None }) })
    }

    /// Who holds the folder at `path`, if anyone. The answer may be old when it arrives.
    pub fn holder(path: &Path) -> io::Result<Option<Holder>> {
        claim::holder(path)
    }

    fn open_file(&self, name: &str, flags: OFlags) -> io::Result<Arc<dyn File>> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = retry_on_intr(|| openat(&self.folder.open, name, flags, mode))?;
        Ok(Arc::new(SystemFile { file: file.into(), folder: self.folder.clone() }))
    }
}

impl Files for SystemFiles {
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.folder.open)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name != LOCK && self.folder.is_file(name, entry.file_type())? {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        check_name(name)?;
        self.folder.check_writable()?;
        self.open_file(name, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        check_name(name)?;
        let is_writable = self.folder.lock.is_some();
        self.open_file(name, if is_writable { OFlags::RDWR } else { OFlags::RDONLY })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        check_name(from)?;
        check_name(to)?;
        self.folder.check_writable()?;
        let folder = &self.folder.open;
        Ok(retry_on_intr(|| renameat(folder, from, folder, to))?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        check_name(name)?;
        self.folder.check_writable()?;
        Ok(retry_on_intr(|| unlinkat(&self.folder.open, name, AtFlags::empty()))?)
    }

    fn sync_names(&self) -> io::Result<()> {
        self.folder.check_writable()?;
        Ok(retry_on_intr(|| fsync(&self.folder.open))?)
    }
}

impl Folder {
    fn check_writable(&self) -> io::Result<()> {
        match self.lock {
            Some(_) => Ok(()),
            None => Err(Errno::ROFS.into()),
        }
    }

    fn is_file(&self, name: &str, kind: FileType) -> io::Result<bool> {
        if kind != FileType::Unknown {
            return Ok(kind == FileType::RegularFile);
        }
        // Some file systems do not say in the listing; and it may be gone since.
        match retry_on_intr(|| statat(&self.open, name, AtFlags::SYMLINK_NOFOLLOW)) {
            Ok(found) => Ok(FileType::from_raw_mode(found.st_mode) == FileType::RegularFile),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl File for SystemFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut count = 0;
        while count < into.len() {
            match self.file.read_at(&mut into[count..], at + count as u64) {
                Ok(0) => break,
                Ok(more) => count += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.folder.check_writable()?;
        self.file.write_all_at(bytes, at) // goes on after interruptions
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        self.folder.check_writable()?;
        if size == 0 {
            return Ok(());
        }
        match retry_on_intr(|| fallocate(&self.file, FallocateFlags::empty(), 0, size)) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.write_zeros(size),
            result => Ok(result?),
        }
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.folder.check_writable()?;
        if size < self.size()? {
            self.file.set_len(size)?; // goes on after interruptions
        }
        Ok(())
    }

    /// fdatasync(2) is enough: it leaves out only what is not needed to read the data back, such as
    /// times, and its page names a change of the size as what it does not leave out.
    fn sync(&self) -> io::Result<()> {
        self.folder.check_writable()?;
        Ok(retry_on_intr(|| fdatasync(&self.file))?)
    }
}

impl SystemFile {
    /// Grows to `size` with zeros that are written: NFS and some others know no fallocate.
    fn write_zeros(&self, size: u64) -> io::Result<()> {
        let zeros = vec![0; ZEROS];
        let mut at = self.size()?;
        while at < size {
            let count = (size - at).min(ZEROS as u64) as usize;
            self.file.write_all_at(&zeros[..count], at)?;
            at += count as u64;
        }
        Ok(())
    }
}

/// The folder itself may be a symbolic link: systemd makes state folders of dynamic users so.
fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(retry_on_intr(|| openat(CWD, path, flags, Mode::empty()))?)
}

/// Makes what is missing of `path`, so that it stays through a loss of power.
fn make_folder(path: &Path) -> Result<(), ClaimFault> {
    let fault = |what, path: &Path| {
        let path = path.to_owned();
        move |error| ClaimFault::Io { what, path, error }
    };
    let missing: Vec<&Path> = path.ancestors().take_while(|part| !part.exists()).collect();
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(path).map_err(fault("make the folder", path))?;
    for made in missing {
        let parent = parent(made);
        sync_folder(&parent).map_err(fault("sync the folder", &parent))?;
    }
    Ok(())
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = open_folder(path)?;
    Ok(retry_on_intr(|| fsync(&folder))?)
}
