use serde_json::json;
use tetherd::model::CloseReason;

use crate::harness::{Rig, until};

#[actix_rt::test]
async fn a_device_comes_sends_and_goes_and_the_web_server_sees_just_that() {
    let rig = Rig::plain().await;
    let mut device = rig.connect().await;
    device.write(b"ETUNG:860000000000001\r\nfirst").await;
    rig.sees(|report| report.data == 1).await;
    device.write(b"second").await;
    rig.sees(|report| report.data == 2).await;
    device.finish().await;
    rig.sees(|report| report.offline == 1).await;

    let lines = rig.lines();
    assert_eq!(lines[0]["hello"], "tetherd");
    let events: Vec<_> = lines[1..].iter().map(|line| line["event"].clone()).collect();
    assert_eq!(events, ["started", "online", "data", "data", "offline"]);
    assert_eq!(lines[1]["offset"], lines[0]["next"], "hello tells the first offset");
    assert_eq!(lines[3]["data"], "Zmlyc3Q=");
    assert_eq!((&lines[3]["seq"], &lines[4]["seq"]), (&json!(1), &json!(2)));
    assert_eq!(lines[3]["peer"], device.address().to_string());
    let offline = &lines[5];
    assert_eq!(offline["reason"], "peer_closed");
    assert_eq!((&offline["received_bytes"], &offline["sent_bytes"]), (&json!(34), &json!(0)));
    assert_eq!((&lines[4]["connections"], &offline["connections"]), (&json!(1), &json!(0)));
    rig.stop().await;
}

