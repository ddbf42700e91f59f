//! `tetherd config show` and `tetherd config init`

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::{Value as Json, json};

use super::output;
use crate::config::{self, Entry, Loaded, printable};

/// Column of the comments, unless a value is wider.
const COLUMN: usize = 44;

/// Arguments of `tetherd config show`.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// Write one JSON object, for programs: {"listener.dtu.address":{"value":..,"origin":..},..}
    #[arg(long)]
    json: bool,
}

/// Arguments of `tetherd config init`.
#[derive(Debug, clap::Args)]
pub struct InitArgs {
    /// The folder; it is made if it is not there
    #[arg(default_value = "config", value_name = "DIR")]
    folder: PathBuf,

    /// Overwrite files that are there
    #[arg(long)]
    force: bool,
}

/// Shows every value with the layer that set it.
pub fn show(args: &ShowArgs, loaded: &Loaded) -> ExitCode {
    output::list(&loaded.warnings);
    match args.json {
        true => output::show(&as_json(&loaded.entries)),
        false => output::show(&as_toml(&loaded.entries)),
    }
}

fn as_toml(entries: &[Entry]) -> String {
    let lines = entries.iter().map(|entry| format!("{} = {}", entry.key, toml_value(&entry.value)));
    let lines: Vec<String> = lines.map(|line| printable(&line)).collect();
    let width = lines.iter().map(|line| line.chars().count()).filter(|width| *width <= COLUMN);
    let width = width.max().unwrap_or(COLUMN);
    let mut text = String::new();
    let mut table = "";
    for (entry, line) in entries.iter().zip(lines) {
        if entry.table != table {
            table = &entry.table;
            text.push_str(&format!("\n[{}]\n", printable(table)));
        }
        text.push_str(&format!("{line:width$}  # {}\n", printable(&entry.origin)));
    }
    text
}

/// JSON's strings, numbers and lists are TOML's as well.
fn toml_value(value: &Json) -> String {
    match value {
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(toml_value).collect();
            format!("[{}]", items.join(", "))
        }
        other => without_controls(&other.to_string()),
    }
}

/// Escapes the control characters that JSON lets stand, as JSON and TOML both read them.
fn without_controls(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter.is_control() && letter != '\n' {
            true => text.push_str(&format!("\\u{:04x}", u32::from(letter))),
            false => text.push(letter),
        }
    }
    text
}

fn as_json(entries: &[Entry]) -> String {
    let object: serde_json::Map<String, Json> = entries
        .iter()
        .map(|entry| {
            let dot = if entry.table.is_empty() { "" } else { "." };
            let key = format!("{}{dot}{}", entry.table, entry.key);
            (key, json!({ "value": entry.value, "origin": entry.origin }))
        })
        .collect();
    without_controls(&format!("{:#}\n", Json::Object(object)))
}

/// Writes the built-in files to a folder.
pub fn init(args: &InitArgs) -> ExitCode {
    let files = built_in_files(&args.folder);
    let taken = files.iter().map(|(path, _)| path).filter(|path| path.symlink_metadata().is_ok());
    if let (false, Some(path)) = (args.force, taken.into_iter().next()) {
        return output::fail(&format!(
            "{}: is there already; name another folder, or overwrite with --force",
            path.display()
        ));
    }
    let mut report = String::new();
    for (path, text) in &files {
        if let Err(error) = write(path, text) {
            return output::fail(&format!(
                "{}: cannot be written: {error}; name another folder",
                path.display()
            ));
        }
        report.push_str(&format!("wrote {}\n", printable(&path.display().to_string())));
    }
    report.push_str("write what differs into local.toml beside them, then: tetherd check\n");
    output::show(&report)
}

fn built_in_files(folder: &Path) -> Vec<(PathBuf, &'static str)> {
    let profiles =
        config::PROFILES.iter().map(|(name, text)| (folder.join(format!("{name}.toml")), *text));
    let protocols = config::PROTOCOLS
        .iter()
        .map(|(name, text)| (folder.join("protocols").join(format!("{name}.toml")), *text));
    let default = (folder.join("default.toml"), config::DEFAULT);
    std::iter::once(default).chain(profiles).chain(protocols).collect()
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}
