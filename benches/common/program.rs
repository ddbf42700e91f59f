//! The real program in a process of its own.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// Nothing takes longer to start, unless it is broken.
const LIMIT: Duration = Duration::from_secs(120);

/// What is not the same for all.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// Keys of `[spool]`.
    pub spool: &'a str,
    /// Further keys of the listener.
    pub listener: &'a str,
    /// As TOML has it: a number, or `'auto'`.
    pub threads: &'a str,
}

impl<'a> Setup<'a> {
    /// With these keys of `[spool]`, and else as it comes.
    pub fn of(spool: &'a str) -> Self {
        Self { spool, listener: "", threads: "'auto'" }
    }
}

/// A running `tetherd`. Killed when it is dropped.
pub struct Program {
    child: Child,
    /// Where devices connect.
    pub address: String,
}

impl Program {
    /// Starts `program` in front of a web server, set up like this; `folder` is for its
    /// configuration.
    pub fn start(program: &Path, folder: &Path, web: &str, setup: &Setup) -> Result<Self> {
        let Setup { spool, listener, threads } = setup;
        let config = folder.join("gateway.toml");
        fs::write(
            &config,
            format!(
                "threads = {threads}\n[listener.dtu]\naddress = '127.0.0.1:0'\n{listener}\n\
                 [upstream.web]\naddress = '{web}'\nretry = {{ initial = '50ms', max = '200ms' }}\n[spool]\n{spool}\n\
                 [admin]\nenabled = false\n[log]\nformat = 'json'\n"
            ),
        )?;
        let mut command = Command::new(program);
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

/// Builds it as it is installed, and answers where it is. The one that cargo builds beside a bench
/// has a slower clock, since tests want to turn it.
pub fn build() -> Result<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("installed");
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--release", "--locked", "--bin", "tetherd", "--target-dir"]);
    let status = command.arg(&target).current_dir(env!("CARGO_MANIFEST_DIR")).status()?;
    ensure!(status.success(), "tetherd could not be built");
    Ok(target.join("release").join("tetherd"))
}

/// Waits until it serves; answers where.
fn listening(records: &Receiver<String>) -> Result<String> {
    let mut address = None;
    loop {
        let line = records.recv_timeout(LIMIT).context("tetherd does not start")?;
        let Ok(record) = serde_json::from_str::<Value>(&line) else {
            bail!("tetherd says: {line}");
        };
        if record["msg"] == "listening" {
            address = record["address"].as_str().map(str::to_owned);
        }
        if record["phase"] == "running" {
            return address.context("its address");
        }
    }
}
