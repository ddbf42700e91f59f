use std::{
    fmt::Display,
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use crate::{
    cli::output,
    config::{Options, load},
    spool::{Archive, ArchiveFault, DiskFault, Files, Holder, SpoolType, SystemFiles},
};

/// The spool's folder that a command is about.
pub(super) struct Folder {
    /// The command's name, for its messages.
    command: &'static str,
    pub(super) path: PathBuf,
    /// The upstreams of the configuration that named the folder.
    pub(super) configured: Option<Vec<String>>,
}

impl Folder {
    /// Finds it; where there is none, the code to end with, when that was told.
    pub(super) fn find(
        command: &'static str,
        path: Option<&Path>,
        options: &Options,
        layered: bool,
    ) -> Result<Self, ExitCode> {
        if let Some(path) = path {
            if layered {
                return Err(output::refuse(&format!(
                    "{command}: --path names the folder already; leave out --config, --profile and --set"
                )));
            }
            return Ok(Self { command, path: path.to_owned(), configured: None });
        }
        let loaded = load(options).map_err(|faults| {
            output::list(&faults.0);
            ExitCode::from(output::BAD_USAGE)
        })?;
        let settings = &loaded.config.spool;
        if settings.kind == SpoolType::Memory {
            return Err(output::refuse(&format!(
                "{command}: the configuration keeps events in memory (spool.type), and there is no \
                 folder to look into; name one with --path"
            )));
        }
        let configured = loaded.config.upstream.keys().cloned().collect();
        Ok(Self { command, path: settings.path.clone(), configured: Some(configured) })
    }

    /// Who works with it at this moment.
    pub(super) fn holder(&self) -> Result<Option<Holder>, ExitCode> {
        SystemFiles::holder(&self.path).map_err(|error| self.unreadable(&error))
    }

    /// What it holds, and who works with it.
    pub(super) fn look(&self) -> Result<(Archive, Option<Holder>), ExitCode> {
        let files = SystemFiles::look(&self.path).map_err(|error| self.unreadable(&error))?;
        let files: Arc<dyn Files> = Arc::new(files);
        let holder = self.holder()?;
        let archive =
            Archive::look(files, holder.is_some()).map_err(|fault| self.no_archive(&fault))?;
        Ok((archive, holder))
    }

    fn no_archive(&self, fault: &ArchiveFault) -> ExitCode {
        match fault {
            ArchiveFault::Nothing => self.fail(
                "there is no spool in this folder; start the gateway once, or name another one with --path",
            ),
            ArchiveFault::Disk(DiskFault::Io { what, error }) => {
                self.fail(format!("{what}: {error}; {}", remedy(error)))
            }
            ArchiveFault::Disk(fault) => self.fail(fault),
        }
    }

    /// Says that the disk refuses.
    pub(super) fn unreadable(&self, error: &io::Error) -> ExitCode {
        self.fail(format!("{error}; {}", remedy(error)))
    }

    /// Says what failed, and where.
    pub(super) fn fail(&self, what: impl Display) -> ExitCode {
        output::fail(&format!("{}: {}: {what}", self.command, self.path.display()))
    }

    /// Says something that is no failure, beside the result.
    pub(super) fn note(&self, what: impl Display) {
        output::note(&format!("{}: {what}", self.command));
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "do it as the user that runs the gateway",
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            "start the gateway once, or name its folder with --path"
        }
        _ => "look after the disk",
    }
}
