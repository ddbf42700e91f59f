//! What the runs of a part gave: a table, goals, and all of it as JSON.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{
    contender::{ALL, Contender},
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

/// How a figure of tetherd is to be.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// Whose figure.
    pub who: Contender,
    /// In which case.
    pub case: &'static str,
    /// Which figure.
    pub key: &'static str,
    /// Whose figure it is held against, and in which case; without any the bound is the figure's.
    pub beside: Option<(Contender, &'static str)>,
    /// Times the other's. It is only told how it stands, if there is none.
    pub bound: Option<Bound>,
}

/// On which side of it.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    /// Of the spool that is meant to be used, against somebody else in the same case.
    pub const fn to(case: &'static str, key: &'static str, other: Contender, bound: Bound) -> Self {
        let beside = Some((other, case));
        Self { who: Contender::Group, case, key, beside, bound: Some(bound) }
    }

    fn text(&self) -> String {
        let Self { case, key, .. } = self;
        let who = self.who.name();
        match self.beside {
            None => format!("{case}: {key} of `{who}`"),
            Some((other, beside)) if beside == *case => {
                format!("{case}: {key} of `{who}` / that of `{}`", other.name())
            }
            Some((other, beside)) => {
                format!("{case}: {key} of `{who}` / that of `{}`, {beside}", other.name())
            }
        }
    }
}

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
    pub fn print(&self, cases: &[&'static str], columns: &[Column]) {
        let has_cases = cases.len() > 1;
        let mut head = vec![""; 1 + usize::from(has_cases)];
        head.extend(columns.iter().map(|column| column.head));
        let mut rows = Vec::new();
        for case in cases {
            for contender in ALL.iter().copied().filter(|one| self.has(case, *one)) {
                let mut row = Vec::new();
                row.extend(has_cases.then(|| (*case).to_owned()));
                row.push(format!("`{}`", contender.name()));
                row.extend(columns.iter().map(|column| self.cell(case, contender, column)));
                rows.push(row);
            }
        }
        report::table(&head, &rows);
    }

    fn has(&self, case: &str, contender: Contender) -> bool {
        self.0.iter().any(|run| (run.case, run.contender) == (case, contender))
    }

    fn cell(&self, case: &str, contender: Contender, column: &Column) -> String {
        let spread = self.spread(case, contender, column.key);
        spread.map_or_else(|| "-".to_owned(), |spread| spread.text(column.decimals))
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
                goal["goal"].as_str().unwrap_or_default().to_owned(),
                match goal["holds"].as_bool() {
                    Some(true) => "yes",
                    Some(false) => "no",
                    None => "",
                }
                .to_owned(),
            ]);
        }
        if !rows.is_empty() {
            report::table(&["", "median (of single rounds)", "goal", "holds"], &rows);
        }
        told
    }

    fn goal(&self, goal: &Goal) -> Option<Value> {
        let own = self.spread(goal.case, goal.who, goal.key)?;
        let (ratio, rounds) = match goal.beside {
            None => (own.median(), own),
            Some((other, case)) => {
                let others = self.spread(case, other, goal.key)?;
                (own.median() / others.median(), self.rounds(goal, other, case))
            }
        };
        let (bound, holds) = match goal.bound {
            Some(Bound::AtMost(bound)) => (format!("at most {bound}"), Some(ratio <= bound)),
            Some(Bound::AtLeast(bound)) => (format!("at least {bound}"), Some(ratio >= bound)),
            None => (String::new(), None),
        };
        Some(json!({
            "what": goal.text(),
            "ratio": ratio,
            "least": rounds.quantile(0.0),
            "most": rounds.quantile(1.0),
            "goal": bound,
            "holds": holds,
        }))
    }

    /// The ratios of single rounds.
    fn rounds(&self, goal: &Goal, other: Contender, case: &str) -> Spread {
        let own = self.0.iter().filter(|run| (run.contender, run.case) == (goal.who, goal.case));
        Spread::of(own.filter_map(|run| {
            let theirs = self.0.iter().find(|theirs| {
                (theirs.contender, theirs.case, theirs.round) == (other, case, run.round)
            })?;
            Some(figure(run, goal.key)? / figure(theirs, goal.key)?)
        }))
    }

    /// The figure of this name in all runs that have it.
    pub fn spread(&self, case: &str, contender: Contender, key: &str) -> Option<Spread> {
        let own = self.0.iter().filter(|run| run.contender == contender && run.case == case);
        let values: Vec<_> = own.filter_map(|run| figure(run, key)).collect();
        (!values.is_empty()).then(|| Spread::of(values))
    }

    /// Writes all into a folder.
    pub fn keep(&self, folder: &Path, part: &str, facts: Value, goals: Vec<Value>) -> Result<()> {
        let results =
            json!({ "goals": goals, "runs": self.0.iter().map(json).collect::<Vec<_>>() });
        report::keep(folder, &file(part), facts, &results)
    }

    /// Reads what was written into a folder, where it is of these cases.
    pub fn read(folder: &Path, part: &str, cases: &[&'static str]) -> Result<Self> {
        let path = folder.join(file(part)).with_extension("json");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let all: Value = serde_json::from_str(&text)?;
        let runs = all["results"]["runs"].as_array().context("no runs")?;
        Ok(Self(runs.iter().filter_map(|run| read(run, cases)).collect()))
    }
}

/// The file's name, without its ending.
fn file(part: &str) -> String {
    format!("side_by_side_{part}")
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

fn read(run: &Value, cases: &[&'static str]) -> Option<Run> {
    Some(Run {
        contender: ALL.iter().copied().find(|known| run["contender"] == known.name())?,
        case: cases.iter().copied().find(|known| run["case"] == *known)?,
        round: run["round"].as_u64()?.checked_sub(1)? as usize,
        figures: match run.get("figures") {
            Some(figures) => Ok(figures.clone()),
            None => Err(run["failed"].as_str()?.to_owned()),
        },
    })
}
