//! What each address answers.

use serde_json::Value;

use crate::{
    harness::{LIMIT, until},
    is_problem, rig, rig_with,
};

#[actix_rt::test]
async fn a_running_gateway_is_alive_and_ready() {
    let (rig, client) = rig().await;
    let health = client.get("/healthz").await;
    assert_eq!((health.status, health.json()["status"].as_str()), (200, Some("ok")));
    until("the link is up", || rig.records.count("link up") == 1).await;
    let ready = client.get("/readyz").await;
    assert_eq!(ready.status, 200, "{}", ready.text());
    let facts = ready.json();
    assert_eq!(facts["ready"], true);
    assert_eq!(facts["phase"], "running");
    assert_eq!((facts["links_up"].as_u64(), facts["links"].as_u64()), (Some(1), Some(1)));
    assert_eq!(facts["stuck_threads"], Value::Array(Vec::new()));
    rig.stop().await;
}

#[actix_rt::test]
async fn a_device_is_listed_shown_and_kicked_by_its_name() {
    let (rig, client) = rig().await;
    // Everything that a path would take for its own.
    let name = "a/b?c,d%41+&\"~";
    let mut device = rig.online(name).await;
    device.write(b"hello").await;
    rig.sees(|report| report.name(name).bytes == 5).await;
    let _other = rig.online("other").await;

    let list = client.get("/api/devices").await.json();
    assert_eq!(list["total"], 2);
    assert_eq!(list["devices"][0]["name"], name);
    assert_eq!(list["devices"][1]["name"], "other");
    assert_eq!(list["next"], Value::Null);
    let seen = rig.gateway.snapshot().next.before().0;
    assert!(list["as_of"].as_u64().unwrap() <= seen);

    let at = "/api/devices/a%2Fb%3Fc,d%2541%2B%26%22~";
    let shown = client.get(at).await.json();
    assert_eq!(shown["name"], name);
    assert_eq!(shown["state"], "online");
    assert_eq!(shown["listener"], "dtu");
    assert_eq!(shown["peer"], device.address().to_string());
    assert_eq!(shown["data_events"], 1);
    assert_eq!(shown["flagged"], false);
    assert_eq!(shown["received_bytes"], 6 + name.len() as u64 + 2 + 5);

    let kicked = client.ask("DELETE", &format!("{at}/session"), &[], "").await;
    assert_eq!((kicked.status, &kicked.json()["session"]), (202, &shown["session"]));
    device.ended().await;
    rig.sees(|report| !report.name(name).online).await;
    assert_eq!(rig.events("offline")[0]["reason"], "kicked");
    is_problem(&client.get(at).await, 404);
    is_problem(&client.ask("DELETE", &format!("{at}/session"), &[], "").await, 404);
    let change = rig.records.wait_for(LIMIT, |record| record.message == "change by hand").unwrap();
    assert!(change.get("what").unwrap().starts_with("DELETE /api/devices/"), "{change:?}");
    assert_eq!(change.get("status").as_deref(), Some("202"));
    drop(device);
    rig.stop().await;
}

#[actix_rt::test]
async fn devices_are_searched_and_paged_by_name() {
    let (rig, client) = rig().await;
    let mut devices = Vec::new();
    for name in ["PUMP-2", "pump-1", "meter-1", "meter-2"] {
        devices.push(rig.online(name).await);
    }
    let names = |answer: Value| -> Vec<String> {
        let devices = answer["devices"].as_array().unwrap();
        devices.iter().map(|device| device["name"].as_str().unwrap().to_owned()).collect()
    };
    let found = client.get("/api/devices?search=Pump").await.json();
    assert_eq!(names(found), ["PUMP-2", "pump-1"]);
    let first = client.get("/api/devices?limit=3").await.json();
    assert_eq!(first["next"], "meter-2");
    assert_eq!(names(first), ["PUMP-2", "meter-1", "meter-2"]);
    let rest = client.get("/api/devices?limit=3&after=meter-2").await.json();
    assert_eq!((&rest["next"], names(rest.clone())), (&Value::Null, vec!["pump-1".to_owned()]));
    assert_eq!(names(client.get("/api/devices?listener=dtu").await.json()).len(), 4);
    assert_eq!(names(client.get("/api/devices?listener=other").await.json()).len(), 0);
    for bad in ["limit=0", "limit=1001", "limit=x", "colour=red"] {
        is_problem(&client.get(&format!("/api/devices?{bad}")).await, 400);
    }
    rig.stop().await;
}

