//! What the API shows of listeners while the gateway is configured anew, and of what waits.

use tetherd::config::from_toml;

use crate::{
    client::Client,
    harness::{Dtu, Rig, settings, until},
    rig,
};

/// The listeners that the metrics know.
async fn listeners(client: &Client) -> Vec<String> {
    let text = client.get("/metrics").await.text();
    let rows = text.lines().filter_map(|line| line.strip_prefix("tetherd_connections{listener=\""));
    rows.map(|row| row.split('"').next().unwrap().to_owned()).collect()
}

async fn reload(rig: &mut Rig, listener: &str, rest: &str) {
    let web = rig.web.address().to_string();
    let toml = settings(&web, listener, "", rest);
    rig.gateway.reload(from_toml(&toml).unwrap()).await.unwrap();
}

#[actix_rt::test]
async fn listeners_that_come_and_go_by_a_reload_are_seen_as_they_are() {
    let (mut rig, client) = rig().await;
    assert_eq!(listeners(&client).await, ["dtu"]);
    let meters = "[admin]\naddress = '127.0.0.1:0'\n[listener.meters]\naddress = '127.0.0.1:0'\n";
    reload(&mut rig, "", meters).await;
    assert_eq!(listeners(&client).await, ["dtu", "meters"]);
    let mut meter = Dtu::connect(rig.gateway.listener_address("meters").unwrap()).await;
    meter.write(b"ETUNG:meter\r\n").await;
    rig.sees(|report| report.name("meter").online).await;
    let found = client.get("/api/devices?listener=meters").await.json();
    assert_eq!(found["devices"][0]["name"], "meter");
    assert!(client.get("/metrics").await.text().contains("{listener=\"meters\"} 1.0\n"));

    let old = rig.online("old").await;
    reload(&mut rig, "enabled = false", meters).await;
    assert_eq!(listeners(&client).await, ["meters", "dtu"], "it still has a device");
    drop(old);
    until("it is gone", || rig.gateway.snapshot().connections == 1).await;
    reload(&mut rig, "enabled = false", meters).await;
    assert_eq!(listeners(&client).await, ["meters"]);
    rig.stop().await;
}
