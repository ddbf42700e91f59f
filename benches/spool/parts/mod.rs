//! What can be measured, each part by itself.

mod cpu;
mod drain;
mod open;
mod promise;
mod rsyslog;

use anyhow::{Result, bail};

use crate::{Plan, program};

type Part = fn(&Plan) -> Result<()>;

const PARTS: &[(&str, Part)] = &[
    ("cpu", cpu::run),
    ("promise", promise::run),
    ("open", open::run),
    ("drain", drain::run),
    ("rsyslog", rsyslog::run),
];

/// Runs the parts of these names; all, if none is named.
pub fn run(names: &[String], mut plan: Plan) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| !PARTS.iter().any(|(part, _)| part == name)) {
        let known: Vec<_> = PARTS.iter().map(|(part, _)| *part).collect();
        bail!("{unknown} is no part; there are {}", known.join(", "));
    }
    if plan.program.as_os_str().is_empty() {
        plan.program = program::build()?;
    }
    for (name, part) in PARTS {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            part(&plan)?;
        }
    }
    Ok(())
}
