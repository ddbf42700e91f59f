use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use crate::harness::until;

/// Whether `tool` is there. Where `TETHERD_TEST_NEEDS` names it, it has to be.
pub fn has(tool: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let there = std::env::split_paths(&paths).any(|folder| folder.join(tool).is_file());
    let needs = std::env::var("TETHERD_TEST_NEEDS").unwrap_or_default();
    let needed = needs.split([',', ' ']).any(|need| need == tool);
    assert!(there || !needed, "{tool} is not installed, and TETHERD_TEST_NEEDS asks for it");
    there
}

/// A program that runs beside the test, and what it has printed so far. It ends with its value.
pub struct Program {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    reader: thread::JoinHandle<()>,
}

impl Program {
    pub fn start(program: impl AsRef<Path>, arguments: &[&str]) -> Self {
        let mut child = Command::new(program.as_ref())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.as_ref().display()));
        let (lines, output) = (Arc::<Mutex<Vec<String>>>::default(), child.stdout.take().unwrap());
        let kept = Arc::clone(&lines);
        let reader = thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                kept.lock().unwrap().push(line);
            }
        });
        Self { child, lines, reader }
    }

    /// The command itself.
    pub fn tetherd(arguments: &[&str]) -> Self {
        Self::start(assert_cmd::cargo::cargo_bin("tetherd"), arguments)
    }

    /// One of the examples, which stand beside the folder of this test.
    pub fn example(name: &str, arguments: &[&str]) -> Self {
        let test = std::env::current_exe().unwrap();
        let folder: PathBuf = test.parent().unwrap().with_file_name("examples");
        let path = folder.join(name);
        assert!(path.is_file(), "{} is missing; run cargo build --examples", path.display());
        Self::start(path, arguments)
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits for a line that holds `part`, and answers it.
    pub async fn says(&self, part: &str) -> String {
        let find = || self.lines().into_iter().find(|line| line.contains(part));
        until(&format!("a line with {part:?}"), || find().is_some()).await;
        find().unwrap()
    }

    /// Where it listens.
    pub async fn address(&self) -> String {
        let line = self.says("listening on ").await;
        line.trim_start_matches("listening on ").to_owned()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What Ctrl-C does.
    pub fn interrupt(&self) {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    }

    /// Waits for its end, and for all that it has printed.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        until("the program ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some() && self.reader.is_finished()
        })
        .await;
        status.unwrap()
    }

    /// Interrupts it; it must end in order.
    pub async fn stop(mut self) {
        self.interrupt();
        assert_eq!(self.ended().await.code(), Some(0));
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
