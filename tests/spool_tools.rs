//! `tetherd spool` on the folder of the real program, stopped and running.
#![allow(clippy::unwrap_used)] // a failed step fails the test

#[path = "harness/mod.rs"]
mod harness;

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use rustix::process::Signal;
use serde_json::Value;
use tetherd::{
    model::{Event, Offset, SessionId, UnixMillis},
    simulator::{Acknowledge, Behaviour, WebServer, WebSettings},
    spool::{
        Batch, DiskSettings, DiskSpool, Durability, ReaderSettings, Spool, Start, SystemFiles,
        WhenBehind, WhenFull,
    },
    telemetry::Telemetry,
};

use crate::harness::{Dtu, LIMIT, process::Program, until, web_server};

const FIRST: Offset = Offset(1_000_000);

/// What a command has written, and its exit code.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

fn spool(arguments: &[&str], folder: &Path) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tetherd"));
    let output = command.env_clear().arg("spool").args(arguments).current_dir(folder).output();
    let output = output.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// The same, where it has to go well.
fn done(arguments: &[&str], folder: &Path) -> String {
    let said = spool(arguments, folder);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{arguments:?}: {}", said.out);
    said.out
}

/// The same, where it has to end with this code; answers its one line.
fn refused(code: i32, arguments: &[&str], folder: &Path) -> String {
    let said = spool(arguments, folder);
    assert_eq!((said.code, said.out.as_str()), (Some(code), ""), "{arguments:?}: {}", said.err);
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    said.err
}

fn inspect(folder: &Path) -> Value {
    let out = done(&["inspect", "--json", "--config", "gateway.toml"], folder);
    serde_json::from_str(&out).unwrap()
}

