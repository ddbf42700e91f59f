//! What is built into the binary: the files that `config init` writes out.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The configuration that teaches.
pub const DEFAULT: &str = include_str!("../../config/default.toml");

/// Profiles, by name.
pub const PROFILES: [(&str, &str); 1] = [("classic", include_str!("../../config/classic.toml"))];

/// Protocols, by name.
pub use crate::protocol::BUILT_IN as PROTOCOLS;

/// A protocol's description, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolText {
    /// A file, or `built in`.
    pub origin: String,
    /// TOML.
    pub text: String,
}

/// The text of protocol `name`: from the last of `folders` that has `protocols/<name>.toml`, or
/// else from the presets. `None`: it is nowhere.
///
/// # Errors
/// The file is there and cannot be read.
pub fn protocol_text(folders: &[PathBuf], name: &str) -> std::io::Result<Option<ProtocolText>> {
    if !is_protocol_name(name) {
        return Ok(None);
    }
    for folder in folders.iter().rev() {
        let path = folder.join("protocols").join(format!("{name}.toml"));
        if path.try_exists().unwrap_or(true) {
            let text = fs::read_to_string(&path)?;
            return Ok(Some(ProtocolText { origin: path.display().to_string(), text }));
        }
    }
    let preset = PROTOCOLS.iter().find(|(known, _)| *known == name);
    Ok(preset
        .map(|(_, text)| ProtocolText { origin: "built in".to_owned(), text: (*text).to_owned() }))
}

/// The names of all protocols there are, sorted.
pub fn protocol_names(folders: &[PathBuf]) -> Vec<String> {
    let files = folders.iter().flat_map(|folder| names_in(&folder.join("protocols")));
    let presets = PROTOCOLS.iter().map(|(name, _)| (*name).to_owned());
    let mut names: Vec<String> = files.chain(presets).collect();
    names.sort();
    names.dedup();
    names
}

fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let stems = names.filter_map(|name| name.strip_suffix(".toml").map(str::to_owned));
    stems.filter(|stem| is_protocol_name(stem)).collect()
}

/// A name never leads out of its folder.
fn is_protocol_name(name: &str) -> bool {
    let known =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    !name.is_empty() && name.bytes().all(known)
}
