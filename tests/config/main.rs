//! The layered configuration: what holds, who set it, and what is said of mistakes.

#![allow(clippy::unwrap_used)] // a failed step fails the test

mod faults;
mod http;
mod layers;
mod presets;
mod sweep;

use std::{fs, path::Path};

use tempfile::TempDir;
use tetherd::config::{Loaded, Options, from_toml, load};

/// The faults of one layer, a line each.
fn faults_of(text: &str) -> String {
    match from_toml(text) {
        Ok(_) => String::new(),
        Err(faults) => faults.to_string(),
    }
}

/// The warnings of one layer, a line each.
fn warnings_of(text: &str) -> String {
    let warnings = from_toml(text).unwrap_or_else(|faults| panic!("{faults}")).warnings;
    warnings.iter().map(|warning| format!("{warning}\n")).collect()
}

/// The faults of options, a line each.
fn faults_with(options: &Options) -> String {
    load(options).map(|_| String::new()).unwrap_or_else(|faults| faults.to_string())
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// Options that see nothing of this machine.
fn alone() -> Options {
    Options { search: Vec::new(), ..Options::default() }
}

fn with_paths<const N: usize>(paths: [&Path; N]) -> Options {
    Options { paths: paths.map(Path::to_owned).into(), ..alone() }
}

fn with_set(assignments: &[&str]) -> Options {
    Options { set: assignments.iter().map(|one| (*one).to_owned()).collect(), ..alone() }
}

fn origin<'a>(loaded: &'a Loaded, table: &str, key: &str) -> &'a str {
    let found = loaded.entries.iter().find(|entry| entry.table == table && entry.key == key);
    &found.unwrap_or_else(|| panic!("{table}.{key}")).origin
}