/// The sums of an upstream: received, delivered, waiting, dropped; zeros before it is stored.
fn ledger(folder: &Path, upstream: &str) -> [u64; 4] {
    let seen = inspect(folder);
    let upstreams = seen["upstreams"].as_array().unwrap();
    let Some(found) = upstreams.iter().find(|found| found["name"] == upstream) else {
        return [0; 4];
    };
    ["received", "delivered", "waiting", "dropped"].map(|sum| found[sum].as_u64().unwrap())
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn good_web_server() -> WebServer {
    web_server(WebSettings::default(), [Behaviour::default()]).await
}

/// A device that comes, says so many things, and goes; the web server has all of it.
async fn play(address: &str, web: &WebServer, messages: u64) {
    let before = web.report();
    let mut device = Dtu::connect(address).await;
    device.write(b"ETUNG:860000000000001\r\n").await;
    for number in 0..messages {
        device.write(format!("message {number}").as_bytes()).await;
        let bytes = before.data_bytes;
        let seen = |report: &tetherd::simulator::Report| {
            report.data_bytes > bytes && report.data > before.data + number
        };
        web.wait_until(LIMIT, seen).await.unwrap();
    }
    device.finish().await;
    web.wait_until(LIMIT, |report| report.offline > before.offline).await.unwrap();
}

async fn stop(program: &mut Program) {
    program.signal(Signal::TERM);
    assert_eq!(program.ends().await.code, Some(0));
}

#[tokio::test]
async fn what_a_gateway_has_done_can_be_looked_at_after_its_stop() {
    let web = good_web_server().await;
    let mut program = Program::start(&web.address().to_string(), "", "", "spool.retain = '1h'");
    play(&program.address("dtu").await, &web, 5).await;
    stop(&mut program).await;
    let folder = program.folder.path();

    assert_eq!(ledger(folder, "web"), [8, 8, 0, 0]);
    let seen = inspect(folder);
    assert_eq!((&seen["condition"], &seen["pid"]), (&"clean".into(), &Value::Null));
    let page = done(&["inspect", "--config", "gateway.toml"], folder);
    assert!(page.contains("stopped in good order"), "{page}");
    let row = page.lines().find(|line| line.starts_with("web")).unwrap();
    assert!(row.split_whitespace().take(5).eq(["web", "8", "8", "0", "0"]), "{row}");

    let verified = done(&["verify", "--config", "gateway.toml"], folder);
    assert!(verified.contains("8 events: all as they were written"), "{verified}");

    let exported = lines(&done(&["export", "--config", "gateway.toml"], folder));
    let told = web.look(|report| report.last_lines.clone());
    let told: Vec<Value> = told.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(exported, told[1..], "the same as the web server was told behind hello");
}

#[tokio::test]
async fn a_running_gateway_goes_back_when_it_is_told_to_and_its_books_balance() {
    let web = good_web_server().await;
    let program = Program::start(&web.address().to_string(), "", "", "spool.retain = '1h'");
    let address = program.address("dtu").await;
    play(&address, &web, 5).await;
    let folder = program.folder.path().to_owned();
    until("all is stored as delivered", || ledger(&folder, "web") == [8, 8, 0, 0]).await;
    let seen = inspect(&folder);
    assert_eq!(seen["condition"], "running");
    assert!(seen["pid"].as_u64().is_some());
    let oldest = seen["oldest"].as_u64().unwrap();

    let to = (oldest + 2).to_string();
    let said = task({
        let (folder, to) = (folder.clone(), to.clone());
        move || done(&["rewind", "web", "--to", &to, "--config", "gateway.toml"], &folder)
    })
    .await;
    let expected = format!("web goes on at {to}; it stood at {}.", oldest + 8);
    assert!(said.starts_with(&expected), "{said}");
    web.wait_until(LIMIT, |report| report.repeats == 6).await.unwrap();
    program.says("link down", |record| record["kind"] == "rewound").await;
    until("it is delivered once more", || ledger(&folder, "web") == [8, 8, 0, 0]).await;

    play(&address, &web, 3).await;
    until("and goes on", || ledger(&folder, "web") == [13, 13, 0, 0]).await;
    let report = web.report();
    assert_eq!((report.links, report.repeats, report.cut_lines), (2, 6, 0));
    assert_eq!(report.first_violations, []);
}

#[tokio::test]
async fn a_rewind_does_not_wait_for_a_web_server_that_acknowledges_nothing() {
    let never = Behaviour::acknowledging(Acknowledge::Never);
    let behaviours = [Behaviour::default(), never, Behaviour::default()];
    let web = web_server(WebSettings::default(), behaviours).await;
    let small = "window = '1KiB'";
    let program = Program::start(&web.address().to_string(), "", small, "spool.retain = '1h'");
    let address = program.address("dtu").await;
    play(&address, &web, 5).await;
    let folder = program.folder.path().to_owned();
    until("all is stored as delivered", || ledger(&folder, "web") == [8, 8, 0, 0]).await;
    web.disconnect();
    web.wait_until(LIMIT, |report| report.links == 2).await.unwrap();
    let mut device = Dtu::connect(&address).await;
    device.write(b"ETUNG:860000000000002\r\n").await;
    for _ in 0..10 {
        device.write(&[b'x'; 500]).await;
    }
    until("they wait", || ledger(&folder, "web")[2] >= 2).await;

    let oldest = inspect(&folder)["oldest"].as_u64().unwrap().to_string();
    let config = ["--config", "gateway.toml"];
    let arguments: Vec<_> = ["rewind", "web", "--to", &oldest].map(str::to_owned).into();
    let asked = folder.clone();
    task(move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).chain(config).collect();
        done(&arguments, &asked)
    })
    .await;
    web.wait_until(LIMIT, |report| report.links == 3 && report.repeats >= 8).await.unwrap();
    device.finish().await;
    web.wait_until(LIMIT, |report| report.offline == 2).await.unwrap();
    until("all is delivered", || {
        let [received, delivered, waiting, dropped] = ledger(&folder, "web");
        received == delivered && (waiting, dropped) == (0, 0)
    })
    .await;
    assert_eq!(web.report().first_violations, []);
}

#[tokio::test]
async fn a_running_gateway_refuses_what_cannot_be() {
    let web = good_web_server().await;
    let program = Program::start(&web.address().to_string(), "", "", "spool.retain = '1h'");
    let address = program.address("dtu").await;
    play(&address, &web, 1).await;
    let folder = program.folder.path().to_owned();
    until("all is stored as delivered", || ledger(&folder, "web") == [4, 4, 0, 0]).await;
    let faults = task(move || {
        let config = ["--config", "gateway.toml"];
        let with = |words: &[&str]| refused(1, &[words, &config].concat(), &folder);
        [
            with(&["forget", "web"]),
            with(&["rewind", "web", "--to", "99"]),
            with(&["rewind", "wep", "--to", "1h"]),
            with(&["rewind", "web", "--to", "9007199254740000"]),
        ]
    })
    .await;
    assert!(faults[0].contains("the running gateway serves \"web\""), "{}", faults[0]);
    assert!(faults[1].contains("99 is gone; the oldest event that is kept is"), "{}", faults[1]);
    assert!(faults[2].contains("it knows web"), "{}", faults[2]);
    assert!(faults[3].contains("a rewind only goes back"), "{}", faults[3]);
}