#[actix_rt::test]
async fn nameless_connections_are_listed_with_their_first_bytes_and_so_are_their_endings() {
    let (rig, client) = rig_with("", "").await;
    let mut device = rig.connect().await;
    device.write(b"ETUN").await;
    let mut found = Value::Null;
    for _ in 0..200 {
        found = client.get("/api/sessions?state=unnamed").await.json();
        if found["sessions"][0]["received_bytes"] == 4 {
            break;
        }
    }
    let session = &found["sessions"][0];
    assert_eq!(session["first_bytes"], "4554554e");
    assert_eq!(session["peer"], device.address().to_string());
    assert_eq!(session["listener"], "dtu");
    device.reset();
    until("the end", || rig.gateway.snapshot().connections == 0).await;
    let closed = client.get("/api/sessions/closed").await.json();
    let last = &closed["sessions"][0];
    assert_eq!(last["session"], session["session"]);
    assert_eq!((&last["reason"], &last["name"]), (&Value::from("reset"), &Value::Null));
    assert_eq!((&last["first_bytes"], &last["received_bytes"]), (&"4554554e".into(), &4.into()));
    is_problem(&client.get("/api/sessions").await, 400);
    is_problem(&client.get("/api/sessions?state=online").await, 400);
    rig.stop().await;
}

#[actix_rt::test]
async fn endings_are_listed_last_first_in_pages_and_by_reason() {
    let (rig, client) = rig().await;
    for name in ["one", "two", "three"] {
        let mut device = rig.online(name).await;
        device.finish().await;
        device.ended().await;
        rig.sees(|report| !report.name(name).online).await;
    }
    let page = client.get("/api/sessions/closed?limit=2").await.json();
    assert_eq!(
        (&page["sessions"][0]["name"], &page["sessions"][1]["name"]),
        (&"three".into(), &"two".into())
    );
    assert_eq!(page["sessions"][0]["reason"], "peer_closed");
    let next = page["next"].as_str().unwrap();
    let rest = client.get(&format!("/api/sessions/closed?after={next}")).await.json();
    assert_eq!(rest["sessions"].as_array().unwrap().len(), 1);
    assert_eq!((&rest["sessions"][0]["name"], &rest["next"]), (&"one".into(), &Value::Null));
    let idle = client.get("/api/sessions/closed?reason=idle").await.json();
    assert_eq!(idle["sessions"], Value::Array(Vec::new()));
    is_problem(&client.get("/api/sessions/closed?after=xyz").await, 400);
    rig.stop().await;
}

#[actix_rt::test]
async fn an_upstream_is_told_with_its_link_and_its_ledger() {
    let (rig, client) = rig().await;
    let _device = rig.online("me").await;
    until("all is acknowledged", || rig.gateway.ledger("web").unwrap().waiting == 0).await;
    let upstream = &client.get("/api/upstreams").await.json()["upstreams"][0];
    assert_eq!(upstream["name"], "web");
    assert_eq!(upstream["mode"], "dial");
    assert_eq!(upstream["link"]["up"], true);
    assert_eq!(upstream["link"]["peer"], rig.web.address().to_string());
    assert_eq!((&upstream["received"], &upstream["delivered"]), (&2.into(), &2.into()));
    assert_eq!((&upstream["waiting"], &upstream["dropped"]), (&0.into(), &0.into()));
    assert_eq!((&upstream["waiting_bytes"], &upstream["lag_seconds"]), (&0.into(), &0.0.into()));
    assert_eq!(upstream["cursor"], rig.gateway.snapshot().next.0);
    is_problem(&client.ask("POST", "/api/upstreams/none/skip", &[], "").await, 404);
    is_problem(&client.ask("POST", "/api/upstreams/web/skip", &[], "").await, 409);
    rig.stop().await;
}

