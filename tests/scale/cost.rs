use std::time::{Duration, Instant};

use crate::{LIMIT, alone, fleet::FleetProcess, gateway::GatewayProcess, say, web_server};

/// A thousand devices at twenty messages a second each.
const DEVICES: u32 = 1_000;
const EVERY: u32 = 50;

/// How long it is measured.
const MEASURED: Duration = Duration::from_secs(20);

#[tokio::test]
#[ignore = "it measures, and asserts nothing of it; run it from a release build"]
async fn what_a_message_costs() {
    let _alone = alone().await;
    let web = web_server().await;
    let mut gateway = GatewayProcess::start(1, &web.address().to_string(), "");
    let mut fleet = FleetProcess::paced(&gateway.state().address, DEVICES, EVERY);
    fleet.go();
    web.wait_until(LIMIT, |seen| seen.data > 5 * u64::from(DEVICES)).await.unwrap();
    let before =
        (Instant::now(), gateway.ticks(), web.look(|seen| (seen.data, seen.acknowledgements)));
    tokio::time::sleep(MEASURED).await;
    let after =
        (Instant::now(), gateway.ticks(), web.look(|seen| (seen.data, seen.acknowledgements)));
    let seconds = (after.0 - before.0).as_secs_f64();
    let (ticks, messages) = (after.1 - before.1, after.2.0 - before.2.0);
    let each = ticks as f64 * 10_000.0 / messages as f64;
    say(&format!(
        "{:.0} messages a second, {each:.2} us of processor time each, {:.1} messages an \
         acknowledgement, {} KiB resident",
        messages as f64 / seconds,
        messages as f64 / (after.2.1 - before.2.1) as f64,
        gateway.state().resident / 1024,
    ));
    fleet.leave();
    gateway
        .until("all is quiet", |state| state.connections == 0 && state.ledger.waiting == 0)
        .await;
    assert_eq!(web.report().first_violations, []);
    gateway.stop();
}
