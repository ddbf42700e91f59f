//! The whole configuration: the modules' settings added up, read from layers, checked at once.
//!
//! Layers, later ones win: built-in values, `default.toml`, `<profile>.toml`, `local.toml`, the
//! environment (`TETHERD__SECTION__KEY`), `--set key=value`. Every value remembers the layer that
//! set it, and all that is wrong is told together.
//!
//! ```
//! let loaded = tetherd::config::from_toml("[listener.dtu]\naddress = '127.0.0.1:0'\n")?;
//! assert_eq!(loaded.config.listener["dtu"].backlog, 4096);
//!
//! let faults = tetherd::config::from_toml("[drain]\nspread = 30\n").unwrap_err();
//! assert_eq!(
//!     faults.to_string(),
//!     "text:2: drain.spread: 30 has no unit; write a duration with its unit, such as \"30s\" \
//!      (ms, s, m, h, d)"
//! );
//! # Ok::<(), tetherd::config::Faults>(())
//! ```

mod address;
mod admin_rules;
mod assignment;
mod changes;
mod entries;
mod fault;
mod health_rules;
mod http_rules;
mod key;
mod layer;
mod listener_rules;
mod poll_rules;
mod presets;
mod protocol_files;
mod protocol_rules;
mod reading;
mod shape;
mod sources;
mod tree;
mod upstream_rules;
mod validate;
mod wording;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

pub use changes::{Change, changes};
pub use entries::Entry;
pub(crate) use fault::printable;
pub use fault::{Fault, Faults, Severity};
pub use presets::{DEFAULT, PROFILES, PROTOCOLS, ProtocolText};
pub use protocol_files::ProtocolFiles;

use crate::{
    actors::{DrainSettings, ListenerSettings, PollSettings},
    admin, commands, health,
    link::UpstreamSettings,
    protocol::Protocol,
    spool, telemetry,
    units::Auto,
};
use sources::Sources;

/// Everything that can be set. Each part belongs to the module that works with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Threads that carry sessions; `auto`: one below 4 cores, then one less than there are.
    pub threads: Auto,
    /// What this gateway calls itself in `hello`; built in: the host name.
    pub gateway: String,
    /// Addresses where devices connect, by name.
    pub listener: BTreeMap<String, ListenerSettings>,
    /// Web servers that get everything, by name.
    pub upstream: BTreeMap<String, UpstreamSettings>,
    /// What devices are asked at intervals, by name.
    pub poll: BTreeMap<String, PollSettings>,
    /// Where events wait.
    pub spool: spool::Settings,
    /// What web servers may ask devices to do.
    pub commands: commands::Settings,
    /// How the process lets go of its devices.
    pub drain: DrainSettings,
    /// When the gateway counts as ill.
    pub health: health::Settings,
    /// The HTTP API and the metrics.
    pub admin: admin::Settings,
    /// What is logged.
    pub log: telemetry::Settings,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            threads: Auto::Auto,
            gateway: host_name(),
            listener: BTreeMap::new(),
            upstream: BTreeMap::new(),
            poll: BTreeMap::new(),
            spool: spool::Settings::default(),
            commands: commands::Settings::default(),
            drain: DrainSettings::default(),
            health: health::Settings::default(),
            admin: admin::Settings::default(),
            log: telemetry::Settings::default(),
        }
    }
}

impl Config {
    /// All that is wrong with a configuration that was put together in code; protocols may stand
    /// in `folders`. What [`load`] and [`from_toml`] answer has been checked already.
    pub fn check(&self, folders: &[PathBuf]) -> Vec<Fault> {
        let nothing = ::config::Value::default();
        let faults = validate::check(self, folders, &nothing, Vec::new());
        faults.into_iter().map(|fault| Fault { origin: String::new(), ..fault }).collect()
    }
}

