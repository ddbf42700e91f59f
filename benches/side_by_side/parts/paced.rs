//! Processor time of a message, and how long it is on its way, when a thousand devices send
//! twenty thousand messages a second.

use anyhow::Result;
use serde_json::Value;

use super::{Part, all};
use crate::{
    contender::{Contender, Tools},
    figures::{Bound::AtMost, Column, Goal},
    fleet::Crowd,
    plan::Plan,
    scene::Stage,
};

const CASE: &str = "64 B";

pub const PART: Part = Part {
    name: "paced",
    what: "1,000 devices send 20,000 messages of 64 bytes a second",
    cases: &[CASE],
    columns: &[
        Column { head: "us a message", key: "us_a_message", decimals: 2 },
        Column { head: "in user", key: "user_us_a_message", decimals: 2 },
        Column { head: "in kernel", key: "system_us_a_message", decimals: 2 },
        Column { head: "p50 us", key: "p50_us", decimals: 0 },
        Column { head: "p99 us", key: "p99_us", decimals: 0 },
        Column { head: "p99.9 us", key: "p999_us", decimals: 0 },
        Column { head: "switches a message", key: "switches_a_message", decimals: 3 },
        Column { head: "messages an ack", key: "messages_an_acknowledgement", decimals: 1 },
        Column { head: "messages/s", key: "messages_a_second", decimals: 0 },
        Column { head: "lost", key: "lost", decimals: 0 },
    ],
    goals: &[
        Goal::to(CASE, "us_a_message", Contender::Floor, AtMost(1.5)),
        Goal::to(CASE, "us_a_message", Contender::Go, AtMost(0.5)),
        Goal::to(CASE, "us_a_message", Contender::Node, AtMost(0.45)),
        Goal {
            who: Contender::GroupOfTwo,
            case: CASE,
            key: "us_a_message",
            beside: Some((Contender::Floor, CASE)),
            bound: None,
        },
        Goal::to(CASE, "p99_us", Contender::Floor, AtMost(2.0)),
    ],
    is_for: all,
    measure,
};

/// Those who keep the pace, here and in other parts.
pub fn crowd() -> Crowd {
    Crowd { paced: 1000, rate: 20_000.0, bytes: 64, ..Crowd::default() }
}

fn measure(plan: &Plan, tools: &Tools, contender: Contender, _case: &str) -> Result<Value> {
    let mut scene = Stage::set(plan, tools, contender)?.invite(crowd())?;
    let mut figures = scene.window(plan)?;
    let (sent, lost) = scene.lost()?;
    (figures["sent"], figures["lost"]) = (sent.into(), lost.into());
    Ok(figures)
}
