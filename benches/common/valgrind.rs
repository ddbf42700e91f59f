//! This program once more, under `valgrind --tool=callgrind`, which counts the instructions of one
//! function and of what it calls.

use std::{env, path::Path, process::Command};

use anyhow::{Context, Result};

use super::process::ROLE;

/// Does what is to be counted: only what happens in here is.
#[inline(never)]
pub fn counted_stretch(work: &mut dyn FnMut()) {
    work();
    // Nothing may be left to be done by a jump out of here.
    std::hint::black_box(());
}

/// valgrind's version; `None` where it is not installed.
pub fn version() -> Option<String> {
    let output = Command::new("valgrind").arg("--version").output().ok()?;
    let version = String::from_utf8_lossy(&output.stdout).trim().replace("valgrind-", "");
    output.status.success().then_some(version)
}

/// `rep movsb` and its like, which the C library uses for longer copies, count once for each byte
/// here and once in all on a processor: without them a copy counts as what it costs.
const COPIES: &str =
    "glibc.cpu.x86_rep_movsb_threshold=1000000000:glibc.cpu.x86_rep_stosb_threshold=1000000000";

/// This program with these words behind [`ROLE`], under callgrind with these options, which writes
/// its profile to `profile`.
pub fn command(options: &[&str], words: &[&str], profile: &Path) -> Result<Command> {
    let mut command = Command::new("valgrind");
    command
        .env("GLIBC_TUNABLES", COPIES)
        .args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*::counted_stretch"])
        .args(options)
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(env::current_exe()?)
        .arg(ROLE)
        .args(words);
    Ok(command)
}

/// How many instructions a profile tells of.
pub fn total(profile: &str) -> Result<u64> {
    let lines = profile.lines();
    let mut sums = lines.filter_map(|line| line.strip_prefix("totals:"));
    let sum = sums.next().context("a profile without its sum")?;
    Ok(sum.trim().parse()?)
}
