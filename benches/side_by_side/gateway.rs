//! A gateway that is not ours, in a process of its own.

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result};

/// What it says once it is connected to the web server and serves devices; its address follows.
const LISTENING: &str = "listening ";

/// Killed when it is dropped.
pub struct Gateway {
    child: Child,
    /// Kept: a gateway that says more would end with it.
    output: BufReader<ChildStdout>,
    /// Where devices connect.
    pub address: String,
}

impl Gateway {
    /// Starts it, and waits until it serves.
    pub fn start(mut command: Command) -> Result<Self> {
        let what = format!("{command:?}");
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.with_context(|| what.clone())?;
        let output = BufReader::new(child.stdout.take().context("its output")?);
        let mut gateway = Self { child, output, address: String::new() };
        let mut line = String::new();
        gateway.output.read_line(&mut line)?;
        let address = line.trim().strip_prefix(LISTENING);
        gateway.address = address.with_context(|| format!("{what} says {line:?}"))?.to_owned();
        Ok(gateway)
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
