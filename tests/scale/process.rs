//! A test that runs in a process of its own and is asked things, line by line.

use std::{
    env,
    io::{self, BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use serde_json::Value;
use tokio::sync::mpsc;

use crate::LIMIT;

/// Holds what the process is to do; without it, it does nothing.
const TASK: &str = "TETHERD_SCALE_TASK";

/// What stands before each answer, which tells it from what the test harness prints.
const MARK: char = '@';

/// Another process that runs one ignored test of this executable.
pub struct Process {
    child: Child,
    input: ChildStdin,
    answers: Receiver<String>,
}

impl Process {
    /// Starts the test with this name.
    pub fn start(test: &str, task: &Value) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"])
            .env(TASK, task.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (tell, answers) = channel();
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                // The harness prints the test's name without a line feed.
                let Some((_, answer)) = line.split_once(MARK) else { continue };
                if tell.send(answer.to_owned()).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take().unwrap();
        Self { child, input, answers }
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks, and waits for the answer.
    pub fn ask(&mut self, what: &str) -> Value {
        writeln!(self.input, "{what}").unwrap();
        let answer = self.answers.recv_timeout(LIMIT);
        let answer = answer.unwrap_or_else(|_| panic!("no answer to {what:?}"));
        serde_json::from_str(&answer).unwrap()
    }

    /// Kills it; the kernel closes what it had.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended, unless the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What this process is to do, if it is one of those.
pub fn task() -> Option<Value> {
    let task = env::var(TASK).ok()?;
    tetherd::net::raise_descriptor_limit();
    Some(serde_json::from_str(&task).unwrap())
}

/// What is asked, as it comes; the end of the input ends it.
pub fn questions() -> mpsc::Receiver<String> {
    let (tell, questions) = mpsc::channel(16);
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if tell.blocking_send(line).is_err() {
                return;
            }
        }
    });
    questions
}

/// Answers the last question.
pub fn answer(what: &Value) {
    let mut out = io::stdout().lock();
    writeln!(out, "{MARK}{what}").unwrap();
    out.flush().unwrap();
}
