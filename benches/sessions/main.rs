//! What a session costs where there are very many: memory, instructions, time.
//!
//! `cargo bench --bench sessions -- [sessions...]`; `benches/README.md` tells more.
#![allow(clippy::print_stdout)] // it is a program for a terminal

mod child;
#[path = "../common/mod.rs"]
mod common;
mod counting;
mod crowd;
mod house;
mod measure;
mod operations;

use std::{env, path::PathBuf};

use anyhow::{Context, Result, bail};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many sessions there are, each in a process of its own.
    sizes: Vec<u32>,
    /// How often each operation's round is timed.
    rounds: usize,
    /// Whether the results are kept.
    keep: bool,
    /// Where callgrind's profiles are left, to look into.
    profiles: Option<PathBuf>,
}

impl Plan {
    fn of(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut plan = Self { sizes: Vec::new(), rounds: 7, keep: true, profiles: None };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--keep-nothing" => plan.keep = false,
                "--profiles" => plan.profiles = Some(words.next().context("which folder")?.into()),
                "--rounds" => plan.rounds = words.next().unwrap_or_default().parse()?,
                option if option.starts_with("--") => bail!("{option} is no option"),
                size => plan.sizes.push(size.parse()?),
            }
        }
        if plan.sizes.is_empty() {
            plan.sizes = vec![10_000, 100_000, 1_000_000];
        }
        Ok(plan)
    }
}

fn main() -> Result<()> {
    // Cargo adds a word of its own.
    let mut words = env::args().skip(1).filter(|word| word != "--bench").peekable();
    if words.next_if(|word| word == common::process::ROLE).is_some() {
        return child::play(&words.next().context("which role?")?);
    }
    measure::run(&Plan::of(words)?)
}
