use std::{collections::BTreeMap, sync::Arc};

use tetherd::simulator::{Behaviour, Meeting, WebServer};

use crate::{LIMIT, alone, fleet::FleetProcess, gateway::GatewayProcess, web_server};

/// What each device says.
const BYTES: u64 = "reading 1".len() as u64;

async fn back(web: (Meeting, Arc<tetherd::simulator::WebMemory>)) -> WebServer {
    WebServer::resume(web.0, web.1, [Behaviour::default()]).await.unwrap()
}

#[tokio::test]
async fn fifteen_thousand_devices_that_come_back_at_once_are_all_let_in_while_the_web_server_is_away()
 {
    let _alone = alone().await;
    const DEVICES: u32 = 15_000;
    let count = u64::from(DEVICES);
    let web = web_server().await;
    let mut gateway = GatewayProcess::start(1, &web.address().to_string(), "");
    let address = gateway.state().address;
    let mut first = FleetProcess::ready(&address, DEVICES, 0, 256);
    let mut second = FleetProcess::ready(&address, DEVICES, 1, DEVICES);
    first.go();
    web.wait_until(LIMIT, |seen| seen.online == count).await.unwrap();

    let meeting = Meeting::Listen(web.address().clone());
    let memory = web.stop().await;
    first.kill();
    gateway.until("the first are gone", |state| state.connections == 0).await;
    second.go();
    let full = gateway.until("all are back", |state| state.named == 2 * count).await;
    assert_eq!((full.accepted, full.connections, full.refused), (2 * count, count, 0));
    let counts = second.counts();
    assert_eq!((counts.connects, counts.failed_connects), (count, 0));

    let web = back((meeting, memory)).await;
    let all_told = |seen: &tetherd::simulator::Report| {
        seen.online == 2 * count && seen.offline == count && seen.data_bytes == count * BYTES
    };
    web.wait_until(LIMIT, all_told).await.unwrap();
    second.leave();
    web.wait_until(LIMIT, |seen| seen.offline == 2 * count).await.unwrap();
    let gone = gateway.until("all is quiet", |state| state.ledger.waiting == 0).await;
    assert_eq!((gone.connections, gone.names, gone.panics), (0, 0, 0));
    assert_eq!(gone.ended.values().sum::<u64>(), 2 * count);
    assert!(gone.ledger.balances() && gone.ledger.dropped == 0, "{gone:?}");
    let report = web.report();
    assert_eq!(report.first_violations, []);
    assert!(report.names.values().all(|totals| (totals.sessions, totals.bytes) == (2, BYTES)));
    gateway.stop();
}

#[tokio::test]
async fn devices_that_come_back_while_their_old_connections_still_stand_replace_them_one_by_one() {
    let _alone = alone().await;
    const DEVICES: u32 = 4_000;
    let count = u64::from(DEVICES);
    let web = web_server().await;
    let mut gateway = GatewayProcess::start(3, &web.address().to_string(), "");
    let address = gateway.state().address;
    let mut lost = FleetProcess::ready(&address, DEVICES, 0, 256);
    lost.go();
    web.wait_until(LIMIT, |seen| seen.online == count).await.unwrap();
    lost.freeze();
    let mut back = FleetProcess::ready(&address, DEVICES, 1, DEVICES);
    back.go();
    web.wait_until(LIMIT, |seen| seen.online == 2 * count && seen.data_bytes == count * BYTES)
        .await
        .unwrap();
    let full = gateway.until("only the new ones stand", |state| state.connections == count).await;
    assert_eq!((full.accepted, full.names, full.refused), (2 * count, count, 0));
    assert_eq!(full.ended, BTreeMap::from([("replaced".to_owned(), count)]));
    back.leave();
    web.wait_until(LIMIT, |seen| seen.offline == 2 * count).await.unwrap();
    let gone = gateway.until("all is quiet", |state| state.ledger.waiting == 0).await;
    assert_eq!((gone.connections, gone.names, gone.panics), (0, 0, 0));
    assert_eq!(gone.ledger.received, 1 + 5 * count);
    assert_eq!(web.report().first_violations, []);
    lost.kill();
    gateway.stop();
}
