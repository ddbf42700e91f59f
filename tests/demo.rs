//! `tetherd demo`, as a newcomer runs it.
#![allow(clippy::unwrap_used)] // a failed step fails the test

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Nothing here takes longer unless something is broken.
const LIMIT: Duration = Duration::from_secs(60);

/// A demo whose folders are empty ones of its own.
struct Demo {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    folder: TempDir,
}

impl Demo {
    fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_tetherd"))
            .arg("demo")
            .args(arguments)
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            .env("STATE_DIRECTORY", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = channel();
        thread::spawn(move || {
            let told = out.split(b'\n').map_while(Result::ok);
            // Whoever asked for lines may have had enough.
            let _ = told
                .map(|line| String::from_utf8(line).expect("text"))
                .try_for_each(|line| tell.send(line));
        });
        Self { child, lines, seen: Vec::new(), folder }
    }

    /// Waits for a line with all of these words.
    fn line(&mut self, words: &[&str]) -> String {
        let end = Instant::now() + LIMIT;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("no line with {words:?} in:\n{}", self.seen.join("\n"))
            };
            self.seen.push(line.clone());
            if words.iter().all(|word| line.contains(word)) {
                return line;
            }
        }
    }

    fn address(&mut self) -> String {
        let line = self.line(&["devices connect to"]);
        line.rsplit_once(' ').unwrap().1.to_owned()
    }

    fn interrupt(&self) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(id, Signal::INT).unwrap();
    }

    /// Waits for the end: all lines, and how it ended. Nothing may be left behind.
    fn end(mut self) -> (Vec<String>, ExitStatus) {
        let status = wait(&mut self.child);
        while let Ok(line) = self.lines.recv() {
            self.seen.push(line);
        }
        let mut complaints = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
        assert_eq!(complaints, "");
        let left: Vec<_> = fs::read_dir(self.folder.path()).unwrap().collect();
        assert!(left.is_empty(), "left behind: {left:?}");
        let seen = std::mem::take(&mut self.seen);
        (seen, status)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It has ended, unless the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < end, "the demo does not end");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Received, delivered, waiting and dropped, of a line with a ledger.
fn ledger(line: &str) -> [u64; 4] {
    ["received ", "delivered ", "waiting ", "dropped "].map(|word| {
        let rest = line.split_once(word).unwrap_or_else(|| panic!("no {word} in {line}")).1;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    })
}

#[test]
fn a_demo_shows_devices_lines_an_outage_and_a_ledger_that_balances_and_leaves_nothing_behind() {
    let (seen, status) = Demo::start(&["--for", "8s"]).end();
    let all = seen.join("\n");
    assert!(status.success(), "{status}\n{all}");
    assert!(!all.contains('\u{1b}'), "colours where there is no terminal");
    for words in [
        "look at it          http://127.0.0.1:",
        "devices connect to  127.0.0.1:",
        "nc 127.0.0.1 ",
        "ETUNG:me",
        "  online   8600000000000",
        "  data     8600000000000",
        "  offline  8600000000000",
        "*** the web server goes away for 2 s",
        ", web server away",
        "*** the web server comes back",
        "lines caught up, nothing lost",
        "*** stopping",
        "; 0 promises broken",
    ] {
        assert!(all.contains(words), "no line with {words:?} in:\n{all}");
    }
    for line in seen.iter().filter(|line| line.contains("ledger:")) {
        let [received, delivered, waiting, dropped] = ledger(line);
        assert_eq!(received, delivered + waiting + dropped, "{line}");
    }
    let last = seen.iter().find(|line| line.contains("final ledger")).unwrap();
    let [received, delivered, waiting, dropped] = ledger(last);
    assert_eq!((delivered, waiting, dropped), (received, 0, 0), "{last}");
    assert!(received > 20, "{last}");
}

#[test]
fn who_joins_in_by_hand_sees_the_own_line_escaped_and_ctrl_c_ends_in_order() {
    // Taken by us, or by another; taken all the same.
    let _taken = TcpListener::bind("127.0.0.1:7000");
    let mut demo = Demo::start(&["--no-outage", "--devices", "3"]);
    let address = demo.address();
    assert!(!address.ends_with(":7000"), "a port that is taken");
    let mut nc = TcpStream::connect(&address).unwrap();
    nc.write_all(b"ETUNG:me\n").unwrap();
    demo.line(&["online   me ", "from 127.0.0.1:", "(4 connections)"]);
    nc.write_all(b"hello \x1b[31m\xff\n").unwrap();
    demo.line(&["data     me ", r"hello \x1b[31m\xff\n"]);
    demo.interrupt();
    let (seen, status) = demo.end();
    let all = seen.join("\n");
    assert!(status.success(), "{status}\n{all}");
    assert!(all.contains("offline  me               draining after 22 bytes"), "{all}");
    assert!(all.contains("final ledger"), "{all}");
    assert!(!all.contains("goes away"), "{all}");
}

#[test]
fn the_dashboard_of_a_demo_is_where_its_first_lines_say_also_where_its_port_is_taken() {
    let _taken = TcpListener::bind("127.0.0.1:7080");
    let mut demo = Demo::start(&["--no-outage", "--devices", "3"]);
    let line = demo.line(&["look at it"]);
    let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap();
    assert!(!address.ends_with(":7080"), "a port that is taken");
    let mut page = TcpStream::connect(address).unwrap();
    write!(page, "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    page.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("<title>tetherd</title>"), "{answer}");
    demo.interrupt();
    assert!(demo.end().1.success());
}

#[test]
fn a_reader_that_has_gone_away_ends_the_demo() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tetherd"))
        .args(["demo", "--devices", "2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with("tetherd demo"), "{first}");
    let status = wait(&mut child);
    assert!(status.success(), "{status}");
}

#[test]
fn a_demo_takes_no_configuration() {
    let output = Command::new(env!("CARGO_BIN_EXE_tetherd"))
        .args(["demo", "--set", "threads=1"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("leave out --config"), "{said}");
}
