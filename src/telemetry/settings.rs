use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Module;

/// `[log]`: what is logged, and how it looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// For people or for programs.
    pub format: LogFormat,
    /// Least level that is logged.
    pub level: Level,
    /// Levels of single modules, such as `session = "debug"`; they override `level`. Besides our
    /// own (see [`Module`](super::Module)) the crates that we are made with have their names here,
    /// such as `actix_rt`.
    pub modules: BTreeMap<String, Level>,
}

/// How a record looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// A coloured line for people.
    Terminal,
    /// A JSON object a line.
    Json,
}

/// How much a record matters, from the most to the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Something failed, and somebody has to do something.
    Error,
    /// Something is wrong, and tetherd copes.
    Warning,
    /// What an operator wants to see happen.
    Info,
    /// What helps to find a fault.
    Debug,
    /// Every step.
    Trace,
}

/// What is wrong with `[log]`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsFault {
    /// A name that no module and no crate can have.
    #[error(
        "{0:?} is no module; write one of {known}, or the name of a crate in [a-z0-9_]",
        known = Module::words()
    )]
    NoModule(String),
}

impl Settings {
    /// Finds the mistakes that the shape of the settings alone cannot show.
    pub fn check(&self) -> Result<(), SettingsFault> {
        match self.modules.keys().find(|name| !could_be_a_crate(name)) {
            Some(name) => Err(SettingsFault::NoModule(name.clone())),
            None => Ok(()),
        }
    }
}

fn could_be_a_crate(name: &str) -> bool {
    let usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !name.is_empty() && name.bytes().all(usual)
}

impl Level {
    /// Every level, from the quietest to the loudest.
    pub const ALL: &'static [Self] =
        &[Self::Error, Self::Warning, Self::Info, Self::Debug, Self::Trace];

    /// The word for it in the configuration and in JSON records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    /// One step more; `trace` stays `trace`.
    pub const fn louder(self) -> Self {
        match self {
            Self::Error => Self::Warning,
            Self::Warning => Self::Info,
            Self::Info => Self::Debug,
            Self::Debug | Self::Trace => Self::Trace,
        }
    }
}

impl From<slog::Level> for Level {
    fn from(level: slog::Level) -> Self {
        match level {
            slog::Level::Critical | slog::Level::Error => Self::Error,
            slog::Level::Warning => Self::Warning,
            slog::Level::Info => Self::Info,
            slog::Level::Debug => Self::Debug,
            slog::Level::Trace => Self::Trace,
        }
    }
}

impl From<Level> for slog::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::Error,
            Level::Warning => Self::Warning,
            Level::Info => Self::Info,
            Level::Debug => Self::Debug,
            Level::Trace => Self::Trace,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { format: LogFormat::Terminal, level: Level::Info, modules: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_module(name: &str) -> Settings {
        Settings { modules: [(name.to_owned(), Level::Debug)].into(), ..Settings::default() }
    }

    #[test]
    fn names_of_modules_and_crates_are_taken_and_others_refused_with_the_known_ones() {
        assert_eq!(with_module("session").check(), Ok(()));
        assert_eq!(with_module("actix_rt").check(), Ok(()));
        let fault = with_module("Session").check().unwrap_err().to_string();
        assert!(fault.starts_with("\"Session\" is no module; write one of server, session,"));
        assert!(with_module("a::b").check().is_err() && with_module("").check().is_err());
    }

    #[test]
    fn each_level_is_louder_than_the_one_before_until_trace() {
        for pair in Level::ALL.windows(2) {
            assert_eq!(pair[0].louder(), pair[1]);
        }
        assert_eq!(Level::Trace.louder(), Level::Trace);
    }
}
