//! The real program in a process of its own, and what it logs.

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::Value;
use tempfile::TempDir;

use super::{LIMIT, settings, until, until_within};

/// A running `tetherd`. Killed with the test, if it still runs then.
pub struct Program {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    /// Where its configuration is; other files have room here, too.
    pub folder: Arc<TempDir>,
}

/// How a program ended: its exit code, and its last line.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    pub code: Option<i32>,
    pub last_line: String,
}

impl Program {
    /// With a listener `dtu` and an upstream `web` with these further keys.
    pub fn start(web: &str, listener: &str, upstream: &str, rest: &str) -> Self {
        Self::within(None, web, listener, upstream, rest)
    }

    /// The same with no more than so many descriptors.
    pub fn within(
        descriptors: Option<u32>,
        web: &str,
        listener: &str,
        upstream: &str,
        rest: &str,
    ) -> Self {
        Self::from_toml(descriptors, &settings(web, listener, upstream, rest))
    }

    /// With this configuration.
    pub fn from_toml(descriptors: Option<u32>, toml: &str) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self::launched(limited(descriptors), &folder, toml)
    }

    /// With this configuration in a folder where others have run before.
    pub fn in_folder(folder: &Arc<TempDir>, toml: &str) -> Self {
        Self::launched(limited(None), folder, toml)
    }

    /// The same, by a command that ends with the program.
    pub fn launched(mut command: Command, folder: &Arc<TempDir>, toml: &str) -> Self {
        let folder = Arc::clone(folder);
        let config = folder.path().join("gateway.toml");
        // Many run beside each other: only those that say so have an admin API.
        let admin = if toml.contains("[admin") { "" } else { "[admin]\nenabled = false\n" };
        let toml = format!("{toml}\n{admin}[log]\nformat = 'json'\n");
        std::fs::write(&config, toml).unwrap();
        command.arg("run").arg("--config").arg(&config).current_dir(folder.path());
        let mut child = command.env_clear().stderr(Stdio::piped()).spawn().unwrap();
        let (stderr, lines) = (child.stderr.take().unwrap(), Arc::<Mutex<Vec<_>>>::default());
        let kept = Arc::clone(&lines);
        thread::spawn(move || keep(stderr, &kept));
        Self { child, lines, folder }
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A path beside the configuration.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// All that it has written so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// The log records among it.
    pub fn records(&self) -> Vec<Value> {
        self.lines().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The records that say this.
    pub fn saying(&self, message: &str) -> Vec<Value> {
        self.records().into_iter().filter(|record| record["msg"] == message).collect()
    }

    /// Waits for a record that says `message` and more, as `wanted` sees it.
    pub async fn says(&self, message: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        until(message, || self.saying(message).iter().any(&wanted)).await;
        self.saying(message).into_iter().find(wanted).unwrap()
    }

    /// Waits for it to be in this phase of its life.
    pub async fn enters(&self, phase: &str) {
        self.says("phase", |record| record["phase"] == phase).await;
    }

    /// Waits until it serves, and answers where its listener is.
    pub async fn address(&self, listener: &str) -> String {
        self.enters("running").await;
        let record = self.says("listening", |record| record["listener"] == listener).await;
        record["address"].as_str().unwrap().to_owned()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for it to end.
    pub async fn ends(&mut self) -> Ended {
        self.ends_within(LIMIT).await
    }

    /// The same where it may take longer.
    pub async fn ends_within(&mut self, limit: Duration) -> Ended {
        let mut status: Option<ExitStatus> = None;
        until_within(limit, "the program ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        // The reader has the rest only a moment later.
        let lines = Arc::clone(&self.lines);
        until("the last line", move || Arc::strong_count(&lines) == 2).await;
        let last_line = self.lines().last().cloned().unwrap_or_default();
        Ended { code: status.unwrap().code(), last_line }
    }

    /// A number of its `/proc/PID/status`, in kB for memory.
    pub fn status(&self, key: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(path).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        line.unwrap().trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Leaves it so many descriptors more than it has open.
    pub fn leave(&self, more: usize) {
        let path = format!("/proc/{}/fd", self.child.id());
        let open = std::fs::read_dir(path).unwrap().count();
        let most = Some((open + more) as u64);
        let limit = Rlimit { current: most, maximum: most };
        prlimit(Some(Pid::from_child(&self.child)), Resource::Nofile, limit).unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended by itself in most tests.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, with no more than so many descriptors.
fn limited(descriptors: Option<u32>) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_tetherd"));
    let Some(most) = descriptors else { return Command::new(program) };
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("ulimit -n {most} && exec \"$0\" \"$@\"")).arg(program);
    shell
}

fn keep(stderr: impl Read, lines: &Mutex<Vec<String>>) {
    for line in BufReader::new(stderr).split(b'\n') {
        let Ok(line) = line else { return };
        lines.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned());
    }
}
