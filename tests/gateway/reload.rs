#![allow(clippy::unwrap_used)] // a failed step fails the test

use std::fs;

use tetherd::{
    config::{Loaded, Options, from_toml, load},
    simulator::{Acknowledge, Behaviour, DataEncoding, WebSettings},
};

use crate::harness::{Dtu, LIMIT, Rig, launch, settings, until, web_server};

/// The configuration of `rig` with other keys of its listener, and more behind it.
fn other(rig: &Rig, listener: &str, rest: &str) -> Loaded {
    let web = rig.web.address().to_string();
    from_toml(&format!("{}{rest}", settings(&web, listener, "", ""))).unwrap()
}

#[actix_rt::test]
async fn what_a_reload_changes_holds_for_newcomers_and_no_device_is_dropped() {
    let mut rig = Rig::plain().await;
    let mut old = rig.online("old").await;
    let loaded = other(&rig, "idle_timeout = '200ms'\nkeepalive = { idle = '9s' }", "");
    let reloaded = rig.gateway.reload(loaded).await.unwrap();
    let keys: Vec<&str> = reloaded.applied.iter().map(|change| change.key.as_str()).collect();
    assert_eq!(keys, ["listener.dtu.idle_timeout", "listener.dtu.keepalive.idle"]);
    assert_eq!(reloaded.applied[0].to_string(), "listener.dtu.idle_timeout: \"10m\" -> \"200ms\"");
    assert_eq!(reloaded.needs_restart, []);
    let _new = rig.online("new").await;
    rig.sees(|report| report.offline == 1).await;
    assert_eq!(rig.events("offline")[0]["imei"], "new", "the newcomer is idle soon");
    old.write(b"still here").await;
    rig.sees(|report| report.data == 1).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn listeners_come_and_go_and_their_devices_stay() {
    let mut rig = Rig::plain().await;
    let mut device = rig.online("first").await;
    let address = rig.gateway.listener_address("dtu").unwrap().to_owned();
    let with_meters = "[listener.meters]\naddress = '127.0.0.1:0'\nprotocol = 'raw'\n";
    rig.gateway.reload(other(&rig, "", with_meters)).await.unwrap();
    let meters = rig.gateway.listener_address("meters").unwrap().to_owned();
    let mut meter = Dtu::connect(&meters).await;
    meter.write(b"\x01\x03").await;
    rig.sees(|report| report.data == 1).await;

    let web = rig.web.address().to_string();
    let only_meters = settings(&web, "enabled = false", "", "") + with_meters;
    rig.gateway.reload(from_toml(&only_meters).unwrap()).await.unwrap();
    assert_eq!(rig.gateway.listener_address("dtu"), None);
    let closed = || std::net::TcpStream::connect(&address).is_err();
    until("nobody is accepted any more", closed).await;
    device.write(b"still here").await;
    rig.sees(|report| report.data == 2).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn a_reload_that_cannot_be_done_changes_nothing() {
    let mut rig = Rig::plain().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap();
    let more = format!("[listener.meters]\naddress = '{port}'\n");
    let loaded = other(&rig, "idle_timeout = '100ms'", &more);
    let fault = rig.gateway.reload(loaded).await.unwrap_err().to_string();
    assert!(fault.contains(&format!("{port} is taken by another process")), "{fault}");
    let _device = rig.online("quiet").await;
    let again = rig.gateway.reload(other(&rig, "idle_timeout = '100ms'", "")).await.unwrap();
    assert_eq!(again.applied.len(), 1, "the first one changed nothing");
    rig.stop().await;
}

#[actix_rt::test]
async fn what_needs_a_restart_is_named_each_time() {
    let mut rig = Rig::plain().await;
    let elsewhere = "[spool]\nmax_size = '8MiB'\n[upstream.second]\naddress = '127.0.0.1:9'\n";
    let addressed = |rig: &Rig| {
        let mut loaded = other(rig, "outbound_limit = '1KiB'", elsewhere);
        loaded.config.listener.get_mut("dtu").unwrap().address = "127.0.0.1:9".to_owned();
        loaded
    };
    for applied in [1, 0] {
        let loaded = addressed(&rig);
        let reloaded = rig.gateway.reload(loaded).await.unwrap();
        assert_eq!(reloaded.applied.len(), applied);
        let keys: Vec<&str> = reloaded.needs_restart.iter().map(|c| c.key.as_str()).collect();
        assert!(keys.contains(&"listener.dtu.address") && keys.contains(&"spool.max_size"));
        assert!(keys.contains(&"upstream.second.address"), "{keys:?}");
    }
    rig.online("device").await;
    rig.stop().await;
}

#[actix_rt::test]
async fn a_protocol_file_is_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let protocol = |head: &str| {
        let text = format!("name = 'own'\n[registration]\nhead = '{head}'\nterminators = [';']\n");
        fs::create_dir_all(folder.path().join("protocols")).unwrap();
        fs::write(folder.path().join("protocols/own.toml"), text).unwrap();
    };
    let web = web_server(WebSettings::default(), [Behaviour::default()]).await;
    let toml = settings(
        &web.address().to_string(),
        "protocol = 'own'",
        "",
        "[spool]\ntype = 'memory'\n[admin]\nenabled = false",
    );
    fs::write(folder.path().join("default.toml"), toml).unwrap();
    let read = || {
        let paths = vec![folder.path().to_owned()];
        load(&Options { paths, ..Options::default() }).unwrap()
    };
    protocol("A=");
    let (gateway, telemetry, records) = launch(read(), |builder| builder).await;
    let mut rig = Rig { gateway, web, records, telemetry };
    let mut old = rig.connect().await;
    until("it is let in", || rig.gateway.snapshot().connections == 1).await;
    protocol("B=");
    let reloaded = rig.gateway.reload(read()).await.unwrap();
    assert_eq!(reloaded.applied[0].key, "protocols/own.toml");
    let mut new = rig.connect().await;
    new.write(b"B=new;").await;
    rig.sees(|report| report.name("new").online).await;
    old.write(b"A=old;").await;
    rig.sees(|report| report.name("old").online).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn a_web_server_that_has_moved_is_found_at_its_new_address_and_misses_nothing() {
    let mut rig = Rig::with("", "retry = { initial = '10ms', max = '20ms' }", "").await;
    let mut device = rig.online("me").await;
    device.write(b"one").await;
    rig.sees(|report| report.name("me").bytes == 3).await;
    rig.web.behave([Behaviour::acknowledging(Acknowledge::Never)]);
    rig.web.disconnect();
    device.write(b"two").await;
    rig.sees(|report| report.name("me").bytes == 6).await;

    let hex = WebSettings { encoding: DataEncoding::Hex, ..WebSettings::default() };
    let other_web = web_server(hex, [Behaviour::default()]).await;
    let address = other_web.address().to_string();
    let toml = settings(&address, "", "encoding = 'hex'\nstart = 'oldest'", "");
    let reloaded = rig.gateway.reload(from_toml(&toml).unwrap()).await.unwrap();
    let keys = |changes: &[tetherd::config::Change]| -> Vec<String> {
        changes.iter().map(|change| change.key.clone()).collect()
    };
    assert!(keys(&reloaded.applied).contains(&"upstream.web.address".to_owned()));
    assert!(keys(&reloaded.applied).contains(&"upstream.web.encoding".to_owned()));
    assert_eq!(keys(&reloaded.needs_restart), ["upstream.web.start"]);

    let old = rig.web.report();
    device.write(b"three").await;
    let missed = other_web.wait_until(LIMIT, |report| report.data == 2).await;
    missed.unwrap_or_else(|missed| panic!("{missed}"));
    let lines = other_web.look(|report| report.last_lines.clone());
    let said: Vec<_> = lines.iter().filter_map(|line| line.split("\"data\":\"").nth(1)).collect();
    assert_eq!(said, ["74776f\"}", "7468726565\"}"], "what was not acknowledged goes there, too");
    assert_eq!(rig.web.report().lines, old.lines, "nothing goes where it was before");
    let down = rig.records.wait_for(LIMIT, |record| {
        record.message == "link down" && record.get("kind").as_deref() == Some("reconfigured")
    });
    assert!(down.is_some());
    let ledger = rig.gateway.ledger("web").unwrap();
    until("all is delivered", || rig.gateway.ledger("web").unwrap().waiting == 0).await;
    assert_eq!(ledger.dropped, 0);
    drop(device);
    rig.web = other_web;
    rig.stop().await;
}

#[actix_rt::test]
async fn a_web_server_that_is_away_is_tried_at_its_new_address_at_once() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let patient = "retry = { initial = '1h', max = '1h' }";
    let loaded = from_toml(&settings(&nobody.to_string(), "", patient, "")).unwrap();
    let (gateway, telemetry, records) = launch(loaded, |builder| builder).await;
    let web = web_server(WebSettings::default(), [Behaviour::default()]).await;
    let mut rig = Rig { gateway, web, records, telemetry };
    until("it rests", || rig.records.count("link down") == 1).await;
    let loaded = other(&rig, "", "");
    rig.gateway.reload(loaded).await.unwrap();
    let _device = rig.online("me").await;
    rig.stop().await;
}
