use std::io;

/// Why a spool on disk cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DiskFault {
    /// A later version of tetherd has written it.
    #[error(
        "the spool was written in format {format} by a later version, and this one knows formats \
         up to {known}; start the later version, or set spool.path to another folder",
        known = super::format::FORMAT
    )]
    Newer {
        /// The format that was found.
        format: u32,
    },
    /// The file system does not let us work there at all.
    #[error("spool: {what}: {error}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system said.
        error: io::Error,
    },
}

impl DiskFault {
    pub(super) fn io(what: &str, error: io::Error) -> Self {
        Self::Io { what: what.to_owned(), error }
    }
}

/// Whether there is no room, and nothing else is wrong.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
