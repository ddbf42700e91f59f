//! Devices that vanish without a word: no FIN, no reset, the link is simply down.

use tetherd::{
    model::CloseReason,
    simulator::{Behaviour, WebSettings},
};

use crate::{
    books_balance, ended,
    harness::{Dtu, Rig, start, until, web_server},
    netns::{Netns, unanswered},
    slow::{Told, observer},
};

/// A gateway on this side of `netns`, with these further keys of its listener.
async fn rig(netns: &Netns, listener: &str) -> (Rig, Told) {
    let web = web_server(WebSettings::default(), [Behaviour::default()]).await;
    let toml = format!(
        "[drain]\nspread = '0s'\n[listener.dtu]\naddress = '{}:0'\n{listener}\n\
         [upstream.web]\naddress = '{}'\n",
        netns.here,
        web.address()
    );
    let (observer, told) = observer();
    let (gateway, telemetry, records) = start(&toml, |builder| builder.observe(observer)).await;
    (Rig { gateway, web, records, telemetry }, told)
}

async fn online(rig: &Rig, netns: &Netns, name: &str) -> Dtu {
    let before = rig.totals(name).sessions;
    let mut device = claim(rig, netns, name).await;
    rig.sees(|report| report.name(name).sessions > before).await;
    device.write(b"here").await;
    rig.sees(|report| report.name(name).bytes >= 4).await;
    device
}

/// A device that says a name, which it may get or not.
async fn claim(rig: &Rig, netns: &Netns, name: &str) -> Dtu {
    let mut device = netns.connect(rig.gateway.listener_address("dtu").unwrap()).await;
    device.write(format!("ETUNG:{name}\r\n").as_bytes()).await;
    device
}

const QUICK: &str = "keepalive = { idle = '1s', interval = '1s', probes = 2 }\nuser_timeout = '4s'";

