//! A folder that can be worked in without changing it: what is written goes nowhere. So a start can
//! be played through, to see what it would find.

use std::{io, sync::Arc};

use crate::spool::{File, Files};

/// The files of a folder; changes are taken and forgotten.
#[derive(Debug)]
pub(super) struct Shadow(Arc<dyn Files>);

/// A file of it, or one that was never there.
#[derive(Debug)]
struct ShadowFile(Option<Arc<dyn File>>);

impl Shadow {
    pub(super) fn of(files: Arc<dyn Files>) -> Self {
        Self(files)
    }
}

impl Files for Shadow {
    fn names(&self) -> io::Result<Vec<String>> {
        self.0.names()
    }

    fn create(&self, _: &str) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(ShadowFile(None)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(ShadowFile(Some(self.0.open(name)?))))
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        Ok(())
    }
}

impl File for ShadowFile {
    fn size(&self) -> io::Result<u64> {
        self.0.as_ref().map_or(Ok(0), |file| file.size())
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        self.0.as_ref().map_or(Ok(0), |file| file.read_at(at, into))
    }

    fn write_at(&self, _: u64, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn allocate(&self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
