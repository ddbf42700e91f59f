use actix::prelude::*;
use serde_json::json;
use tetherd::{
    extension::{Happened, Moment, Question, Verdict},
    telemetry::Filtered,
};

use crate::{
    harness::{Rig, until},
    site::rig,
};

const CONCENTRATOR: &str = "name = 'concentrator'
many = true
[[frame]]
until = ';'
match = '^(?P<id>[a-z]+):(?P<value>.*)$'
[[rule]]
when = { value = 'login' }
is = 'login'
reply = 'hi {id};'
refuse = 'no {id};'
[[rule]]
when = { id = 'present' }
reply = '{id} ok;'
[[rule]]
anonymous = true
is = 'heartbeat'
reply = 'yes;'
";

async fn concentrator(listener: &str) -> Rig {
    let listener = format!("protocol = 'concentrator'\n{listener}");
    rig(&listener, &[("concentrator", CONCENTRATOR)], |builder| builder).await
}

fn of(rig: &Rig, name: &str) -> Vec<(String, serde_json::Value)> {
    let lines = rig.lines();
    let own = lines.iter().filter(|line| line["imei"] == name);
    own.map(|line| (line["event"].as_str().unwrap().to_owned(), line["seq"].clone())).collect()
}

#[actix_rt::test]
async fn each_device_behind_one_connection_comes_and_goes_under_its_own_name() {
    let rig = concentrator("").await;
    let mut socket = rig.connect().await;
    socket.write(b"meter:login;meter:1;pump:1;meter:2;").await;
    assert_eq!(socket.read(35).await, b"hi meter;meter ok;pump ok;meter ok;");
    rig.sees(|report| report.data == 4).await;
    assert_eq!(rig.gateway.names(), ["meter", "pump"]);
    assert_eq!(rig.gateway.snapshot().connections, 1, "sockets are counted, not names");
    socket.finish().await;
    rig.sees(|report| report.offline == 2).await;
    let data = |seq: u64| ("data".to_owned(), json!(seq));
    let (online, offline) =
        (("online".to_owned(), json!(null)), ("offline".to_owned(), json!(null)));
    assert_eq!(of(&rig, "meter"), [online.clone(), data(1), data(2), data(3), offline.clone()]);
    assert_eq!(of(&rig, "pump"), [online, data(1), offline]);
    let ends = rig.events("offline");
    assert!(ends.iter().all(|end| end["reason"] == "peer_closed"));
    let read: u64 = ends.iter().map(|end| end["received_bytes"].as_u64().unwrap()).sum();
    assert_eq!(read, 11 + 7 + 6 + 7);
    until("the registry has heard of it", || rig.gateway.names().is_empty()).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn a_device_that_turns_up_elsewhere_leaves_the_others_where_they_are() {
    let rig = concentrator("").await;
    let mut old = rig.connect().await;
    old.write(b"meter:1;pump:1;").await;
    rig.sees(|report| report.data == 2).await;
    let mut new = rig.connect().await;
    new.write(b"pump:2;").await;
    rig.sees(|report| report.data == 3).await;
    assert_eq!(rig.events("offline")[0]["imei"], "pump");
    assert_eq!(rig.events("offline")[0]["reason"], "replaced");
    old.write(b"meter:2;").await;
    rig.sees(|report| report.data == 4).await;
    assert_eq!(rig.events("offline").len(), 1);
    rig.stop().await;
}

#[actix_rt::test]
async fn a_frame_that_names_nobody_goes_nowhere_and_signs_of_life_are_answered() {
    let rig = concentrator("").await;
    let mut socket = rig.connect().await;
    socket.write(b"?;meter:1;?;").await;
    assert_eq!(socket.read(17).await, b"yes;meter ok;yes;");
    rig.sees(|report| report.data == 1).await;
    assert_eq!(rig.telemetry.counts().filtered_bytes.get(Filtered::Unregistered), 2);
    rig.stop().await;
}

/// Lets no thief online.
struct Guard;

impl Actor for Guard {
    type Context = Context<Self>;
}

impl Handler<Question> for Guard {
    type Result = Verdict;

    fn handle(&mut self, Question(asked): Question, _: &mut Context<Self>) -> Verdict {
        let name = asked.name.as_ref().map(|name| name.as_str().to_owned());
        match (&asked.what, name.as_deref()) {
            (Happened::Online, Some("thief")) => Verdict::Refuse("known".to_owned()),
            _ => Verdict::Proceed,
        }
    }
}

#[actix_rt::test]
async fn a_device_that_is_not_let_in_hears_so_and_the_others_go_on() {
    let listener = "protocol = 'concentrator'";
    let rig = rig(listener, &[("concentrator", CONCENTRATOR)], |builder| {
        builder.decide_leniently(Moment::Online, Guard.start().recipient())
    })
    .await;
    let mut socket = rig.connect().await;
    socket.write(b"thief:login;meter:1;thief:2;meter:2;").await;
    assert_eq!(socket.read(27).await, b"no thief;meter ok;meter ok;");
    rig.sees(|report| report.data == 2).await;
    assert_eq!(rig.gateway.names(), ["meter"]);
    assert_eq!(rig.telemetry.counts().filtered_bytes.get(Filtered::Denied), 11 + 7);
    rig.stop().await;
}