#[tokio::test]
async fn an_upstream_that_is_not_configured_any_more_is_forgotten_by_a_running_gateway() {
    let web = good_web_server().await;
    let shared = tempfile::tempdir().unwrap();
    let path = shared.path().join("spool").display().to_string();
    let toml = |rest: &str| {
        format!(
            "[spool]\npath = '{path}'\n[drain]\nspread = '0s'\nflush = '0s'\n\
             [listener.dtu]\naddress = '127.0.0.1:0'\n\
             [upstream.web]\naddress = '{}'\n{rest}",
            web.address()
        )
    };
    let mut program = Program::from_toml(None, &toml("[upstream.old]\naddress = '127.0.0.1:1'\n"));
    play(&program.address("dtu").await, &web, 2).await;
    stop(&mut program).await;
    let program = Program::from_toml(None, &toml(""));
    program.enters("running").await;
    let folder = program.folder.path().to_owned();
    let page = done(&["inspect", "--config", "gateway.toml"], &folder);
    assert!(page.contains("not configured: tetherd spool forget lets go of it"), "{page}");
    let asked = folder.clone();
    let said = task(move || done(&["forget", "old", "--config", "gateway.toml"], &asked)).await;
    assert_eq!(said, "old is forgotten; events that waited for it: 6\n");
    assert_eq!(upstreams(&inspect(&folder)), ["web"]);
}

fn upstreams(seen: &Value) -> Vec<String> {
    let all = seen["upstreams"].as_array().unwrap().iter();
    all.map(|upstream| upstream["name"].as_str().unwrap().to_owned()).collect()
}

/// Blocks a thread of its own.
async fn task<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// A stopped folder with so many events, one a second, of which `web` has half.
fn stopped(events: u64) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool");
    let settings = DiskSettings {
        max_size: 64 << 20,
        segment: 256 << 10,
        durability: Durability::Os,
        commit_interval: std::time::Duration::from_millis(5),
        retain: std::time::Duration::from_secs(3600),
        when_full: WhenFull::Pause,
    };
    let files = Arc::new(SystemFiles::claim(&path).unwrap());
    let spool = DiskSpool::open_at(files, settings, Telemetry::discarding(), FIRST).unwrap();
    let web = spool.open_reader(&ReaderSettings {
        name: "web".to_owned(),
        start: Start::Oldest,
        when_behind: WhenBehind::Hold,
        max_lag: u64::MAX,
    });
    for number in 0..events {
        let mut batch = Batch::new();
        batch.push(&Event::Data {
            name: "860000000000001",
            session: SessionId(7),
            seq: number + 1,
            time: UnixMillis(1_763_625_600_000 + number * 1000),
            peer: "10.1.2.3:40112",
            connections: 1,
            data: &[b'x'; 1000],
            meaning: b"",
        });
        spool.append(&mut batch);
        spool.work(std::time::Instant::now(), UnixMillis::now());
    }
    spool.acknowledge(web, FIRST.plus(events / 2).before());
    assert!(spool.close());
    (folder, path)
}

#[test]
fn a_stopped_upstream_goes_back_to_an_offset_or_a_moment_and_no_further_than_events_are_kept() {
    let (folder, path) = stopped(1000);
    let path = path.to_str().unwrap();
    let go_back = |to: &str| done(&["rewind", "web", "--to", to, "--path", path], folder.path());
    let fault =
        |to: &str| refused(1, &["rewind", "web", "--to", to, "--path", path], folder.path());
    let to = FIRST.plus(120).to_string();
    let said = go_back(&to);
    assert_eq!(said, "web goes on at 1000120; it stood at 1000500. Events that wait for it: 880\n");
    let moment = UnixMillis(1_763_625_600_000 + 99_001).to_string();
    let said = go_back(&moment);
    assert_eq!(said, "web goes on at 1000100; it stood at 1000120. Events that wait for it: 900\n");
    let said = go_back("100000d");
    assert_eq!(
        said,
        "web goes on at 1000000; it stood at 1000100. Events that wait for it: 1,000\n"
    );
    let told = fault("1s");
    assert!(told.contains("a rewind only goes back"), "{told}");

    fs::remove_file(Path::new(path).join("000000000001.segment")).unwrap();
    let moment = UnixMillis(1_763_625_600_000).to_string();
    let told = fault(&moment);
    assert!(told.contains("events of 2025-11-20T08:00:00.000Z are gone; the oldest"), "{told}");
}

