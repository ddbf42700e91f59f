//! What the API shows of listeners while the gateway is configured anew, and of what waits.

use std::time::Instant;

use tetherd::config::from_toml;

use crate::{
    client::Client,
    harness::{Dtu, LIMIT, Rig, settings, until},
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

/// The value of a metric.
fn value(metrics: &str, metric: &str) -> f64 {
    let row = metrics.lines().find_map(|line| line.strip_prefix(&format!("{metric} ")));
    row.unwrap_or_else(|| panic!("no {metric} in\n{metrics}")).parse().unwrap()
}

#[actix_rt::test]
async fn what_waits_is_measured_in_events_bytes_and_seconds_until_it_is_delivered() {
    let (rig, client) = rig().await;
    let mut device = rig.online("me").await;
    let waits = ["waiting_events", "waiting_bytes", "lag_seconds"]
        .map(|what| format!("tetherd_upstream_{what}{{upstream=\"web\"}}"));
    until("all is delivered", || rig.gateway.ledger("web").unwrap().waiting == 0).await;
    let metrics = client.get("/metrics").await.text();
    assert_eq!(waits.each_ref().map(|metric| value(&metrics, metric)), [0.0; 3]);

    let Rig { gateway, web, .. } = rig;
    drop(web);
    device.write(&[b'x'; 1000]).await;
    until("it waits", || gateway.ledger("web").unwrap().waiting > 0).await;
    let mut last = 0.0;
    for _ in 0..3 {
        let metrics = client.get("/metrics").await.text();
        let [events, bytes, lag] = waits.each_ref().map(|metric| value(&metrics, metric));
        assert_eq!(events, 1.0);
        assert!(bytes > 1000.0 && bytes < 1500.0, "{bytes}");
        assert_eq!(value(&metrics, "tetherd_spool_bytes"), bytes);
        assert!(lag >= last, "{lag}");
        last = lag;
    }
    let begun = Instant::now();
    while value(&client.get("/metrics").await.text(), &waits[2]) <= last {
        assert!(begun.elapsed() < LIMIT, "it does not grow older");
    }

    let command = r#"{"command":"c-1","data":"0103","encoding":"hex","answer":"frame"}"#;
    let json = ["Content-Type: application/json"];
    for (name, expected) in [("nobody", [1.0, 0.0]), ("me", [1.0, 1.0])] {
        let command = command.replace("c-1", name);
        let at = format!("/api/devices/{name}/commands");
        assert_eq!(client.ask("POST", &at, &json, &command).await.status, 202);
        let metrics = client.get("/metrics").await.text();
        let load = ["tetherd_commands_waiting", "tetherd_commands_in_flight"];
        assert_eq!(load.map(|metric| value(&metrics, metric)), expected);
        assert!(value(&metrics, "tetherd_commands_bytes") > 0.0);
    }
    let metrics = client.get("/metrics").await.text();
    assert_eq!(value(&metrics, "tetherd_data_events_total"), 1.0);
    assert_eq!(value(&metrics, "tetherd_data_bytes_total"), 1000.0);
    gateway.hurry().up();
    gateway.stop().await;
}

#[actix_rt::test]
async fn those_who_follow_and_those_who_tap_are_counted_while_they_do() {
    let (rig, client) = rig().await;
    let follower = client.follow("/api/events").await;
    let tap = client.follow("/api/devices/me/tap").await;
    let followers = async || {
        let metrics = client.get("/metrics").await.text();
        ["tetherd_admin_followers", "tetherd_admin_taps"].map(|metric| value(&metrics, metric))
    };
    assert_eq!(followers().await, [1.0; 2]);
    drop((follower, tap));
    // It is noticed at the next word to it.
    let begun = Instant::now();
    while followers().await != [0.0; 2] {
        assert!(begun.elapsed() < LIMIT, "it is counted for ever");
        let _device = rig.online("me").await;
    }
    rig.stop().await;
}
