//! How fast a backlog leaves, and the memory that it needs.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{
    Plan,
    folder::filled,
    machine::drop_caches,
    program::{Program, Setup},
    report::{Spread, begin, keep, table},
    usage::{Usage, kib},
    web::Web,
};

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Nothing new for so long: it does not go on.
const STUCK: Duration = Duration::from_secs(30);

pub fn run(plan: &Plan) -> Result<()> {
    let what = format!("a backlog of {} GiB, from the disk", plan.drain_gib);
    let facts = begin(&plan.scratch, "drain", &what);
    let mut runs = Vec::new();
    for _ in 0..plan.runs {
        for durability in ["os", "group"] {
            runs.push(drained(plan, durability)?);
        }
    }
    let rows = ["os", "group"].map(|durability| {
        let own: Vec<_> = runs.iter().filter(|run| run["durability"] == durability).collect();
        let each = |key: &str| Spread::of(own.iter().filter_map(|run| run[key].as_f64()));
        vec![
            durability.to_owned(),
            each("events_a_second").text(0),
            each("stored_mb_a_second").text(0),
            each("sent_mb_a_second").text(0),
            each("us_an_event").text(2),
            each("resident_mib_before").text(1),
            each("most_resident_mib").text(1),
        ]
    });
    let head = [
        "durability",
        "events/s",
        "MB/s of records",
        "MB/s to the web server",
        "us of processor time an event",
        "resident MiB at the start",
        "most resident MiB",
    ];
    table(&head, &rows);
    keep(&plan.results, "drain", facts, &json!({ "runs": runs }))
}

/// One backlog, made, and drained by the real program.
fn drained(plan: &Plan, durability: &str) -> Result<Value> {
    let folder = tempfile::Builder::new().prefix("tetherd-bench-").tempdir_in(&plan.scratch)?;
    let path = folder.path().join("spool");
    let bytes = (plan.drain_gib * f64::from(1 << 30)) as u64;
    let (events, bytes) = filled(&path, bytes, true)?;
    let is_cold = drop_caches();
    let mut web = Web::start()?;
    let spool = format!("type = 'disk'\ndurability = '{durability}'\npath = '{}'", path.display());
    let program = Program::start(&plan.program, folder.path(), &web.address, &Setup::of(&spool))?;
    let (before, resident) = (Usage::of(program.id())?, kib(program.id(), "VmRSS")?);
    let begun = Instant::now();
    let (mut news, mut most) = ((begun, 0), 0);
    while news.1 < events {
        ensure!(news.0.elapsed() < STUCK, "it is stuck at {} of {events}", news.1);
        thread::sleep(LOOK);
        let seen = web.seen()?.lines;
        if seen > news.1 {
            news = (Instant::now(), seen);
        }
        most = most.max(kib(program.id(), "VmRSS")?);
    }
    let seconds = (news.0 - begun).as_secs_f64();
    let used = Usage::of(program.id())? - before;
    let told = json!({
        "durability": durability,
        "cold": is_cold,
        "events": events,
        "bytes_of_records": bytes,
        "seconds": seconds,
        "events_a_second": events as f64 / seconds,
        "stored_mb_a_second": bytes as f64 / 1e6 / seconds,
        "sent_mb_a_second": web.seen()?.bytes as f64 / 1e6 / seconds,
        "us_an_event": used.cpu() * 1e6 / events as f64,
        "resident_mib_before": resident as f64 / 1024.0,
        "most_resident_mib": most as f64 / 1024.0,
    });
    eprintln!("  {told}");
    Ok(told)
}
