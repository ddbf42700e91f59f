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

/// Runs the parts of a plan, or prints what was written of them before.
pub fn run(mut plan: Plan) -> Result<()> {
    let known = |name: &String| PARTS.iter().any(|part| part.name == name);
    if let Some(unknown) = plan.parts.iter().find(|name| !known(name)) {
        let known: Vec<_> = PARTS.iter().map(|part| part.name).collect();
        bail!("{unknown} is no part; there are {}", known.join(", "));
    }
    let is_wanted =
        |part: &&Part| plan.parts.is_empty() || plan.parts.iter().any(|n| n == part.name);
    let parts: Vec<_> = PARTS.iter().filter(is_wanted).collect();
    if plan.is_print {
        return parts.iter().try_for_each(|part| part.print(&plan));
    }
    plan.contenders.retain(|contender| is_there(*contender));
    let tools = Tools::build(&plan)?;
    parts.iter().try_for_each(|part| part.run(&plan, &tools))
}

fn is_there(contender: Contender) -> bool {
    let lack = contender.lack();
    if let Some(remedy) = lack {
        println!("{} is left out, since it is not installed ({remedy})", contender.name());
    }
    lack.is_none()
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
        runs.print(self.cases, self.columns);
        let goals = runs.goals(self.goals);
        if plan.is_kept {
            runs.keep(&plan.results, self.name, facts, goals)?;
        }
        Ok(())
    }

    /// Prints what was written before.
    fn print(&self, plan: &Plan) -> Result<()> {
        println!("== {}: {}", self.name, self.what);
        let runs = Runs::read(&plan.results, self.name, self.cases)?;
        runs.print(self.cases, self.columns);
        runs.goals(self.goals);
        Ok(())
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
