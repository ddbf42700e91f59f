//! What is asked for on the command line.

use std::{env, path::PathBuf};

use anyhow::{Context, Result, bail};

use crate::contender::{ALL, Contender};

/// What all parts are told.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Names of parts; all, if there is none.
    pub parts: Vec<String>,
    /// Who is measured.
    pub contenders: Vec<Contender>,
    /// How often each thing is measured.
    pub runs: usize,
    /// Seconds of one measurement under load.
    pub seconds: f64,
    /// Seconds that the load runs before anything is measured.
    pub settle: f64,
    /// Events of the backlog that is drained.
    pub backlog: u64,
    /// The tetherd that is measured; built, if there is none.
    pub program: PathBuf,
    /// Where folders are made, and removed.
    pub scratch: PathBuf,
    /// Where results are written, and whether they are.
    pub results: PathBuf,
    pub is_kept: bool,
    /// Nothing is measured: what was written before is printed.
    pub is_print: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            parts: Vec::new(),
            contenders: ALL.to_vec(),
            runs: 5,
            seconds: 6.0,
            settle: 2.0,
            backlog: 1_000_000,
            program: PathBuf::new(),
            scratch: env::temp_dir(),
            results: [env!("CARGO_MANIFEST_DIR"), "benches", "results"].iter().collect(),
            is_kept: true,
            is_print: false,
        }
    }
}

impl Plan {
    /// From these words.
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut plan = Self::default();
        while let Some(word) = words.next() {
            if word == "--quick" {
                plan.hurry();
            } else if word == "--print" {
                plan.is_print = true;
            } else if word.starts_with("--") {
                let value = words.next().with_context(|| format!("{word} needs a value"))?;
                plan.take(&word, &value)?;
            } else {
                plan.parts.push(word);
            }
        }
        Ok(plan)
    }

    /// While something is being built: one short run, and nothing is written.
    fn hurry(&mut self) {
        (self.runs, self.seconds, self.settle, self.backlog) = (1, 2.0, 0.5, 200_000);
        self.is_kept = false;
    }

    fn take(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "--only" => self.contenders = value.split(',').map(named).collect::<Result<_>>()?,
            "--runs" => self.runs = value.parse()?,
            "--seconds" => self.seconds = value.parse()?,
            "--backlog" => self.backlog = value.parse()?,
            "--program" => self.program = value.into(),
            "--scratch" => self.scratch = value.into(),
            "--results" => self.results = value.into(),
            _ => bail!("{key} is no option"),
        }
        Ok(())
    }
}

fn named(name: &str) -> Result<Contender> {
    let found = ALL.iter().copied().find(|contender| contender.name() == name);
    found.with_context(|| {
        let known: Vec<_> = ALL.iter().map(|contender| contender.name()).collect();
        format!("{name} is no contender; there are {}", known.join(", "))
    })
}
