//! Processor time of an event, and bytes to disk for a byte that is stored, end to end.

use anyhow::Result;
use serde_json::{Value, json};

use crate::{
    Plan,
    fleet::Pace,
    folder::record,
    load::Run,
    report::{Spread, begin, keep, table},
    subject::Subject,
};

const SUBJECTS: [Subject; 3] = [Subject::Memory, Subject::Os, Subject::Group];

/// A thousand devices with twenty messages of 64 bytes a second each.
const PACE: Pace = Pace { devices: 1000, writes: 20_000.0, lines: 1, bytes: 64 };

pub fn run(plan: &Plan) -> Result<()> {
    let facts = begin(&plan.scratch, "cpu", "1,000 devices, 20,000 messages of 64 bytes a second");
    let mut runs = Vec::new();
    for _ in 0..plan.runs {
        for subject in SUBJECTS {
            runs.push(Run::measure(subject, PACE, plan)?);
        }
    }
    let sums: Vec<_> = SUBJECTS.iter().map(|subject| Sum::of(*subject, &runs)).collect();
    let head = [
        "spool",
        "us an event",
        "of it in the kernel",
        "events/s",
        "bytes to disk for a byte stored",
        "for a byte of a device",
        "resident MiB",
        "others' processors",
    ];
    table(&head, &sums.iter().map(Sum::row).collect::<Vec<_>>());
    let results = json!({
        "record_bytes": record(PACE.bytes),
        "device_bytes": PACE.bytes,
        "medians": sums.iter().map(Sum::json).collect::<Vec<_>>(),
        "runs": runs.iter().map(Run::json).collect::<Vec<_>>(),
    });
    keep(&plan.results, "cpu", facts, &results)
}

/// All runs of one subject.
struct Sum {
    subject: Subject,
    cost: Spread,
    kernel: Spread,
    rate: Spread,
    stored: Spread,
    payload: Spread,
    resident: Spread,
    others: Spread,
}

impl Sum {
    fn of(subject: Subject, runs: &[Run]) -> Self {
        let own: Vec<_> = runs.iter().filter(|run| run.subject == subject).collect();
        let each = |value: &dyn Fn(&Run) -> f64| Spread::of(own.iter().map(|run| value(run)));
        let written =
            |run: &Run, bytes: usize| run.usage.written as f64 / (run.lines as f64 * bytes as f64);
        Self {
            subject,
            cost: each(&Run::cost),
            kernel: each(&|run| run.usage.system * 1e6 / run.lines as f64),
            rate: each(&Run::rate),
            stored: each(&|run| written(run, record(run.pace.bytes))),
            payload: each(&|run| written(run, run.pace.bytes)),
            resident: each(&|run| run.resident as f64 / 1024.0),
            others: each(&|run| run.others),
        }
    }

    fn row(&self) -> Vec<String> {
        vec![
            self.subject.name().to_owned(),
            self.cost.text(2),
            self.kernel.text(2),
            self.rate.text(0),
            self.stored.text(2),
            self.payload.text(2),
            self.resident.text(1),
            self.others.text(2),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "subject": self.subject.name(),
            "us_an_event": self.cost.json(),
            "us_in_kernel": self.kernel.json(),
            "events_a_second": self.rate.json(),
            "written_for_a_byte_stored": self.stored.json(),
            "written_for_a_byte_of_a_device": self.payload.json(),
            "resident_mib": self.resident.json(),
            "processors_of_others": self.others.json(),
        })
    }
}
