use std::collections::BTreeMap;

use tetherd::simulator::Report;

use crate::{LIMIT, alone, fleet::FleetProcess, gateway::GatewayProcess, say, web_server};

/// Most resident memory that one idle registered device may cost.
const MOST_PER_DEVICE: u64 = 4096;

/// What comes and goes, as told to the web server.
const MESSAGES: u32 = 2;

/// Devices connect, register, send, stay silent and leave, twice.
async fn comes_and_goes(threads: u32, devices: u32) {
    let web = web_server().await;
    let mut gateway = GatewayProcess::start(threads, &web.address().to_string(), "");
    web.wait_until(LIMIT, |seen| seen.started == 1).await.unwrap();
    let (empty, descriptors) = (gateway.state(), gateway.descriptors());
    let count = u64::from(devices);
    let mut resident = Vec::new();
    for round in 1..=2 {
        let mut fleet = FleetProcess::ready(&empty.address, devices, MESSAGES, 256);
        fleet.go();
        web.wait_until(LIMIT, |seen| told(seen) == (round * count, (round - 1) * count))
            .await
            .unwrap();
        let full = gateway.until("all is acknowledged", |state| state.ledger.waiting == 0).await;
        assert_eq!((full.connections, full.names, full.peak), (count, count, count));
        assert_eq!((full.accepted, full.named, full.refused), (round * count, round * count, 0));
        resident.push(full.resident);

        let counts = fleet.leave();
        assert_eq!((counts.connects, counts.registered), (count, count));
        assert_eq!(counts.messages, count * u64::from(MESSAGES));
        assert_eq!((counts.failed_connects, counts.resets, counts.failed), (0, 0, 0));
        web.wait_until(LIMIT, |seen| seen.offline == round * count).await.unwrap();
        let gone = gateway.until("all is quiet", |state| state.ledger.waiting == 0).await;
        assert_eq!((gone.connections, gone.names, gone.panics), (0, 0, 0));
        assert_eq!(gone.ended, BTreeMap::from([("peer_closed".to_owned(), round * count)]));
        let data = web.look(|seen| seen.data);
        assert_eq!(gone.ledger.received, 1 + 2 * round * count + data);
        assert_eq!((gone.ledger.dropped, gateway.descriptors()), (0, descriptors));
        resident.push(gone.resident);
    }
    judge(&web.report(), count);
    let [full, gone, full_again, gone_again] = resident[..] else { panic!("{resident:?}") };
    let each = full.saturating_sub(empty.resident) / count;
    let told = format!(
        "threads = {threads}, {count} devices: {each} bytes resident each; KiB in all: empty {}, \
         full {}, gone {}, full again {}, gone again {}",
        empty.resident / 1024,
        full / 1024,
        gone / 1024,
        full_again / 1024,
        gone_again / 1024,
    );
    say(&told);
    assert!(each < MOST_PER_DEVICE, "{each} bytes each");
    let growth = full_again.saturating_sub(full) / count;
    assert!(growth < MOST_PER_DEVICE / 4, "the second round takes {growth} bytes each on top");
    gateway.stop();
}

/// Online devices whose data have all come, and offline ones.
fn told(seen: &Report) -> (u64, u64) {
    (seen.online.min(seen.data_bytes / BYTES), seen.offline)
}

/// What a device says in all.
const BYTES: u64 = ("reading 1".len() + "reading 2".len()) as u64;

fn judge(report: &Report, count: u64) {
    assert_eq!(report.first_violations, []);
    assert_eq!((report.online, report.offline, report.online_now), (2 * count, 2 * count, 0));
    assert_eq!((report.started, report.gaps, report.errors, report.idle), (1, 0, 0, 0));
    assert_eq!(report.data_bytes, 2 * count * BYTES);
    assert_eq!(report.names.len() as u64, count);
    for (name, totals) in &report.names {
        assert_eq!((totals.sessions, totals.bytes), (2, 2 * BYTES), "{name}");
    }
    assert_eq!((report.most_connections, report.last_connections), (count, 0));
}

#[tokio::test]
async fn fifteen_thousand_devices_come_register_send_and_leave_twice_and_every_count_is_exact() {
    let _alone = alone().await;
    comes_and_goes(1, 15_000).await;
}

#[tokio::test]
async fn on_three_threads_every_count_is_as_exact() {
    let _alone = alone().await;
    comes_and_goes(3, 3_000).await;
}
