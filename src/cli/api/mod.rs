//! The commands that ask a running gateway by its admin API.

mod client;
mod devices;
mod reload;
mod send;
mod tail;
mod tap;
mod url;

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

pub use devices::{DevicesArgs, EXAMPLES as DEVICES_EXAMPLES};
pub use reload::{EXAMPLES as RELOAD_EXAMPLES, ReloadArgs};
pub use send::{EXAMPLES as SEND_EXAMPLES, SendArgs};
pub use tail::{EXAMPLES as TAIL_EXAMPLES, TailArgs};

use self::{client::Client, url::ApiUrl};
use super::output;
use crate::config::{Options, load};

/// Where the API is, and by what right it is asked.
#[derive(Debug, Args)]
pub struct ApiArgs {
    /// The admin API, such as http://127.0.0.1:7080; without it, as [admin] in the configuration says
    #[arg(long, value_name = "URL")]
    api: Option<String>,

    /// A file with a token for it
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
}

/// Why a command failed, and how it ends.
#[derive(Debug, thiserror::Error)]
pub enum ApiFault {
    /// It was called in a wrong way.
    #[error("{0}")]
    Usage(String),
    /// It went wrong.
    #[error("{0}")]
    Failed(String),
    /// The gateway's configuration has these faults.
    #[error("{}", .0.join("; "))]
    Faults(Vec<String>),
    /// Whoever reads has had enough.
    #[error("standard output is closed")]
    Closed,
}

impl ApiArgs {
    fn client(&self, options: &Options) -> Result<Client, ApiFault> {
        let token = self.token_file.as_ref().map(|path| client::token(path)).transpose()?;
        if let Some(url) = &self.api {
            return Ok(Client::new(url.parse::<ApiUrl>().map_err(ApiFault::Usage)?, token));
        }
        let loaded = load(options).map_err(|faults| {
            ApiFault::Usage(format!("{}; or name the admin API with --api URL", first(&faults.0)))
        })?;
        let admin = loaded.config.admin;
        if !admin.enabled {
            let why = "[admin] is switched off in the configuration; name another with --api URL";
            return Err(ApiFault::Usage(why.to_owned()));
        }
        let ours = admin.tokens.values().filter(|token| token.enabled);
        let token = token.or_else(|| ours.filter_map(|one| client::token(&one.file).ok()).next());
        let url = ApiUrl::of_listener(&admin.address).map_err(ApiFault::Usage)?;
        Ok(Client::new(url, token))
    }
}

fn first(faults: &[crate::config::Fault]) -> String {
    faults.first().map(ToString::to_string).unwrap_or_default()
}

/// `tetherd devices`
pub fn devices(args: &DevicesArgs, options: &Options) -> ExitCode {
    ended("devices", run(|| devices::run(args, options)))
}

/// `tetherd send`
pub fn send(args: &SendArgs, options: &Options) -> ExitCode {
    ended("send", run(|| send::run(args, options)))
}

/// `tetherd reload`
pub fn reload(args: &ReloadArgs, options: &Options) -> ExitCode {
    ended("reload", run(|| reload::run(args, options)))
}

/// `tetherd tail`
pub fn tail(args: &TailArgs, options: &Options) -> ExitCode {
    ended("tail", run(|| tail::run(args, options)))
}

fn run<F: Future<Output = Result<(), ApiFault>>>(work: impl FnOnce() -> F) -> Result<(), ApiFault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| ApiFault::Failed(error.to_string()))?;
    runtime.block_on(work())
}

fn ended(command: &str, result: Result<(), ApiFault>) -> ExitCode {
    match result {
        Ok(()) | Err(ApiFault::Closed) => ExitCode::SUCCESS,
        Err(ApiFault::Usage(why)) => output::refuse(&format!("{command}: {why}")),
        Err(ApiFault::Faults(faults)) => {
            faults.iter().for_each(|fault| output::note(fault));
            ExitCode::from(output::BAD_USAGE)
        }
        Err(ApiFault::Failed(why)) => output::fail(&format!("{command}: {why}")),
    }
}
