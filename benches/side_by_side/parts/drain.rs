//! What happens to what devices send while the web server is away, and how fast it gets there once
//! that is back.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::Part;
use crate::{
    contender::{Contender, Tools},
    figures::Column,
    fleet::Crowd,
    plan::Plan,
    scene::{Stage, wait},
    usage::{Threads, kib},
};

/// Devices that write, and messages in a write of one.
const DEVICES: u32 = 64;
const LINES: usize = 8;

pub const PART: Part = Part {
    name: "drain",
    what: "devices write, with the web server away, until nobody takes more; then it comes back",
    cases: &["64 B"],
    columns: &[
        Column { head: "taken meanwhile", key: "taken", decimals: 0 },
        Column { head: "messages/s then", key: "messages_a_second", decimals: 0 },
        Column { head: "us a message then", key: "us_a_message", decimals: 2 },
        Column { head: "sent in all", key: "sent", decimals: 0 },
        Column { head: "lost", key: "lost", decimals: 0 },
        Column { head: "resident MiB before", key: "resident_mib_before", decimals: 0 },
        Column { head: "most resident MiB", key: "most_resident_mib", decimals: 0 },
    ],
    goals: &[],
    // It ends when its web server leaves.
    is_for: |contender| contender != Contender::Floor,
    measure,
};

fn measure(plan: &Plan, tools: &Tools, contender: Contender, _case: &str) -> Result<Value> {
    let crowd =
        Crowd { bulk: DEVICES, lines: LINES, bytes: 64, total: plan.backlog, ..Crowd::default() };
    let mut scene = Stage::set(plan, tools, contender)?.invite(crowd)?;
    let id = scene.gateway.id();
    let resident = kib(id, "VmRSS")?;
    scene.web.leave()?;
    scene.fleet.go()?;
    let all = |sent: &u64| *sent >= plan.backlog;
    let taken = wait(|| Ok(scene.fleet.told()?.bulk), all)?;
    scene.web.begin()?;
    let used = Threads::of(id)?.seconds;
    scene.web.come_back()?;
    // Who made devices wait gets the rest now.
    let sent = wait(|| Ok(scene.fleet.told()?.bulk), all)?;
    let arrived = wait(|| Ok(scene.web.seen()?.bulk), |arrived| *arrived >= sent)?;
    let used = Threads::of(id)?.seconds - used;
    let (_, lost) = scene.lost()?;
    let seen = scene.web.seen()?;
    let seconds = seen.last.checked_sub(seen.first).context("the clock")? as f64 / 1e9;
    ensure!(seen.gaps == 0, "{} gaps were told", seen.gaps);
    let mib = |kib: u64| kib as f64 / 1024.0;
    Ok(json!({
        "taken": taken,
        "sent": sent,
        "arrived": arrived,
        "lost": lost,
        "seconds": seconds,
        "messages_a_second": (arrived > 0).then(|| arrived as f64 / seconds),
        "us_a_message": (arrived > 0).then(|| used * 1e6 / arrived as f64),
        "resident_mib_before": mib(resident),
        "most_resident_mib": mib(kib(id, "VmHWM")?),
    }))
}
