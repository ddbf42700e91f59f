use std::net::TcpStream;

use rustix::{
    process::Signal,
    time::{ClockId, clock_gettime},
};

use crate::{
    harness::{Dtu, process::Program, settings},
    manager::Manager,
};

const NOBODY: &str = "127.0.0.1:9";

fn started(manager: &Manager, toml: &str) -> Program {
    let command = manager.starts(env!("CARGO_BIN_EXE_tetherd"));
    Program::launched(command, &manager.folder, toml)
}

/// Ends it, without waiting for a web server that is not there.
async fn stop(mut program: Program) {
    program.signal(Signal::TERM);
    program.enters("draining").await;
    program.signal(Signal::TERM);
    assert_eq!(program.ends().await.code, Some(0));
}

/// Microseconds of the clock that systemd compares.
fn monotonic() -> i128 {
    let now = clock_gettime(ClockId::Monotonic);
    i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000
}

#[actix_rt::test]
async fn ready_is_told_when_devices_are_accepted_and_the_watchdog_is_fed_from_then_on() {
    let manager = Manager::new();
    let toml = settings(NOBODY, "", "", "[admin]\naddress = '127.0.0.1:0'");
    let program = started(&manager, &toml);
    assert_eq!(manager.hears("READY=1"), ["READY=1\n"], "nothing comes before it");
    // Its log may be read later than that.
    let listening = program.says("listening", |_| true).await;
    TcpStream::connect(listening["address"].as_str().unwrap()).unwrap();
    manager.hears("WATCHDOG=1");
    manager.hears("WATCHDOG=1");
    stop(program).await;
}

#[actix_rt::test]
async fn the_status_tells_phase_connections_and_links() {
    let manager = Manager::new();
    let program = started(&manager, &settings(NOBODY, "", "", "[admin]\naddress = '127.0.0.1:0'"));
    let status = manager.hears("STATUS=").pop().unwrap();
    assert_eq!(status, "STATUS=running, 0 connections, 0 of 1 links up\n");
    stop(program).await;
}

#[actix_rt::test]
async fn a_reload_is_told_with_its_time_and_its_end_whatever_comes_of_it() {
    let manager = Manager::new();
    let toml = settings(NOBODY, "", "", "");
    let program = started(&manager, &toml);
    manager.hears("READY=1");
    for (text, outcome) in
        [("# nothing new", "configuration reloaded"), ("nonsense", "configuration not reloaded")]
    {
        program.enters("running").await;
        let path = program.path("gateway.toml");
        let configured = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{configured}\n{text}\n")).unwrap();
        let before = monotonic();
        program.signal(Signal::HUP);
        let reloading = manager.hears("RELOADING=1\n").pop().unwrap();
        let told = reloading.trim().split_once("\nMONOTONIC_USEC=").unwrap().1;
        let told: i128 = told.parse().unwrap();
        assert!((before..=monotonic()).contains(&told), "{reloading}");
        let heard = manager.hears("READY=1");
        assert!(!heard.iter().any(|message| message.starts_with("RELOADING")), "{heard:?}");
        program.says(outcome, |_| true).await;
    }
    stop(program).await;
}

#[actix_rt::test]
async fn a_stop_is_told_when_it_begins_and_the_watchdog_is_fed_to_its_end() {
    let manager = Manager::new();
    let toml = settings(NOBODY, "", "", "").replace("spread = '0s'", "spread = '10m'");
    let program = started(&manager, &toml);
    manager.hears("READY=1");
    let address = program.address("dtu").await;
    // One of many is let go of late enough.
    let mut devices = Vec::new();
    for _ in 0..20 {
        devices.push(Dtu::connect(&address).await);
    }
    program.signal(Signal::TERM);
    manager.hears("STOPPING=1");
    manager.hears("WATCHDOG=1");
    manager.hears("WATCHDOG=1");
    stop(program).await;
    drop(devices);
}

#[actix_rt::test]
async fn a_manager_that_is_gone_is_told_of_once_and_harms_nobody() {
    let manager = Manager::new();
    let program = started(&manager, &settings(NOBODY, "", "", ""));
    manager.hears("WATCHDOG=1");
    std::fs::remove_file(manager.folder.path().join("notify")).unwrap();
    program.says("systemd not told", |_| true).await;
    program.signal(Signal::HUP);
    program.says("configuration reloaded", |_| true).await;
    assert_eq!(program.saying("systemd not told").len(), 1);
    stop(program).await;
}

#[actix_rt::test]
async fn a_manager_that_hangs_does_not_keep_the_process() {
    let manager = Manager::new();
    let program = started(&manager, &settings(NOBODY, "", "", ""));
    manager.hears("READY=1");
    // What was told and not heard fills its queue.
    for _ in 0..1000 {
        program.signal(Signal::HUP);
        program.says("configuration reloaded", |_| true).await;
        if manager.is_full() {
            break;
        }
    }
    assert!(manager.is_full());
    stop(program).await;
}
