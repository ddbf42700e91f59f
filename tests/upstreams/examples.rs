//! The example web servers behind the program itself.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use data_encoding::BASE64;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "never came: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether `tool` is there. Where `TETHERD_TEST_NEEDS` names it, it has to be.
fn has(tool: &str, version: &str) -> bool {
    let there = Command::new(tool).arg(version).output().is_ok();
    let needs = std::env::var("TETHERD_TEST_NEEDS").unwrap_or_default();
    let needed = needs.split([',', ' ']).any(|need| need == tool);
    assert!(there || !needed, "{tool} is not installed, and TETHERD_TEST_NEEDS asks for it");
    there
}

fn example(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(file)
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that stays free while nobody listens on it: not one of those that the kernel hands out.
fn quiet_port(number: u16) -> u16 {
    let first = 20_000 + (std::process::id() % 1000) as u16 * 10 + number;
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (first..32_000).step_by(10).find(free).expect("a free port")
}

/// An example, the file it prints to, and the file in which it remembers.
struct Example {
    program: Vec<PathBuf>,
    port: u16,
    folder: tempfile::TempDir,
}

impl Example {
    fn start(&self) -> Running {
        let open = |name| {
            let path = self.folder.path().join(name);
            OpenOptions::new().create(true).append(true).open(path).unwrap()
        };
        let child = Command::new(&self.program[0])
            .args(&self.program[1..])
            .arg(self.port.to_string())
            .arg(self.folder.path().join("seen.json"))
            .stdin(Stdio::null())
            .stdout(open("events"))
            .stderr(open("said"))
            .spawn()
            .unwrap();
        Running(child)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    /// What it has printed: the offsets, and the bytes of all data.
    fn printed(&self) -> (Vec<u64>, Vec<u8>) {
        let (mut offsets, mut data) = (Vec::new(), Vec::new());
        for line in self.read("events").split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let event: Value = serde_json::from_str(line).unwrap();
            let offset = event["offset"].as_u64().unwrap();
            // The last words of a process that was killed may stand there twice, and then the same.
            if offsets.last() < Some(&offset) {
                offsets.push(offset);
                let text = event["data"].as_str().unwrap_or_default();
                data.extend(BASE64.decode(text.as_bytes()).unwrap());
            }
        }
        (offsets, data)
    }

    /// The offset that it remembers.
    fn seen(&self) -> Option<u64> {
        let seen: Value = serde_json::from_str(&self.read("seen.json")).ok()?;
        seen.as_object()?.values().next()?.as_u64()
    }

    /// Waits until it has got all of this, and remembers so.
    fn has_got(&self, sent: &[u8]) {
        until("all has arrived", || {
            let (offsets, data) = self.printed();
            data == sent && self.seen() == offsets.last().copied()
        });
    }
}

fn gateway(folder: &Path, upstream: &str, devices: u16) -> Running {
    let config = folder.join("tetherd.toml");
    let mut file = File::create(&config).unwrap();
    write!(
        file,
        "[admin]\nenabled = false\n[drain]\nspread = '0s'\n[listener.dtu]\naddress = '127.0.0.1:{devices}'\n[upstream.web]\n\
         {upstream}\nretry = {{ initial = '10ms', max = '100ms' }}\n"
    )
    .unwrap();
    let log = File::create(folder.join("log")).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_tetherd"))
        .arg("run")
        .arg("--config")
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    Running(child)
}

fn connect(port: u16) -> TcpStream {
    let mut device = None;
    until("the gateway listens", || {
        device = TcpStream::connect(("127.0.0.1", port)).ok();
        device.is_some()
    });
    let device = device.unwrap();
    device.set_nodelay(true).unwrap();
    device
}

struct Sender {
    device: TcpStream,
    sent: Vec<u8>,
}

impl Sender {
    fn send(&mut self, messages: usize) {
        for number in 0..messages {
            let message = format!("message {number} of {}\n", self.sent.len());
            self.device.write_all(message.as_bytes()).unwrap();
            self.sent.extend_from_slice(message.as_bytes());
        }
    }
}

/// Killed and started again, idle and in the middle of its work: it has every offset once.
fn holds_every_offset_once(number: u16, program: Vec<PathBuf>) {
    holds_every_offset_once_by(number, program, |web| format!("address = '{web}'"));
}

/// The same with these keys for the address of the web server.
fn holds_every_offset_once_by(number: u16, program: Vec<PathBuf>, keys: fn(&str) -> String) {
    let (web, devices) = (quiet_port(number), quiet_port(number + 5));
    let example = Example { program, port: web, folder: tempfile::tempdir().unwrap() };
    let mut server = example.start();
    let mut gateway = gateway(example.folder.path(), &keys(&format!("127.0.0.1:{web}")), devices);
    let mut device = connect(devices);
    device.write_all(b"ETUNG:860000000000001\r\n").unwrap();
    let mut sender = Sender { device, sent: Vec::new() };
    for _ in 0..3 {
        sender.send(300);
        example.has_got(&sender.sent);
        drop(server);
        sender.send(50);
        server = example.start();
        example.has_got(&sender.sent);
    }
    // Nothing was killed between an event and its acknowledgement: nothing stands there twice.
    let lines = example.read("events").lines().count();
    assert_eq!(lines, example.printed().0.len());

    for _ in 0..3 {
        sender.send(200);
        drop(server);
        server = example.start();
        sender.send(200);
    }
    example.has_got(&sender.sent);

    terminate(&gateway.0);
    assert!(gateway.0.wait().unwrap().success(), "{}", example.read("log"));
    sender.device.read_to_end(&mut Vec::new()).unwrap();
    drop(server);
    let (offsets, data) = example.printed();
    assert_eq!(data, sender.sent);
    let first = offsets[0];
    let all: Vec<_> = (first..first + offsets.len() as u64).collect();
    assert_eq!(offsets, all, "every offset, in order");
    let last: Value = serde_json::from_str(example.read("events").lines().last().unwrap()).unwrap();
    assert_eq!((&last["event"], &last["reason"]), (&"offline".into(), &"draining".into()));
}

fn terminate(child: &Child) {
    let sent = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(sent.success());
}

fn passes_the_test(number: u16, program: Vec<PathBuf>) {
    let port = quiet_port(number);
    let example = Example { program, port, folder: tempfile::tempdir().unwrap() };
    let _server = example.start();
    until("it listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    let output = Command::new(env!("CARGO_BIN_EXE_tetherd"))
        .args(["upstream", "test", &format!("127.0.0.1:{port}")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("0 FAILED"), "{said}");
}

fn python() -> Vec<PathBuf> {
    vec!["python3".into(), example("webserver.py")]
}

fn javascript() -> Vec<PathBuf> {
    vec!["node".into(), example("webserver.js")]
}

#[test]
fn the_web_server_in_python_holds_every_offset_once() {
    if has("python3", "--version") {
        holds_every_offset_once(0, python());
    }
}

#[test]
fn the_web_server_in_javascript_holds_every_offset_once() {
    if has("node", "--version") {
        holds_every_offset_once(1, javascript());
    }
}

#[test]
fn the_web_server_by_http_in_javascript_holds_every_offset_once() {
    if has("node", "--version") {
        let program = vec!["node".into(), example("webserver_http.js")];
        let keys = |web: &str| format!("type = 'http'\nurl = 'http://{web}/events'");
        holds_every_offset_once_by(10, program, keys);
    }
}

#[test]
fn the_web_server_in_go_holds_every_offset_once() {
    if has("go", "version") {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let program = folder.join("webserver-go-upstreams");
        let built = Command::new("go")
            .args([Path::new("build"), Path::new("-o"), &program, &example("webserver.go")])
            .env("GOCACHE", folder.join("go-cache"))
            .status()
            .unwrap();
        assert!(built.success());
        holds_every_offset_once(2, vec![program]);
    }
}

#[test]
fn the_web_servers_in_python_and_javascript_pass_the_upstream_test() {
    if has("python3", "--version") {
        passes_the_test(3, python());
    }
    if has("node", "--version") {
        passes_the_test(4, javascript());
    }
}
