//! The gateway in a process of its own.

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tetherd::{app::Gateway, config, spool::Ledger, telemetry::Telemetry};

use crate::{
    LIMIT,
    process::{self, Process},
};

#[test]
#[ignore = "the others start it in a process of its own"]
fn gateway_process() {
    let Some(task) = process::task() else { return };
    actix_rt::System::new().block_on(serve(task["toml"].as_str().unwrap()));
}

async fn serve(toml: &str) {
    let loaded = config::from_toml(toml).unwrap_or_else(|faults| panic!("{faults}"));
    let telemetry = Telemetry::discarding();
    let gateway = Gateway::builder(loaded).telemetry(telemetry.clone()).start().await.unwrap();
    let mut questions = process::questions();
    while let Some(question) = questions.recv().await {
        match question.as_str() {
            "state" => process::answer(&state(&gateway, &telemetry)),
            "descriptors" => {
                process::answer(&fs::read_dir("/proc/self/fd").unwrap().count().into())
            }
            _ => break,
        }
    }
    gateway.stop().await;
    process::answer(&json!({}));
}

fn state(gateway: &Gateway, telemetry: &Telemetry) -> Value {
    let snapshot = gateway.snapshot();
    let (connections, peak, accepted, refused) = gateway.listener_counts("dtu").unwrap();
    assert_eq!(connections, snapshot.connections);
    let ledger = gateway.ledger("web").unwrap();
    let counts = telemetry.counts().snapshot();
    let ended: BTreeMap<_, _> = counts
        .iter()
        .filter(|count| count.name == "ended" && count.value > 0)
        .map(|count| (count.label.unwrap().1, count.value))
        .collect();
    json!({
        "address": gateway.listener_address("dtu"),
        "connections": connections,
        "peak": peak,
        "names": snapshot.names,
        "accepted": accepted,
        "refused": refused,
        "named": counts.sum("named"),
        "panics": counts.sum("panics"),
        "ended": ended,
        "ledger": [ledger.received, ledger.delivered, ledger.waiting, ledger.dropped],
        "resident": resident_bytes(),
    })
}

fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    digits.parse::<u64>().unwrap() * 1024
}

/// What a gateway says of itself.
#[derive(Clone, Debug)]
pub struct State {
    pub address: String,
    pub connections: u64,
    pub peak: u64,
    pub names: u64,
    pub accepted: u64,
    pub refused: u64,
    pub named: u64,
    pub panics: u64,
    pub ended: BTreeMap<String, u64>,
    pub ledger: Ledger,
    pub resident: u64,
}

impl State {
    fn of(value: &Value) -> Self {
        let number = |key: &str| value[key].as_u64().unwrap();
        let ended = value["ended"].as_object().unwrap().iter();
        let ledger = |at: usize| value["ledger"][at].as_u64().unwrap();
        Self {
            address: value["address"].as_str().unwrap().to_owned(),
            connections: number("connections"),
            peak: number("peak"),
            names: number("names"),
            accepted: number("accepted"),
            refused: number("refused"),
            named: number("named"),
            panics: number("panics"),
            ended: ended.map(|(why, count)| (why.clone(), count.as_u64().unwrap())).collect(),
            ledger: Ledger {
                received: ledger(0),
                delivered: ledger(1),
                waiting: ledger(2),
                dropped: ledger(3),
            },
            resident: number("resident"),
        }
    }
}

/// A gateway in another process.
pub struct GatewayProcess {
    process: Process,
}

impl GatewayProcess {
    /// With so many session threads, in front of this web server.
    pub fn start(threads: u32, web: &str, listener: &str) -> Self {
        let rest = format!("threads = {threads}");
        let upstream = "retry = { initial = '50ms', max = '200ms' }";
        let toml = crate::harness::settings(web, listener, upstream, &rest);
        let task = json!({ "toml": toml });
        Self { process: Process::start("gateway::gateway_process", &task) }
    }

    /// What it says of itself now.
    pub fn state(&mut self) -> State {
        State::of(&self.process.ask("state"))
    }

    /// How many descriptors it has open.
    pub fn descriptors(&mut self) -> u64 {
        self.process.ask("descriptors").as_u64().unwrap()
    }

    /// Processor time that it has used, in the ticks of the kernel, of which there are a hundred
    /// a second.
    pub fn ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// Waits until this holds.
    pub async fn until(&mut self, what: &str, holds: impl Fn(&State) -> bool) -> State {
        let begun = Instant::now();
        loop {
            let state = self.state();
            if holds(&state) {
                return state;
            }
            assert!(begun.elapsed() < LIMIT, "never came: {what}: {state:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Stops it in order.
    pub fn stop(mut self) {
        self.process.ask("stop");
    }
}
