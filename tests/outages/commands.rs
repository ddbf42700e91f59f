//! Commands, while the program is killed again and again: each that was told as `queued` comes to one
//! end, no device gets one twice, and none is told as delivered that the device has not got.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tetherd::simulator::Behaviour;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    LIMIT,
    harness::{process::Program, until_within},
    is_long, seed,
    stand::{Web, configuration, folder, listener, nobodys_address, stop, upstream},
};

const DEVICES: u64 = 3;

/// A command of which nothing is heard is sent again after this time.
const SAID_AGAIN: Duration = Duration::from_millis(200);

/// How often each command came to its device.
type Got = Arc<Mutex<BTreeMap<String, u32>>>;

/// A device that answers each command, and comes back.
async fn device(own: u64, address: String, got: Got, mut goes_on: watch::Receiver<bool>) {
    while *goes_on.borrow_and_update() {
        tokio::select! {
            () = connection(own, &address, &got) => sleep(Duration::from_millis(2)).await,
            _ = goes_on.changed() => {}
        }
    }
}

async fn connection(own: u64, address: &str, got: &Got) {
    let Ok(mut stream) = TcpStream::connect(address).await else { return };
    let mut heard = Vec::new();
    if stream.write_all(format!("ETUNG:d{own}\r\n").as_bytes()).await.is_err() {
        return;
    }
    while let Ok(1..) = stream.read_buf(&mut heard).await {
        while let Some(end) = heard.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = heard.drain(..=end).collect();
            let id = String::from_utf8(line).unwrap().trim().to_owned();
            *got.lock().unwrap().entry(id.clone()).or_default() += 1;
            if stream.write_all(format!("ok {id}\n").as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// What the web server was told: the states of each command, by offset.
#[derive(Default)]
struct Told(BTreeMap<String, BTreeMap<u64, (u64, String)>>);

impl Told {
    fn read(&mut self, web: &Web) {
        for line in web.take_lines() {
            let event: Value = serde_json::from_str(&line).unwrap();
            if event["event"] != "command" {
                continue;
            }
            let text = |key: &str| event[key].as_str().unwrap().to_owned();
            let state = event["reason"].as_str().map_or_else(|| text("state"), str::to_owned);
            let told = (event["attempt"].as_u64().unwrap(), state);
            let states = self.0.entry(text("id")).or_default();
            states.insert(event["offset"].as_u64().unwrap(), told);
        }
    }

    fn knows(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// The one end of a command, if it has come to it; `asks`: it waits for an answer.
    fn end(&self, id: &str, asks: bool) -> Option<&str> {
        let states = self.0.get(id)?.values().map(|(_, state)| state.as_str());
        let is_end = |state: &&str| match *state {
            "queued" | "written" => false,
            "acknowledged" => !asks,
            _ => true,
        };
        let ends: BTreeSet<&str> = states.filter(is_end).collect();
        assert!(ends.len() <= 1, "{id} has several ends: {ends:?}");
        ends.first().copied()
    }

    /// Within an attempt states only go on; what was told last may be told again.
    #[track_caller]
    fn is_in_order(&self, id: &str) {
        let rank =
            |state: &str| ["queued", "written", "acknowledged"].iter().position(|s| *s == state);
        let mut last = (0, 0);
        for (attempt, state) in self.0[id].values() {
            let now = (*attempt, rank(state).unwrap_or(3));
            assert!(now >= last, "{id}: {:?}", self.0[id]);
            last = now;
        }
    }
}

struct Order {
    id: String,
    asks: bool,
    repeats: bool,
    line: String,
}

impl Order {
    fn new(number: u64, dice: &mut StdRng) -> Self {
        let (asks, repeats) = (dice.random_ratio(1, 2), dice.random_ratio(1, 3));
        let id = format!("c-{number}");
        let mut line = json!({
            "command": id, "imei": format!("d{}", number % DEVICES), "data": format!("{id}\n"),
            "encoding": "text", "ttl": "10m", "timeout": "1m", "repeat": repeats,
        });
        if asks {
            line["answer"] = json!({ "match": format!("ok {id}\\n") });
        }
        Self { id, asks, repeats, line: line.to_string() }
    }
}

#[tokio::test]
async fn each_command_comes_to_one_end_and_none_comes_twice_whenever_the_program_is_killed() {
    let (seed, rounds) = (seed("commands"), if is_long() { 300 } else { 20 });
    let mut dice = StdRng::seed_from_u64(seed);
    let (goes_on, is_going_on) = watch::channel(true);
    let (folder, address) = (folder(), nobodys_address());
    let mut web = Web::here(1 << 20).await;
    let upstream = upstream("web", &web.address, "ack_timeout = '100ms'");
    let toml = configuration(&listener(&address, ""), "commit_interval = '2ms'", &upstream);
    let start = || Program::in_folder(&folder, &toml);
    let got = Got::default();
    let devices: Vec<_> = (0..DEVICES)
        .map(|own| {
            let (got, goes_on) = (Arc::clone(&got), is_going_on.clone());
            tokio::spawn(device(own, address.clone(), got, goes_on))
        })
        .collect();

    let (mut told, mut orders) = (Told::default(), Vec::<Order>::new());
    for _ in 0..rounds {
        web.come([Behaviour::default()]).await;
        let program = start();
        let from = orders.len();
        for _ in 0..dice.random_range(5..40) {
            orders.push(Order::new(orders.len() as u64, &mut dice));
        }
        // A line that is lost with its link is said again, as a web server would.
        let mut said = None::<Instant>;
        until_within(LIMIT, "one of them is queued", || {
            let is_time = said.is_none_or(|said| said.elapsed() > SAID_AGAIN);
            if web.is_linked() && is_time {
                orders[from..].iter().for_each(|order| web.say(&order.line));
                said = Some(Instant::now());
            }
            told.read(&web);
            orders[from..].iter().any(|order| told.knows(&order.id))
        })
        .await;
        sleep(Duration::from_micros(dice.random_range(0..40_000))).await;
        program.kill();
        told.read(&web);
    }

    web.come([Behaviour::default()]).await;
    let program = start();
    program.enters("running").await;
    until_within(LIMIT, "each has come to its end", || {
        told.read(&web);
        orders
            .iter()
            .filter(|order| told.knows(&order.id))
            .all(|order| told.end(&order.id, order.asks).is_some())
    })
    .await;
    stop(program).await;
    goes_on.send_replace(false);
    for device in devices {
        timeout(LIMIT, device).await.unwrap().unwrap();
    }
    told.read(&web);

    let got = got.lock().unwrap();
    let mut ends = BTreeMap::<&str, u32>::new();
    for order in orders.iter().filter(|order| told.knows(&order.id)) {
        told.is_in_order(&order.id);
        let end = told.end(&order.id, order.asks).unwrap();
        let times = got.get(&order.id).copied().unwrap_or_default();
        *ends.entry(end).or_default() += 1;
        match end {
            "answered" | "acknowledged" => assert!(times >= 1, "{}: told as delivered", order.id),
            "uncertain" => assert!(!order.repeats, "{}: it may be repeated", order.id),
            other => panic!("{}: {other}: {:?}", order.id, told.0[&order.id]),
        }
        assert!(times <= 1 || order.repeats, "{} came {times} times", order.id);
    }
    eprintln!("commands: {rounds} rounds, {} sent, {ends:?}", orders.len());
    assert!(ends["answered"] > 0 && ends["acknowledged"] > 0, "{ends:?}");
}
