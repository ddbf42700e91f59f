//! tetherd beside what people would use instead, and beside the least that the kernel asks for.
//! Reported, never asserted.
//!
//! `cargo bench --bench side_by_side -- [part...]`; `benches/README.md` tells what the parts are.
#![allow(clippy::print_stdout, clippy::print_stderr)] // it is a program for a terminal

mod clock;
#[path = "../common/mod.rs"]
mod common;
mod contender;
mod figures;
mod fleet;
mod floor;
mod gateway;
mod message;
mod parts;
mod plan;
mod scene;
mod web;

use std::env;

use anyhow::{Context, Result, bail};

use common::{line, process, program, report, rsyslog, usage};
use plan::Plan;

fn main() -> Result<()> {
    tetherd::net::raise_descriptor_limit();
    // Cargo adds a word of its own.
    let mut words = env::args().skip(1).filter(|word| word != "--bench").peekable();
    if words.next_if(|word| word == process::ROLE).is_some() {
        return play(&words.next().context("which role?")?, words.next());
    }
    parts::run(Plan::read(words)?)
}

/// What this program does as one of its own children.
fn play(role: &str, task: Option<String>) -> Result<()> {
    let task = task.context("no task")?;
    match role {
        contender::FLOOR => floor::run(&task),
        fleet::ROLE => fleet::play(&serde_json::from_str(&task)?),
        web::ROLE => web::play(),
        _ => bail!("{role} is no role"),
    }
}
