//! Side by side with rsyslog: lines by TCP, through a queue on disk, to a server by TCP.

use anyhow::Result;
use serde_json::{Value, json};

use crate::{
    Plan,
    fleet::Pace,
    load::Run,
    report::{Spread, begin, keep, table},
    rsyslog,
    subject::Subject,
};

const SUBJECTS: [Subject; 3] = [Subject::Rsyslog, Subject::Os, Subject::Group];

/// The same lines a second, in writes of one and of eight.
const PACES: [Pace; 2] = [
    Pace { devices: 1000, writes: 20_000.0, lines: 1, bytes: 64 },
    Pace { devices: 1000, writes: 2_500.0, lines: 8, bytes: 64 },
];

pub fn run(plan: &Plan) -> Result<()> {
    if !rsyslog::is_there() {
        println!("== rsyslog: left out, since it is not installed (apt-get install rsyslog)");
        return Ok(());
    }
    let facts = begin(&plan.scratch, "rsyslog", "the same lines, the same web server, by turns");
    let mut runs = Vec::new();
    for _ in 0..plan.runs {
        for pace in PACES {
            for subject in SUBJECTS {
                runs.push(Run::measure(subject, pace, plan)?);
            }
        }
    }
    let all: Vec<_> = PACES.iter().flat_map(|pace| sums(pace, &runs)).collect();
    let head = [
        "lines a write",
        "",
        "lines/s",
        "lines for a second of processor time",
        "times rsyslog",
        "MB to disk",
        "events/s",
        "others' processors",
    ];
    table(&head, &all.iter().map(Sum::row).collect::<Vec<_>>());
    let results = json!({
        "medians": all.iter().map(Sum::json).collect::<Vec<_>>(),
        "runs": runs.iter().map(Run::json).collect::<Vec<_>>(),
    });
    keep(&plan.results, "rsyslog", facts, &results)
}

/// All runs of one subject under one load.
struct Sum {
    pace: Pace,
    subject: Subject,
    offered: f64,
    lines: Spread,
    efficiency: Spread,
    ratio: f64,
    written: Spread,
    events: Spread,
    others: Spread,
}

fn sums(pace: &Pace, runs: &[Run]) -> Vec<Sum> {
    let sums = SUBJECTS.map(|subject| Sum::of(*pace, subject, runs));
    let rival = sums[0].efficiency.median();
    sums.into_iter().map(|sum| Sum { ratio: sum.efficiency.median() / rival, ..sum }).collect()
}

impl Sum {
    fn of(pace: Pace, subject: Subject, runs: &[Run]) -> Self {
        let is_own = |run: &&Run| run.subject == subject && run.pace.lines == pace.lines;
        let own: Vec<_> = runs.iter().filter(is_own).collect();
        let each = |value: &dyn Fn(&Run) -> f64| Spread::of(own.iter().map(|run| value(run)));
        Self {
            pace,
            subject,
            offered: pace.lines_a_second(),
            lines: each(&|run| run.delivered() / run.seconds),
            efficiency: each(&|run| run.delivered() / run.usage.cpu()),
            ratio: f64::NAN,
            written: each(&|run| run.usage.written as f64 / 1e6),
            events: each(&Run::rate),
            others: each(&|run| run.others),
        }
    }

    fn row(&self) -> Vec<String> {
        vec![
            self.pace.lines.to_string(),
            self.subject.name().to_owned(),
            self.lines.text(0),
            self.efficiency.text(0),
            format!("{:.2}", self.ratio),
            self.written.text(1),
            self.events.text(0),
            self.others.text(2),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "lines_a_write": self.pace.lines,
            "subject": self.subject.name(),
            "lines_offered_a_second": self.offered,
            "lines_a_second": self.lines.json(),
            "lines_a_cpu_second": self.efficiency.json(),
            "times_rsyslog": self.ratio,
            "written_mb": self.written.json(),
            "events_a_second": self.events.json(),
            "processors_of_others": self.others.json(),
        })
    }
}