#[actix_rt::test]
async fn a_device_that_vanished_in_silence_ends_as_keepalive() {
    let Some(netns) = Netns::new() else { return };
    let (rig, _) = rig(&netns, QUICK).await;
    let _device = online(&rig, &netns, "gone").await;
    let _bystander = rig.connect().await;
    netns.cut();
    rig.sees(|report| report.reasons.get("keepalive") == Some(&1)).await;
    assert_eq!(rig.gateway.snapshot().connections, 1, "the other one answers");
    ended(&rig, CloseReason::Keepalive, 1).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn a_device_that_vanished_with_bytes_on_their_way_to_it_ends_as_timed_out() {
    let Some(netns) = Netns::new() else { return };
    let (rig, mut told) = rig(&netns, QUICK).await;
    let _device = online(&rig, &netns, "gone").await;
    let handle = told.online().await;
    netns.cut();
    handle.write("are you there?").await.unwrap();
    rig.sees(|report| report.reasons.get("timed_out") == Some(&1)).await;
    ended(&rig, CloseReason::TimedOut, 1).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn a_device_that_vanished_ends_as_idle_where_that_comes_first() {
    let Some(netns) = Netns::new() else { return };
    let (rig, _) = rig(&netns, "idle_timeout = '1s'").await;
    let _device = online(&rig, &netns, "gone").await;
    netns.cut();
    rig.sees(|report| report.reasons.get("idle") == Some(&1)).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn a_device_that_vanished_half_named_ends_with_the_registration_deadline() {
    let Some(netns) = Netns::new() else { return };
    let (rig, _) = rig(&netns, "registration_timeout = '1s'").await;
    let mut device = netns.connect(rig.gateway.listener_address("dtu").unwrap()).await;
    device.write(b"ETUNG:half").await;
    crate::taken(&device).await;
    netns.cut();
    ended(&rig, CloseReason::RegistrationTimeout, 1).await;
    books_balance(&rig).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn a_half_open_connection_is_taken_over_at_once() {
    let Some(netns) = Netns::new() else { return };
    let (rig, mut told) = rig(&netns, "").await;
    let _old = online(&rig, &netns, "pump").await;
    let handle = told.online().await;
    netns.cut();
    // The old one cannot be told, with or without bytes on their way to it.
    handle.write("never arrives").await.unwrap();
    let mut new = Dtu::connect(rig.gateway.listener_address("dtu").unwrap()).await;
    new.write(b"ETUNG:pump\r\nback again").await;
    rig.sees(|report| report.name("pump").bytes == 14).await;
    assert_eq!(rig.gateway.counts().ended.get(CloseReason::Replaced), 1);
    assert_eq!(rig.gateway.snapshot().connections, 1);
    rig.stop().await;
}

#[actix_rt::test]
async fn with_reject_a_newcomer_is_admitted_when_the_older_one_is_dead() {
    let Some(netns) = Netns::new() else { return };
    let (rig, _) = rig(&netns, "duplicate = 'reject'").await;
    let _old = online(&rig, &netns, "pump").await;
    netns.cut();
    let mut new = Dtu::connect(rig.gateway.listener_address("dtu").unwrap()).await;
    new.write(b"ETUNG:pump\r\nback again").await;
    rig.sees(|report| report.name("pump").bytes == 14).await;
    assert_eq!(rig.gateway.counts().ended.get(CloseReason::DuplicateRejected), 0);
    assert_eq!(rig.gateway.counts().ended.get(CloseReason::Keepalive), 1);
    rig.stop().await;
}

#[actix_rt::test]
async fn with_reject_a_newcomer_is_admitted_though_bytes_were_on_their_way_to_the_dead() {
    let Some(netns) = Netns::new() else { return };
    let (rig, mut told) = rig(&netns, "duplicate = 'reject'").await;
    let old = online(&rig, &netns, "pump").await;
    let handle = told.online().await;
    netns.mute();
    handle.write("are you there?").await.unwrap();
    // The kernel waits longer and longer between two tries, by now longer than a newcomer may.
    until("it was tried often", || unanswered(old.address()).is_some_and(|(tries, _)| tries >= 5))
        .await;
    let mut new = Dtu::connect(rig.gateway.listener_address("dtu").unwrap()).await;
    new.write(b"ETUNG:pump\r\nback again").await;
    rig.sees(|report| report.name("pump").bytes == 14).await;
    assert_eq!(rig.gateway.counts().ended.get(CloseReason::DuplicateRejected), 0);
    assert_eq!(rig.gateway.counts().ended.get(CloseReason::TimedOut), 1);
    rig.stop().await;
}

#[actix_rt::test]
async fn with_reject_a_newcomer_is_rejected_when_the_older_one_lives_and_was_long_silent() {
    let Some(netns) = Netns::new() else { return };
    let (rig, _) = rig(&netns, "duplicate = 'reject'").await;
    let mut old = online(&rig, &netns, "pump").await;
    for number in 1..=3 {
        let mut new = claim(&rig, &netns, "pump").await;
        new.ended().await;
        ended(&rig, CloseReason::DuplicateRejected, number).await;
    }
    old.write(b"still here").await;
    rig.sees(|report| report.name("pump").bytes == 14).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn with_reject_one_lost_probe_kills_nobody() {
    let Some(netns) = Netns::new() else { return };
    let (rig, _) = rig(&netns, "duplicate = 'reject'").await;
    let mut old = online(&rig, &netns, "pump").await;
    // Heard last so long ago that any deadline counted from then is over.
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    netns.mute();
    let mut new = Dtu::connect(rig.gateway.listener_address("dtu").unwrap()).await;
    new.write(b"ETUNG:pump\r\nme too").await;
    until("a second probe is out", || {
        unanswered(old.address()).is_none_or(|(_, probes)| probes >= 2)
    })
    .await;
    netns.unmute();
    new.ended().await;
    ended(&rig, CloseReason::DuplicateRejected, 1).await;
    old.write(b"still here").await;
    rig.sees(|report| report.name("pump").bytes == 14).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn a_link_that_comes_back_in_time_loses_nothing_and_ends_nobody() {
    let Some(netns) = Netns::new() else { return };
    let (rig, mut told) = rig(&netns, "").await;
    let mut device = online(&rig, &netns, "flaky").await;
    let handle = told.online().await;
    netns.cut();
    device.write(b"said into the void").await;
    handle.write("answered into the void").await.unwrap();
    until("it was tried in vain", || unanswered(device.address()).is_some_and(|(n, _)| n >= 1))
        .await;
    netns.mend();
    rig.sees(|report| report.name("flaky").bytes == 22).await;
    assert_eq!(device.read(22).await, b"answered into the void");
    assert_eq!(rig.gateway.counts().ended.sum(), 0);
    rig.stop().await;
}
