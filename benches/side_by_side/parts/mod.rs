//! What can be measured, each part by itself.

mod drain;
mod idle;
mod neighbours;
mod paced;
mod saturation;
mod storm;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::{
    contender::{Contender, Tools},
    figures::{Column, Goal, Run, Runs},
    plan::Plan,
    report,
};

/// A figure, and how it is found.
struct Part {
    name: &'static str,
    what: &'static str,
    /// In which cases: each is measured for each contender.
    cases: &'static [&'static str],
    columns: &'static [Column],
    goals: &'static [Goal],
    /// Who takes part, if not all do.
    is_for: fn(Contender) -> bool,
    measure: fn(&Plan, &Tools, Contender, &str) -> Result<Value>,
}

const PARTS: &[Part] =
    &[paced::PART, saturation::PART, idle::PART, storm::PART, drain::PART, neighbours::PART];

/// Everybody takes part.
fn all(_: Contender) -> bool {
    true
}

/// Runs the parts of a plan.
pub fn run(mut plan: Plan) -> Result<()> {
    if let Some(unknown) =
        plan.parts.iter().find(|name| !PARTS.iter().any(|part| part.name == *name))
    {
        let known: Vec<_> = PARTS.iter().map(|part| part.name).collect();
        bail!("{unknown} is no part; there are {}", known.join(", "));
    }
    plan.contenders.retain(|contender| match contender.lack() {
        Some(remedy) => {
            println!("{} is left out, since it is not installed ({remedy})", contender.name());
            false
        }
        None => true,
    });
    let tools = Tools::build(&plan)?;
    for part in PARTS {
        if plan.parts.is_empty() || plan.parts.iter().any(|wanted| wanted == part.name) {
            part.run(&plan, &tools)?;
        }
    }
    Ok(())
}

impl Part {
    fn run(&self, plan: &Plan, tools: &Tools) -> Result<()> {
        let facts = report::begin(&plan.scratch, self.name, self.what);
        let mut runs = Runs::default();
        for round in 0..plan.runs {
            for case in self.cases {
                for contender in plan.contenders.iter().copied().filter(|one| (self.is_for)(*one)) {
                    let figures = (self.measure)(plan, tools, contender, case);
                    let figures = figures.map_err(|error| format!("{error:#}"));
                    let run = Run { contender, case, round, figures };
                    self.tell(&run);
                    runs.0.push(run);
                }
            }
        }
        runs.print(self.columns);
        let goals = runs.goals(self.goals);
        runs.keep(plan, self.name, facts, goals)
    }

    /// One line for each run, while it goes on.
    fn tell(&self, run: &Run) {
        let figures = match &run.figures {
            Ok(figures) => self.columns.iter().map(|column| column.told(figures)).collect(),
            Err(why) => vec![why.clone()],
        };
        let name = run.contender.name();
        eprintln!("  {} {} {name:8} {}", run.round + 1, run.case, figures.join(", "));
    }
}

impl Column {
    fn told(&self, figures: &Value) -> String {
        let value = figures[self.key].as_f64().unwrap_or(f64::NAN);
        format!("{} {value:.*}", self.head, self.decimals)
    }
}