/// Where the layers come from.
#[derive(Clone, Debug)]
pub struct Options {
    /// Files and folders, as `--config` names them; the last wins.
    pub paths: Vec<PathBuf>,
    /// Where to look when `paths` is empty; the first that holds a configuration is taken.
    pub search: Vec<PathBuf>,
    /// The profile, as `--profile` names it.
    pub profile: Option<String>,
    /// `key=value`, as `--set` takes it; the last wins.
    pub set: Vec<String>,
    /// The environment: `TETHERD__...`, `STATE_DIRECTORY`, `XDG_STATE_HOME` and `HOME` are read.
    pub environment: BTreeMap<String, String>,
}

impl Default for Options {
    /// Looks in `./config`, then in `/etc/tetherd`, and knows no environment.
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            search: vec![PathBuf::from("config"), PathBuf::from("/etc/tetherd")],
            profile: None,
            set: Vec::new(),
            environment: BTreeMap::new(),
        }
    }
}

/// A configuration without faults, and where it came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings that hold; what `enabled = false` takes out is not among them.
    pub config: Config,
    /// Every value with the layer that set it, in the order of [`Config`], also of what is taken
    /// out.
    pub entries: Vec<Entry>,
    /// The folders of the configuration; `protocols/` in the last is looked at first.
    pub folders: Vec<PathBuf>,
    /// What relative paths are relative to: `$STATE_DIRECTORY`, or else the last folder, or else
    /// `tetherd` in `$XDG_STATE_HOME`.
    pub base: Option<PathBuf>,
    /// What works and may surprise.
    pub warnings: Vec<Fault>,
    /// The protocols that listeners use, as they were read.
    pub texts: BTreeMap<String, ProtocolText>,
}

impl Loaded {
    /// The description of protocol `name`: `protocols/<name>.toml` in the folders, or else built
    /// in. `None`: it is nowhere, or cannot be read; [`load`] refuses listeners that name such.
    pub fn protocol_text(&self, name: &str) -> Option<ProtocolText> {
        let known = self.texts.get(name).cloned();
        known.or_else(|| presets::protocol_text(&self.folders, name).ok().flatten())
    }

    /// The protocols that the listeners of `config` use, as they stand in `folders` now.
    pub fn texts_of(config: &Config, folders: &[PathBuf]) -> BTreeMap<String, ProtocolText> {
        let names = config.listener.values().flat_map(|settings| settings.protocol.as_slice());
        let read = |name: &String| {
            let text = presets::protocol_text(folders, name).ok().flatten()?;
            Some((name.clone(), text))
        };
        names.filter_map(read).collect()
    }

    /// Whether there is something to run by itself: a listener and an upstream. A gateway that is
    /// built in code may do without, and leave everything to what is plugged in.
    ///
    /// # Errors
    /// What is missing, and how to add it; protocols that call code, which only a program of one's
    /// own can plug in.
    pub fn runnable(&self) -> Result<(), Faults> {
        let missing = [
            (self.config.listener.is_empty(), "listener", "dtu", "0.0.0.0:7000", "devices connect"),
            (
                self.config.upstream.is_empty(),
                "upstream",
                "web",
                "127.0.0.1:7100",
                "the web server is",
            ),
        ];
        let mut faults: Vec<Fault> = missing
            .iter()
            .filter(|(missing, ..)| *missing)
            .map(|(_, kind, name, address, what)| {
                let text = format!(
                    "there is none; add [{kind}.{name}] with the address where {what}, such as \
                     address = \"{address}\""
                );
                Fault::error("", *kind, text)
            })
            .collect();
        faults.extend(self.calls_of_code());
        if faults.is_empty() { Ok(()) } else { Err(Faults(faults)) }
    }

    fn calls_of_code(&self) -> impl Iterator<Item = Fault> {
        let protocols = self.config.listener.iter().flat_map(|(listener, settings)| {
            settings.protocol.as_slice().iter().map(move |protocol| (listener, protocol))
        });
        protocols.filter_map(|(listener, name)| {
            let protocol = Protocol::parse(name, &self.protocol_text(name)?.text).ok()?;
            let text = format!(
                "{name:?} needs the code {:?}, which this program does not have; write a protocol \
                 without code, or a program of your own that plugs it in",
                protocol.calls()?
            );
            Some(Fault::error("", format!("listener.{listener}.protocol"), text))
        })
    }
}

