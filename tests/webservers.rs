//! The example web servers, run as their readers would run them, against a gateway that cuts lines,
//! breaks off, and sends again.

#![allow(clippy::unwrap_used)] // a failed step fails the test

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// Whether `tool` is there. Where `TETHERD_TEST_NEEDS` names it, it has to be.
fn has(tool: &str, version: &str) -> bool {
    let quiet = |command: &mut Command| {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    };
    let there = quiet(Command::new(tool).arg(version));
    let needs = std::env::var("TETHERD_TEST_NEEDS").unwrap_or_default();
    let needed = needs.split([',', ' ']).any(|need| need == tool);
    assert!(there || !needed, "{tool} is not installed, and TETHERD_TEST_NEEDS asks for it");
    there
}

fn example(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(file)
}

struct WebServer {
    child: Child,
    port: u16,
    printed: Receiver<String>,
}

impl WebServer {
    fn start(program: &[&Path], file: &Path) -> Self {
        let mut child = Command::new(program[0])
            .args(&program[1..])
            .arg("0")
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let printed = lines_of(child.stdout.take().unwrap());
        let said = lines_of(child.stderr.take().unwrap());
        let port = loop {
            let line = said.recv_timeout(PATIENCE).expect("it says where it listens");
            if let Some((_, port)) = line.split_once("listening on 127.0.0.1:") {
                break port.trim().parse().unwrap();
            }
        };
        Self { child, port, printed }
    }

    fn link(&self) -> Link {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Link { answers: BufReader::new(stream.try_clone().unwrap()), stream }
    }

    fn prints(&self, offset: u64) {
        let line = self.printed.recv_timeout(PATIENCE).expect("it prints the event");
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        let expected: serde_json::Value = serde_json::from_str(&event_line(offset)).unwrap();
        assert_eq!(event, expected);
    }

    fn stop(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let more: Vec<_> = self.printed.iter().collect();
        assert!(more.is_empty(), "it printed twice: {more:?}");
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines_of(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // Read on when nobody listens any more, or the program could not write.
            let _ = sender.send(line);
        }
    });
    receiver
}

struct Link {
    stream: TcpStream,
    answers: BufReader<TcpStream>,
}

impl Link {
    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Reads acknowledgements, which never go back, until that of `offset`.
    fn acknowledged(&mut self, offset: u64) {
        let mut last = 0;
        while last < offset {
            let mut line = String::new();
            self.answers.read_line(&mut line).expect("an acknowledgement");
            let answer: serde_json::Value = serde_json::from_str(&line).unwrap();
            let ack = answer["ack"].as_u64().unwrap();
            assert!(last < ack && ack <= offset, "{line}");
            last = ack;
        }
    }
}

const FIRST: u64 = 1_763_625_600_000_001;

fn hello(next: u64) -> String {
    format!(
        "{{\"hello\":\"tetherd\",\"protocol\":1,\"gateway\":\"plant-7\",\"spool\":\"9f\",\"next\":{next}}}\n"
    )
}

fn event_line(offset: u64) -> String {
    format!(
        "{{\"offset\":{offset},\"event\":\"data\",\"imei\":\"8600\",\"session\":\"5f\",\"seq\":1,\"data\":\"wärme\"}}\n"
    )
}

fn events(offsets: std::ops::Range<u64>) -> String {
    offsets.map(event_line).collect()
}

/// Lines cut anywhere, a broken link, a restart: every event is printed once, in order.
fn loses_and_doubles_nothing(program: &[&Path]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("seen.json");
    let server = WebServer::start(program, &file);

    let mut link = server.link();
    let cut = event_line(FIRST + 1).find("ä").unwrap() + 1;
    let second = event_line(FIRST + 1).into_bytes();
    link.send([hello(FIRST).as_bytes(), event_line(FIRST).as_bytes(), &second[..cut]].concat());
    link.acknowledged(FIRST);
    link.send(&second[cut..]);
    link.acknowledged(FIRST + 1);
    link.send("{\"error\":\"no\",\"line\":\"hm\"}\n");
    link.send(events(FIRST + 2..FIRST + 500));
    link.acknowledged(FIRST + 499);
    link.send(&event_line(FIRST + 500)[..20]);
    drop(link);

    let mut link = server.link();
    link.send(hello(FIRST + 400) + &events(FIRST + 400..FIRST + 502));
    link.acknowledged(FIRST + 501);
    (FIRST..FIRST + 502).for_each(|offset| server.prints(offset));
    server.stop();

    let server = WebServer::start(program, &file);
    server.link().send("this is no gateway\n");
    let mut link = server.link();
    link.send(hello(FIRST + 501) + &events(FIRST + 501..FIRST + 503));
    link.acknowledged(FIRST + 502);
    server.prints(FIRST + 502);
    server.stop();
}

#[test]
fn the_web_server_in_javascript_loses_and_doubles_nothing() {
    if has("node", "--version") {
        loses_and_doubles_nothing(&[Path::new("node"), &example("webserver.js")]);
    }
}

#[test]
fn the_web_server_in_python_loses_and_doubles_nothing() {
    if has("python3", "--version") {
        loses_and_doubles_nothing(&[Path::new("python3"), &example("webserver.py")]);
    }
}

#[test]
fn the_web_server_in_go_loses_and_doubles_nothing() {
    if has("go", "version") {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let program = folder.join("webserver-go");
        let built = Command::new("go")
            .args([Path::new("build"), Path::new("-o"), &program, &example("webserver.go")])
            .env("GOCACHE", folder.join("go-cache"))
            .status()
            .unwrap();
        assert!(built.success());
        loses_and_doubles_nothing(&[&program]);
    }
}
