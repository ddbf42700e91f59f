use std::{io::ErrorKind, path::PathBuf};

use crate::{
    admin::AdminFault,
    config::Faults,
    net::{AddressFault, BindFault},
    protocol::ProtocolFault,
    spool::{ClaimFault, DiskFault},
};

/// Why a gateway cannot be started. One line each: what, where, what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartFault {
    /// The configuration is faulty; so that reading one and starting it share an error.
    #[error(transparent)]
    Config(#[from] Faults),
    /// A protocol file is not fit to run.
    #[error("listener.{listener}.protocol: {fault}")]
    Protocol {
        /// Whose protocol it is.
        listener: String,
        /// The first fault in it.
        fault: ProtocolFault,
    },
    /// A protocol file calls code that nobody plugged in.
    #[error(
        "listener.{listener}.protocol: {protocol:?} needs the code {code:?}, which this program \
         does not have; plug it in with Gateway::builder(..).protocol(), or describe the protocol"
    )]
    Code {
        /// Whose protocol it is.
        listener: String,
        /// The protocol.
        protocol: String,
        /// What it calls.
        code: String,
    },
    /// An address that the configuration's check let through.
    #[error(transparent)]
    Address(#[from] AddressFault),
    /// An address cannot be listened on.
    #[error("{key}: {fault}")]
    Bind {
        /// The key whose address it is, `listener.dtu` or `upstream.web`.
        key: String,
        /// Why.
        fault: BindFault,
    },
    /// The admin API cannot be started.
    #[error(transparent)]
    Admin(#[from] AdminFault),
    /// The folder of the spool cannot be worked in.
    #[error("spool.path: {0}")]
    SpoolFolder(#[from] ClaimFault),
    /// The spool cannot be opened.
    #[error("spool.path: {}: {}", path.display(), told(fault))]
    Spool {
        /// Its folder.
        path: PathBuf,
        /// Why.
        fault: DiskFault,
    },
    /// The folder of the commands' journal cannot be worked in.
    #[error("spool.path: commands: {0}")]
    CommandsFolder(ClaimFault),
    /// The commands' journal cannot be read.
    #[error("spool.path: the journal in {}: {error}; look after the disk", path.display())]
    Commands {
        /// Its folder.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// A decider did not want a listener to be.
    #[error("listener.{listener}: refused by an extension: {why}")]
    Refused {
        /// The listener.
        listener: String,
        /// What the decider said.
        why: String,
    },
    /// The system refused something that every process may have.
    #[error("{what}: {error}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
    /// A session thread could not be started.
    #[error("session thread {number} could not be started: {error}")]
    Thread {
        /// Which one, counted from 0.
        number: u32,
        /// What the system said.
        error: std::io::Error,
    },
    /// The process may open too few descriptors to serve anybody.
    #[error(
        "this process may open {limit} descriptors; allow it {least} at least, with ulimit -n or \
         LimitNOFILE="
    )]
    Descriptors {
        /// How many it may open.
        limit: usize,
        /// How many it needs.
        least: usize,
    },
}

/// A fault of the spool, and what to do about it.
fn told(fault: &DiskFault) -> String {
    let DiskFault::Io { what, error } = fault else { return fault.to_string() };
    let remedy = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "make room on its disk, or choose another folder"
        }
        ErrorKind::PermissionDenied => "let the user that runs this write there",
        _ => "look after the disk, or choose another folder",
    };
    format!("{what}: {error}; {remedy}")
}
