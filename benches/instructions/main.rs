//! How many instructions the hot paths take, counted and therefore the same on a busy machine.
//! Reported, never asserted.
//!
//! `cargo bench --bench instructions -- [case...]`; `benches/README.md` tells more.
#![allow(clippy::print_stdout)] // it is a program for a terminal

mod cases;
#[path = "../common/mod.rs"]
mod common;
mod counts;

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use anyhow::{Context, Result, bail};

use self::{
    cases::{CASES, Case},
    common::{process::ROLE, valgrind},
    counts::Counts,
};

/// What is asked for.
#[derive(Debug, Default)]
struct Plan {
    /// Beginnings of the names of cases; none: all.
    wanted: Vec<String>,
    /// Whether the counts are to be kept.
    renew: bool,
    /// Where callgrind's profiles are left, to look into.
    profiles: Option<PathBuf>,
}

impl Plan {
    fn of(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut plan = Self::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--renew" => plan.renew = true,
                "--profiles" => plan.profiles = Some(words.next().context("which folder")?.into()),
                option if option.starts_with("--") => bail!("{option} is no option"),
                name => plan.wanted.push(name.to_owned()),
            }
        }
        Ok(plan)
    }

    fn wants(&self, case: &Case) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|name| case.name.starts_with(name))
    }
}

fn main() -> Result<()> {
    // Cargo adds a word of its own.
    let mut words = env::args().skip(1).filter(|word| word != "--bench").peekable();
    if words.next_if(|word| word == ROLE).is_some() {
        return play(&words.next().context("which case")?);
    }
    let plan = Plan::of(words)?;
    let Some(version) = valgrind::version() else {
        println!("instructions: left out, since valgrind is missing (apt-get install valgrind)");
        return Ok(());
    };
    let kept = Counts::kept()?;
    let now = Counts { counted_by: counts::counted_by(&version), cases: count(&plan)? };
    kept.compare(&now);
    if plan.renew {
        kept.renewed(now).keep()?;
    }
    Ok(())
}

/// Instructions of one operation, for each case that is wanted.
fn count(plan: &Plan) -> Result<BTreeMap<String, f64>> {
    let wanted: Vec<_> = CASES.iter().filter(|case| plan.wants(case)).collect();
    if wanted.is_empty() {
        bail!("there is no such case");
    }
    let folder = tempfile::tempdir()?;
    let folder = plan.profiles.as_deref().unwrap_or(folder.path());
    fs::create_dir_all(folder)?;
    let mut counts = BTreeMap::new();
    for case in wanted {
        let profile = folder.join(format!("{}.callgrind", case.name.replace('/', "-")));
        let output = valgrind::command(&[], &[case.name], &profile)?.output()?;
        if !output.status.success() {
            bail!("{}: {}", case.name, String::from_utf8_lossy(&output.stderr));
        }
        let total = valgrind::total(&fs::read_to_string(&profile)?)?;
        if total == 0 {
            bail!("{}: nothing was counted", case.name);
        }
        counts.insert(case.name.to_owned(), total as f64 / f64::from(case.operations));
    }
    Ok(counts)
}

/// Does what one case is about, as a child of this program. What happens once and never again has
/// happened in the first round, which is not counted.
fn play(name: &str) -> Result<()> {
    let case = CASES.iter().find(|case| case.name == name).context("no such case")?;
    let mut work = (case.prepare)()?;
    work();
    valgrind::counted_stretch(&mut work);
    Ok(())
}
