//! What is measured under load.

use anyhow::Result;
use tempfile::TempDir;

use crate::{
    Plan,
    program::{Program, Setup},
    rsyslog::Rsyslog,
};

/// Which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// tetherd with a spool in memory.
    Memory,
    /// tetherd with a spool on disk, in the page cache.
    Os,
    /// tetherd with a spool on disk, synced.
    Group,
    /// rsyslog with a queue on disk.
    Rsyslog,
}

impl Subject {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Os => "os",
            Self::Group => "group",
            Self::Rsyslog => "rsyslog",
        }
    }

    /// Starts it with a folder of its own, in front of this web server.
    pub fn start(self, plan: &Plan, web: &str) -> Result<Running> {
        let folder = tempfile::Builder::new().prefix("tetherd-bench-").tempdir_in(&plan.scratch)?;
        let disk = |durability| format!("type = 'disk'\ndurability = '{durability}'");
        let spool = match self {
            Self::Rsyslog => {
                let rsyslog = Rsyslog::start(folder.path(), web, 2000)?;
                return Ok(Running { what: What::Rsyslog(rsyslog), _folder: folder });
            }
            Self::Memory => "type = 'memory'".to_owned(),
            Self::Os => disk("os"),
            Self::Group => disk("group"),
        };
        let program = Program::start(&plan.program, folder.path(), web, &Setup::of(&spool))?;
        Ok(Running { what: What::Program(program), _folder: folder })
    }
}

/// A subject in a process of its own. Killed when it is dropped, and its folder removed.
pub struct Running {
    what: What,
    _folder: TempDir,
}

enum What {
    Program(Program),
    Rsyslog(Rsyslog),
}

impl Running {
    /// Its process.
    pub fn id(&self) -> u32 {
        match &self.what {
            What::Program(program) => program.id(),
            What::Rsyslog(rsyslog) => rsyslog.id(),
        }
    }

    /// Where devices connect.
    pub fn address(&self) -> &str {
        match &self.what {
            What::Program(program) => &program.address,
            What::Rsyslog(rsyslog) => &rsyslog.address,
        }
    }
}
