use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use actix::prelude::*;
use serde_json::Value;
use tetherd::{
    app::{
        Gateway,
        process::{serve, system},
    },
    config::from_toml,
    extension::{Happened, Observed},
    telemetry,
};

use crate::{
    harness::{Dtu, LIMIT},
    manager::{Manager, PATIENCE},
};

/// Waits, and its thread with it, for a byte at standard input once a device is online.
struct Blocking;

impl Actor for Blocking {
    type Context = Context<Self>;
}

impl Handler<Observed> for Blocking {
    type Result = ();

    fn handle(&mut self, Observed(told): Observed, _: &mut Context<Self>) {
        if told.iter().any(|occurrence| matches!(occurrence.what, Happened::Online)) {
            std::io::stdin().read_exact(&mut [0]).unwrap();
        }
    }
}

/// A program with an extension that blocks.
#[test]
#[ignore = "run by the test below, as a process of its own"]
fn a_gateway_with_a_handler_that_blocks() {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return;
    }
    let toml = "[spool]\ntype = 'memory'\n[drain]\nspread = '0s'\n[listener.dtu]\n\
                address = '127.0.0.1:0'\n[log]\nformat = 'json'";
    let loaded = from_toml(toml).unwrap();
    let (telemetry, guard) = telemetry::start(&loaded.config.log, &[]).unwrap();
    let served = system().unwrap().block_on(async {
        let observer = Blocking.start().recipient();
        let builder = Gateway::builder(loaded).telemetry(telemetry).observe(observer);
        serve(builder, |_| {}).await
    });
    drop(guard);
    served.unwrap();
}

/// Waits for a record that says this.
fn says(records: &Receiver<Value>, message: &str) -> Value {
    loop {
        let record =
            records.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("never said: {message}"));
        if record["msg"] == message {
            return record;
        }
    }
}

/// The log records of a process, as they come.
fn records(child: &mut Child) -> Receiver<Value> {
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let (tell, records) = channel();
    thread::spawn(move || {
        let lines = stderr.lines().map_while(Result::ok);
        let parsed = lines.filter_map(|line| serde_json::from_str(&line).ok());
        parsed.map_while(|record: Value| tell.send(record).ok()).count()
    });
    records
}

#[actix_rt::test]
async fn the_watchdog_is_not_fed_while_a_thread_stands_still_and_the_log_says_why_once() {
    let manager = Manager::new();
    let mut command = manager.starts(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture"]);
    command.arg("blocked::a_gateway_with_a_handler_that_blocks").current_dir(manager.folder.path());
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    let (records, mut stdin) = (records(&mut child), child.stdin.take().unwrap());
    let address = says(&records, "listening")["address"].as_str().unwrap().to_owned();
    manager.hears("WATCHDOG=1");
    let mut device = Dtu::connect(&address).await;
    device.write(b"ETUNG:me\r\n").await;

    let starved = says(&records, "watchdog not fed, systemd will start the gateway afresh");
    assert_eq!(starved["why"], "thread main stands still");
    // What had been said before that may still be there.
    manager.hears("WATCHDOG=1");
    while manager.hears_within(PATIENCE / 1000).is_some() {}
    assert_eq!(manager.hears_within(PATIENCE), None, "systemd would have lost patience");

    stdin.write_all(b"!").unwrap();
    manager.hears("WATCHDOG=1");
    let between = records.try_iter().filter(|record| record["msg"] == starved["msg"]).count();
    assert_eq!(between, 0, "it is told once");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    manager.hears("STOPPING=1");
    assert!(child.wait().unwrap().success());
}
