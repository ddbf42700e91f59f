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
async fn who_never_stops_fills_no_spool_while_the_web_server_is_slow_and_still_has_its_turns() {
    let slow = Behaviour { stop_reading_after: Some(64), ..Behaviour::default() };
    let web = web_server(WebSettings::default(), [slow, Behaviour::default()]).await;
    let spool = "[spool]\ntype = 'memory'\nmax_size = '256MiB'";
    let rig = Rig::before(web, "", "", spool, |builder| builder).await;
    let mut bystander = rig.online("bystander").await;
    let mut flood = rig.online("flood").await;
    let chunk = vec![b'x'; 4 << 20];
    let mut chunks = 0;
    while tokio::time::timeout(
        std::time::Duration::from_millis(500),
        tokio::io::AsyncWriteExt::write_all(&mut flood.stream, &chunk),
    )
    .await
    .is_ok()
    {
        chunks += 1;
        assert!(chunks < 32, "all of it went to the spool, and stands before what others send");
    }
    // It goes on, slowly, and whoever sends little is read at once.
    for _ in 0..2 {
        let before = rig.gateway.ledger("web").unwrap().received;
        until("its next turn", || rig.gateway.ledger("web").unwrap().received > before).await;
    }
    bystander.write(b"still here").await;
    rig.web.disconnect();
    rig.sees(|report| report.name("bystander").bytes == 10).await;
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