#[actix_rt::test]
async fn a_metric_is_there_for_all_that_is_counted_and_no_name_of_a_device_in_any() {
    let (rig, client) = rig().await;
    let _device = rig.online("secretive").await;
    let answer = client.get("/metrics").await;
    assert_eq!(
        answer.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let text = answer.text();
    for count in rig.telemetry.counts().snapshot().iter() {
        assert!(text.contains(count.name) || text.contains(&count.help[1..8]), "{}", count.name);
    }
    assert!(text.contains("tetherd_connections_accepted_total 1\n"), "{text}");
    assert!(text.contains("tetherd_connections{listener=\"dtu\"} 1.0\n"));
    assert!(text.contains("tetherd_names 1.0\n"));
    assert!(text.contains("tetherd_link_up{upstream=\"web\"} 1.0\n"));
    assert!(!text.contains("secretive"));
    assert!(text.ends_with("# EOF\n"));
    rig.stop().await;
}

#[actix_rt::test]
async fn the_document_lists_every_address_that_answers() {
    let (rig, client) = rig().await;
    let document = client.get("/api/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document["info"]["title"], "tetherd");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 12, "{paths:?}");
    for (path, methods) in paths {
        let target = path.replace("{name}", "nobody");
        let answer = client.ask("PATCH", &target, &[], "").await;
        is_problem(&answer, 405);
        let allowed = answer.header("allow").unwrap().to_owned();
        for method in methods.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            assert!(allowed.split(", ").any(|known| known == method), "{method} {path}: {allowed}");
        }
    }
    rig.stop().await;
}

#[actix_rt::test]
async fn what_a_device_said_that_could_not_be_understood_is_kept_with_its_ending() {
    let (rig, client) =
        rig_with("registration_timeout = '50ms'\nregistration_bytes = '12B'", "").await;
    for (said, reason, hex) in [
        (&b"GET / HTTP/1.1\r\n"[..], "unidentified", "474554202f20485454502f312e310d0a"),
        (b"ETUNG:a b\r\n", "malformed", "4554554e473a6120620d0a"),
        (b"ETUNG:", "registration_timeout", "4554554e473a"),
    ] {
        let mut device = rig.connect().await;
        device.write(said).await;
        device.ended().await;
        drop(device);
        until("the end", || rig.gateway.snapshot().connections == 0).await;
        let last = &client.get("/api/sessions/closed?limit=1").await.json()["sessions"][0];
        assert_eq!((&last["reason"], &last["first_bytes"]), (&reason.into(), &hex.into()));
    }
    rig.stop().await;
}

#[actix_rt::test]
async fn a_name_that_two_devices_take_from_each_other_is_flagged() {
    let (rig, client) = rig_with("takeover_limit = '2/min'", "").await;
    let mut holders = vec![rig.online("me").await];
    assert_eq!(client.get("/api/devices/me").await.json()["flagged"], false);
    while rig.telemetry.counts().takeovers_flagged.get() == 0 {
        let (takeovers, flagged) =
            (&rig.telemetry.counts().takeovers, &rig.telemetry.counts().takeovers_flagged);
        let before = takeovers.get();
        let mut device = rig.connect().await;
        device.write(b"ETUNG:me\r\n").await;
        until("it is decided", || takeovers.get() > before || flagged.get() > 0).await;
        holders.push(device);
        assert!(holders.len() < 6);
    }
    let shown = client.get("/api/devices/me").await.json();
    assert_eq!(shown["flagged"], true, "{shown}");
    let flagged = client.get("/api/flagged").await.json();
    assert_eq!(
        (&flagged["names"][0]["name"], &flagged["names"][0]["why"]),
        (&"me".into(), &"takeovers".into())
    );
    drop(holders);
    rig.stop().await;
}

#[actix_rt::test]
async fn a_device_that_comes_and_goes_all_the_time_is_flagged_also_while_it_is_away() {
    let (rig, client) = rig_with("flapping = '2/h'", "").await;
    let mut events = client.follow("/api/events").await;
    let _steady = rig.online("steady").await;
    for _ in 0..3 {
        let mut device = rig.online("me").await;
        device.finish().await;
        device.ended().await;
        rig.sees(|report| !report.name("me").online).await;
    }
    events.until("event: flagged").await;
    let told = events.events().into_iter().find(|event| event["event"] == "flagged").unwrap();
    assert_eq!(
        (&told["name"], &told["why"], &told["connects"]),
        (&"me".into(), &"connects".into(), &3.into())
    );
    let flagged = client.get("/api/flagged").await.json();
    assert_eq!(flagged["names"].as_array().unwrap().len(), 1, "{flagged}");
    let me = &flagged["names"][0];
    assert_eq!(
        (&me["name"], &me["connects"], &me["connected"]),
        (&"me".into(), &3.into(), &false.into())
    );
    assert_eq!(rig.records.count("device flaps"), 1);
    let metrics = client.get("/metrics").await.text();
    assert!(metrics.contains("tetherd_flagged_names{why=\"connects\"} 1"), "{metrics}");
    assert!(metrics.contains("tetherd_flapping_total 1"), "{metrics}");
    let _back = rig.online("me").await;
    assert_eq!(client.get("/api/devices/me").await.json()["flagged"], true);
    assert_eq!(client.get("/api/devices/steady").await.json()["flagged"], false);
    rig.stop().await;
}
