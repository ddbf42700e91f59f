//! This program once more, as a process of its own that is asked things line by line.

use std::{
    env,
    io::{self, BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result};
use serde_json::Value;

/// The word in front of a role's name.
pub const ROLE: &str = "role";

/// A child that plays a role. Killed when it is dropped.
pub struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts one.
    pub fn start(role: &str, task: &Value) -> Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.args([ROLE, role, &task.to_string()]);
        Self::run(command)
    }

    /// Starts one by a command of its own.
    pub fn run(mut command: Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take().context("its input")?;
        let output = BufReader::new(child.stdout.take().context("its output")?);
        Ok(Self { child, input, output })
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks, and waits for the answer.
    pub fn ask(&mut self, what: &str) -> Result<Value> {
        writeln!(self.input, "{what}").with_context(|| format!("asking {what}"))?;
        self.answer()
    }

    /// Waits for an answer that comes by itself.
    pub fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        serde_json::from_str(&line).context("the child has ended")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is asked, one line each; the end of the input ends it.
pub fn questions() -> impl Iterator<Item = String> {
    io::stdin().lines().map_while(Result::ok)
}

/// Answers.
pub fn tell(what: &Value) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{what}")?;
    Ok(out.flush()?)
}
