//! `tetherd spool`: looking into the folder of events, of a stopped or a running gateway.

mod change;
mod export;
mod folder;
mod inspect;
mod point;
mod verify;

use std::{path::PathBuf, process::ExitCode};

use indicatif::{ProgressBar, ProgressStyle};

use self::{
    change::{ForgetArgs, RewindArgs},
    export::ExportArgs,
    folder::Folder,
    inspect::InspectArgs,
};
use crate::config::Options;

/// What stands below the help.
pub const EXAMPLES: &str = "\
Examples:
  tetherd spool inspect                          of the gateway that ./config describes
  tetherd spool inspect --path /var/lib/tetherd/data/spool
  tetherd spool verify
  tetherd spool export --from 2h | grep 860000000000042
  tetherd spool rewind web --to 2026-11-20T08:00:00Z
  tetherd spool forget old

With a service the folder is below its $STATE_DIRECTORY, such as /var/lib/tetherd: name it with --path.

Exit codes: 0 done, 1 failed, or something is damaged, 2 bad usage or configuration.";

const INSPECT_EXAMPLES: &str = "\
Examples:
  tetherd spool inspect
  tetherd spool inspect --json | jq '.upstreams[] | select(.waiting > 0)'";

const VERIFY_EXAMPLES: &str = "\
Examples:
  tetherd spool verify
  tetherd spool verify --path /var/lib/tetherd/data/spool

Exit codes: 0 everything is as it was written, 1 something is damaged, or could not be read.";

const EXPORT_EXAMPLES: &str = "\
Examples:
  tetherd spool export | head
  tetherd spool export --from 2h --encoding text | grep 860000000000042
  tetherd spool export --upstream web --output waiting.jsonl
  tetherd spool export --from 2026-11-20T08:00:00Z --to 2026-11-20T09:00:00Z";

const REWIND_EXAMPLES: &str = "\
Examples:
  tetherd spool rewind web --to 2h
  tetherd spool rewind web --to 2026-11-20T08:00:00Z
  tetherd spool rewind web --to 1763625600000018";

const FORGET_EXAMPLES: &str = "\
Example:
  tetherd spool forget old";

/// Arguments of `tetherd spool`.
#[derive(Debug, clap::Args)]
pub struct SpoolArgs {
    /// The folder; without this option it is the configuration's spool.path
    #[arg(long, global = true, value_name = "FOLDER")]
    path: Option<PathBuf>,

    #[command(subcommand)]
    command: SpoolCommand,
}

#[derive(Debug, clap::Subcommand)]
enum SpoolCommand {
    /// Show what is kept, and what each web server has and has not
    ///
    /// For each upstream, over all starts: received = delivered + waiting + dropped. Changes
    /// nothing. Of a running gateway it shows what is stored, at most 200 ms old.
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect(InspectArgs),

    /// Read everything and check every checksum
    ///
    /// Prints what is damaged: file, place, offsets. Changes nothing: the gateway itself sets
    /// aside what is damaged when it comes by, goes on behind it, and tells the gap.
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify,

    /// Write the events as JSON lines, as a web server gets them
    ///
    /// What is missing is told as a gap. Changes nothing, and takes no more memory for more events.
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(ExportArgs),

    /// Let a web server have again what it has acknowledged
    ///
    /// Sets the upstream's cursor back, as far as events are kept: those that every upstream has
    /// acknowledged are kept for spool.retain. A running gateway is asked to do it, and begins a
    /// new link. Web servers that remember the last offset take none of it for new.
    #[command(after_help = REWIND_EXAMPLES)]
    Rewind(RewindArgs),

    /// Keep no more events for an upstream that is not configured any more
    ///
    /// Refused for one that the running gateway serves.
    #[command(after_help = FORGET_EXAMPLES)]
    Forget(ForgetArgs),
}

impl SpoolCommand {
    fn name(&self) -> &'static str {
        match self {
            Self::Inspect(_) => "spool inspect",
            Self::Verify => "spool verify",
            Self::Export(_) => "spool export",
            Self::Rewind(_) => "spool rewind",
            Self::Forget(_) => "spool forget",
        }
    }
}

/// Runs the subcommand on the folder of `--path`, or else of the configuration; `layered` says that
/// the command line names a configuration.
pub fn run(args: &SpoolArgs, options: &Options, layered: bool) -> ExitCode {
    let folder = match Folder::find(args.command.name(), args.path.as_deref(), options, layered) {
        Ok(folder) => folder,
        Err(code) => return code,
    };
    match &args.command {
        SpoolCommand::Inspect(args) => inspect::run(args, &folder),
        SpoolCommand::Verify => verify::run(&folder),
        SpoolCommand::Export(args) => export::run(args, &folder),
        SpoolCommand::Rewind(args) => change::rewind(args, &folder),
        SpoolCommand::Forget(args) => change::forget(args, &folder),
    }
}

/// Bytes of so many; drawn to the standard error stream, and only where that is a terminal.
fn progress(bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{bar:30} {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}, {eta} left",
    );
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
