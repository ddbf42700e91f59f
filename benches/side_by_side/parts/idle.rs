//! What a device costs that is registered and says nothing.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::{Part, all};
use crate::{
    contender::{Contender, Tools},
    figures::{Bound::AtMost, Column, Goal},
    fleet::Crowd,
    plan::Plan,
    scene::Stage,
    usage::kib,
};

const FEW: &str = "1,000";
const MANY: &str = "15,000";

/// A resident size that has not moved by more than this for so long is what it stays at.
const STEADY_KIB: u64 = 64;
const STEADY: Duration = Duration::from_secs(2);

/// Nothing takes longer until it is at rest, unless it never is.
const LIMIT: Duration = Duration::from_secs(60);

pub const PART: Part = Part {
    name: "idle",
    what: "devices that have registered and send nothing",
    cases: &[FEW, MANY],
    columns: &[
        Column { head: "bytes a device", key: "bytes_a_device", decimals: 0 },
        Column { head: "all included", key: "all_bytes_a_device", decimals: 0 },
        Column { head: "resident KiB before", key: "resident_kib_before", decimals: 0 },
        Column { head: "resident KiB", key: "resident_kib", decimals: 0 },
        Column { head: "of no file", key: "anonymous_kib", decimals: 0 },
    ],
    goals: &[Goal {
        who: Contender::Group,
        case: MANY,
        key: "bytes_a_device",
        beside: None,
        bound: Some(AtMost(1536.0)),
    }],
    is_for: all,
    measure,
};

fn measure(plan: &Plan, tools: &Tools, contender: Contender, case: &str) -> Result<Value> {
    let devices = if case == FEW { 1_000 } else { 15_000 };
    let stage = Stage::set(plan, tools, contender)?;
    let (before, anonymous_before) = resident(stage.gateway.id())?;
    let scene = stage.invite(Crowd { idle: devices, ..Crowd::default() })?;
    let (after, anonymous) = resident(scene.gateway.id())?;
    let a_device = |kib: u64| kib as f64 * 1024.0 / f64::from(devices);
    Ok(json!({
        "devices": devices,
        "bytes_a_device": a_device(after.saturating_sub(before)),
        "all_bytes_a_device": a_device(after),
        "anonymous_bytes_a_device": a_device(anonymous.saturating_sub(anonymous_before)),
        "resident_kib_before": before,
        "resident_kib": after,
        "anonymous_kib": anonymous,
    }))
}

/// KiB that are resident, and those of them that are of no file, once they stay the same.
fn resident(id: u32) -> Result<(u64, u64)> {
    let begun = Instant::now();
    let mut news = (begun, kib(id, "VmRSS")?);
    while news.0.elapsed() < STEADY {
        if begun.elapsed() > LIMIT {
            bail!("its memory does not come to rest");
        }
        thread::sleep(Duration::from_millis(100));
        let now = kib(id, "VmRSS")?;
        if now.abs_diff(news.1) > STEADY_KIB {
            news = (Instant::now(), now);
        }
    }
    Ok((kib(id, "VmRSS")?, kib(id, "RssAnon")?))
}
