//! What the spool costs, and how fast it is. Reported, never asserted.
//!
//! `cargo bench --bench spool -- [part...]`; `benches/README.md` tells what the parts are.
#![allow(clippy::print_stdout, clippy::print_stderr)] // it is a program for a terminal

#[path = "../common/mod.rs"]
mod common;
mod fleet;
mod folder;
mod load;
mod parts;
mod subject;
mod web;

use std::{env, path::PathBuf};

use anyhow::{Context, Result, bail};

use common::{line, machine, process, program, report, rsyslog, usage};

/// What all parts are told.
#[derive(Clone, Debug)]
struct Plan {
    /// How often each thing is measured.
    runs: usize,
    /// Seconds of one measurement under load.
    seconds: f64,
    /// The program that is measured.
    program: PathBuf,
    /// Where folders of spools are made, and removed.
    scratch: PathBuf,
    /// Where results are written.
    results: PathBuf,
    /// GiB of the folder that is opened.
    open_gib: f64,
    /// GiB of the backlog that is drained.
    drain_gib: f64,
}

impl Plan {
    fn take(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "--runs" => self.runs = value.parse()?,
            "--seconds" => self.seconds = value.parse()?,
            "--open-gib" => self.open_gib = value.parse()?,
            "--drain-gib" => self.drain_gib = value.parse()?,
            "--program" => self.program = value.into(),
            "--scratch" => self.scratch = value.into(),
            "--results" => self.results = value.into(),
            _ => bail!("{key} is no option"),
        }
        Ok(())
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            runs: 5,
            seconds: 10.0,
            program: PathBuf::new(),
            scratch: env::temp_dir(),
            results: [env!("CARGO_MANIFEST_DIR"), "benches", "results"].iter().collect(),
            open_gib: 10.0,
            drain_gib: 2.0,
        }
    }
}

fn main() -> Result<()> {
    tetherd::net::raise_descriptor_limit();
    // Cargo adds a word of its own.
    let mut words = env::args().skip(1).filter(|word| word != "--bench");
    let mut names = Vec::new();
    let mut plan = Plan::default();
    while let Some(word) = words.next() {
        match word.as_str() {
            process::ROLE => return play(&words.next().context("which role")?, words.next()),
            key if key.starts_with("--") => {
                let value = words.next().with_context(|| format!("{key} needs a value"))?;
                plan.take(key, &value)?;
            }
            name => names.push(name.to_owned()),
        }
    }
    parts::run(&names, plan)
}

/// What this program does as one of its own children.
fn play(role: &str, task: Option<String>) -> Result<()> {
    let task = serde_json::from_str(&task.context("no task")?)?;
    match role {
        web::ROLE => web::play(),
        fleet::ROLE => fleet::play(&task),
        folder::FILL => folder::fill(&task),
        folder::OPEN => folder::open(&task),
        _ => bail!("{role} is no role"),
    }
}
