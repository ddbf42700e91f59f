use std::{path::Path, process::ExitCode, sync::Arc};

use indicatif::HumanCount;

use super::{folder::Folder, point::Point};
use crate::{
    cli::output,
    config::printable,
    model::Offset,
    spool::{self, Archive, ChangeFault, ClaimFault, Files, Rewound, SystemFiles},
};

/// Arguments of `tetherd spool rewind`.
#[derive(Debug, clap::Args)]
pub(super) struct RewindArgs {
    /// The upstream's name
    upstream: String,

    /// Where it goes on: an offset, a time (2026-11-20T08:00:00Z), or how long ago (2h)
    #[arg(long, value_name = "POINT")]
    to: Point,
}

/// Arguments of `tetherd spool forget`.
#[derive(Debug, clap::Args)]
pub(super) struct ForgetArgs {
    /// The upstream's name
    upstream: String,
}

/// Sets a cursor back.
pub(super) fn rewind(args: &RewindArgs, folder: &Folder) -> ExitCode {
    let (archive, _) = match folder.look() {
        Ok(looked) => looked,
        Err(code) => return code,
    };
    let to = match target(args.to, folder, &archive) {
        Ok(to) => to,
        Err(code) => return code,
    };
    let files = match claim(folder) {
        Ok(files) => files,
        Err(code) => return code,
    };
    match spool::rewind(files, &args.upstream, to) {
        Ok(rewound) => output::show(&told(&args.upstream, &rewound)),
        Err(fault) => refused(folder, &fault),
    }
}

/// The offset to go back to.
fn target(point: Point, folder: &Folder, archive: &Archive) -> Result<Offset, ExitCode> {
    let unreadable = |error| folder.fail(&format!("{error}; look after the disk"));
    let oldest = archive.oldest();
    if let Some(time) = point.time()
        && !archive.is_from_the_beginning()
        && let Some(kept) = archive.time_of(oldest).map_err(unreadable)?
        && time < kept
    {
        return Err(folder.fail(&format!(
            "events of {time} are gone; the oldest that is kept is {oldest}, of {kept}: --to \
             {oldest} goes back as far as can be"
        )));
    }
    point.offset(archive).map_err(unreadable)
}

fn told(upstream: &str, rewound: &Rewound) -> String {
    let (to, from) = (rewound.to, rewound.from);
    let waiting = HumanCount(rewound.ledger.waiting);
    format!(
        "{} goes on at {to}; it stood at {from}. Events that wait for it: {waiting}\n",
        printable(upstream)
    )
}

/// Lets go of an upstream.
pub(super) fn forget(args: &ForgetArgs, folder: &Folder) -> ExitCode {
    if let Err(code) = folder.look() {
        return code;
    }
    let files = match claim(folder) {
        Ok(files) => files,
        Err(code) => return code,
    };
    match spool::forget(files, &args.upstream) {
        Ok(forgotten) => output::show(&format!(
            "{} is forgotten; events that waited for it: {}\n",
            printable(&args.upstream),
            HumanCount(forgotten.ledger.waiting)
        )),
        Err(fault) => refused(folder, &fault),
    }
}

fn refused(folder: &Folder, fault: &ChangeFault) -> ExitCode {
    folder.fail(fault)
}

fn claim(folder: &Folder) -> Result<Arc<dyn Files>, ExitCode> {
    let path: &Path = &folder.path;
    match SystemFiles::claim(path) {
        Ok(files) => Ok(Arc::new(files)),
        Err(fault @ ClaimFault::Held { .. }) => Err(folder.fail(&fault)),
        Err(fault) => Err(folder.fail(&fault)),
    }
}
