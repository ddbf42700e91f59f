//! What the gateway makes of devices, web servers and networks that misbehave: each ends with its
//! named reason or is answered, every byte is accounted for, and nobody else is disturbed.
#![allow(clippy::unwrap_used)] // a failed step fails the test
#![allow(clippy::print_stderr)] // a test that is passed over says so

#[path = "../upstreams/hand.rs"]
#[allow(dead_code)] // it has more than is wanted here
mod hand;
#[path = "../harness/mod.rs"]
mod harness;

mod commands;
mod crowd;
mod cuts;
mod descriptors;
mod growth;
mod lines;
mod names;
mod netns;
mod reload;
mod rules;
mod shutdown;
mod slow;
mod startup;
mod upstream;
mod vanish;

use harness::process;
use tetherd::{model::CloseReason, net::kernel::unacknowledged_bytes};

use crate::harness::{Dtu, Rig, until, within};

/// Waits until nobody is connected and the web server has acknowledged everything. Then every byte
/// that was read was either delivered as data or counted as filtered.
async fn books_balance(rig: &Rig) {
    until("all are gone", || rig.gateway.snapshot().connections == 0).await;
    until("all is delivered", || rig.gateway.ledger("web").unwrap().waiting == 0).await;
    let counts = rig.gateway.counts();
    let (received, filtered) = (counts.received_bytes.get(), counts.filtered_bytes.sum());
    let delivered = rig.web.look(|report| report.data_bytes);
    let told = format!("{:?}", counts.filtered_bytes);
    assert_eq!(received, delivered + filtered, "read; {delivered} delivered, filtered: {told}");
    let ledger = rig.gateway.ledger("web").unwrap();
    assert!(ledger.balances() && ledger.dropped == 0, "{ledger:?}");
}

/// Waits until so many connections have ended for this reason.
async fn ended(rig: &Rig, reason: CloseReason, times: u64) {
    let ended = &rig.gateway.counts().ended;
    until(reason.as_str(), || ended.get(reason) >= times).await;
    assert_eq!(ended.get(reason), times);
}

/// A device, unless it is refused so quickly that it never sees itself connected.
async fn connect_if_let(address: &str) -> Option<Dtu> {
    let stream = within(tokio::net::TcpStream::connect(address)).await;
    stream.ok().map(|stream| Dtu { stream })
}

/// Waits until the gateway's end of the connection has what the device wrote, and the gateway had
/// its turns to read it.
async fn taken(device: &Dtu) {
    use std::os::fd::AsFd;
    let socket = device.stream.as_fd();
    until("the bytes arrive", || unacknowledged_bytes(socket).unwrap() == 0).await;
    turns().await;
}

/// Lets every other task on this thread run, those that wait for a socket as well.
async fn turns() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}
