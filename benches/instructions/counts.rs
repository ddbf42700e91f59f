//! The counts that are kept in the repository, one case a line, and what has changed since.

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::{Context, Result};

use crate::common::machine;

/// The line that says by what the counts were made.
const COUNTED_BY: &str = "# Counted by ";

/// A difference from here on is worth a look, in per cent: what hangs on random keys moves less.
const NOTABLE: f64 = 1.0;

/// Instructions of one operation, by case.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Counts of different compilers or machines differ without any change here.
    pub counted_by: String,
    pub cases: BTreeMap<String, f64>,
}

/// Compiler, valgrind and processor.
pub fn counted_by(valgrind: &str) -> String {
    format!("{}, valgrind {valgrind}, {}", machine::compiler(), machine::processor())
}

impl Counts {
    /// Those of the repository; none, if there is no file yet.
    pub fn kept() -> Result<Self> {
        match fs::read_to_string(path()) {
            Ok(text) => Self::read(&text),
            Err(_missing) => Ok(Self::default()),
        }
    }

    fn read(text: &str) -> Result<Self> {
        let mut counts = Self::default();
        for line in text.lines() {
            if let Some(counted_by) = line.strip_prefix(COUNTED_BY) {
                counts.counted_by = counted_by.to_owned();
            } else if !line.starts_with('#') {
                let (case, count) = line.split_once(' ').with_context(|| line.to_owned())?;
                counts.cases.insert(case.to_owned(), count.trim().parse()?);
            }
        }
        Ok(counts)
    }

    /// These, with what was counted `now` in its place.
    pub fn renewed(mut self, now: Self) -> Self {
        self.counted_by = now.counted_by;
        self.cases.extend(now.cases);
        self
    }

    /// Keeps them in the repository.
    pub fn keep(&self) -> Result<()> {
        let mut text = format!(
            "# Instructions of one operation. The command that renews them:\n\
             #     cargo bench --bench instructions -- --renew\n\
             {COUNTED_BY}{}\n",
            self.counted_by
        );
        for (case, count) in &self.cases {
            text += &format!("{case:<36}{count:>10.1}\n");
        }
        fs::write(path(), text)?;
        println!("written: {}", path().display());
        Ok(())
    }

    /// Prints what was counted `now`, and how it differs from what is kept.
    pub fn compare(&self, now: &Self) {
        if !self.cases.is_empty() && self.counted_by != now.counted_by {
            println!("kept counts are by {};\nthese are by {}", self.counted_by, now.counted_by);
        }
        println!("{:<36}{:>10}{:>10}{:>10}", "instructions of", "kept", "now", "change");
        for (case, count) in &now.cases {
            let (kept, change) = match self.cases.get(case) {
                Some(kept) => (format!("{kept:.1}"), change(*kept, *count)),
                None => (String::new(), "new".to_owned()),
            };
            println!("{case:<36}{kept:>10}{count:>10.1}{change:>10}");
        }
    }
}

fn change(kept: f64, now: f64) -> String {
    let percent = (now / kept - 1.0) * 100.0;
    match percent.abs() < NOTABLE {
        true => "same".to_owned(),
        false => format!("{percent:+.1} %"),
    }
}

fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "benches", "results", "instructions.txt"].iter().collect()
}
