use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::Command,
    rc::Rc,
    sync::Arc,
    thread,
    time::Duration,
};

use actix::Actor;
use tetherd::{
    actors::{Forwarder, ForwarderParts},
    link::{ByAddress, UpstreamSettings},
    messages::Finish,
    model::{Event, SessionId, UnixMillis},
    simulator::{RunningHash, WebSettings},
    spool::{Batch, MemorySpool, ReaderSettings, Settings, Spool, Start, WhenBehind},
    telemetry::Telemetry,
    units::Size,
};

use crate::{
    hand::settled,
    harness::{LIMIT, Rig, web_server},
};

const EVENTS: u64 = 100_000;

/// A number of this process from /proc, in KiB.
fn memory(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn backlog() -> MemorySpool {
    let spool =
        MemorySpool::new(&Settings { max_size: Some(Size::mib(256)), ..Settings::default() });
    spool.open_reader(&reader());
    let mut batch = Batch::new();
    for number in 0..EVENTS {
        batch.push(&Event::Data {
            name: "backlog",
            session: SessionId(7),
            seq: number + 1,
            time: UnixMillis(1_763_625_600_000 + number),
            peer: "127.0.0.1:40112",
            connections: 1,
            data: &[b'x'; 64],
            meaning: b"",
        });
        if batch.count() == 100 {
            spool.append(&mut batch);
        }
    }
    spool
}

fn reader() -> ReaderSettings {
    let (name, start, when_behind) = ("web".to_owned(), Start::Oldest, WhenBehind::Hold);
    ReaderSettings { name, start, when_behind, max_lag: 0 }
}

/// Reads everything twice: at first without a word, until nothing more comes; then it acknowledges.
fn web_server_that_was_slow(listener: TcpListener) -> u64 {
    let (link, _) = listener.accept().unwrap();
    link.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut lines = BufReader::new(link);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        line.clear();
    }
    drop(lines);
    let (link, _) = listener.accept().unwrap();
    let mut lines = BufReader::new(link.try_clone().unwrap());
    let mut answers = link;
    let mut events = 0;
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line).unwrap() == 0 {
            return events;
        }
        let event: serde_json::Value = serde_json::from_slice(&line).unwrap();
        let Some(offset) = event["offset"].as_u64() else { continue };
        events += 1;
        if events % 100 == 0 {
            writeln!(answers, "{{\"ack\":{offset}}}").unwrap();
        }
    }
}

#[actix_rt::test]
#[ignore = "measures its process, and is started in one of its own by the test below"]
async fn a_large_backlog_in_a_process_of_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let spool = Arc::new(backlog());
    let reader = spool.open_reader(&reader());
    let before = memory("RssAnon");
    let web = thread::spawn(move || web_server_that_was_slow(listener));
    let parts = ForwarderParts {
        commands: None,
        name: "web".into(),
        gateway: "test".into(),
        settings: UpstreamSettings { address, ..UpstreamSettings::default() },
        spool: spool.clone(),
        reader,
        door: None,
        dial: Rc::new(ByAddress),
        seed: 0,
        telemetry: Telemetry::discarding(),
    };
    let forwarder = Forwarder::new(parts).start();
    forwarder.send(Finish { within: LIMIT }).await.unwrap();
    assert_eq!(web.join().unwrap(), EVENTS);
    assert_eq!(spool.ledger(reader).waiting, 0);
    // Without the pages of the program itself that were read in meanwhile.
    let peak = memory("VmHWM") - memory("RssFile");
    // What is on its way is in the sockets and the spool; here it is a number or two for each.
    assert!(peak.saturating_sub(before) < 4 << 10, "from {before} to {peak} KiB");
}

#[test]
fn a_large_backlog_is_sent_again_in_little_memory() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "backlog::a_large_backlog_in_a_process_of_its_own"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[actix_rt::test]
async fn events_of_64_kib_flow_one_behind_the_other() {
    let settings = WebSettings { hash: true, keep_lines: 0, ..WebSettings::default() };
    let web = web_server(settings, [tetherd::simulator::Behaviour::default()]).await;
    let rig = Rig::before(web, "", "window = '256KiB'", "", |builder| builder).await;
    let mut device = rig.online("heavy").await;
    let mut sent = RunningHash::default();
    for round in 0..200_usize {
        let chunk: Vec<u8> = (0..65_536).map(|at| (at * 31 + round * 7) as u8).collect();
        device.write(&chunk).await;
        sent.add(&chunk);
    }
    rig.sees(|report| report.name("heavy").hash == sent).await;
    settled(&rig.gateway, "web").await;
    rig.stop().await;
}
