use std::{
    io::Write,
    net::TcpStream,
    thread::{JoinHandle, spawn},
    time::Duration,
};

use tetherd::{
    app::Gateway,
    simulator::{Acknowledge, Behaviour, Report, WebSettings},
    telemetry::{LinkError, LinkFaultKind},
};

use crate::{
    hand::{Hand, QUICK, chat, gateway, listener, online, settled, web},
    harness::{Dtu, Rig, until, web_server},
};

const WINDOW: usize = 4096;

/// Reads lines until the gateway answers garbage that was said now: everything that it has sent by
/// then lies before the answer. Gives bytes and last offset of the events.
async fn all_that_was_sent(server: &mut Hand) -> (usize, Option<u64>) {
    server.say("garbage").await;
    let (mut bytes, mut last) = (0, None);
    loop {
        let line = server.raw_line().await;
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        if !value["error"].is_null() {
            return (bytes, last);
        }
        last = value["offset"].as_u64().or(last);
        bytes += line.len();
    }
}

async fn stage(keys: &str) -> (Gateway, Dtu, Hand) {
    let listener = listener().await;
    let (gateway, _) = gateway(&web(listener.local_addr().unwrap(), keys)).await;
    let device = online(&gateway, "chatty").await;
    (gateway, device, Hand::accept(&listener).await.greeted().await)
}

#[actix_rt::test]
async fn no_more_than_the_window_is_sent_unacknowledged() {
    let (gateway, mut device, mut server) = stage("window = '4KiB'").await;
    chat(&gateway, &mut device, 100, &[b'x'; 100]).await;
    let (bytes, last) = all_that_was_sent(&mut server).await;
    assert!((WINDOW - 400..=WINDOW).contains(&bytes), "{bytes}");
    assert_eq!(gateway.ledger("web").unwrap().delivered, 0);

    // Half acknowledged makes room for as much.
    let half = (server.next + last.unwrap()) / 2;
    server.acknowledge(half).await;
    assert_eq!(server.line().await["offset"], last.unwrap() + 1);
    assert_eq!(gateway.ledger("web").unwrap().delivered, half + 1 - server.next);
    gateway.stop().await;
    assert!(server.rest().await.unwrap().len() < WINDOW);
}

#[actix_rt::test]
async fn an_event_larger_than_the_window_goes_alone() {
    let (gateway, mut device, mut server) = stage("window = '1B'\nencoding = 'text'").await;
    chat(&gateway, &mut device, 2, &[b'x'; 20_000]).await;
    for event in ["started", "online"] {
        assert_eq!(server.line().await["event"], event);
        server.acknowledge(server.next).await;
        server.next += 1;
    }
    let (bytes, last) = all_that_was_sent(&mut server).await;
    assert_eq!((last, (20_000..20_400).contains(&bytes)), (Some(server.next), true), "{bytes}");
    server.acknowledge(server.next).await;
    assert_eq!(server.line().await["offset"], server.next + 1);
    server.acknowledge(server.next + 1).await;
    settled(&gateway, "web").await;
    gateway.stop().await;
}

/// A web server that behaves like this for ever gets twenty messages.
async fn told(
    behaviour: Behaviour,
    keys: &str,
    reached: impl FnMut(&Report) -> bool,
) -> (Rig, Dtu) {
    let web = web_server(WebSettings::default(), [behaviour]).await;
    let rig = Rig::before(web, "", &format!("{QUICK}\n{keys}"), "", |builder| builder).await;
    let mut device = rig.online("told").await;
    chat(&rig.gateway, &mut device, 20, b"message").await;
    rig.sees(reached).await;
    (rig, device)
}

#[actix_rt::test]
async fn a_web_server_that_acknowledges_nothing_gets_a_new_link_and_everything_again() {
    let never = Behaviour::acknowledging(Acknowledge::Never);
    let (rig, _device) = told(never, "ack_timeout = '100ms'", |report| report.links >= 3).await;
    rig.sees(|report| report.data == 20 && report.repeats >= 20).await;
    assert!(rig.gateway.counts().link_faults.get(LinkFaultKind::AckTimeout) >= 2);
    assert_eq!(rig.gateway.ledger("web").unwrap().delivered, 0);
    rig.web.behave([Behaviour::default()]);
    settled(&rig.gateway, "web").await;
    rig.stop().await;
}