#[test]
fn an_export_is_cut_where_it_is_asked_to_be() {
    let (folder, path) = stopped(300);
    let export = |words: &[&str]| {
        let words = [&["export", "--path", path.to_str().unwrap()], words].concat();
        lines(&done(&words, folder.path()))
    };
    let offsets = |lines: &[Value]| {
        let offset = |line: &Value| line["offset"].as_u64().unwrap() - FIRST.0;
        (lines.len(), lines.first().map(offset), lines.last().map(offset))
    };
    assert_eq!(offsets(&export(&[])), (300, Some(0), Some(299)));
    let range = ["--from", "1000010", "--to", "1000019"];
    assert_eq!(offsets(&export(&range)), (10, Some(10), Some(19)));
    let range = ["--from", "2025-11-20T08:00:30Z", "--to", "2025-11-20T08:00:40Z"];
    assert_eq!(offsets(&export(&range)), (10, Some(30), Some(39)));
    assert_eq!(offsets(&export(&["--upstream", "web"])), (150, Some(150), Some(299)));
    let text = export(&["--from", "1000299", "--encoding", "text"]);
    assert_eq!(text[0]["data"], "x".repeat(1000));

    let of = ["export", "--path", path.to_str().unwrap(), "--output", "out.jsonl"];
    assert_eq!(done(&of, folder.path()), "wrote 300 lines to out.jsonl\n");
    let written = fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
    assert_eq!(offsets(&lines(&written)), (300, Some(0), Some(299)));
    let fault = refused(1, &of, folder.path());
    assert!(fault.contains("out.jsonl: is there already; name another file"), "{fault}");
}

#[test]
fn whoever_reads_an_export_may_stop_reading() {
    let (_folder, path) = stopped(2000);
    let mut command = Command::new(env!("CARGO_BIN_EXE_tetherd"));
    command.args(["spool", "export", "--path"]).arg(&path);
    command.env_clear().stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(lines(&line)[0]["offset"], FIRST.0);
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
}

#[test]
fn damage_is_named_and_exported_as_a_gap_and_nothing_is_changed() {
    let (folder, path) = stopped(300);
    let file = path.join("000000000001.segment");
    let mut bytes = fs::read(&file).unwrap();
    bytes[100_000] ^= 4;
    fs::write(&file, &bytes).unwrap();
    let of = |command| [command, "--path", path.to_str().unwrap()];
    let said = spool(&of("verify"), folder.path());
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("one part is damaged"), "{}", said.err);
    let named = said.out.lines().next().unwrap();
    assert!(named.starts_with("000000000001.segment: byte "), "{named}");
    let exported = lines(&done(&of("export"), folder.path()));
    let gaps: Vec<_> = exported.iter().filter(|line| line["event"] == "gap").collect();
    let [gap] = gaps[..] else { panic!("{gaps:?}") };
    assert_eq!((&gap["reason"], &gap["events"]), (&"damaged".into(), &1.into()));
    let offsets = format!("offsets {} to {} (1)", gap["from"], gap["to"]);
    assert!(named.contains(&offsets), "{named}, {offsets}");
    assert_eq!(exported.len(), 300);
    assert_eq!(fs::read(&file).unwrap(), bytes);
}

#[test]
fn where_there_is_no_spool_it_is_said_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    for command in [&["inspect"][..], &["verify"], &["export"], &["rewind", "web", "--to", "1h"]] {
        let of = |rest: &[&'static str]| [command, rest].concat();
        let fault = refused(1, &of(&["--path", "nowhere"]), folder.path());
        assert!(fault.contains("start the gateway once"), "{fault}");
        let fault = refused(1, &of(&["--path", "empty"]), folder.path());
        assert!(fault.contains("there is no spool in this folder"), "{fault}");
        let fault = refused(2, &of(&["--set", "spool.type=memory"]), folder.path());
        assert!(fault.contains("keeps events in memory"), "{fault}");
        let fault =
            refused(2, &of(&["--path", "empty", "--set", "spool.type=disk"]), folder.path());
        assert!(fault.contains("--path names the folder already"), "{fault}");
    }
    assert_eq!(fs::read_dir(folder.path().join("empty")).unwrap().count(), 0);
}
