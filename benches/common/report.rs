//! Medians, spreads, tables, and files of results.

use std::{fs, path::Path};

use anyhow::Result;
use serde_json::{Value, json};

use super::machine;

/// Several measurements of one thing.
#[derive(Clone, Debug)]
pub struct Spread {
    sorted: Vec<f64>,
}

impl Spread {
    /// Of these.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<_> = values.into_iter().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        Self { sorted }
    }

    /// The value that this part of all values lies below.
    pub fn quantile(&self, part: f64) -> f64 {
        let last = self.sorted.len().saturating_sub(1);
        let at = (part * last as f64).round() as usize;
        self.sorted.get(at).copied().unwrap_or(f64::NAN)
    }

    /// The one in the middle.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The median, and the least and the most.
    pub fn text(&self, decimals: usize) -> String {
        let [median, least, most] = [0.5, 0.0, 1.0].map(|part| self.quantile(part));
        format!("{median:.decimals$} ({least:.decimals$} to {most:.decimals$})")
    }

    /// As the results hold it.
    pub fn json(&self) -> Value {
        json!({
            "median": self.median(),
            "least": self.quantile(0.0),
            "most": self.quantile(1.0),
            "count": self.sorted.len(),
        })
    }
}

/// A table as it stands in `benches/README.md`.
pub fn table(head: &[&str], rows: &[Vec<String>]) {
    println!("\n| {} |", head.join(" | "));
    println!("|{}", "---|".repeat(head.len()));
    for row in rows {
        println!("| {} |", row.join(" | "));
    }
    println!();
}

/// Writes the results of a part into a folder, with the machine's facts.
pub fn keep(folder: &Path, part: &str, facts: Value, results: &Value) -> Result<()> {
    fs::create_dir_all(folder)?;
    let all = json!({ "part": part, "machine": facts, "results": results });
    let path = folder.join(format!("{part}.json"));
    fs::write(&path, format!("{}\n", serde_json::to_string_pretty(&all)?))?;
    println!("written: {}", path.display());
    Ok(())
}

/// The facts at the beginning of a part, whose files are in `scratch`.
pub fn begin(scratch: &Path, part: &str, what: &str) -> Value {
    println!("== {part}: {what}");
    machine::facts(scratch)
}
