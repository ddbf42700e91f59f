use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use super::{
    api::{self, DevicesArgs, ReloadArgs, SendArgs, TailArgs},
    config::{InitArgs, ShowArgs},
    demo::{self, DemoArgs},
    device::DeviceArgs,
    protocol::{self, ProtocolArgs},
    spool::{self, SpoolArgs},
    upstream::UpstreamArgs,
};
use crate::config::Options;

const LONG_ABOUT: &str = "\
A supervisor for device connections.

Devices hold raw TCP connections, say who they are, and send bytes. tetherd looks after the \
connections and delivers every byte to your web server as JSON lines, with acknowledgements, so \
that nothing is lost while the web server is away.

Without a command it runs the gateway.";

const EXAMPLES: &str = "\
Examples:
  tetherd demo                          see it work, with nothing to install
  tetherd config init                   write ./config with every key explained
  tetherd check                         find every mistake in the configuration
  tetherd                               run with ./config, /etc/tetherd, or what is built in
  tetherd --profile classic             take the place of the Node script
  tetherd --set upstream.web.address=10.0.0.9:7100

Exit codes: 0 done, 1 failed at run time, 2 bad usage or configuration.";

const RUN_EXAMPLES: &str = "\
Examples:
  tetherd run
  tetherd run --config /etc/tetherd --set log.level=debug
  TETHERD__UPSTREAM__WEB__ADDRESS=10.0.0.9:7100 tetherd run

Exit codes: 0 stopped as asked, 1 failed, such as on a port that is taken, 2 bad configuration.";

const CHECK_EXAMPLES: &str = "\
Examples:
  tetherd check
  tetherd check --config /etc/tetherd --profile classic

Exit codes: 0 the configuration is fine (warnings may be printed), 2 it is not.";

const SHOW_EXAMPLES: &str = "\
Examples:
  tetherd config show
  tetherd config show --profile classic
  tetherd config show --json | jq '.\"listener.dtu.address\".origin'";

const COMPLETIONS_EXAMPLE: &str = "\
Example:
  tetherd completions bash > ~/.local/share/bash-completion/completions/tetherd";

const INIT_EXAMPLES: &str = "\
Examples:
  tetherd config init                   writes ./config
  tetherd config init /etc/tetherd";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "tetherd", version, about = "A supervisor for device connections")]
#[command(long_about = LONG_ABOUT, after_help = EXAMPLES, disable_help_subcommand = true)]
pub struct Arguments {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub layers: LayerArgs,

    /// What to do; without it, run.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options that say where the configuration comes from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Configuration")]
pub struct LayerArgs {
    /// A file, or a folder of layers; may be repeated, the last wins
    ///
    /// A folder holds default.toml, <profile>.toml, local.toml and protocols/. A file is one
    /// layer. Without this option ./config is taken, then /etc/tetherd, then what is built in.
    #[arg(long, value_name = "PATH", global = true)]
    config: Vec<PathBuf>,

    /// Use the profile NAME: the layer NAME.toml, above default.toml and below local.toml
    ///
    /// The profile "classic" is built in.
    #[arg(long, value_name = "NAME", global = true)]
    profile: Option<String>,

    /// Set one value, above all layers; may be repeated
    ///
    /// The value is TOML, and a bare word is a string:
    /// --set listener.dtu.idle_timeout=3m --set upstream.web.ack=false
    #[arg(long, value_name = "KEY=VALUE", global = true)]
    set: Vec<String>,
}

impl LayerArgs {
    /// Whether any of them is on the command line.
    pub fn are_given(&self) -> bool {
        !self.config.is_empty() || self.profile.is_some() || !self.set.is_empty()
    }

    /// What the configuration is read from, with `environment` as the process has it.
    pub fn options(&self, environment: impl Iterator<Item = (OsString, OsString)>) -> Options {
        let text = |word: OsString| word.to_string_lossy().into_owned();
        let ours = |name: &str| name.starts_with("TETHERD__") || name == "STATE_DIRECTORY";
        let environment: BTreeMap<String, String> = environment
            .map(|(name, value)| (text(name), text(value)))
            .filter(|(name, _)| ours(name))
            .collect();
        Options {
            paths: self.config.clone(),
            profile: self.profile.clone(),
            set: self.set.clone(),
            environment,
            ..Options::default()
        }
    }
}

/// What tetherd can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway (what happens without a command)
    ///
    /// Listens for devices and delivers what they send until SIGTERM or SIGINT; then devices are
    /// let go over drain.spread, and what is left is delivered. A second signal ends at once.
    #[command(after_help = RUN_EXAMPLES)]
    Run,

