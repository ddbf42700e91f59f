//! `tetherd demo`: a gateway, devices and a web server in one process, told line by line.
//!
//! | in file | what |
//! |---|---|
//! | `house` | the gateway, the web server and the devices |
//! | `show` | the run from the first line to the final ledger |
//! | `timing` | when the web server goes away |
//! | `story` | an event of the web server as a line for people |
//! | `allowance` | how many lines a second |
//! | `screen` | the terminal |

mod allowance;
mod house;
mod screen;
mod show;
mod story;
mod timing;

use std::process::ExitCode;

use self::{screen::Screen, show::Show};
use super::output;
use crate::{
    app::{
        StartFault,
        process::{Signals, system},
    },
    simulator::WebServerFault,
    units::Span,
};

/// What is said below the options.
pub const EXAMPLES: &str = "\
Examples:
  tetherd demo                          until Ctrl-C
  tetherd demo --for 30s --devices 40   more devices, and it ends by itself

Join in from another terminal: the first lines say how.

Exit codes: 0 ended as asked, 1 failed, 2 bad usage.";

/// Arguments of `tetherd demo`.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// How many devices are simulated
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    devices: u32,

    /// End after so long; without it, at Ctrl-C
    #[arg(long = "for", value_name = "SPAN")]
    duration: Option<Span>,

    /// Where everything random comes from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Let the web server stay all the time
    #[arg(long)]
    no_outage: bool,

    /// No colours, as with NO_COLOR or where the output is no terminal
    #[arg(long)]
    plain: bool,
}

/// Why the demo cannot go on.
#[derive(Debug, thiserror::Error)]
enum DemoFault {
    #[error(transparent)]
    Gateway(#[from] StartFault),
    #[error(transparent)]
    WebServer(#[from] WebServerFault),
    #[error("the gateway failed: {0}; start the demo again")]
    Failed(String),
    #[error("cannot write to the terminal: {0}")]
    Write(std::io::Error),
}

/// Plays until the time is over or Ctrl-C.
pub fn run(args: &DemoArgs) -> ExitCode {
    let screen = Screen::on_stdout(args.plain);
    let system = match system() {
        Ok(system) => system,
        Err(fault) => return output::fail(&format!("demo: {fault}")),
    };
    let played = system.block_on(async {
        let signals = Signals::new()?;
        Show::open(args, screen).await?.play(signals).await
    });
    match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => output::fail(&format!("demo: {fault}")),
    }
}
