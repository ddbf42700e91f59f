use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

/// `[admin]`: the HTTP API and the metrics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Whether there is one.
    pub enabled: bool,
    /// Where it listens, `host:port`. Beyond loopback tokens are required.
    pub address: String,
    /// Who may ask, by name; without any, everybody on this machine may do everything.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tokens: BTreeMap<String, TokenSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        let address = "127.0.0.1:7080".to_owned();
        Self { enabled: true, address, tokens: BTreeMap::new() }
    }
}

/// `[admin.tokens.<name>]`: a secret that somebody says with each request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenSettings {
    /// Whether it is one.
    pub enabled: bool,
    /// The file that it stands in, alone on its first line.
    pub file: PathBuf,
    /// What it opens.
    pub access: Access,
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self { enabled: true, file: PathBuf::new(), access: Access::Read }
    }
}

/// What a token opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Everything that changes nothing.
    Read,
    /// Everything.
    Full,
}

impl Access {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Full => "full",
        }
    }
}
