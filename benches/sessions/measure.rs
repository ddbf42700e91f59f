//! Each size by itself, a table of all, and a file of results.

use std::{collections::BTreeMap, env, fs, path::Path};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{
    Plan, child,
    common::{
        process::Process,
        report::{Spread, begin, keep, table},
        valgrind,
    },
    counting::{self, Counts},
    operations::{A_TURN, Operation},
};

/// What was found out with so many sessions.
struct Size {
    sessions: u32,
    /// Bytes a session: the stream's, all that is resident, and the same once everybody has gone
    /// and somebody else has come.
    stream: f64,
    resident: f64,
    later: f64,
    /// Microseconds of a turn that lets some in.
    usual_turn: f64,
    longest_turn: f64,
    /// Microseconds of an operation, by its word.
    times: BTreeMap<&'static str, Spread>,
    counts: Counts,
}

/// Measures what is planned.
pub fn run(plan: &Plan) -> Result<()> {
    let facts = begin(&env::temp_dir(), "sessions", "what one costs where there are very many");
    let valgrind = valgrind::version();
    if valgrind.is_none() {
        println!("instructions are left out: valgrind is missing (apt-get install valgrind)");
    }
    let temporary = tempfile::tempdir()?;
    let profiles = plan.profiles.as_deref().unwrap_or(temporary.path());
    fs::create_dir_all(profiles)?;
    let mut sizes = Vec::new();
    for sessions in &plan.sizes {
        println!("{sessions} sessions ...");
        let mut size = measure(*sessions, plan.rounds)?;
        if valgrind.is_some() {
            size.counts = counting::count(*sessions, profiles)?;
        }
        sizes.push(size);
    }
    show_memory(&sizes);
    show_operations(&sizes);
    if plan.keep {
        let results: Vec<_> = sizes.iter().map(Size::json).collect();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/results");
        keep(&folder, "sessions", facts, &json!({ "valgrind": valgrind, "sizes": results }))?;
    }
    Ok(())
}

fn measure(sessions: u32, rounds: usize) -> Result<Size> {
    let ask = |child: &mut Process, what: &str| {
        let answer = child.ask(what)?;
        answer.as_f64().with_context(|| format!("{what}: {answer}"))
    };
    let stream = ask(&mut start()?, &format!("streams {sessions}"))?;
    let mut child = start()?;
    let turns = child.ask(&format!("grow {sessions}"))?;
    child.ask("talk")?;
    let resident = ask(&mut child, "resident")?;
    let mut times = BTreeMap::<_, Vec<_>>::new();
    let mut time = |child: &mut Process, operation: Operation| {
        let took = ask(child, operation.as_str())?;
        times.entry(operation.as_str()).or_default().push(took);
        anyhow::Ok(())
    };
    child.ask("deadlines")?;
    for _ in 0..rounds {
        time(&mut child, Operation::Deadline)?;
    }
    child.ask("quiet")?;
    child.ask("come-back")?;
    let later = ask(&mut child, "resident")?;
    for _ in 0..rounds {
        Operation::AGAIN.into_iter().try_for_each(|operation| time(&mut child, operation))?;
    }
    let [stream, resident, later] =
        [stream, resident, later].map(|bytes| bytes / f64::from(sessions));
    Ok(Size {
        sessions,
        stream,
        resident,
        later,
        usual_turn: turns["usual"].as_f64().context("turns")?,
        longest_turn: turns["longest"].as_f64().context("turns")?,
        times: times.into_iter().map(|(word, times)| (word, Spread::of(times))).collect(),
        counts: Counts::new(),
    })
}

fn start() -> Result<Process> {
    Process::start(child::TIMED, &Value::Null)
}

impl Size {
    fn json(&self) -> Value {
        let times: BTreeMap<_, _> =
            self.times.iter().map(|(word, times)| (*word, times.json())).collect();
        json!({
            "sessions": self.sessions,
            "bytes_a_session": {
                "stream": self.stream.round(),
                "resident": self.resident.round(),
                "resident_later": self.later.round(),
            },
            "us_of_a_turn": {
                "sessions": A_TURN,
                "usual": self.usual_turn,
                "longest": self.longest_turn,
            },
            "instructions": self.counts,
            "us": times,
        })
    }
}

fn show_memory(sizes: &[Size]) {
    let head = ["sessions", "stream", "beyond it", "later", "usual turn", "longest"];
    let row = |size: &Size| {
        let bytes = |bytes: f64| format!("{bytes:.0} B");
        let micros = |micros: f64| format!("{micros:.0} us");
        vec![
            size.sessions.to_string(),
            bytes(size.stream),
            bytes(size.resident - size.stream),
            bytes(size.later - size.stream),
            micros(size.usual_turn),
            micros(size.longest_turn),
        ]
    };
    table(&head, &sizes.iter().map(row).collect::<Vec<_>>());
}

fn show_operations(sizes: &[Size]) {
    let mut head = vec!["operation".to_owned()];
    head.extend(sizes.iter().map(|size| format!("instructions, {}", size.sessions)));
    head.push("last / first".to_owned());
    head.extend(sizes.iter().map(|size| format!("us, {}", size.sessions)));
    let row = |operation: &Operation| {
        let word = operation.as_str();
        let counts: Vec<_> =
            sizes.iter().map(|size| size.counts.get(word).copied().unwrap_or(f64::NAN)).collect();
        let growth =
            counts.last().zip(counts.first()).map_or(f64::NAN, |(last, first)| last / first);
        let mut row = vec![word.to_owned()];
        row.extend(counts.iter().map(|count| format!("{count:.0}")));
        row.push(format!("{growth:.3}"));
        row.extend(
            sizes
                .iter()
                .map(|size| size.times.get(word).map_or_else(String::new, |times| times.text(2))),
        );
        row
    };
    let head: Vec<_> = head.iter().map(String::as_str).collect();
    table(&head, &Operation::ALL.iter().map(row).collect::<Vec<_>>());
}