#[actix_rt::test]
async fn acknowledgements_line_by_line_late_or_a_little_behind_all_count() {
    for acknowledge in [Acknowledge::EachLine, Acknowledge::Late(Duration::from_millis(30))] {
        let (rig, _device) =
            told(Behaviour::acknowledging(acknowledge), "", |report| report.data == 20).await;
        settled(&rig.gateway, "web").await;
        assert_eq!(rig.gateway.counts().acked_events.get(), 22);
        assert_eq!(rig.stop().await.repeats, 0);
    }
    let behind = Behaviour::acknowledging(Acknowledge::Behind(3));
    let (rig, _device) = told(behind, "", |report| report.data == 20).await;
    until("all but the last", || rig.gateway.ledger("web").unwrap().waiting == 3).await;
    rig.web.behave([Behaviour::default()]);
    rig.web.disconnect();
    settled(&rig.gateway, "web").await;
    rig.stop().await;
}

#[actix_rt::test]
async fn an_acknowledgement_of_the_future_is_an_error_and_changes_nothing() {
    let ahead = Behaviour::acknowledging(Acknowledge::Ahead(1_000_000));
    let (rig, _device) = told(ahead, "", |report| report.data == 20 && report.errors >= 1).await;
    let ledger = rig.gateway.ledger("web").unwrap();
    assert_eq!((ledger.delivered, ledger.waiting), (0, 22));
    assert!(rig.gateway.counts().link_errors.get(LinkError::FutureAck) >= 1);
    rig.web.behave([Behaviour::default()]);
    rig.web.disconnect();
    settled(&rig.gateway, "web").await;
    assert_eq!(rig.stop().await.repeats, 22);
}

#[actix_rt::test]
async fn an_acknowledgement_of_the_past_changes_nothing_and_is_no_error() {
    let (gateway, mut device, mut server) = stage("").await;
    chat(&gateway, &mut device, 5, b"message").await;
    let next = server.next;
    for (acknowledged, delivered) in [(next + 3, 4), (next + 1, 4), (0, 4), (next + 3, 4)] {
        server.acknowledge(acknowledged).await;
        until("it counts", || gateway.ledger("web").unwrap().delivered >= delivered).await;
        assert_eq!(gateway.ledger("web").unwrap().delivered, delivered);
    }
    server.acknowledge(next + 6).await;
    settled(&gateway, "web").await;
    assert_eq!(gateway.counts().link_errors.sum(), 0);
    gateway.stop().await;
}

#[actix_rt::test]
async fn an_acknowledgement_for_an_earlier_link_counts_on_the_next() {
    let (gateway, _) = gateway(&web("127.0.0.1:0", "mode = 'accept'\ntoken = 't'")).await;
    let address = gateway.upstream_address("web").unwrap().to_owned();
    let mut device = online(&gateway, "later").await;
    // Far more than is encoded at a time: the second link hears of it before it has sent it.
    chat(&gateway, &mut device, 60, &[b'x'; 20_000]).await;
    let last = gateway.snapshot().next.0 - 1;
    let mut first = Hand::dial(&address, "127.0.0.1").await;
    first.say("{\"token\":\"t\"}").await;
    while first.line().await["offset"] != last {}
    drop(first);
    let mut second = Hand::dial(&address, "127.0.0.1").await;
    second.say(&format!("{{\"token\":\"t\"}}\n{{\"ack\":{last}}}")).await;
    settled(&gateway, "web").await;
    assert_eq!(gateway.counts().link_errors.sum(), 0);
    chat(&gateway, &mut device, 1, b"new").await;
    while second.line().await["offset"] != last + 1 {}
    gateway.stop().await;
}

/// A web server that talks as fast as it can, for as long as the gateway listens.
fn flood(link: TcpStream) -> JoinHandle<()> {
    spawn(move || {
        let (mut unread, mut link) = (link.try_clone().unwrap(), link);
        let reads = spawn(move || std::io::copy(&mut unread, &mut std::io::sink()));
        let lines = "x\n{\"ack\":1}\n{\"event\":1}\n".repeat(4000);
        while link.write_all(lines.as_bytes()).is_ok() {}
        // However the link has ended.
        let _ = reads.join();
    })
}

#[actix_rt::test]
async fn a_web_server_that_never_stops_talking_keeps_nobody_from_being_served() {
    let (gateway, _) = gateway(&web("127.0.0.1:0", "mode = 'accept'")).await;
    let address = gateway.upstream_address("web").unwrap().to_owned();
    let flood = flood(TcpStream::connect(&address).unwrap());
    let errors = &gateway.counts().link_errors;
    until("the flood has come", || errors.get(LinkError::Echo) > 10_000).await;
    let mut device = online(&gateway, "heard").await;
    chat(&gateway, &mut device, 50, b"heard?").await;
    let flooded = errors.get(LinkError::Echo);
    until("it goes on", || errors.get(LinkError::Echo) > flooded + 10_000).await;
    // Not even the next web server has to wait for it.
    let mut next = Hand::dial(&address, "127.0.0.1").await.greeted().await;
    flood.join().unwrap();
    next.event("data").await;
    gateway.stop().await;
}
