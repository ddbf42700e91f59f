//! Who is measured.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::{
    gateway::Gateway,
    plan::Plan,
    process::ROLE,
    program::{Program, Setup},
    rsyslog::{self, Rsyslog},
};

/// The floor's name, and its role.
pub const FLOOR: &str = "floor";

/// The protocol of tetherd's listener.
const LISTENER: &str = "protocol = 'line'";

/// Most devices that any part has.
const DEVICES: u32 = 20_000;

/// Which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    /// An event loop that does nothing but read, write, and read acknowledgements.
    Floor,
    /// tetherd with a spool in memory.
    Memory,
    /// tetherd with a spool on disk, in the page cache.
    Os,
    /// tetherd with a spool on disk, synced.
    Group,
    /// The same with two session threads.
    GroupOfTwo,
    /// What one writes in Node.
    Node,
    /// What one writes in Go.
    Go,
    /// rsyslog with a queue on disk.
    Rsyslog,
}

/// In the order of tables, and of a round.
pub const ALL: &[Contender] = &[
    Contender::Floor,
    Contender::Memory,
    Contender::Os,
    Contender::Group,
    Contender::GroupOfTwo,
    Contender::Node,
    Contender::Go,
    Contender::Rsyslog,
];

impl Contender {
    /// Its name in tables and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Floor => FLOOR,
            Self::Memory => "memory",
            Self::Os => "os",
            Self::Group => "group",
            Self::GroupOfTwo => "group-2",
            Self::Node => "node",
            Self::Go => "go",
            Self::Rsyslog => "rsyslog",
        }
    }

    /// Whether it is tetherd.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Memory | Self::Os | Self::Group | Self::GroupOfTwo)
    }

    /// What the machine lacks for it, if anything.
    pub fn lack(self) -> Option<&'static str> {
        match self {
            Self::Node if !answers("node", "--version") => Some("apt-get install nodejs"),
            Self::Go if !answers("go", "version") => Some("apt-get install golang"),
            Self::Rsyslog if !rsyslog::is_there() => Some("apt-get install rsyslog"),
            _ => None,
        }
    }

    /// Starts it with a folder of its own, in front of this web server.
    pub fn start(self, plan: &Plan, tools: &Tools, web: &str) -> Result<Running> {
        let folder = tempfile::Builder::new().prefix("tetherd-bench-").tempdir_in(&plan.scratch)?;
        let what = match self {
            Self::Floor => {
                let mut command = Command::new(env::current_exe()?);
                command.args([ROLE, FLOOR, web]);
                What::Gateway(Gateway::start(command)?)
            }
            Self::Node => {
                let mut command = Command::new("node");
                command.arg(rivals().join("node").join("gateway.js")).args(["--web", web]);
                What::Gateway(Gateway::start(command)?)
            }
            Self::Go => {
                let mut command = Command::new(&tools.go);
                command.args(["--web", web]);
                What::Gateway(Gateway::start(command)?)
            }
            Self::Rsyslog => What::Rsyslog(Rsyslog::start(folder.path(), web, DEVICES)?),
            Self::Memory | Self::Os | Self::Group | Self::GroupOfTwo => {
                let threads = if self == Self::GroupOfTwo { "2" } else { "1" };
                let setup = Setup { spool: self.spool(), listener: LISTENER, threads };
                What::Ours(Program::start(&tools.tetherd, folder.path(), web, &setup)?)
            }
        };
        Ok(Running { what, _folder: folder })
    }

    /// tetherd's keys of `[spool]`.
    fn spool(self) -> &'static str {
        match self {
            Self::Memory => "type = 'memory'",
            Self::Os => "type = 'disk'\ndurability = 'os'",
            _ => "type = 'disk'\ndurability = 'group'",
        }
    }
}

fn answers(program: &str, question: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(question).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The sources of the contenders that are not ours.
fn rivals() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "benches", "side_by_side", "rivals"].iter().collect()
}

/// Programs that had to be built.
pub struct Tools {
    tetherd: PathBuf,
    go: PathBuf,
    _folder: TempDir,
}

impl Tools {
    /// Builds what the contenders of a plan need.
    pub fn build(plan: &Plan) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("tetherd-bench-").tempdir()?;
        let mut tetherd = plan.program.clone();
        if tetherd.as_os_str().is_empty() && plan.contenders.iter().any(|one| one.is_ours()) {
            tetherd = crate::program::build()?;
        }
        let go = folder.path().join("gateway");
        if plan.contenders.contains(&Contender::Go) {
            build_go(&go)?;
        }
        Ok(Self { tetherd, go, _folder: folder })
    }
}

fn build_go(to: &Path) -> Result<()> {
    let mut command = Command::new("go");
    command.args(["build", "-o"]).arg(to).arg(".").current_dir(rivals().join("go"));
    ensure!(command.status()?.success(), "the Go gateway could not be built");
    Ok(())
}

/// A contender in a process of its own. Killed when it is dropped, and its folder removed.
pub struct Running {
    what: What,
    _folder: TempDir,
}

enum What {
    Ours(Program),
    Gateway(Gateway),
    Rsyslog(Rsyslog),
}

impl Running {
    /// Its process.
    pub fn id(&self) -> u32 {
        match &self.what {
            What::Ours(program) => program.id(),
            What::Gateway(gateway) => gateway.id(),
            What::Rsyslog(rsyslog) => rsyslog.id(),
        }
    }

    /// Where devices connect.
    pub fn address(&self) -> &str {
        match &self.what {
            What::Ours(program) => &program.address,
            What::Gateway(gateway) => &gateway.address,
            What::Rsyslog(rsyslog) => &rsyslog.address,
        }
    }
}
