use tetherd::{
    app::Gateway,
    simulator::{Meeting, WebServer},
    telemetry::{LinkFaultKind, Refusal, Telemetry},
};
use tokio::net::UnixStream;

use crate::{
    hand::{Hand, chat, gateway, online, settled, web},
    harness::{LIMIT, until},
};

const HERE: &str = "127.0.0.1:0";
const TOKEN: &str = "{\"token\":\"secret\"}";

/// A gateway to which the web server connects, with these keys.
async fn waiting(keys: &str) -> (Gateway, Telemetry, String) {
    let (gateway, telemetry) = gateway(&web(HERE, &format!("mode = 'accept'\n{keys}"))).await;
    let address = gateway.upstream_address("web").unwrap().to_owned();
    (gateway, telemetry, address)
}

#[actix_rt::test]
async fn a_web_server_connects_to_the_upstreams_own_address() {
    let (gateway, _, address) = waiting("token = 'secret'").await;
    let mut device = online(&gateway, "waiting").await;
    chat(&gateway, &mut device, 5, b"hello").await;
    let token = Some("secret".to_owned());
    let meeting = Meeting::Dial { gateway: address.parse().unwrap(), token };
    let web = WebServer::start(meeting).await.unwrap();
    web.wait_until(LIMIT, |report| report.data == 5).await.unwrap();
    web.disconnect();
    chat(&gateway, &mut device, 5, b"hello").await;
    web.wait_until(LIMIT, |report| report.data == 10 && report.links == 2).await.unwrap();
    settled(&gateway, "web").await;
    gateway.stop().await;
    assert_eq!(web.report().first_violations, []);
}

#[actix_rt::test]
async fn from_lets_its_addresses_in_and_resets_all_others() {
    let (gateway, telemetry, address) = waiting("from = ['::ffff:127.0.0.2']").await;
    let mut stranger = Hand::dial(&address, "127.0.0.1").await;
    assert!(stranger.rest().await.is_err(), "a reset");
    assert_eq!(telemetry.counts().refused.get(Refusal::Denied), 1);
    let mut known = Hand::dial(&address, "127.0.0.2").await.greeted().await;
    assert_eq!(known.line().await["event"], "started");
    assert_eq!(telemetry.counts().link_ups.get(), 1);
    gateway.stop().await;
}

#[actix_rt::test]
async fn only_the_right_token_opens_and_whatever_is_wrong_is_closed_without_a_word() {
    let (gateway, telemetry, address) = waiting("token = 'secret'").await;
    for wrong in ["{\"token\":\"Secret\"}", "{\"token\":7}", "{\"ack\":1}", "", "garbage"] {
        let mut stranger = Hand::dial(&address, "127.0.0.1").await;
        stranger.say(wrong).await;
        assert_eq!(stranger.rest().await.unwrap_or_default(), "", "{wrong}");
    }
    let faults = &telemetry.counts().link_faults;
    until("each is counted", || faults.get(LinkFaultKind::WrongToken) == 5).await;
    // What follows the token at once is heard, too.
    let mut known = Hand::dial(&address, "127.0.0.1").await;
    known.say(&format!("{TOKEN}\n{{\"ack\":99999999999999999}}")).await;
    let mut known = known.greeted().await;
    while known.line().await["error"].is_null() {}
    assert_eq!(telemetry.counts().link_ups.get(), 1);
    gateway.stop().await;
}

#[actix_rt::test]
async fn a_token_that_never_comes_is_waited_for_no_longer_than_its_time() {
    let (gateway, telemetry, address) = waiting("token = 'secret'").await;
    let mut silent = Hand::dial(&address, "127.0.0.1").await;
    assert_eq!(silent.rest().await.unwrap(), "");
    assert_eq!(telemetry.counts().link_faults.get(LinkFaultKind::WrongToken), 1);
    gateway.stop().await;
}