/// Reads all layers.
///
/// # Errors
/// All that is wrong, with the warnings among it.
pub fn load(options: &Options) -> Result<Loaded, Faults> {
    let mut sources = sources::find(options);
    let whole = sources.faults.is_empty();
    sources.layers.push(assignment::environment(&options.environment, &mut sources.faults));
    sources.layers.push(assignment::options(&options.set, &mut sources.faults));
    let base = state_folder(&options.environment)
        .or_else(|| sources.folders.last().cloned())
        .or_else(|| home_folder(&options.environment));
    settle(sources, whole, base)
}

/// Where systemd wants a service to keep what it writes.
fn state_folder(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let first = environment.get("STATE_DIRECTORY")?.split(':').next()?;
    (!first.is_empty()).then(|| PathBuf::from(first))
}

/// Where a program that was started by hand, without a configuration, keeps what it writes (XDG
/// Base Directory Specification).
fn home_folder(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let folder = |name: &str| {
        let path = PathBuf::from(environment.get(name)?);
        path.is_absolute().then_some(path)
    };
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")));
    Some(state?.join("tetherd"))
}

/// Reads one layer over the built-in values; its origin is called `text`. A text belongs to no
/// folder: events wait in memory unless it says where to put a spool. Many may run beside each other:
/// there is no admin API unless it has an `[admin]`.
///
/// # Errors
/// All that is wrong, with the warnings among it.
pub fn from_toml(text: &str) -> Result<Loaded, Faults> {
    let mut sources = Sources::default();
    sources.add_text("text", text);
    let whole = sources.faults.is_empty();
    let mut loaded = settle(sources, whole, None)?;
    let is_asked_for = |entry: &Entry| entry.table == "admin" && entry.origin != tree::BUILT_IN;
    loaded.config.admin.enabled &= loaded.entries.iter().any(is_asked_for);
    Ok(loaded)
}

/// Reads and checks the layers; where one of them is not `whole`, rules between values are left
/// out, since what it would have set would be missed.
fn settle(sources: Sources, whole: bool, base: Option<PathBuf>) -> Result<Loaded, Faults> {
    let Sources { layers, labels, folders, mut faults } = sources;
    let mut origins = match layer::merge(&layers) {
        Ok(merged) => merged,
        Err(error) => return Err(Faults(vec![Fault::error("", "", error.to_string())])),
    };
    let mut config = reading::read(&mut origins, &mut faults);
    if whole {
        faults = validate::check(&config, &folders, &origins, faults);
        address::resolve(&mut config, base.as_deref(), &origins, &mut faults);
        address::resolve_tokens(&mut config, base.as_deref(), &origins, &mut faults);
        admin_rules::resolve(&mut config, base.as_deref(), &origins, &mut faults);
        address::resolve_spool(&mut config, base.as_deref(), &origins, &mut faults);
    }
    if faults.iter().any(|fault| fault.severity == Severity::Error) {
        return Err(Faults::sorted(faults, &labels));
    }
    let entries = entries::list(&config, &origins);
    config.listener.retain(|_, listener| listener.enabled);
    config.poll.retain(|_, poll| poll.enabled);
    config.upstream.retain(|_, upstream| upstream.enabled);
    let warnings = Faults::sorted(faults, &labels).0;
    let texts = Loaded::texts_of(&config, &folders);
    Ok(Loaded { config, entries, folders, base, warnings, texts })
}

/// What the kernel calls this machine.
fn host_name() -> String {
    let name = fs::read_to_string(Path::new("/proc/sys/kernel/hostname")).unwrap_or_default();
    match name.trim() {
        "" => "tetherd".to_owned(),
        name => name.to_owned(),
    }
}
