//! The real program in a process of its own.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::Value;

/// Nothing takes longer to start, unless it is broken.
const LIMIT: Duration = Duration::from_secs(120);

/// A running `tetherd`. Killed when it is dropped.
pub struct Program {
    child: Child,
    /// Where devices connect.
    pub address: String,
}

impl Program {
    /// Starts it in front of a web server, with these keys of `[spool]`; `folder` is for its
    /// configuration.
    pub fn start(folder: &Path, web: &str, spool: &str) -> Result<Self> {
        let config = folder.join("gateway.toml");
        fs::write(
            &config,
            format!(
                "[listener.dtu]\naddress = '127.0.0.1:0'\n[upstream.web]\naddress = '{web}'\n\
                 retry = {{ initial = '50ms', max = '200ms' }}\n[spool]\n{spool}\n\
                 [log]\nformat = 'json'\n"
            ),
        )?;
        let mut command = Command::new(executable());
        command.arg("run").arg("--config").arg(&config).current_dir(folder).env_clear();
        let mut child = command.stderr(Stdio::piped()).spawn()?;
        let log = BufReader::new(child.stderr.take().context("its log")?);
        let (tell, records) = channel();
        // Read to its end, or it would wait for us.
        thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                // Nobody listens any more once it runs.
                let _ = tell.send(line);
            }
        });
        let mut program = Self { child, address: String::new() };
        program.address = listening(&records)?;
        Ok(program)
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Another one can be named, to compare two versions.
fn executable() -> String {
    env::var("TETHERD_BENCH_PROGRAM").unwrap_or(env!("CARGO_BIN_EXE_tetherd").to_owned())
}

/// Waits until it serves; answers where.
fn listening(records: &Receiver<String>) -> Result<String> {
    let mut address = None;
    loop {
        let line = records.recv_timeout(LIMIT).context("tetherd does not start")?;
        let Ok(record) = serde_json::from_str::<Value>(&line) else {
            anyhow::bail!("tetherd says: {line}");
        };
        if record["msg"] == "listening" {
            address = record["address"].as_str().map(str::to_owned);
        }
        if record["phase"] == "running" {
            return address.context("its address");
        }
    }
}
