//! The disk under the gateway: every call is a step of its life.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tetherd::spool::{File, Files, MemoryFiles};

use crate::life::Life;

/// The folder of the spool, while one process has it.
#[derive(Clone, Debug)]
pub struct Folder {
    files: MemoryFiles,
    life: Arc<Life>,
}

#[derive(Debug)]
struct OpenFile {
    file: Arc<dyn File>,
    life: Arc<Life>,
}

/// What of a life is to end when it does.
#[derive(Debug, Default)]
pub struct Plug(Mutex<Option<MemoryFiles>>);

impl Plug {
    /// The machine of this folder.
    pub fn put_into(&self, files: &MemoryFiles) {
        *self.0.lock().unwrap() = Some(files.clone());
    }

    /// From now on no call changes anything.
    pub fn pull(&self) {
        if let Some(files) = self.0.lock().unwrap().take() {
            files.halt_after(files.steps());
        }
    }
}

impl Folder {
    /// The folder on `files`, for the process that lives this life.
    pub fn new(files: &MemoryFiles, life: &Arc<Life>) -> Self {
        life.plug.put_into(files);
        Self { files: files.clone(), life: Arc::clone(life) }
    }

    fn file(&self, file: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(OpenFile { file, life: Arc::clone(&self.life) })
    }
}

impl Files for Folder {
    fn names(&self) -> io::Result<Vec<String>> {
        self.files.names()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        self.life.step();
        self.files.create(name).map(|file| self.file(file))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        self.life.step();
        self.files.open(name).map(|file| self.file(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.life.step();
        self.files.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.life.step();
        self.files.remove(name)
    }

    fn sync_names(&self) -> io::Result<()> {
        self.life.step();
        self.files.sync_names()
    }
}

impl File for OpenFile {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(at, into)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.life.step();
        self.file.write_at(at, bytes)
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        self.life.step();
        self.file.allocate(size)
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.life.step();
        self.file.truncate(size)
    }

    fn sync(&self) -> io::Result<()> {
        self.life.step();
        self.file.sync()
    }
}
