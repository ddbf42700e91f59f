//! A fleet of devices in a process of its own.

use std::{sync::Arc, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tetherd::simulator::{
    FirstMessage, Fleet, FleetCounters, FleetSnapshot, Payload, Script, Target,
};
use tokio_util::sync::CancellationToken;

use crate::process::{self, Process};

#[test]
#[ignore = "the others start it in a process of its own"]
fn fleet_process() {
    let Some(task) = process::task() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(play(&task));
}

async fn play(task: &Value) {
    let fleet = fleet(task);
    let (counters, stop) = (Arc::new(FleetCounters::default()), CancellationToken::new());
    let mut questions = process::questions();
    assert_eq!(questions.recv().await.as_deref(), Some("go"));
    let run = tokio::spawn(fleet.run(Arc::clone(&counters), stop.clone()));
    process::answer(&json!({}));
    while let Some(question) = questions.recv().await {
        match question.as_str() {
            "counts" => process::answer(&told(&counters.snapshot())),
            _ => break,
        }
    }
    stop.cancel();
    let summary = run.await.unwrap().unwrap();
    process::answer(&told(&summary.counts));
}

fn fleet(task: &Value) -> Fleet {
    let number = |key: &str| task[key].as_u64().unwrap();
    let target: Target = task["address"].as_str().unwrap().parse().unwrap();
    let count = u32::try_from(number("count")).unwrap();
    let mut script = Script::new(target);
    script.payload = Payload::Counter("reading".to_owned());
    script.every = Duration::from_millis(100);
    script.messages = task["messages"].as_u64();
    if let Some(every) = task["every"].as_u64() {
        script.every = Duration::from_millis(every);
        script.first = FirstMessage::Spread;
        script.payload = Payload::Text(64);
    }
    script.stay = true;
    // However long the gateway takes to come round to a crowd.
    script.dialer.timeout = crate::LIMIT;
    script.linger = crate::LIMIT;
    let mut fleet = Fleet::new(script, count);
    fleet.connecting = usize::try_from(number("connecting")).unwrap();
    fleet
}

fn told(counts: &FleetSnapshot) -> Value {
    json!([
        counts.connected,
        counts.connects,
        counts.failed_connects,
        counts.registered,
        counts.messages,
        counts.sent_bytes,
        counts.closed_by_peer,
        counts.resets,
        counts.failed,
    ])
}

fn heard(value: &Value) -> FleetSnapshot {
    let number = |at: usize| value[at].as_u64().unwrap();
    FleetSnapshot {
        connected: number(0),
        connects: number(1),
        failed_connects: number(2),
        registered: number(3),
        messages: number(4),
        sent_bytes: number(5),
        closed_by_peer: number(6),
        resets: number(7),
        failed: number(8),
        ..FleetSnapshot::default()
    }
}

/// A fleet in another process.
pub struct FleetProcess {
    process: Process,
}

impl FleetProcess {
    /// `count` devices that will connect, at most `connecting` at once, register, send `messages`
    /// and stay.
    pub fn ready(address: &str, count: u32, messages: u32, connecting: u32) -> Self {
        let task = json!({
            "address": address,
            "count": count,
            "messages": messages,
            "connecting": connecting,
        });
        Self { process: Process::start("fleet::fleet_process", &task) }
    }

    /// `count` devices that will connect, register, and send 64 bytes each `every` milliseconds.
    pub fn paced(address: &str, count: u32, every: u32) -> Self {
        let task = json!({
            "address": address,
            "count": count,
            "every": every,
            "connecting": 256,
        });
        Self { process: Process::start("fleet::fleet_process", &task) }
    }

    /// They come.
    pub fn go(&mut self) {
        self.process.ask("go");
    }

    /// What they have done so far.
    pub fn counts(&mut self) -> FleetSnapshot {
        heard(&self.process.ask("counts"))
    }

    /// They leave in order; what they did.
    pub fn leave(mut self) -> FleetSnapshot {
        heard(&self.process.ask("leave"))
    }

    /// Their process is killed.
    pub fn kill(self) {
        self.process.kill();
    }

    /// They stand still: nothing is read, written or closed.
    pub fn freeze(&self) {
        let id = Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap();
        kill_process(id, Signal::STOP).unwrap();
    }
}
