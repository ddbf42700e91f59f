//! What the runs of a part gave: a table, goals, and all of it as JSON.

use anyhow::Result;
use serde_json::{Value, json};

use crate::{
    contender::Contender,
    plan::Plan,
    report::{self, Spread},
};

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub head: &'static str,
    /// Of the figure in a run.
    pub key: &'static str,
    pub decimals: usize,
}

/// How a figure of tetherd is to stand to that of another.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// Of which case.
    pub case: &'static str,
    /// Which figure.
    pub key: &'static str,
    /// Who else, and in which case.
    pub other: Contender,
    pub beside: &'static str,
    /// Times the other's.
    pub bound: Bound,
}

impl Goal {
    /// In the same case.
    pub const fn to(case: &'static str, key: &'static str, other: Contender, bound: Bound) -> Self {
        Self { case, key, other, beside: case, bound }
    }

    fn text(&self) -> String {
        let Self { case, key, other, beside, .. } = self;
        let beside = if case == beside { String::new() } else { format!(", {beside}") };
        format!("{case}: {key} / that of `{}`{beside}", other.name())
    }
}

/// On which side of it.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// Whose goals they are.
const OURS: Contender = Contender::Group;

/// One run of one contender.
#[derive(Clone, Debug)]
pub struct Run {
    pub contender: Contender,
    pub case: &'static str,
    pub round: usize,
    /// Figures by name; or why there are none.
    pub figures: Result<Value, String>,
}

/// All runs of a part.
#[derive(Debug, Default)]
pub struct Runs(pub Vec<Run>);

impl Runs {
    /// A table: a row for each contender in each case.
    pub fn print(&self, columns: &[Column]) {
        let mut rows: Vec<(&str, Contender)> = Vec::new();
        for run in &self.0 {
            if !rows.contains(&(run.case, run.contender)) {
                rows.push((run.case, run.contender));
            }
        }
        let cells = |(case, contender): &(&str, Contender)| {
            let figure = |column: &Column| match self.spread(case, *contender, column.key) {
                Some(spread) => spread.text(column.decimals),
                None => "-".to_owned(),
            };
            let names = [(*case).to_owned(), format!("`{}`", contender.name())];
            names.into_iter().chain(columns.iter().map(figure)).collect()
        };
        let head: Vec<_> = ["", ""].into_iter().chain(columns.iter().map(|c| c.head)).collect();
        // Cases stand together, and contenders in each in their own order.
        let mut cases: Vec<&str> = rows.iter().map(|(case, _)| *case).collect();
        cases.dedup();
        rows.sort_by_key(|(case, who)| {
            let at = cases.iter().position(|known| known == case);
            (at, crate::contender::ALL.iter().position(|known| known == who))
        });
        report::table(&head, &rows.iter().map(cells).collect::<Vec<_>>());
    }

    /// How far goals are reached, as ratios of medians; and the ratios of single rounds, from the
    /// least to the most.
    pub fn goals(&self, goals: &[Goal]) -> Vec<Value> {
        let told: Vec<_> = goals.iter().filter_map(|goal| self.goal(goal)).collect();
        let mut rows = Vec::new();
        for goal in &told {
            let number = |key: &str| goal[key].as_f64().unwrap_or(f64::NAN);
            let of_rounds = format!("{:.2} to {:.2}", number("least"), number("most"));
            rows.push(vec![
                goal["what"].as_str().unwrap_or_default().to_owned(),
                format!("{:.2} ({of_rounds})", number("ratio")),
                format!("{} {}", goal["side"].as_str().unwrap_or_default(), number("bound")),
                if goal["holds"] == true { "yes" } else { "no" }.to_owned(),
            ]);
        }
        if !rows.is_empty() {
            report::table(&["`group`", "ratio (of single rounds)", "goal", "holds"], &rows);
        }
        told
    }

    fn goal(&self, goal: &Goal) -> Option<Value> {
        let own = self.spread(goal.case, OURS, goal.key)?;
        let other = self.spread(goal.beside, goal.other, goal.key)?;
        let rounds = self.0.iter().filter(|run| run.contender == OURS && run.case == goal.case);
        let ratios = rounds.filter_map(|run| {
            let theirs = self.0.iter().find(|other| {
                (other.contender, other.case, other.round) == (goal.other, goal.beside, run.round)
            })?;
            Some(figure(run, goal.key)? / figure(theirs, goal.key)?)
        });
        let rounds = Spread::of(ratios);
        let ratio = own.median() / other.median();
        let (side, bound, holds) = match goal.bound {
            Bound::AtMost(bound) => ("at most", bound, ratio <= bound),
            Bound::AtLeast(bound) => ("at least", bound, ratio >= bound),
        };
        Some(json!({
            "what": goal.text(),
            "ratio": ratio,
            "least": rounds.quantile(0.0),
            "most": rounds.quantile(1.0),
            "side": side,
            "bound": bound,
            "holds": holds,
        }))
    }

    /// The figure of this name in all runs that have it.
    pub fn spread(&self, case: &str, contender: Contender, key: &str) -> Option<Spread> {
        let own = self.0.iter().filter(|run| run.contender == contender && run.case == case);
        let values: Vec<_> = own.filter_map(|run| figure(run, key)).collect();
        (!values.is_empty()).then(|| Spread::of(values))
    }

    /// Writes all, if the plan wants that.
    pub fn keep(&self, plan: &Plan, part: &str, facts: Value, goals: Vec<Value>) -> Result<()> {
        let Some(folder) = &plan.results else { return Ok(()) };
        let runs: Vec<_> = self.0.iter().map(json).collect();
        let results = json!({ "goals": goals, "runs": runs });
        report::keep(folder, &format!("side_by_side_{part}"), facts, &results)
    }
}

fn figure(run: &Run, key: &str) -> Option<f64> {
    run.figures.as_ref().ok()?[key].as_f64()
}

fn json(run: &Run) -> Value {
    let (key, value) = match &run.figures {
        Ok(figures) => ("figures", figures.clone()),
        Err(why) => ("failed", why.as_str().into()),
    };
    json!({ "contender": run.contender.name(), "case": run.case, "round": run.round + 1, key: value })
}
