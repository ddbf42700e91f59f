//! By what it was counted.

use std::{fs, process::Command};

/// The compiler and its version.
pub fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    output.map_or_else(
        |_missing| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

/// The processor, as it calls itself.
pub fn processor() -> String {
    let facts = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = facts.lines().find_map(|line| line.strip_prefix("model name"));
    model.map_or("", |model| model.trim_start_matches([' ', '\t', ':'])).to_owned()
}
