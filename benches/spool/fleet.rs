//! Devices in a process of their own, which send at a fixed pace.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use bytes::Bytes;
use serde_json::{Value, json};
use tetherd::simulator::{FirstMessage, Fleet, FleetCounters, Payload, Script};
use tokio::{runtime::Builder, sync::mpsc};
use tokio_util::sync::CancellationToken;

use crate::process::{self, Process};

/// Its name.
pub const ROLE: &str = "fleet";

/// What devices do.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How many there are.
    pub devices: u32,
    /// Writes a second of all of them together.
    pub writes: f64,
    /// Lines in a write.
    pub lines: usize,
    /// Bytes of a line, its line feed among them.
    pub bytes: usize,
}

impl Pace {
    /// Lines a second of all devices together.
    pub fn lines_a_second(&self) -> f64 {
        self.writes * self.lines as f64
    }

    fn payload(&self) -> Bytes {
        let text = "the quick brown fox jumps over the lazy dog, and again, and again, and again";
        let mut line: String = text.chars().cycle().take(self.bytes - 1).collect();
        line.push('\n');
        line.repeat(self.lines).into()
    }
}

/// Plays them until nobody asks any more.
pub fn play(task: &Value) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (counters, stop) = (Arc::new(FleetCounters::default()), CancellationToken::new());
        let run = tokio::spawn(fleet(task)?.run(Arc::clone(&counters), stop));
        let (ask, mut asked) = mpsc::channel(1);
        std::thread::spawn(move || process::questions().try_for_each(|q| ask.blocking_send(q)));
        while asked.recv().await.is_some() {
            let counts = counters.snapshot();
            process::tell(&json!([counts.registered, counts.messages, counts.failed]))?;
        }
        run.abort();
        Ok(())
    })
}

fn fleet(task: &Value) -> Result<Fleet> {
    let mut script = Script::new(task["address"].as_str().context("address")?.parse()?);
    script.payload = Payload::Fixed(task["payload"].as_str().context("payload")?.to_owned().into());
    script.every = Duration::from_secs_f64(task["every"].as_f64().context("every")?);
    script.first = FirstMessage::Spread;
    script.dialer.timeout = Duration::from_secs(60);
    Ok(Fleet::new(script, u32::try_from(task["count"].as_u64().context("count")?)?))
}

/// A fleet in another process.
pub struct Devices {
    process: Process,
}

impl Devices {
    /// Starts one against the gateway at `address`.
    pub fn start(address: &str, pace: &Pace) -> Result<Self> {
        let payload = pace.payload();
        let task = json!({
            "address": address,
            "count": pace.devices,
            "every": f64::from(pace.devices) / pace.writes,
            "payload": std::str::from_utf8(&payload)?,
        });
        Ok(Self { process: Process::start(ROLE, &task)? })
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// How many have registered, and the messages that they have sent.
    pub fn sent(&mut self) -> Result<(u64, u64)> {
        let told = self.process.ask("sent")?;
        let number = |at: usize| told[at].as_u64().context("a count");
        anyhow::ensure!(number(2)? == 0, "connections of devices have failed");
        Ok((number(0)?, number(1)?))
    }
}
