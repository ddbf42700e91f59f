use std::{process::ExitCode, sync::Arc, time::Duration};

use indicatif::HumanCount;

use super::{folder::Folder, point::Point};
use crate::{
    cli::output,
    config::printable,
    model::Offset,
    spool::{self, Answer, Archive, ClaimFault, Forgotten, Order, Rewound, SystemFiles},
};

/// How long a running gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

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
    let upstream = args.upstream.clone();
    let asked = folder.look().and_then(|(archive, _)| {
        let to = target(args.to, folder, &archive)?;
        change(folder, Order::Rewind { upstream, to })
    });
    told(&args.upstream, folder, asked)
}

/// Lets go of an upstream.
pub(super) fn forget(args: &ForgetArgs, folder: &Folder) -> ExitCode {
    let upstream = args.upstream.clone();
    let asked = folder.look().and_then(|_| change(folder, Order::Forget { upstream }));
    told(&args.upstream, folder, asked)
}

/// The offset to go back to.
fn target(point: Point, folder: &Folder, archive: &Archive) -> Result<Offset, ExitCode> {
    let unreadable = |error| folder.unreadable(&error);
    let oldest = archive.oldest();
    if let Some(time) = point.time()
        && !archive.is_from_the_beginning()
        && let Some(kept) = archive.time_of(oldest).map_err(unreadable)?
        && time < kept
    {
        return Err(folder.fail(format!(
            "events of {time} are gone; the oldest that is kept is {oldest}, of {kept}: --to \
             {oldest} goes back as far as can be, and spool.retain keeps more"
        )));
    }
    point.offset(archive).map_err(unreadable)
}

/// Changes the folder, or asks the gateway that works with it to do so.
fn change(folder: &Folder, order: Order) -> Result<Answer, ExitCode> {
    let files = match SystemFiles::claim(&folder.path) {
        Ok(files) => Arc::new(files),
        Err(ClaimFault::Held { .. }) => {
            return spool::ask(&folder.path, order, PATIENCE).map_err(|fault| folder.fail(fault));
        }
        Err(fault) => return Err(folder.fail(fault)),
    };
    let changed = match order {
        Order::Rewind { upstream, to } => spool::rewind(files, &upstream, to).map(Answer::Rewound),
        Order::Forget { upstream } => spool::forget(files, &upstream).map(Answer::Forgotten),
    };
    changed.map_err(|fault| folder.fail(fault))
}

fn told(upstream: &str, folder: &Folder, asked: Result<Answer, ExitCode>) -> ExitCode {
    let name = printable(upstream);
    match asked {
        Ok(Answer::Rewound(Rewound { to, from, ledger })) => output::show(&format!(
            "{name} goes on at {to}; it stood at {from}. Events that wait for it: {}\n",
            HumanCount(ledger.waiting)
        )),
        Ok(Answer::Forgotten(Forgotten { ledger })) => {
            let is_configured = |names: &Vec<String>| names.iter().any(|name| name == upstream);
            let anew = match folder.configured.as_ref().is_some_and(is_configured) {
                true => "; it is configured, and begins anew with the next start",
                false => "",
            };
            let waiting = HumanCount(ledger.waiting);
            output::show(&format!(
                "{name} is forgotten; events that waited for it: {waiting}{anew}\n"
            ))
        }
        Ok(Answer::Refused(why)) => folder.fail(why),
        Err(code) => code,
    }
}
