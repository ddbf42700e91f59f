//! How long a large folder takes to open, and the memory that it needs.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{
    Plan,
    folder::{OPEN, filled},
    machine::drop_caches,
    process::Process,
    report::{Spread, begin, keep, table},
};

/// What is added between two crashes, so that there is an unfinished segment each time.
const MORE: u64 = 40 << 20;

pub fn run(plan: &Plan) -> Result<()> {
    let what = format!("a folder of {} GiB", plan.open_gib);
    let facts = begin(&plan.scratch, "open", &what);
    let folder = tempfile::Builder::new().prefix("tetherd-bench-").tempdir_in(&plan.scratch)?;
    let path = folder.path().join("spool");
    let bytes = (plan.open_gib * f64::from(1 << 30)) as u64;
    let (events, bytes) = filled(&path, bytes, false)?;
    println!("{events} events, {:.2} GiB of records", bytes as f64 / f64::from(1 << 30));
    let (mut crashed, mut clean) = (Vec::new(), Vec::new());
    for _ in 0..plan.runs {
        filled(&path, MORE, false)?;
        crashed.push(opened(&path)?);
        clean.push(opened(&path)?);
    }
    ensure!(clean.iter().all(|run| run["clean"] == true), "the stop in order was none");
    ensure!(crashed.iter().all(|run| run["clean"] == false), "the crash was none");
    let rows = [("kill -9", &crashed), ("a stop in order", &clean)].map(|(after, runs)| {
        let each = |key: &str| Spread::of(runs.iter().filter_map(|run| run[key].as_f64()));
        let mib = |key: &str| Spread::of(each_mib(runs, key));
        vec![
            after.to_owned(),
            each("milliseconds").text(0),
            mib("resident_kib_before").text(1),
            mib("resident_kib").text(1),
            mib("most_resident_kib").text(1),
        ]
    });
    let head =
        ["after", "ms to open", "resident MiB before", "resident MiB after", "most resident MiB"];
    table(&head, &rows);
    let results =
        json!({ "events": events, "bytes": bytes, "after_kill": crashed, "after_stop": clean });
    keep(&plan.results, "open", facts, &results)
}

fn each_mib(runs: &[Value], key: &str) -> Vec<f64> {
    runs.iter().filter_map(|run| Some(run[key].as_f64()? / 1024.0)).collect()
}

/// Opens it once in a fresh process, from the disk, and stops in order.
fn opened(path: &Path) -> Result<Value> {
    let is_cold = drop_caches();
    let mut child = Process::start(OPEN, &json!({ "path": path }))?;
    let mut told = child.answer()?;
    ensure!(child.ask("close")? == true, "it did not close well");
    told.as_object_mut().context("an object")?.insert("cold".to_owned(), is_cold.into());
    eprintln!("  {told}");
    Ok(told)
}
