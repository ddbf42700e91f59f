//! Threads that stand still, and devices that say nothing.

use std::{
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use actix::prelude::*;
use rustix::process::Signal;
use tetherd::{
    extension::{Happened, Observed},
    protocol::{Code, Conversation, Cut, Kind, Reading},
    telemetry::Records,
};

use crate::{
    client::{Answer, Client, get_blocking},
    harness::{Dtu, LIMIT, Rig, process::Program, until},
    is_problem,
    program::admin_of,
    rig_with,
};

const ADMIN: &str = "[admin]\naddress = '127.0.0.1:0'\n";

/// An observer whose handler waits, and its thread with it, once a device is online.
struct Blocking(Receiver<()>);

impl Actor for Blocking {
    type Context = Context<Self>;
}

impl Handler<Observed> for Blocking {
    type Result = ();

    fn handle(&mut self, Observed(told): Observed, _: &mut Context<Self>) {
        if told.iter().any(|occurrence| matches!(occurrence.what, Happened::Online)) {
            self.0.recv().unwrap();
        }
    }
}

/// What is seen while a thread stands still.
struct Sight {
    ready: Answer,
    metrics: String,
    logged: Option<String>,
}

/// Looks until the gateway is not ready, from a thread that does not stand still; then lets go.
fn look(address: String, records: Records, release: Sender<()>) -> thread::JoinHandle<Sight> {
    thread::spawn(move || {
        let begun = Instant::now();
        let mut ready = get_blocking(&address, "/readyz");
        while ready.status == 200 {
            assert!(begun.elapsed() < LIMIT, "it counts as ready for ever");
            ready = get_blocking(&address, "/readyz");
        }
        let metrics = get_blocking(&address, "/metrics").text();
        let logged = records.wait_for(LIMIT, |record| record.message == "thread stands still");
        release.send(()).unwrap();
        Sight { ready, metrics, logged: logged.and_then(|record| record.get("thread")) }
    })
}

/// The value of a metric with this label.
fn value(metrics: &str, name: &str, label: &str) -> f64 {
    let row = metrics.lines().find_map(|line| line.strip_prefix(&format!("{name}{label} ")));
    row.unwrap_or_else(|| panic!("no {name}{label} in\n{metrics}")).parse().unwrap()
}

#[actix_rt::test]
async fn a_handler_that_blocks_is_seen_by_the_name_of_its_thread_and_forgotten_behind_it() {
    let (release, released) = channel();
    let observer = Blocking(released).start().recipient();
    let rig = Rig::extended("", "", ADMIN, |builder| builder.observe(observer)).await;
    let address = rig.gateway.admin_address().unwrap().to_owned();
    let client = Client::of(&address);
    assert_eq!(client.get("/readyz").await.status, 200);

    let looks = look(address, rig.records.clone(), release);
    let mut device = rig.connect().await;
    device.write(b"ETUNG:me\r\n").await;
    until("somebody has looked", || looks.is_finished()).await;
    let sight = looks.join().unwrap();

    is_problem(&sight.ready, 503);
    let facts = sight.ready.json();
    assert_eq!((&facts["ready"], &facts["phase"]), (&false.into(), &"running".into()));
    assert_eq!(facts["stuck_threads"], serde_json::json!(["main"]));
    assert_eq!(facts["detail"], "threads stand still: main");
    let main = &facts["threads"][0];
    assert_eq!((&main["name"], &main["stands_still"]), (&"main".into(), &true.into()));
    assert!(main["heartbeat_age_seconds"].as_f64().unwrap() > 3.0, "{main}");
    let of_main = "{thread=\"main\"}";
    assert!(value(&sight.metrics, "tetherd_thread_heartbeat_age_seconds", of_main) > 3.0);
    assert!(value(&sight.metrics, "tetherd_thread_lateness_max_seconds", of_main) > 2.0);
    assert_eq!(sight.logged.as_deref(), Some("main"));

    let goes_on = || rig.records.count("thread goes on") == 1;
    until("it is told that the thread goes on", goes_on).await;
    assert_eq!(client.get("/readyz").await.status, 200);
    let metrics = client.get("/metrics").await.text();
    assert!(value(&metrics, "tetherd_thread_lateness_max_seconds", of_main) > 2.0);
    assert_eq!(value(&metrics, "tetherd_threads_stuck_total", ""), 1.0);
    assert_eq!(rig.records.count("thread stands still"), 1, "it is told once");
    rig.stop().await;
}

/// Code that waits, and its session thread with it, at a `!`.
#[derive(Clone, Debug)]
struct Waiting(Arc<Mutex<Receiver<()>>>);

impl Code for Waiting {
    fn open(&self) -> Box<dyn Conversation> {
        Box::new(self.clone())
    }
}

impl Conversation for Waiting {
    fn cut(&mut self, bytes: &[u8], _: bool) -> Cut {
        if bytes[0] == b'!' {
            self.0.lock().unwrap().recv().unwrap();
        }
        let name = Some(format!("waiting-{}", bytes[0]));
        let (bytes, is) = (bytes.to_vec(), Kind::Login);
        Cut::Frame(bytes.len(), Box::new(Reading { bytes, name, is, ..Reading::default() }))
    }
}

/// A gateway with two session threads and this code.
async fn threaded(code: Waiting) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("protocols")).unwrap();
    let calling = "name = 'waiting'\ncode = 'waiting'";
    std::fs::write(folder.path().join("protocols/waiting.toml"), calling).unwrap();
    let web = crate::harness::web_server(Default::default(), [Default::default()]).await;
    let rest = format!("threads = 2\n[spool]\ntype = 'memory'\n{ADMIN}");
    let address = web.address().to_string();
    let toml = crate::harness::settings(&address, "protocol = 'waiting'", "", &rest);
    std::fs::write(folder.path().join("default.toml"), toml).unwrap();
    let paths = vec![folder.path().to_owned()];
    let loaded = tetherd::config::load(&tetherd::config::Options { paths, ..Default::default() });
    let plugged =
        |builder: tetherd::app::GatewayBuilder| builder.protocol("waiting", Arc::new(code));
    let (gateway, telemetry, records) = crate::harness::launch(loaded.unwrap(), plugged).await;
    Rig { gateway, web, records, telemetry }
}

