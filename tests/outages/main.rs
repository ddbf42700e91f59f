//! The real program with its spool on disk, in all that a web server, a disk, an operator and a
//! power switch do to it. What counts is what the web server sees: each offset once, each device's
//! bytes in order, and every loss that is allowed told or at the very end before a kill.
//!
//! `TETHERD_TEST_LONG=1` makes the long ones long; `TETHERD_TEST_SEED` repeats what was random.
#![allow(clippy::unwrap_used)] // a failed step fails the test
#![allow(clippy::print_stderr)] // what is measured and not judged is told, and what is passed over

#[path = "../harness/mod.rs"]
mod harness;

mod commands;
mod devices;
mod flood;
mod flow;
mod folder;
mod full;
mod kills;
mod mounts;
mod promises;
mod stand;
mod stops;
mod story;
mod webs;

use std::time::Duration;

/// Nothing takes longer unless something is broken, on a loaded machine either.
const LIMIT: Duration = Duration::from_secs(60);

/// Whether there is time for the long runs.
fn is_long() -> bool {
    std::env::var_os("TETHERD_TEST_LONG").is_some()
}

/// What everything random comes from; told, so that it can be given again.
fn seed(test: &str) -> u64 {
    let given = std::env::var("TETHERD_TEST_SEED").ok();
    let seed = given.map_or_else(rand::random, |seed| seed.parse().unwrap());
    eprintln!("{test}: TETHERD_TEST_SEED={seed}");
    seed
}
