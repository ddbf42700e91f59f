//! How long it takes until fifteen thousand devices are online that come without waiting for each
//! other.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Part, all};
use crate::{
    contender::{Contender, Tools},
    figures::{Bound::AtLeast, Column, Goal},
    fleet::{Crowd, Fleet},
    plan::Plan,
    scene::{Stage, wait},
    usage::{Threads, overflows},
};

const AT_ONCE: &str = "at once";
const MANY: &str = "20,000 a second";
const DEVICES: u32 = 15_000;

pub const PART: Part = Part {
    name: "storm",
    what: "15,000 devices come, from the first SYN to the last `online`",
    cases: &[AT_ONCE, MANY],
    columns: &[
        Column { head: "ms", key: "milliseconds", decimals: 0 },
        Column { head: "ms to connect", key: "milliseconds_to_connect", decimals: 0 },
        Column { head: "devices/s", key: "devices_a_second", decimals: 0 },
        Column { head: "us a device", key: "us_a_device", decimals: 1 },
        Column { head: "refused", key: "refused", decimals: 0 },
        Column { head: "hung up on", key: "hung_up", decimals: 0 },
        Column { head: "told as online", key: "online", decimals: 0 },
        Column { head: "connections told", key: "connections", decimals: 0 },
        Column { head: "SYNs left unanswered", key: "overflows", decimals: 0 },
    ],
    goals: &[
        Goal::to(AT_ONCE, "devices_a_second", Contender::Floor, AtLeast(0.8)),
        Goal::to(MANY, "devices_a_second", Contender::Floor, AtLeast(0.8)),
    ],
    is_for: all,
    measure,
};

fn measure(plan: &Plan, tools: &Tools, contender: Contender, case: &str) -> Result<Value> {
    let mut stage = Stage::set(plan, tools, contender)?;
    let id = stage.gateway.id();
    let address = stage.gateway.address().to_owned();
    let rate = if case == MANY { 20_000.0 } else { 0.0 };
    let crowd = Crowd { address, rate, idle: DEVICES, storm: true, ..Crowd::default() };
    let mut fleet = Fleet::start(&crowd)?;
    let (used, left) = (Threads::of(id)?.seconds, overflows()?);
    fleet.go()?;
    let online = wait(|| Ok(stage.web.seen()?.online), |online| *online >= u64::from(DEVICES))?;
    let (used, left) = (Threads::of(id)?.seconds - used, overflows()? - left);
    fleet.stop()?;
    let told = wait(|| fleet.told(), |told| told.ended)?;
    ensure!(told.ended, "the fleet does not stop");
    let seen = stage.web.seen()?;
    let took = seen.last_online.checked_sub(told.begun).context("nobody came")?;
    let seconds = took as f64 / 1e9;
    Ok(json!({
        "milliseconds": seconds * 1e3,
        "milliseconds_to_connect": told.came.saturating_sub(told.begun) as f64 / 1e6,
        "devices_a_second": online as f64 / seconds,
        "us_a_device": used * 1e6 / online as f64,
        "refused": told.refused,
        "hung_up": told.lost,
        "online": seen.online,
        "offline": seen.offline,
        "connections": seen.connections,
        "overflows": left,
    }))
}
