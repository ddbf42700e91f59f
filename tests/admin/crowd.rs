//! Pages of names while others come and go.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use tokio::{sync::watch, time::MissedTickBehavior};

use crate::{
    client::Client,
    harness::{Dtu, process::Program, until, until_within},
    program::admin_of,
};

const LIMIT: Duration = Duration::from_secs(120);

/// More names than a process has descriptors: they stand behind few connections.
const NAMES: usize = 20_000;

/// As many devices as one connection may have.
const BEHIND_ONE: usize = 1000;

/// A device comes so often, and one goes.
const COMES_EVERY: Duration = Duration::from_millis(2);

/// The walks through all pages go on until so many devices have come and gone beside them.
const CAME: usize = 2500;

const HUB: &str = "name = 'hub'
many = true
[[frame]]
until = '\\n'
match = '^(?P<id>\\S+)$'
";

fn toml() -> String {
    "[listener.dtu]\naddress = '127.0.0.1:0'\nflapping = '0/h'\n\
     [listener.hub]\naddress = '127.0.0.1:0'\nprotocol = 'hub'\nflapping = '0/h'\n\
     [upstream.web]\naddress = '127.0.0.1:9'\nwhen_behind = 'skip'\nmax_lag = '1MiB'\n\
     [spool]\ntype = 'memory'\n[drain]\nspread = '0s'\nflush = '0s'\n\
     [admin]\naddress = '127.0.0.1:0'\n[log.modules]\nsession = 'warning'\n"
        .to_owned()
}

/// All names, page by page, each with how often it was listed.
async fn walk(client: &Client, limit: usize) -> BTreeMap<String, u32> {
    let (mut seen, mut after) = (BTreeMap::new(), String::new());
    loop {
        let page = client.get(&format!("/api/devices?limit={limit}&after={after}")).await.json();
        for device in page["devices"].as_array().unwrap() {
            *seen.entry(device["name"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => return seen,
        }
    }
}

/// Devices come and go, one each time, until nobody looks any more. Their names lie between those of
/// the ones that stay. Tells how many have come and gone.
async fn churn(address: String, gone: Rc<watch::Sender<usize>>) {
    let mut turns = tokio::time::interval(COMES_EVERY);
    // What a busy machine has missed is made up for.
    turns.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut there = VecDeque::new();
    for number in 0.. {
        turns.tick().await;
        let mut device = Dtu::connect(&address).await;
        device.write(format!("ETUNG:{:05}-goes\r\n", number * 13 % NAMES).as_bytes()).await;
        there.push_back(device);
        if there.len() > 50 {
            there.pop_front();
            gone.send_modify(|gone| *gone += 1);
        }
    }
}

#[actix_rt::test]
async fn of_twenty_thousand_names_none_is_missing_and_none_is_twice_while_500_a_second_come_and_go()
{
    let folder = Arc::new(tempfile::tempdir().unwrap());
    fs::create_dir(folder.path().join("protocols")).unwrap();
    fs::write(folder.path().join("protocols/hub.toml"), HUB).unwrap();
    let program = Program::in_folder(&folder, &toml());
    let client = admin_of(&program).await;
    let (hub, dtu) = (program.address("hub").await, program.address("dtu").await);

    let mut hubs = Vec::new();
    for first in 0..NAMES / BEHIND_ONE {
        let mut device = Dtu::connect(&hub).await;
        // Neighbours in the order of names are behind different connections.
        let own = (0..BEHIND_ONE).map(|at| at * (NAMES / BEHIND_ONE) + first);
        let frames: String = own.map(|number| format!("{number:05}-stays\n")).collect();
        device.write(frames.as_bytes()).await;
        hubs.push(device);
    }
    let total = async || client.get("/api/devices?limit=1").await.json()["total"].as_u64();
    while total().await != Some(NAMES as u64) {
        tokio::task::yield_now().await;
    }

    let gone = Rc::new(watch::channel(0).0);
    let churning = actix_rt::spawn(churn(dtu, Rc::clone(&gone)));
    let expected: BTreeSet<String> =
        (0..NAMES).map(|number| format!("{number:05}-stays")).collect();
    let mut walks = 0;
    until("they come and go", || *gone.borrow() > 0).await;
    while walks < 3 || *gone.borrow() < CAME {
        let seen = walk(&client, 500).await;
        let twice: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "listed twice: {twice:?}");
        let missing: Vec<_> = expected.iter().filter(|name| !seen.contains_key(*name)).collect();
        assert!(missing.is_empty(), "missing: {missing:?}");
        walks += 1;
    }
    churning.abort();
    until_within(LIMIT, "its last connections are gone", || churning.is_finished()).await;
    drop(hubs);
}
