//! The command line: arguments in, exit code out.
//!
//! Exit codes: 0 done, 1 failed at run time, 2 bad usage or configuration. Every error is one
//! line: what, where, what to do.

mod api;
mod arguments;
mod check;
mod config;
mod demo;
pub mod device;
mod manual;
mod output;
mod protocol;
mod run;
mod spool;
pub mod upstream;

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, error::ErrorKind};

use crate::config::{Faults, Loaded, load};
use arguments::{Arguments, Command, ConfigCommand};

/// Runs the command that `arguments` ask for; the first of them is the program's name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match Arguments::try_parse_from(arguments) {
        Ok(arguments) => dispatch(arguments),
        Err(error) if !error.use_stderr() => {
            output::show(&format!("{}\n", error.render().to_string().trim_end()))
        }
        Err(error) => output::refuse(&usage_line(&error)),
    }
}

fn dispatch(arguments: Arguments) -> ExitCode {
    let options = arguments.layers.options(std::env::vars_os());
    let layered = arguments.layers.are_given();
    match arguments.command.unwrap_or(Command::Run) {
        Command::Run => with_runnable(load(&options), |loaded| run::run(loaded, options)),
        Command::Check => check::run(load(&options)),
        Command::Config(ConfigCommand::Show(args)) => {
            with_loaded(load(&options), |loaded| config::show(&args, &loaded))
        }
        Command::Config(ConfigCommand::Init(args)) => config::init(&args),
        Command::Demo(_) if layered => output::refuse(
            "demo: it needs no configuration and takes none; leave out --config, --profile and --set",
        ),
        Command::Demo(args) => demo::run(&args),
        Command::Device(args) => device::run(&args, &options),
        Command::Upstream(args) => upstream::run(&args),
        Command::Spool(args) => spool::run(&args, &options, layered),
        Command::Protocol(args) => protocol::run(&args, &options),
        Command::Devices(args) => api::devices(&args, &options),
        Command::Send(args) => api::send(&args, &options),
        Command::Reload(args) => api::reload(&args, &options),
        Command::Tail(args) => api::tail(&args, &options),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man => manual::page(),
        later => output::refuse(&format!(
            "{}: this command is not built yet; tetherd --help lists those that are",
            later.name()
        )),
    }
}

fn with_loaded(loaded: Result<Loaded, Faults>, then: impl FnOnce(Loaded) -> ExitCode) -> ExitCode {
    match loaded {
        Ok(loaded) => then(loaded),
        Err(faults) => {
            output::list(&faults.0);
            ExitCode::from(output::BAD_USAGE)
        }
    }
}

fn with_runnable(
    loaded: Result<Loaded, Faults>,
    then: impl FnOnce(Loaded) -> ExitCode,
) -> ExitCode {
    with_loaded(loaded, |loaded| match loaded.runnable() {
        Ok(()) => {
            output::list(&loaded.warnings);
            then(loaded)
        }
        Err(faults) => with_loaded(Err(faults), then),
    })
}

/// What clap says, on one line, and where to read more.
fn usage_line(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "a command is missing; see tetherd --help".to_owned();
    }
    let text = error.render().to_string();
    let said = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let said = said.take_while(|line| {
        !line.starts_with("Usage:") && !line.starts_with("For more information")
    });
    let line = said.collect::<Vec<_>>().join(" ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    format!("{line}; see tetherd --help")
}
