//! Each size by itself, a table of all, and a file of results.

use std::{collections::BTreeMap, fs, time::Duration};

use anyhow::Result;
use serde_json::{Value, json};

use crate::{
    Plan,
    child::{Child, Grown},
    counting, machine,
    operations::{A_ROUND, A_TURN, Operation},
    valgrind,
};

/// What was found out with so many sessions.
struct Size {
    sessions: u32,
    /// Bytes a session: the stream's, and all that is resident.
    stream: f64,
    resident: f64,
    grown: Grown,
    /// Microseconds of an operation, of several rounds, sorted.
    times: BTreeMap<&'static str, Vec<f64>>,
    /// Instructions of an operation; none without valgrind.
    counts: BTreeMap<&'static str, f64>,
}

/// Measures what is planned.
pub fn run(plan: &Plan) -> Result<()> {
    let valgrind = valgrind::version();
    if valgrind.is_none() {
        println!("instructions are left out: valgrind is missing (apt-get install valgrind)");
    }
    let temporary = tempfile::tempdir()?;
    let folder = plan.profiles.as_deref().unwrap_or(temporary.path());
    fs::create_dir_all(folder)?;
    let mut sizes = Vec::new();
    for sessions in &plan.sizes {
        println!("{sessions} sessions ...");
        let mut size = measure(*sessions, plan.rounds)?;
        if valgrind.is_some() {
            size.counts = counting::count(*sessions, folder)?;
        }
        sizes.push(size);
    }
    show_memory(&sizes);
    show_operations(&sizes);
    if plan.keep {
        keep(&sizes, valgrind)?;
    }
    Ok(())
}

fn measure(sessions: u32, rounds: usize) -> Result<Size> {
    let streams: u64 = Child::start()?.ask(&format!("streams {sessions}"))?;
    let mut child = Child::start()?;
    let grown: Grown = child.ask(&format!("grow {sessions}"))?;
    let resident: u64 = child.ask("talk")?;
    let mut times = BTreeMap::<_, Vec<_>>::new();
    let mut time = |child: &mut Child, operation: Operation| {
        let took: Duration = child.ask(operation.as_str())?;
        let micros = took.as_secs_f64() * 1e6 / A_ROUND as f64;
        times.entry(operation.as_str()).or_default().push(micros);
        anyhow::Ok(())
    };
    child.ask::<()>("deadlines")?;
    for _ in 0..rounds {
        time(&mut child, Operation::Deadline)?;
    }
    child.ask::<()>("quiet")?;
    for _ in 0..rounds {
        Operation::AGAIN.into_iter().try_for_each(|operation| time(&mut child, operation))?;
    }
    times.values_mut().for_each(|times| times.sort_unstable_by(f64::total_cmp));
    let [stream, resident] = [streams, resident].map(|bytes| bytes as f64 / f64::from(sessions));
    Ok(Size { sessions, stream, resident, grown, times, counts: BTreeMap::new() })
}

impl Size {
    /// Bytes a session beyond its stream.
    fn beyond(&self) -> f64 {
        self.resident - self.stream
    }

    fn time(&self, operation: &str) -> f64 {
        self.times.get(operation).map_or(f64::NAN, |times| times[times.len() / 2])
    }

    fn json(&self) -> Value {
        json!({
            "sessions": self.sessions,
            "bytes_a_session": {
                "stream": self.stream.round(),
                "resident": self.resident.round(),
                "beyond_the_stream": self.beyond().round(),
            },
            "opening": {
                "usual_turn_us": micros(self.grown.usual_turn),
                "longest_turn_us": micros(self.grown.longest_turn),
                "sessions_a_turn": A_TURN,
            },
            "instructions": self.counts,
            "microseconds": self.times,
        })
    }
}

fn micros(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e7).round() / 10.0
}

fn show_memory(sizes: &[Size]) {
    let head = ["stream", "resident", "beyond it", "usual turn", "longest turn"];
    println!("\n| sessions | {} |\n|---|---|---|---|---|---|", head.join(" | "));
    for size in sizes {
        println!(
            "| {} | {:.0} B | {:.0} B | {:.0} B | {:.0} us | {:.0} us |",
            size.sessions,
            size.stream,
            size.resident,
            size.beyond(),
            micros(size.grown.usual_turn),
            micros(size.grown.longest_turn),
        );
    }
}

fn show_operations(sizes: &[Size]) {
    let columns: Vec<_> = sizes.iter().map(|size| size.sessions.to_string()).collect();
    println!(
        "\n| operation | {} | last / first | us: {} |",
        columns.join(" | "),
        columns.join(" | ")
    );
    println!("|---|{}---|{}", "---|".repeat(sizes.len()), "---|".repeat(sizes.len()));
    for operation in Operation::AGAIN.into_iter().chain([Operation::Deadline]) {
        let word = operation.as_str();
        let counts: Vec<_> = sizes.iter().filter_map(|size| size.counts.get(word)).collect();
        let growth = match (counts.first(), counts.last()) {
            (Some(first), Some(last)) => format!("{:.3}", *last / *first),
            _ => String::new(),
        };
        let counts: Vec<_> = counts.iter().map(|count| format!("{count:.0}")).collect();
        let times: Vec<_> = sizes.iter().map(|size| format!("{:.2}", size.time(word))).collect();
        println!("| {word} | {} | {growth} | {} |", counts.join(" | "), times.join(" | "));
    }
}

fn keep(sizes: &[Size], valgrind: Option<String>) -> Result<()> {
    let facts = json!({
        "date": tetherd::model::UnixMillis::now().to_string(),
        "processor": machine::processor(),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "load_average": fs::read_to_string("/proc/loadavg").unwrap_or_default().trim(),
        "rustc": machine::compiler(),
        "valgrind": valgrind,
    });
    let sizes: Vec<_> = sizes.iter().map(Size::json).collect();
    let all = json!({ "part": "sessions", "machine": facts, "results": sizes });
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/results/sessions.json");
    fs::write(path, format!("{}\n", serde_json::to_string_pretty(&all)?))?;
    println!("\nwritten: {path}");
    Ok(())
}
