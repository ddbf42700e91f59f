//! `tetherd protocol`: a bench for protocol files, without a gateway.

mod bench;
mod explain;
mod guess;
mod hex;
mod json;
mod listing;
mod new;
mod pieces;
mod run;
pub(super) mod source;

use std::process::ExitCode;

use crate::{config::Options, model::UnixMillis};

/// What stands below the help.
pub const EXAMPLES: &str = "\
A protocol of your own, from captured bytes on:
  1. Begin the file; then name its fields and write its rules.
       tetherd protocol new pump --samples captured.txt \\
           --output config/protocols/pump.toml
  2. Look at one frame: is each part what you think?
       tetherd protocol explain pump 7878050100015b4b0d0a
  3. Play whole connections: frames, names and replies.
       tetherd protocol run pump < connections.jsonl
  4. Let a listener read it.
       tetherd --set listener.dtu.protocol=pump
  5. Play such a device, once the file has a [device].
       tetherd device 127.0.0.1:7000 --protocol pump

A protocol is named as listeners name it, or by its file: ./pump.toml. What may
stand in a file, and a protocol in ten minutes: protocols/README.md, which
tetherd config init writes.

Exit codes: 0 done, 1 some input could not be read, 2 bad usage or a faulty
protocol file.";

/// Arguments of `tetherd protocol`.
#[derive(Debug, clap::Args)]
pub struct ProtocolArgs {
    #[command(subcommand)]
    command: ProtocolCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ProtocolCommand {
    /// Cut connections into frames, as a session would, and show what is answered
    ///
    /// Reads JSON lines from standard input, a connection each, and writes a line for each:
    ///
    /// in:  {"id":1,"chunks":["7878..","0d0a"],"accept":true,"name":null}
    ///
    /// out: {"id":1,"frames":[{"bytes":"..","is":"login","name":"8600..","type":1,"seq":1,
    /// "check":"ok","fields":{},"reply":[".."]}],"rest":"","error":null}
    ///
    /// All bytes are hexadecimal. chunks: what is read, one after the other, and then a pause.
    /// accept: whether the device is let in. name: as if it had logged in under this name already.
    /// bytes: the frame, its escapes undone; reply: what is sent, as it goes out. rest: what is left
    /// over. error: why a session would end. junk, if there is any: how many bytes belong to no
    /// frame. Where a protocol cuts no frames, each chunk is one.
    #[command(verbatim_doc_comment, after_help = run::EXAMPLES)]
    Run(run::RunArgs),

    /// Show what each byte of a frame is, what it means and what is answered
    ///
    /// A row for each part of a frame: its place, its bytes, what it is, how it is read, its value.
    /// Below: what the frame is by which rule, who the device is, what it is answered, and what web
    /// servers are told.
    #[command(after_help = explain::EXAMPLES)]
    Explain(explain::ExplainArgs),

    /// Begin a protocol file, from samples if there are any
    ///
    /// Guesses from them how frames begin and end, the checksum and who the device is; says in the
    /// file what was guessed and from how many samples, and what to do next. The file cuts the samples
    /// as it says: that was tried.
    #[command(after_help = new::EXAMPLES)]
    New(new::NewArgs),
}

/// Runs the subcommand with the protocols that `options` lead to.
pub fn run(args: &ProtocolArgs, options: &Options) -> ExitCode {
    match &args.command {
        ProtocolCommand::Run(args) => run::run(args, options),
        ProtocolCommand::Explain(args) => explain::run(args, options),
        ProtocolCommand::New(args) => new::run(args),
    }
}

/// Reads a moment of the command line, such as `2026-11-20T00:00:00Z`.
fn moment(text: &str) -> Result<UnixMillis, String> {
    let moment: Option<jiff::Timestamp> = text.parse().ok();
    let millis = moment.and_then(|moment| u64::try_from(moment.as_millisecond()).ok());
    millis
        .map(UnixMillis)
        .ok_or_else(|| "write a time since 1970 such as 2026-11-20T00:00:00Z".to_owned())
}
