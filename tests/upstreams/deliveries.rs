//! Commands on their way: to the device, acknowledged by its TCP, answered, or not.

use serde_json::Value;
use tetherd::app::Gateway;
use tokio::net::TcpListener;

use crate::{
    hand::{Hand, gateway, listener, online, web},
    harness::{Dtu, until, within},
};

const NAME: &str = "860000000000001";

/// A gateway with a web server that can command.
struct Scene {
    gateway: Gateway,
    server: Hand,
    _listener: TcpListener,
}

impl Scene {
    async fn new(more: &str) -> Self {
        let listener = listener().await;
        let upstream = web(listener.local_addr().unwrap(), "");
        let (gateway, _) = gateway(&format!("{more}\n{upstream}")).await;
        let server = Hand::accept(&listener).await.greeted().await;
        Self { gateway, server, _listener: listener }
    }

    async fn command(&mut self, id: &str, more: &str) {
        let line = format!(r#"{{"command":"{id}","imei":"{NAME}","data":"AQM="{more}}}"#);
        self.server.say(&line).await;
    }

    /// The next states that are told, each with its attempt.
    async fn states(&mut self, count: usize) -> Vec<(String, u64)> {
        let mut states = Vec::new();
        while states.len() < count {
            let event = self.state().await;
            states.push((
                event["state"].as_str().unwrap().into(),
                event["attempt"].as_u64().unwrap(),
            ));
        }
        states
    }

    async fn state(&mut self) -> Value {
        let event = self.server.event("command").await;
        self.server.acknowledge(event["offset"].as_u64().unwrap()).await;
        event
    }

    async fn online(&self) -> Dtu {
        online(&self.gateway, NAME).await
    }
}

fn first(states: &[&str]) -> Vec<(String, u64)> {
    states.iter().map(|state| ((*state).to_owned(), 1)).collect()
}

#[actix_rt::test]
async fn a_command_is_acknowledged_when_the_device_has_it() {
    let mut scene = Scene::new("").await;
    let mut device = scene.online().await;
    scene.command("c-1", "").await;
    assert_eq!(device.read(2).await, [1, 3]);
    assert_eq!(scene.states(3).await, first(&["queued", "written", "acknowledged"]));
    within(scene.gateway.stop()).await;
}

#[actix_rt::test]
async fn a_command_waits_for_its_device_and_its_answer_is_told() {
    let mut scene = Scene::new("").await;
    scene.command("c-1", r#","answer":"frame""#).await;
    assert_eq!(scene.states(1).await, first(&["queued"]));
    let mut device = scene.online().await;
    assert_eq!(device.read(2).await, [1, 3]);
    assert_eq!(scene.states(2).await, first(&["written", "acknowledged"]));
    device.write(b"done").await;
    let answered = scene.state().await;
    assert_eq!((&answered["state"], &answered["data"]), (&"answered".into(), &"ZG9uZQ==".into()));
    within(scene.gateway.stop()).await;
}

#[actix_rt::test]
async fn only_what_fits_is_the_answer_and_one_command_is_under_way_at_a_time() {
    let mut scene = Scene::new("").await;
    let mut device = scene.online().await;
    scene.command("c-1", r#","answer":{"match":"^OK"}"#).await;
    scene.command("c-2", "").await;
    assert_eq!(device.read(2).await, [1, 3]);
    let mut told = scene.states(4).await;
    told.sort();
    assert_eq!(told, first(&["acknowledged", "queued", "queued", "written"]));
    device.write(b"something else").await;
    scene.server.event("data").await;
    device.write(b"OK 1").await;
    assert_eq!(scene.states(1).await, first(&["answered"]));
    assert_eq!(device.read(2).await, [1, 3], "now the second one");
    assert_eq!(scene.states(2).await, first(&["written", "acknowledged"]));
    within(scene.gateway.stop()).await;
}

#[actix_rt::test]
async fn a_device_that_does_not_answer_in_time_is_told() {
    let mut scene = Scene::new("").await;
    let mut device = scene.online().await;
    scene.command("c-1", r#","answer":"frame","timeout":"200ms""#).await;
    assert_eq!(device.read(2).await, [1, 3]);
    assert_eq!(scene.states(3).await, first(&["queued", "written", "acknowledged"]));
    let failed = scene.state().await;
    assert_eq!((&failed["state"], &failed["reason"]), (&"failed".into(), &"no_answer".into()));
    within(scene.gateway.stop()).await;
}

#[actix_rt::test]
async fn a_device_that_goes_before_it_answers_leaves_the_command_uncertain() {
    let mut scene = Scene::new("").await;
    let mut device = scene.online().await;
    scene.command("c-1", r#","answer":"frame""#).await;
    assert_eq!(device.read(2).await, [1, 3]);
    assert_eq!(scene.states(3).await, first(&["queued", "written", "acknowledged"]));
    device.reset();
    let failed = scene.state().await;
    assert_eq!((&failed["state"], &failed["reason"]), (&"failed".into(), &"uncertain".into()));
    let mut device = scene.online().await;
    scene.command("c-2", "").await;
    assert_eq!(device.read(2).await, [1, 3], "the first one is not sent again");
    assert_eq!(scene.states(3).await, first(&["queued", "written", "acknowledged"]));
    within(scene.gateway.stop()).await;
}

#[actix_rt::test]
async fn a_command_that_may_be_repeated_is_tried_anew() {
    let mut scene = Scene::new("").await;
    let mut device = scene.online().await;
    scene.command("c-1", r#","answer":"frame","repeat":true"#).await;
    assert_eq!(device.read(2).await, [1, 3]);
    assert_eq!(scene.states(3).await, first(&["queued", "written", "acknowledged"]));
    device.reset();
    assert_eq!(scene.states(1).await, [("queued".to_owned(), 2)]);
    let mut device = scene.online().await;
    assert_eq!(device.read(2).await, [1, 3]);
    let again: Vec<_> = ["written", "acknowledged"].map(|state| (state.to_owned(), 2)).into();
    assert_eq!(scene.states(2).await, again);
    device.write(b"done").await;
    assert_eq!(scene.states(1).await, [("answered".to_owned(), 2)]);
    within(scene.gateway.stop()).await;
}

#[actix_rt::test]
async fn the_protocol_wraps_commands_and_tells_answers_from_other_frames() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut scene =
        Scene::new(&format!("[listener.trackers]\naddress = '{port}'\nprotocol = 'teltonika'"))
            .await;
    let mut tracker = Dtu::connect(&port.to_string()).await;
    tracker.write(b"\x00\x0f860000000000001").await;
    assert_eq!(tracker.read(1).await, [1]);
    until("it is known", || scene.gateway.names() == [NAME]).await;
    scene
        .command("c-1", r#","answer":"frame","encoding":"text""#.replace("AQM=", "").as_str())
        .await;
    let wrapped = tracker.read(19).await;
    assert_eq!(wrapped[..11], [0, 0, 0, 0, 0, 0, 0, 12, 12, 1, 5], "codec 12");
    tracker.write(&[0xff]).await;
    let answer = [
        &[0, 0, 0, 0, 0, 0, 0, 10, 12, 1, 6, 0, 0, 0, 2, b'O', b'K', 1][..],
        &crc(&[12, 1, 6, 0, 0, 0, 2, b'O', b'K', 1]),
    ]
    .concat();
    tracker.write(&answer).await;
    assert_eq!(scene.states(4).await, first(&["queued", "written", "acknowledged", "answered"]));
    within(scene.gateway.stop()).await;
}

fn crc(bytes: &[u8]) -> [u8; 4] {
    u32::from(crc::Crc::<u16>::new(&crc::CRC_16_ARC).checksum(bytes)).to_be_bytes()
}

#[actix_rt::test]
async fn a_command_that_is_not_wanted_any_more_is_never_sent() {
    let mut scene = Scene::new("").await;
    scene.command("c-1", r#","key":"relay""#).await;
    scene.command("c-2", r#","key":"relay""#).await;
    let mut told = scene.states(3).await;
    told.sort();
    assert_eq!(told, first(&["queued", "queued", "superseded"]));
    scene.server.say(r#"{"cancel":"c-2"}"#).await;
    assert_eq!(scene.states(1).await, first(&["cancelled"]));
    scene.command("c-3", r#","ttl":"1s""#).await;
    assert_eq!(scene.states(2).await, first(&["queued", "expired"]));
    let mut device = scene.online().await;
    let line = format!(r#"{{"command":"c-4","imei":"{NAME}","data":"/w=="}}"#);
    scene.server.say(&line).await;
    assert_eq!(device.read(1).await, [0xff], "nothing came before it");
    assert_eq!(scene.states(3).await, first(&["queued", "written", "acknowledged"]));
    within(scene.gateway.stop()).await;
}