#[actix_rt::test]
async fn strangers_without_the_token_do_not_disturb_the_web_server_nor_keep_it_out() {
    let (gateway, telemetry, address) = waiting("token = 'secret'").await;
    let mut device = online(&gateway, "busy").await;
    let mut served = Hand::dial(&address, "127.0.0.1").await;
    served.say(TOKEN).await;
    let mut served = served.greeted().await;
    let mut strangers = Vec::new();
    for _ in 0..40 {
        strangers.push(Hand::dial(&address, "127.0.0.1").await);
    }
    let refused = &telemetry.counts().refused;
    until("the oldest had to go", || refused.get(Refusal::Limit) == 40 - 16).await;
    strangers[0].ended().await;
    chat(&gateway, &mut device, 1, b"still here").await;
    served.event("data").await;
    // Nor do they keep the next one out.
    let mut next = Hand::dial(&address, "127.0.0.1").await;
    next.say(TOKEN).await;
    next.greeted().await.event("data").await;
    served.ended().await;
    assert_eq!(telemetry.counts().link_ups.get(), 2);
    gateway.stop().await;
}

#[actix_rt::test]
async fn on_a_device_listener_the_web_server_is_known_by_its_address() {
    let upstream = "mode = 'accept'\nlistener = 'dtu'\nfrom = ['127.0.0.2']\ntoken = 'secret'";
    let (gateway, telemetry) = gateway(&web("", upstream)).await;
    let address = gateway.listener_address("dtu").unwrap().to_owned();
    let _device = online(&gateway, "a-device").await;
    let mut stranger = Hand::dial(&address, "127.0.0.2").await;
    stranger.say("ETUNG:a-device").await;
    assert_eq!(stranger.rest().await.unwrap_or_default(), "");
    let mut server = Hand::dial(&address, "127.0.0.2").await;
    server.say(TOKEN).await;
    let mut server = server.greeted().await;
    let online = server.event("online").await;
    assert_eq!((&online["imei"], &online["connections"]), (&"a-device".into(), &1.into()));
    assert_eq!(gateway.snapshot().connections, 1, "the web server is no device");
    assert_eq!(telemetry.counts().accepted.get(), 1);
    gateway.stop().await;
}

#[actix_rt::test]
async fn a_second_web_server_replaces_the_first_and_begins_behind_what_that_had() {
    let (gateway, telemetry, address) = waiting("").await;
    let mut device = online(&gateway, "shared").await;
    let mut first = Hand::dial(&address, "127.0.0.1").await.greeted().await;
    chat(&gateway, &mut device, 3, b"hello").await;
    let had = first.event("data").await["offset"].as_u64().unwrap();
    first.acknowledge(had).await;
    until("it counts", || gateway.ledger("web").unwrap().waiting == 2).await;
    let mut second = Hand::dial(&address, "127.0.0.1").await.greeted().await;
    assert_eq!(second.next, had + 1);
    first.ended().await;
    for offset in had + 1..=had + 2 {
        assert_eq!(second.line().await["offset"], offset);
    }
    assert_eq!(telemetry.counts().link_faults.get(LinkFaultKind::Replaced), 1);
    second.acknowledge(had + 2).await;
    settled(&gateway, "web").await;
    gateway.stop().await;
}

#[actix_rt::test]
async fn one_that_connects_and_says_nothing_gives_way_to_the_next() {
    let (gateway, telemetry, address) = waiting("ack_timeout = '200ms'").await;
    let _device = online(&gateway, "unheard").await;
    let mut silent = Hand::dial(&address, "127.0.0.1").await.greeted().await;
    let first = silent.line().await["offset"].as_u64().unwrap();
    silent.ended().await;
    assert!(telemetry.counts().link_faults.get(LinkFaultKind::AckTimeout) > 0);
    let meeting = Meeting::Dial { gateway: address.parse().unwrap(), token: None };
    let web = WebServer::start(meeting).await.unwrap();
    web.wait_until(LIMIT, |report| report.online == 1).await.unwrap();
    let hello: serde_json::Value = serde_json::from_str(&web.report().last_lines[0]).unwrap();
    assert_eq!(hello["next"], first);
    settled(&gateway, "web").await;
    gateway.stop().await;
    assert_eq!(web.report().first_violations, []);
}

#[actix_rt::test]
async fn a_web_server_connects_over_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.sock");
    let keys = "mode = 'accept'\ntoken = 'secret'";
    let (gateway, _) = gateway(&web(format!("unix:{}", path.display()), keys)).await;
    let mut server = Hand::new(UnixStream::connect(&path).await.unwrap());
    server.say(TOKEN).await;
    let mut server = server.greeted().await;
    let next = server.next;
    server.acknowledge(next).await;
    settled(&gateway, "web").await;
    gateway.stop().await;
    assert!(!path.exists(), "the socket file goes with the gateway");
}
