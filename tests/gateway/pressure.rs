use tetherd::simulator::{Acknowledge, Behaviour, WebSettings};

use crate::harness::{Rig, until, web_server};

/// A web server that acknowledges nothing on its first link.
async fn deaf_at_first(rest: &str) -> Rig {
    let deaf = Behaviour::acknowledging(Acknowledge::Never);
    let web = web_server(WebSettings::default(), [deaf, Behaviour::default()]).await;
    Rig::before(web, "", "", rest, |builder| builder).await
}

const SMALL: &str = "[spool]\nmax_size = '4MiB'";

#[actix_rt::test]
async fn a_full_spool_stops_data_only_and_goes_on_by_itself() {
    let rig = deaf_at_first(SMALL).await;
    let mut flood = rig.online("flood").await;
    let bystander = rig.online("bystander").await;
    let chunk = vec![b'x'; 60_000];
    let mut sent = 0;
    while tokio::time::timeout(
        std::time::Duration::from_millis(500),
        tokio::io::AsyncWriteExt::write_all(&mut flood.stream, &chunk),
    )
    .await
    .is_ok()
    {
        sent += 1;
        assert!(sent < 4096, "never paused");
    }
    // Comings and goings are still told, and resets noticed.
    rig.online("newcomer").await;
    bystander.reset();
    rig.sees(|report| report.reasons.get("reset") == Some(&1)).await;
    let held = rig.gateway.ledger("web").unwrap();
    assert!(held.balances() && held.dropped == 0);
    rig.web.disconnect();
    rig.sees(|report| report.name("flood").bytes >= sent * 60_000).await;
    until("everything is delivered", || rig.gateway.ledger("web").unwrap().waiting == 0).await;
    assert!(flood.try_write(b"room again").await);
    rig.stop().await;
}

#[actix_rt::test]
async fn with_drop_oldest_the_loss_is_counted_and_told_as_a_gap() {
    let rig = deaf_at_first("[spool]\nmax_size = '4MiB'\nwhen_full = 'drop_oldest'").await;
    let mut flood = rig.online("flood").await;
    let chunk = vec![b'x'; 60_000];
    for _ in 0..200 {
        flood.write(&chunk).await;
    }
    until("something was dropped", || rig.gateway.ledger("web").unwrap().dropped > 0).await;
    rig.web.disconnect();
    rig.sees(|report| report.gaps >= 1).await;
    until("all is accounted for", || rig.gateway.ledger("web").unwrap().waiting == 0).await;
    let ledger = rig.gateway.ledger("web").unwrap();
    assert!(ledger.balances());
    rig.gateway.stop().await;
}
