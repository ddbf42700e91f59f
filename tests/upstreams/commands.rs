//! Commands of a web server, as far as the gateway goes without a device that takes them.

use serde_json::Value;

use crate::{
    hand::{Hand, gateway, gateway_with, listener, web},
    harness::within,
};

fn command(id: &str, more: &str) -> String {
    format!(r#"{{"command":"{id}","imei":"860000000000001","data":"AQM="{more}}}"#)
}

/// The next line that is no event of another kind.
async fn answer(server: &mut Hand) -> Value {
    loop {
        let line = server.line().await;
        if line.get("error").is_some() || line["event"] == "command" {
            return line;
        }
    }
}

#[actix_rt::test]
async fn a_command_is_told_as_queued_then_cancelled_and_its_id_stays_known() {
    let listener = listener().await;
    let (gateway, _) = gateway(&web(listener.local_addr().unwrap(), "")).await;
    let mut server = Hand::accept(&listener).await.greeted().await;
    server.say(&command("c-1", "")).await;
    let queued = answer(&mut server).await;
    let keys: Vec<_> = queued.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["offset", "event", "id", "imei", "attempt", "state", "time"]);
    assert_eq!((&queued["state"], &queued["imei"]), (&"queued".into(), &"860000000000001".into()));
    server.say(r#"{"cancel":"c-1"}"#).await;
    assert_eq!(answer(&mut server).await["state"], "cancelled");
    server.say(&command("c-1", "")).await;
    assert_eq!(answer(&mut server).await["state"], "cancelled");
    server.say(&command("c-1", r#","ttl":"1s""#)).await;
    let error = answer(&mut server).await;
    assert!(error["error"].as_str().unwrap().contains("known with other content"), "{error}");
    assert!(error["line"].as_str().unwrap().starts_with(r#"{"command":"c-1""#));
    gateway.stop().await;
}

#[actix_rt::test]
async fn links_that_take_no_commands_say_why() {
    let cases = [
        ("", "ack = false", "ack = true"),
        ("[commands]\nenabled = false", "", "turned off, by enabled = false in [commands]"),
    ];
    for (top, keys, why) in cases {
        let listener = listener().await;
        let upstream = web(listener.local_addr().unwrap(), keys);
        let (gateway, _) = gateway_with(top, &upstream).await;
        let mut server = Hand::accept(&listener).await.greeted().await;
        server.say(&command("c-1", "")).await;
        let error = answer(&mut server).await;
        assert!(error["error"].as_str().unwrap().contains(why), "{error}");
        gateway.stop().await;
    }
}

#[actix_rt::test]
async fn a_command_that_waits_outlives_a_stop_of_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let top = format!("[spool]\npath = '{}'", folder.path().display());
    let listener = listener().await;
    let upstream = web(listener.local_addr().unwrap(), "");
    let (gateway, _) = gateway_with(&top, &upstream).await;
    let mut server = Hand::accept(&listener).await.greeted().await;
    server.say(&command("c-1", r#","ttl":"1h""#)).await;
    let queued = answer(&mut server).await;
    server.acknowledge(queued["offset"].as_u64().unwrap()).await;
    within(gateway.stop()).await;
    drop(server);

    let (gateway, _) = gateway_with(&top, &upstream).await;
    let mut server = Hand::accept(&listener).await.greeted().await;
    server.say(r#"{"cancel":"c-1"}"#).await;
    let cancelled = answer(&mut server).await;
    assert_eq!((&cancelled["id"], &cancelled["state"]), (&"c-1".into(), &"cancelled".into()));
    within(gateway.stop()).await;
}