#[actix_rt::test]
async fn counts_are_true_at_every_moment_named_or_not() {
    let rig = Rig::plain().await;
    let nameless = rig.connect().await;
    let first = rig.online("860000000000001").await;
    let mut second = rig.online("860000000000002").await;
    assert_eq!(rig.gateway.snapshot().connections, 3);
    assert_eq!(rig.gateway.names(), ["860000000000001", "860000000000002"]);
    first.reset();
    rig.sees(|report| report.offline == 1).await;
    assert_eq!(rig.events("offline")[0]["reason"], "reset");
    assert_eq!(rig.events("offline")[0]["connections"], 2);
    drop(nameless);
    until("the nameless one is gone", || rig.gateway.snapshot().connections == 1).await;
    second.finish().await;
    rig.sees(|report| report.offline == 2).await;
    assert_eq!(rig.gateway.listener_counts("dtu"), Some((0, 3, 3, 0)));
    until("the registry has heard of it", || rig.gateway.names().is_empty()).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn the_newest_takes_a_name_over_and_the_order_of_events_holds() {
    let rig = Rig::plain().await;
    let mut old = rig.online("pump-7").await;
    let mut new = rig.connect().await;
    new.write(b"ETUNG:pump-7;hello").await;
    rig.sees(|report| report.data == 1).await;
    old.ended().await;
    let order: Vec<_> = rig.lines()[2..].iter().map(|line| line["event"].clone()).collect();
    assert_eq!(order, ["online", "offline", "online", "data"]);
    assert_eq!(rig.events("offline")[0]["reason"], "replaced");
    assert_eq!(rig.gateway.counts().takeovers.get(), 1);
    rig.stop().await;
}

#[actix_rt::test]
async fn with_reject_the_oldest_stays_if_it_still_answers() {
    let rig = Rig::with("duplicate = 'reject'", "", "").await;
    let mut old = rig.online("860000000000001").await;
    let mut new = rig.connect().await;
    new.write(b"ETUNG:860000000000001\r\nme too").await;
    new.ended().await;
    old.write(b"still here").await;
    rig.sees(|report| report.data == 1).await;
    assert_eq!(rig.gateway.counts().ended.get(CloseReason::DuplicateRejected), 1);
    assert_eq!(rig.stop().await.online, 1);
}

#[actix_rt::test]
async fn with_allow_both_have_the_name() {
    let rig = Rig::with("duplicate = 'allow'", "", "").await;
    let _old = rig.online("twin").await;
    let mut new = rig.connect().await;
    new.write(b"ETUNG:twin\r\nme too").await;
    rig.sees(|report| report.online == 2 && report.data == 1).await;
    assert_eq!(rig.gateway.snapshot().connections, 2);
    rig.gateway.stop().await;
}

#[actix_rt::test]
async fn above_the_limit_newcomers_are_reset_and_counted() {
    let rig = Rig::with("max_connections = 2", "", "").await;
    let (first, _second) = (rig.online("a1").await, rig.online("a2").await);
    let mut third = rig.connect().await;
    assert!(third.rest().await.is_err(), "a reset");
    assert_eq!(rig.gateway.listener_counts("dtu"), Some((2, 2, 2, 1)));
    first.reset();
    rig.sees(|report| report.offline == 1).await;
    rig.online("a4").await;
    rig.stop().await;
}

#[actix_rt::test]
async fn a_device_that_never_says_who_it_is_is_let_go() {
    let rig = Rig::with("registration_timeout = '200ms'", "", "").await;
    let mut silent = rig.connect().await;
    let mut chatty = rig.connect().await;
    chatty.write(b"ETUNG:86").await;
    silent.ended().await;
    chatty.ended().await;
    let counts = &rig.gateway.counts().ended;
    until("both endings are counted", || counts.get(CloseReason::RegistrationTimeout) == 2).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn silence_ends_a_session_or_is_only_told() {
    let rig = Rig::with("idle_timeout = '300ms'", "", "").await;
    let mut device = rig.online("quiet").await;
    device.ended().await;
    rig.sees(|report| report.reasons.get("idle") == Some(&1)).await;
    rig.stop().await;

    let rig = Rig::with("idle_timeout = '300ms'\non_idle = 'notify'", "", "").await;
    let mut device = rig.online("quiet").await;
    rig.sees(|report| report.idle == 1).await;
    device.write(b"awake").await;
    rig.sees(|report| report.data == 1 && report.idle == 2).await;
    assert_eq!(rig.gateway.snapshot().connections, 1);
    assert_eq!(rig.stop().await.reasons.get("draining"), Some(&1));
}

#[actix_rt::test]
async fn raw_devices_are_named_by_their_address_and_need_not_say_a_word() {
    let rig = Rig::with("protocol = 'raw'", "", "").await;
    let mut device = rig.connect().await;
    let name = device.address().to_string();
    rig.sees(|report| report.name(&name).online).await;
    device.write(b"ETUNG:just data").await;
    rig.sees(|report| report.name(&name).messages == 1).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn ipv6_and_unix_sockets_carry_devices_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dtu.sock");
    let more = format!(
        "[listener.six]\naddress = '[::1]:0'\n[listener.local]\naddress = 'unix:{}'\n",
        path.display()
    );
    let rig =
        Rig::with(&format!("[listener.spare]\naddress = '127.0.0.1:0'\n{more}"), "", "").await;
    let six = rig.gateway.listener_address("six").unwrap().to_owned();
    let mut device = crate::harness::Dtu::connect(&six).await;
    device.write(b"ETUNG:six\r\n").await;
    let mut local = tokio::net::UnixStream::connect(&path).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut local, b"ETUNG:local\r\nhi").await.unwrap();
    rig.sees(|report| report.name("six").online && report.name("local").messages == 1).await;
    let peers: Vec<_> = rig.events("online").iter().map(|e| e["peer"].to_string()).collect();
    assert!(peers.iter().any(|peer| peer.contains("[::1]:")), "{peers:?}");
    assert!(peers.iter().any(|peer| peer.contains("unix:")), "{peers:?}");
    rig.stop().await;
    assert!(!path.exists(), "the socket file goes with the gateway");
}

#[actix_rt::test]
async fn several_session_threads_serve_and_count_as_one() {
    let rig = Rig::with("", "", "threads = 3").await;
    let mut devices = Vec::new();
    for number in 0..30 {
        devices.push(rig.online(&format!("d{number}")).await);
    }
    assert_eq!(rig.gateway.names().len(), 30);
    let mut heir = rig.connect().await;
    heir.write(b"ETUNG:d0\r\nmine now").await;
    rig.sees(|report| report.name("d0").messages == 1).await;
    drop(devices);
    rig.sees(|report| report.offline == 30).await;
    assert_eq!(rig.gateway.snapshot().connections, 1);
    rig.stop().await;
}

#[actix_rt::test]
async fn a_stop_lets_devices_go_and_the_web_server_gets_everything() {
    let rig = Rig::plain().await;
    let mut device = rig.online("last").await;
    device.write(b"last words").await;
    let report = rig.stop().await;
    assert_eq!(report.reasons.get("draining"), Some(&1));
    assert_eq!(report.name("last").messages, 1, "what was under way is read before the end");
    device.ended().await;
}

#[actix_rt::test]
async fn a_burst_of_any_size_leaves_the_listener_accepting() {
    let rig = Rig::plain().await;
    let address = rig.gateway.listener_address("dtu").unwrap().to_owned();
    for burst in 60..=68 {
        // All of them wait in the kernel before the gateway has its turn.
        let waiting: Vec<_> =
            (0..burst).map(|_| std::net::TcpStream::connect(&address).unwrap()).collect();
        rig.online(&format!("behind-{burst}")).await;
        drop(waiting);
    }
    rig.stop().await;
}