    /// Find every mistake in the configuration
    ///
    /// Reads all layers and prints every fault with its file, line and key, what is wrong, and
    /// what to do.
    #[command(after_help = CHECK_EXAMPLES)]
    Check,

    /// Show the configuration, or write it out
    #[command(subcommand)]
    Config(ConfigCommand),

    /// See it work: gateway, devices and web server in one process
    ///
    /// Nothing to install, and nothing is left behind. Devices come and go, the web server goes away
    /// for a while and comes back, and each line says what the web server is told.
    #[command(after_help = demo::EXAMPLES)]
    Demo(DemoArgs),

    /// Play one device or a fleet against any gateway
    ///
    /// Without options it says ETUNG:, its name and CR LF, then a message each second, until Ctrl-C.
    /// With --protocol it is a device of that protocol: it logs in, waits for the reply, sends
    /// reports and signs of life, and tells of each reply whether it is the one that the protocol
    /// has: "reply ok", "reply wrong" or "no reply", with what is expected. A listener of the gateway
    /// has to read that protocol, on the port that is called.
    ///
    /// One device tells what happens to it, line by line; a fleet shows its progress and ends with
    /// its sums. Ctrl-C ends in order, a second one at once. A TEXT may hold \r, \n, \t, \0, \\ and
    /// \x41. A SPAN has its unit behind it: 200ms, 10s, 3m, 1h.
    #[command(verbatim_doc_comment)]
    Device(Box<DeviceArgs>),

    /// Try out a web server
    Upstream(UpstreamArgs),

    /// Look into the folder of events, or set a web server back
    #[command(after_help = spool::EXAMPLES)]
    Spool(SpoolArgs),

    /// Try out a protocol file: cut bytes, explain frames, begin a new one
    #[command(after_help = protocol::EXAMPLES)]
    Protocol(ProtocolArgs),

    /// List the devices of a running gateway
    ///
    /// Asks its admin API.
    #[command(after_help = api::DEVICES_EXAMPLES)]
    Devices(DevicesArgs),

    /// Send a command to a device of a running gateway, and see what becomes of it
    ///
    /// Asks its admin API. Each state is a line: queued, written, acknowledged, answered. What a device
    /// answers is shown in hexadecimal and as text.
    #[command(after_help = api::SEND_EXAMPLES)]
    Send(Box<SendArgs>),

    /// Let a running gateway read its configuration anew
    ///
    /// Asks its admin API; SIGHUP does the same. All that can change while it runs takes hold, or
    /// nothing where the configuration has faults. No device is dropped.
    #[command(after_help = api::RELOAD_EXAMPLES)]
    Reload(ReloadArgs),

    /// Follow what goes on in a running gateway: who comes, who goes and why, links, gaps
    ///
    /// With --bytes or --session: what a device says and is told. Asks its admin API.
    #[command(after_help = api::TAIL_EXAMPLES)]
    Tail(TailArgs),

    /// Write the completions of a shell to standard output
    #[command(
        after_help = COMPLETIONS_EXAMPLE
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },

    /// Write the manual page to standard output
    #[command(after_help = "Example:\n  tetherd man > ~/.local/share/man/man1/tetherd.1")]
    Man,

    /// Talk to a device
    #[command(hide = true, disable_help_flag = true)]
    Attach(Rest),
    /// Watch the gateway
    #[command(hide = true, disable_help_flag = true)]
    Top(Rest),
    /// Hand the sockets to a new process
    #[command(hide = true, disable_help_flag = true)]
    Upgrade(Rest),
}

impl Command {
    /// The word that calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Check => "check",
            Self::Config(_) => "config",
            Self::Demo(_) => "demo",
            Self::Device(_) => "device",
            Self::Upstream(_) => "upstream",
            Self::Completions { .. } => "completions",
            Self::Man => "man",
            Self::Devices(_) => "devices",
            Self::Send(_) => "send",
            Self::Tail(_) => "tail",
            Self::Attach(_) => "attach",
            Self::Top(_) => "top",
            Self::Reload(_) => "reload",
            Self::Protocol(_) => "protocol",
            Self::Spool(_) => "spool",
            Self::Upgrade(_) => "upgrade",
        }
    }
}

/// Whatever is written behind a command of a later version.
#[derive(Debug, Args)]
pub struct Rest {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    rest: Vec<OsString>,
}

/// What can be done with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Show every value that holds, and the layer that set it; secrets are masked
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ShowArgs),

    /// Write the built-in files to a folder: default.toml, the profiles, protocols/
    #[command(after_help = INIT_EXAMPLES)]
    Init(InitArgs),
}
