use tetherd::{
    model::Offset,
    simulator::{Acknowledge, Behaviour, Meeting, WebMemory, WebServer, WebSettings},
    supervision::failpoint,
    telemetry::{ActorKind, Entry, LinkFaultKind},
};

use crate::{
    hand::{QUICK, chat, gateway, nobodys_address, online, settled, toml, web},
    harness::{LIMIT, Rig, start, until, web_server},
};

#[actix_rt::test]
async fn events_wait_for_a_web_server_that_comes_later() {
    let address = nobodys_address(1);
    let (gateway, telemetry) = gateway(&web(&address, "")).await;
    let first = Offset(gateway.snapshot().next.0 - 1);
    let mut device = online(&gateway, "early").await;
    chat(&gateway, &mut device, 20, b"hello").await;
    let faults = &telemetry.counts().link_faults;
    until("it was tried in vain", || faults.get(LinkFaultKind::Refused) >= 3).await;
    assert_eq!(gateway.ledger("web").unwrap().waiting, 22);

    let meeting = Meeting::Listen(address.parse().unwrap());
    let web = WebServer::start(meeting).await.unwrap();
    web.wait_until(LIMIT, |report| report.data == 20).await.unwrap();
    settled(&gateway, "web").await;
    let hello: serde_json::Value = serde_json::from_str(&web.report().last_lines[0]).unwrap();
    assert_eq!(hello["next"], first.0, "it gets everything from the beginning");
    assert_eq!(telemetry.counts().links_stuck.get(), 0, "a web server that is away is not stuck");
    gateway.stop().await;
    assert_eq!(web.report().first_violations, []);
}

/// Links that end after so many lines, with and without acknowledgements before.
fn breaking() -> Vec<Behaviour> {
    let mut behaviours: Vec<_> = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89]
        .into_iter()
        .flat_map(|lines| {
            [Acknowledge::EachRead, Acknowledge::Never, Acknowledge::Behind(3)].map(|acknowledge| {
                Behaviour { acknowledge, drop_after: Some(lines), ..Behaviour::default() }
            })
        })
        .collect();
    behaviours.push(Behaviour::default());
    behaviours
}

#[actix_rt::test]
async fn a_web_server_that_goes_in_the_middle_of_batches_gets_each_event_once_and_in_order() {
    let settings = WebSettings { hash: true, ..WebSettings::default() };
    let web = web_server(settings, breaking()).await;
    let rig = Rig::before(web, "", QUICK, "", |builder| builder).await;
    let mut devices = [rig.online("a").await, rig.online("b").await];
    let mut sent = [tetherd::simulator::RunningHash::default(); 2];
    for number in 0..600_u32 {
        let message = format!("message {number}\n");
        for (device, sent) in devices.iter_mut().zip(&mut sent) {
            chat(&rig.gateway, device, 1, message.as_bytes()).await;
            sent.add(message.as_bytes());
        }
    }
    let links = breaking().len() as u64;
    rig.sees(|report| report.name("a").hash == sent[0] && report.name("b").hash == sent[1]).await;
    rig.sees(|report| report.links == links).await;
    settled(&rig.gateway, "web").await;
    let resent = rig.telemetry.counts().resent_events.get();
    let report = rig.stop().await;
    // That order and content stay the same, the stand-in has watched.
    assert!(report.repeats > 0 && resent >= report.repeats, "{resent} {}", report.repeats);
    assert_eq!((report.gaps, report.started), (0, 1));
}

#[actix_rt::test]
async fn a_web_server_that_is_cut_off_again_and_again_loses_nothing() {
    let rig = Rig::with("", QUICK, "").await;
    let mut device = rig.online("steady").await;
    for round in 1..=20 {
        for _ in 0..30 {
            device.write(&[b'x'; 500]).await;
        }
        rig.web.disconnect();
        rig.sees(|report| report.links > round).await;
    }
    rig.sees(|report| report.name("steady").bytes == 20 * 30 * 500).await;
    settled(&rig.gateway, "web").await;
    rig.stop().await;
}

#[actix_rt::test]
async fn ipv6_names_and_unix_sockets_are_dialled() {
    let folder = tempfile::tempdir().unwrap();
    let unix = format!("unix:{}", folder.path().join("web.sock").display());
    for (listens, dials) in [("[::1]:0", ""), ("127.0.0.1:0", "localhost"), (&*unix, "")] {
        let meeting = Meeting::Listen(listens.parse().unwrap());
        let memory = WebMemory::new(WebSettings::default()).into();
        let web_server = WebServer::resume(meeting, memory, [Behaviour::default()]).await.unwrap();
        let mut address = web_server.address().to_string();
        if !dials.is_empty() {
            address = format!("{dials}:{}", web_server.address().port().unwrap());
        }
        let (gateway, _) = gateway(&web(&address, "")).await;
        let mut device = online(&gateway, "any").await;
        chat(&gateway, &mut device, 3, b"hello").await;
        settled(&gateway, "web").await;
        gateway.stop().await;
        assert_eq!(web_server.report().data, 3, "{address}");
    }
}

#[actix_rt::test]
async fn a_name_is_looked_up_anew_at_each_try() {
    // No label may be so long, so that no name server is asked.
    let nowhere = format!("{}.invalid:7100", "x".repeat(64));
    let (gateway, telemetry) = gateway(&web(nowhere, "")).await;
    let faults = &telemetry.counts().link_faults;
    until("it was looked up again", || faults.get(LinkFaultKind::Resolve) >= 3).await;
    assert_eq!(faults.sum(), faults.get(LinkFaultKind::Resolve));
    gateway.stop().await;
}

#[actix_rt::test]
async fn a_panic_of_the_forwarder_in_the_middle_of_a_stop_loses_nothing() {
    let address = nobodys_address(6);
    let (gateway, telemetry, records) =
        start(&toml("20s", "", &web(&address, "")), |builder| builder).await;
    let mut device = online(&gateway, "poison-at-the-end").await;
    chat(&gateway, &mut device, 1, b"last words").await;
    failpoint::arm("forwarder.data", "poison-at-the-end");
    let stop = actix_rt::spawn(gateway.stop());
    let flushing = |entry: &Entry| entry.get("phase").as_deref() == Some("flushing");
    until("it flushes", || records.all().iter().any(flushing)).await;
    let web = WebServer::start(Meeting::Listen(address.parse().unwrap())).await.unwrap();
    stop.await.unwrap();
    let report = web.report();
    assert_eq!((report.data, report.offline, &report.first_violations[..]), (1, 1, &[][..]));
    assert_eq!(telemetry.counts().panics.get(ActorKind::Forwarder), 1);
}
