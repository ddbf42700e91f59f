use std::{io, path::PathBuf};

use super::{Options, ProtocolText, presets, protocol_rules, sources};

/// The protocol files that a configuration can name, whatever else is in it.
#[derive(Clone, Debug)]
pub struct ProtocolFiles {
    folders: Vec<PathBuf>,
}

impl ProtocolFiles {
    /// Those beside the layers that `options` ask for, and those that are built in. Faults of the
    /// layers do not matter here.
    pub fn find(options: &Options) -> Self {
        Self { folders: sources::find(options).folders }
    }

    /// The text of protocol `name`: `protocols/<name>.toml` of the last folder that has one, or
    /// else what is built in. `None`: it is nowhere.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn text(&self, name: &str) -> io::Result<Option<ProtocolText>> {
        presets::protocol_text(&self.folders, name)
    }

    /// The names of all there are, sorted.
    pub fn names(&self) -> Vec<String> {
        presets::protocol_names(&self.folders)
    }

    /// What to say where there is no protocol `name`.
    pub fn unknown(&self, name: &str) -> String {
        protocol_rules::unknown(name, &self.names())
    }
}
