//! How many messages a second go through when devices write whenever they can.

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Part, all};
use crate::{
    contender::{Contender, Tools},
    figures::{Bound::AtLeast, Column, Goal},
    fleet::Crowd,
    plan::Plan,
    scene::Stage,
};

const EIGHT: &str = "8 of 64 B a write";
const LONG: &str = "1 of 1 KiB a write";
const CASES: &[&str] = &["1 of 64 B a write", EIGHT, "64 of 64 B a write", LONG];

/// Messages in a write, and bytes of one, in the order of cases.
const WRITES: [(usize, usize); 4] = [(1, 64), (8, 64), (64, 64), (1, 1024)];

/// Devices that write.
const DEVICES: u32 = 128;

pub const PART: Part = Part {
    name: "saturation",
    what: "128 devices write whenever they can",
    cases: CASES,
    columns: &[
        Column { head: "messages/s", key: "messages_a_second", decimals: 0 },
        Column { head: "us a message", key: "us_a_message", decimals: 2 },
        Column { head: "in kernel", key: "system_us_a_message", decimals: 2 },
        Column { head: "processors", key: "processors", decimals: 2 },
        Column { head: "of the web server", key: "processors_of_web", decimals: 2 },
        Column { head: "of the devices", key: "processors_of_fleet", decimals: 2 },
        Column { head: "messages an ack", key: "messages_an_acknowledgement", decimals: 0 },
        Column { head: "resident MiB", key: "resident_mib", decimals: 0 },
        Column { head: "lost", key: "lost", decimals: 0 },
    ],
    goals: &[
        Goal::to(EIGHT, "messages_a_second", Contender::Floor, AtLeast(0.8)),
        Goal::to(EIGHT, "messages_a_second", Contender::Node, AtLeast(2.0)),
        Goal::to(LONG, "messages_a_second", Contender::Floor, AtLeast(0.7)),
        Goal::to(LONG, "messages_a_second", Contender::Node, AtLeast(4.0)),
    ],
    is_for: all,
    measure,
};

fn measure(plan: &Plan, tools: &Tools, contender: Contender, case: &str) -> Result<Value> {
    let at = CASES.iter().position(|known| *known == case).context("which case?")?;
    let (lines, bytes) = WRITES[at];
    let crowd = Crowd { bulk: DEVICES, lines, bytes, ..Crowd::default() };
    let mut scene = Stage::set(plan, tools, contender)?.invite(crowd)?;
    let mut figures = scene.window(plan)?;
    let (sent, lost) = scene.lost()?;
    (figures["sent"], figures["lost"]) = (sent.into(), lost.into());
    Ok(figures)
}
