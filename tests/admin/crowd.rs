//! Pages of names while others come and go.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use crate::{
    client::Client,
    harness::{Dtu, Rig, until_within},
};

const LONG: Duration = Duration::from_secs(300);

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

async fn paged(names: usize, walks: usize) {
    let rig = Rig::with("", "", "[admin]\naddress = '127.0.0.1:0'\n").await;
    let client = Client::of(rig.gateway.admin_address().unwrap());
    let address = rig.gateway.listener_address("dtu").unwrap().to_owned();
    // Names of those who stay and of those who do not lie between each other.
    let mut stay = Vec::new();
    for number in 0..names {
        let mut device = Dtu::connect(&address).await;
        device.write(format!("ETUNG:{:05}-stays\r\n", number * 7 % names).as_bytes()).await;
        stay.push(device);
    }
    until_within(LONG, "all are online", || rig.gateway.snapshot().names == names).await;

    let (going_on, came) = (Rc::new(Cell::new(true)), Rc::new(Cell::new(0_usize)));
    let (running, count) = (Rc::clone(&going_on), Rc::clone(&came));
    let churn = actix_rt::spawn(async move {
        let mut there = std::collections::VecDeque::new();
        while running.get() {
            let number = count.replace(count.get() + 1) * 13 % names;
            let mut device = Dtu::connect(&address).await;
            device.write(format!("ETUNG:{number:05}-goes\r\n").as_bytes()).await;
            there.push_back(device);
            if there.len() > 50 {
                there.pop_front();
            }
            tokio::time::sleep(Duration::from_millis(4)).await;
        }
    });
    let expected: BTreeSet<String> =
        (0..names).map(|number| format!("{number:05}-stays")).collect();
    for _ in 0..walks {
        let seen = walk(&client, 100).await;
        let twice: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "listed twice: {twice:?}");
        let missing: Vec<_> = expected.iter().filter(|name| !seen.contains_key(*name)).collect();
        assert!(missing.is_empty(), "missing: {missing:?}");
    }
    going_on.set(false);
    churn.await.unwrap();
    assert!(came.get() > 20, "only {} came and went", came.get());
    drop(stay);
    rig.stop().await;
}

#[actix_rt::test]
async fn of_two_thousand_names_none_is_missing_and_none_is_twice_while_others_come_and_go() {
    paged(2000, 5).await;
}

#[actix_rt::test]
#[ignore = "takes a minute and 20,000 descriptors twice over; run it with --ignored"]
async fn of_eight_thousand_names_none_is_missing_and_none_is_twice_while_others_come_and_go() {
    paged(8000, 10).await;
}
