//! What devices that behave notice of others that do not.

use anyhow::Result;
use serde_json::Value;

use super::{Part, paced::crowd};
use crate::{
    contender::{Contender, Tools},
    figures::{Bound::AtMost, Column, Goal},
    fleet::Crowd,
    plan::Plan,
    scene::Stage,
};

const ALONE: &str = "alone";
const FLOODED: &str = "beside one that floods";
const TRICKLED: &str = "beside 5,000 that trickle";

pub const PART: Part = Part {
    name: "neighbours",
    what: "1,000 devices send 20,000 messages of 64 bytes a second, beside others",
    cases: &[ALONE, FLOODED, TRICKLED],
    columns: &[
        Column { head: "p50 us", key: "p50_us", decimals: 0 },
        Column { head: "p99 us", key: "p99_us", decimals: 0 },
        Column { head: "p99.9 us", key: "p999_us", decimals: 0 },
        Column { head: "messages/s of all", key: "messages_a_second", decimals: 0 },
        Column { head: "left out", key: "left_out", decimals: 0 },
        Column { head: "processors", key: "processors", decimals: 2 },
        Column { head: "lost", key: "lost", decimals: 0 },
    ],
    goals: &[
        Goal {
            who: Contender::Group,
            case: FLOODED,
            key: "p99_us",
            beside: Some((Contender::Group, ALONE)),
            bound: Some(AtMost(2.0)),
        },
        Goal {
            who: Contender::Group,
            case: TRICKLED,
            key: "p99_us",
            beside: Some((Contender::Group, ALONE)),
            bound: Some(AtMost(2.0)),
        },
    ],
    is_for: |contender| matches!(contender, Contender::Floor | Contender::Group),
    measure,
};

fn measure(plan: &Plan, tools: &Tools, contender: Contender, case: &str) -> Result<Value> {
    let crowd = match case {
        FLOODED => Crowd { paced: 999, bulk: 1, ..crowd() },
        TRICKLED => Crowd { trickling: 5_000, ..crowd() },
        _ => crowd(),
    };
    let mut scene = Stage::set(plan, tools, contender)?.invite(crowd)?;
    let mut figures = scene.window(plan)?;
    let (sent, lost) = scene.lost()?;
    (figures["sent"], figures["lost"]) = (sent.into(), lost.into());
    Ok(figures)
}