#[actix_rt::test]
async fn one_session_thread_that_stands_still_is_told_from_the_others() {
    let (release, released) = channel();
    let rig = threaded(Waiting(Arc::new(Mutex::new(released)))).await;
    let address = rig.gateway.admin_address().unwrap().to_owned();
    let names = |facts: serde_json::Value| -> Vec<String> {
        let threads = facts["threads"].as_array().unwrap().clone();
        threads.iter().map(|thread| thread["name"].as_str().unwrap().to_owned()).collect()
    };
    let facts = Client::of(&address).get("/readyz").await.json();
    assert_eq!(names(facts), ["main", "session-0", "session-1", "admin"]);

    let looks = look(address.clone(), rig.records.clone(), release);
    let mut device = rig.connect().await;
    device.write(b"!").await;
    until("somebody has looked", || looks.is_finished()).await;
    let sight = looks.join().unwrap();
    let still = sight.ready.json()["stuck_threads"].as_array().unwrap().clone();
    assert_eq!(still.len(), 1, "{still:?}");
    let still = still[0].as_str().unwrap();
    assert!(still.starts_with("session-"), "{still}");
    assert_eq!(sight.logged.as_deref(), Some(still));
    let age = |thread: &str| {
        let label = format!("{{thread=\"{thread}\"}}");
        value(&sight.metrics, "tetherd_thread_heartbeat_age_seconds", &label)
    };
    assert!(age(still) > 3.0 && age("main") < 3.0 && age("admin") < 3.0, "{}", sight.metrics);
    until("it goes on", || rig.records.count("thread goes on") == 1).await;
    assert_eq!(Client::of(&address).get("/readyz").await.status, 200);
    rig.stop().await;
}

#[actix_rt::test]
async fn the_disk_has_a_thread_with_a_heart_of_its_own() {
    let rest = format!("threads = 1\n{ADMIN}");
    let mut program = Program::start("127.0.0.1:9", "", "", &rest);
    let client = admin_of(&program).await;
    let facts = client.get("/readyz").await.json();
    let threads = facts["threads"].as_array().unwrap();
    let names: Vec<_> = threads.iter().map(|thread| thread["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["main", "spool", "admin"]);
    program.signal(Signal::TERM);
    program.enters("draining").await;
    program.signal(Signal::TERM);
    assert_eq!(program.ends().await.code, Some(0));
    assert!(program.saying("thread stands still").is_empty());
}

/// What a gateway says of its traffic.
async fn traffic(client: &Client) -> (u16, serde_json::Value) {
    let ready = client.get("/readyz").await;
    (ready.status, ready.json()["traffic"].clone())
}

/// Speaks until the gateway says what is `wanted`.
async fn speak(device: &mut Dtu, client: &Client, wanted: impl Fn(&serde_json::Value) -> bool) {
    let begun = Instant::now();
    while !wanted(&traffic(client).await.1) {
        assert!(begun.elapsed() < LIMIT, "{:?}", traffic(client).await);
        device.write(b"hello\n").await;
        actix_rt::time::sleep(Duration::from_millis(1)).await;
    }
}

#[actix_rt::test]
async fn devices_that_fall_silent_are_told_of_and_leave_the_gateway_ready() {
    let health = "[health]\ntraffic_window = '1s'\ntraffic_least = 3";
    let (rig, client) = rig_with("", health).await;
    let mut device = rig.online("me").await;
    assert_eq!(traffic(&client).await.1["quiet"], false);
    let has_history = |flow: &serde_json::Value| flow["before"].as_u64().unwrap() >= 10;
    speak(&mut device, &client, has_history).await;

    until("it is told", || rig.records.count("devices have fallen silent") == 1).await;
    let (status, flow) = traffic(&client).await;
    assert_eq!((status, &flow["quiet"]), (200, &true.into()));
    assert_eq!(flow["window_seconds"], 1.0);
    let metrics = client.get("/metrics").await.text();
    assert_eq!(value(&metrics, "tetherd_traffic_quiet", ""), 1.0);
    assert_eq!(value(&metrics, "tetherd_traffic_silences_total", ""), 1.0);
    let before = value(&metrics, "tetherd_traffic_messages_before", "");
    assert_eq!(before, flow["before"].as_f64().unwrap());
    assert!(value(&metrics, "tetherd_traffic_messages", "") * 10.0 < before);

    speak(&mut device, &client, |flow| flow["quiet"] == false).await;
    assert_eq!(rig.records.count("devices speak again"), 1);
    let metrics = client.get("/metrics").await.text();
    assert_eq!(value(&metrics, "tetherd_traffic_quiet", ""), 0.0);
    assert_eq!(rig.telemetry.counts().data_events.get(), rig.totals("me").messages);
    rig.stop().await;
}

#[actix_rt::test]
async fn without_a_window_nobody_minds_a_silence() {
    let (rig, client) = rig_with("", "").await;
    assert_eq!(traffic(&client).await, (200, serde_json::Value::Null));
    let metrics = client.get("/metrics").await.text();
    assert!(!metrics.contains("\ntetherd_traffic_quiet "), "{metrics}");
    rig.stop().await;
}
