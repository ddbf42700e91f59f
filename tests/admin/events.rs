//! What goes on, as it is told to whoever follows.

use serde_json::Value;

use crate::{
    client::Client,
    harness::{Rig, until, within},
    is_problem, rig,
};

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["event"].as_str()).collect()
}

#[actix_rt::test]
async fn whoever_follows_hears_who_comes_and_goes() {
    let (rig, client) = rig().await;
    let mut all = client.follow("/api/events").await;
    let mut one = client.follow("/api/events?name=me").await;
    let _other = rig.online("other").await;
    let mut me = rig.online("me").await;
    me.finish().await;
    me.ended().await;
    all.until("event: closed").await;
    one.until("event: closed").await;
    assert_eq!(kinds(&all.events()), ["online", "online", "closed"]);
    let mine = one.events();
    assert_eq!(kinds(&mine), ["online", "closed"]);
    assert_eq!((&mine[0]["name"], &mine[0]["listener"]), (&"me".into(), &"dtu".into()));
    assert_eq!(mine[1]["reason"], "peer_closed");
    assert_eq!(mine[0]["session"], mine[1]["session"]);
    rig.stop().await;
}

#[actix_rt::test]
async fn too_many_who_follow_are_turned_away_and_whoever_leaves_makes_room() {
    let (rig, client) = rig().await;
    let mut streams = Vec::new();
    for _ in 0..8 {
        streams.push(client.follow("/api/events").await);
    }
    is_problem(&client.get("/api/events").await, 503);
    // Whoever is gone is found out when something is written to him.
    streams.clear();
    for serial in 0..1000 {
        let mut device = rig.connect().await;
        device.write(format!("ETUNG:d{serial}\r\n").as_bytes()).await;
        if client.status_of("/api/events").await == 200 {
            rig.stop().await;
            return;
        }
    }
    panic!("nobody is let in again");
}

#[actix_rt::test]
async fn an_event_that_a_web_server_cannot_take_is_passed_over_by_hand() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let rest = "[admin]\naddress = '127.0.0.1:0'\n";
    let toml = crate::harness::settings(
        &nobody.to_string(),
        "",
        "retry = { initial = '10ms', max = '10ms' }",
        rest,
    );
    let (gateway, telemetry, _) = crate::harness::start(&toml, |builder| builder).await;
    let client = Client::of(gateway.admin_address().unwrap());
    until("the link fails", || telemetry.counts().link_faults.sum() > 0).await;
    let upstream = client.get("/api/upstreams").await.json()["upstreams"][0].clone();
    assert_eq!(
        (&upstream["link"]["up"], &upstream["link"]["last_fault"]),
        (&false.into(), &"refused".into())
    );
    assert_eq!((&upstream["waiting"], &upstream["dropped"]), (&1.into(), &0.into()));
    assert!(upstream["waiting_bytes"].as_u64().unwrap() > 0, "{upstream}");
    assert!(upstream["lag_seconds"].as_f64().unwrap() > 0.0, "{upstream}");
    let after = client.ask("POST", "/api/upstreams/web/skip", &[], "").await;
    assert_eq!(after.status, 200, "{}", after.text());
    let ledger = gateway.ledger("web").unwrap();
    assert_eq!((ledger.waiting, ledger.dropped, ledger.balances()), (0, 1, true));
    is_problem(&client.ask("POST", "/api/upstreams/web/skip", &[], "").await, 409);
    within(gateway.stop()).await;
}

#[actix_rt::test]
async fn a_web_server_is_told_what_was_passed_over() {
    let (rig, _) = rig().await;
    let web = rig.web.address().to_string();
    rig.stop().await;
    // The same again in front of a web server that comes later.
    let rest = "[admin]\naddress = '127.0.0.1:0'\n";
    let toml =
        crate::harness::settings(&web, "", "retry = { initial = '10ms', max = '10ms' }", rest);
    let (gateway, telemetry, records) = crate::harness::start(&toml, |builder| builder).await;
    let client = Client::of(gateway.admin_address().unwrap());
    assert_eq!(client.ask("POST", "/api/upstreams/web/skip", &[], "").await.status, 200);
    let meeting = tetherd::simulator::Meeting::Listen(web.parse().unwrap());
    let memory = tetherd::simulator::WebMemory::new(Default::default());
    let web = tetherd::simulator::WebServer::resume(
        meeting,
        memory.into(),
        [tetherd::simulator::Behaviour::default()],
    )
    .await
    .unwrap();
    let rig = Rig { gateway, web, records, telemetry };
    let _device = rig.online("me").await;
    let gaps = rig.events("gap");
    assert_eq!((&gaps[0]["reason"], &gaps[0]["events"]), (&"skipped".into(), &1.into()));
    rig.stop().await;
}
