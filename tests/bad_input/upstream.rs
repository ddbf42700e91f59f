//! A web server that vanishes without a word, and comes back.

use tetherd::{
    simulator::{Behaviour, Meeting, WebMemory, WebServer, WebSettings},
    telemetry::LinkFaultKind,
};
use tokio_util::sync::CancellationToken;

use crate::{
    harness::{Rig, settings, start, until},
    netns::Netns,
};

/// A stand-in web server whose sockets are in a namespace. It runs there until this is dropped.
struct There(CancellationToken);

impl Drop for There {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

fn web_server_in(netns: &Netns) -> (WebServer, There) {
    let (sender, receiver) = std::sync::mpsc::channel();
    let (address, stop) = (format!("{}:0", netns.there), CancellationToken::new());
    let stopped = stop.clone();
    netns.inside(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let meeting = Meeting::Listen(address.parse().unwrap());
            let memory = WebMemory::new(WebSettings::default()).into();
            let web = WebServer::resume(meeting, memory, [Behaviour::default()]).await.unwrap();
            sender.send(web).unwrap();
            stopped.cancelled().await;
        });
    });
    (receiver.recv().unwrap(), There(stop))
}

async fn rig(web: WebServer, upstream: &str) -> Rig {
    let upstream = format!("retry = {{ initial = '50ms', max = '500ms' }}\n{upstream}");
    let toml = settings(&web.address().to_string(), "", &upstream, "");
    let (gateway, telemetry, records) = start(&toml, |builder| builder).await;
    Rig { gateway, web, records, telemetry }
}

/// Devices go on while the web server is away; afterwards it has everything.
async fn vanishes_and_comes_back(netns: &Netns, rig: Rig, noticed: LinkFaultKind) {
    let mut device = rig.online("steady").await;
    device.write(b"before").await;
    rig.sees(|report| report.name("steady").messages == 1).await;
    until("all is acknowledged", || rig.gateway.ledger("web").unwrap().waiting == 0).await;
    netns.cut();
    if noticed == LinkFaultKind::AckTimeout {
        device.write(b"into the void").await;
    }
    let faults = &rig.gateway.counts().link_faults;
    until("it is noticed", || faults.get(noticed) >= 1).await;
    let mut meanwhile = rig.connect().await;
    meanwhile.write(b"ETUNG:meanwhile;hello").await;
    device.write(b"while away").await;
    until("the new one is online", || rig.gateway.names().len() == 2).await;
    until("it is tried in vain", || rig.gateway.counts().link_tries.get() >= 3).await;
    netns.mend();
    rig.sees(|report| report.name("meanwhile").bytes == 5).await;
    until("all is acknowledged", || rig.gateway.ledger("web").unwrap().waiting == 0).await;
    let ledger = rig.gateway.ledger("web").unwrap();
    assert!(ledger.balances() && ledger.dropped == 0, "{ledger:?}");
    let expected = 16 + if noticed == LinkFaultKind::AckTimeout { 13 } else { 0 };
    assert_eq!(rig.totals("steady").bytes, expected);
    assert_eq!(rig.gateway.snapshot().connections, 2, "no device noticed");
    rig.stop().await;
}

#[actix_rt::test]
async fn a_web_server_that_vanished_in_silence_is_found_out_by_keepalive() {
    let Some(netns) = Netns::new() else { return };
    let (web, _there) = web_server_in(&netns);
    let keys = "keepalive = { idle = '1s', interval = '1s', probes = 2 }";
    let rig = rig(web, keys).await;
    vanishes_and_comes_back(&netns, rig, LinkFaultKind::TimedOut).await;
}

#[actix_rt::test]
async fn a_web_server_that_vanished_with_lines_on_their_way_is_found_out_by_the_ack_timeout() {
    let Some(netns) = Netns::new() else { return };
    let (web, _there) = web_server_in(&netns);
    let rig = rig(web, "ack_timeout = '1s'").await;
    vanishes_and_comes_back(&netns, rig, LinkFaultKind::AckTimeout).await;
}
