use actix::prelude::*;
use tetherd::{
    extension::{Moment, Question, Verdict},
    model::CloseReason,
};
use tokio::io::AsyncReadExt;

use crate::{
    frames::{IMEI, answer, gt06, heartbeat, login, report},
    harness::until,
    site::{Slow, rig},
};

/// `started`, `online` and the login itself.
const LOGGED_IN: u64 = 3;

#[actix_rt::test]
async fn a_reply_to_data_waits_until_they_are_safe_and_later_ones_wait_behind_it() {
    let spool = Slow::new();
    let rig = rig("protocol = 'gt06'", &[], |builder| builder.spool(spool.clone())).await;
    let mut device = rig.connect().await;
    device.write(&login(IMEI)).await;
    assert_eq!(device.read(10).await, answer(0x01, 1), "who is let in hears so at once");

    device.write(&[report(2), report(3), heartbeat(4)].concat()).await;
    until("all are told", || spool.told() == LOGGED_IN + 3).await;
    let waiting = || rig.gateway.counts().queues.replies.get();
    until("all replies are counted", || waiting() == 3).await;
    let mut early = [0; 1];
    assert!(device.stream.try_read(&mut early).is_err(), "nothing was promised");
    spool.make_safe(LOGGED_IN + 1);
    assert_eq!(device.read(10).await, answer(0x22, 2));
    assert!(device.stream.try_read(&mut early).is_err(), "one event is safe, the others are not");
    spool.make_safe(2);
    assert_eq!(device.read(20).await, [answer(0x22, 3), answer(0x13, 4)].concat());
    until("none waits", || waiting() == 0).await;
    spool.make_safe(100);
    rig.stop().await;
}

#[actix_rt::test]
async fn a_device_that_says_goodbye_at_once_still_gets_its_reply() {
    let spool = Slow::new();
    let rig = rig("protocol = 'gt06'", &[], |builder| builder.spool(spool.clone())).await;
    let mut device = rig.connect().await;
    device.write(&[login(IMEI), report(2)].concat()).await;
    device.finish().await;
    until("it is told", || spool.told() == LOGGED_IN + 1).await;
    spool.make_safe(100);
    let mut heard = Vec::new();
    device.stream.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, [answer(0x01, 1), answer(0x22, 2)].concat());
    rig.stop().await;
}

#[actix_rt::test]
async fn a_reply_for_one_that_is_gone_harms_nobody() {
    let spool = Slow::new();
    let rig = rig("protocol = 'gt06'", &[], |builder| builder.spool(spool.clone())).await;
    let mut gone = rig.connect().await;
    gone.write(&[login(IMEI), report(2)].concat()).await;
    until("it is told", || spool.told() == LOGGED_IN + 1).await;
    gone.reset();
    until("it is gone", || rig.gateway.snapshot().connections == 0).await;
    let mut next = rig.connect().await;
    next.write(&[login("860000000000002"), report(9)].concat()).await;
    spool.make_safe(100);
    assert_eq!(next.read(20).await, [answer(0x01, 1), answer(0x22, 9)].concat());
    rig.stop().await;
}

const AT_ONCE: &str = "name = 'hasty'
reply_when = 'received'
[[frame]]
until = '\\n'
match = '^(?P<id>[a-z]+)'
[[rule]]
reply = 'ok\\n'
";

#[actix_rt::test]
async fn a_protocol_may_ask_for_replies_at_once() {
    let spool = Slow::new();
    let with_spool = spool.clone();
    let extend = |builder: tetherd::app::GatewayBuilder| builder.spool(with_spool);
    let rig = rig("protocol = 'hasty'", &[("hasty", AT_ONCE)], extend).await;
    let mut device = rig.connect().await;
    device.write(b"pump\npump\n").await;
    assert_eq!(device.read(6).await, b"ok\nok\n");
    rig.stop().await;
}

/// Lets nobody online.
struct Doorkeeper;

impl Actor for Doorkeeper {
    type Context = Context<Self>;
}

impl Handler<Question> for Doorkeeper {
    type Result = Verdict;

    fn handle(&mut self, _: Question, _: &mut Context<Self>) -> Verdict {
        Verdict::Refuse("stolen".to_owned())
    }
}

fn teltonika(imei: &str) -> Vec<u8> {
    [&(imei.len() as u16).to_be_bytes(), imei.as_bytes()].concat()
}

#[actix_rt::test]
async fn a_device_that_is_not_let_in_hears_so_in_its_protocol() {
    let rig = rig("protocol = 'teltonika'", &[], |builder| {
        builder.decide_leniently(Moment::Online, Doorkeeper.start().recipient())
    })
    .await;
    let mut device = rig.connect().await;
    device.write(&teltonika(IMEI)).await;
    let mut heard = Vec::new();
    device.stream.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, [0x00]);
    let counts = rig.telemetry.counts();
    until("it is counted", || counts.ended.get(CloseReason::Denied) == 1).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn a_name_that_is_taken_is_refused_in_the_protocol_and_the_first_is_let_in() {
    let rig = rig("protocol = 'teltonika'\nduplicate = 'reject'", &[], |builder| builder).await;
    let mut first = rig.connect().await;
    first.write(&teltonika(IMEI)).await;
    assert_eq!(first.read(1).await, [0x01]);
    let mut second = rig.connect().await;
    second.write(&teltonika(IMEI)).await;
    let mut heard = Vec::new();
    second.stream.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, [0x00]);
    rig.stop().await;
}

/// Refuses reports.
struct Censor;

impl Actor for Censor {
    type Context = Context<Self>;
}

impl Handler<Question> for Censor {
    type Result = Verdict;

    fn handle(&mut self, Question(asked): Question, _: &mut Context<Self>) -> Verdict {
        match &asked.what {
            tetherd::extension::Happened::Data(data) if data[3] == 0x22 => {
                Verdict::Refuse("no reports".to_owned())
            }
            _ => Verdict::Proceed,
        }
    }
}

#[actix_rt::test]
async fn what_a_decider_refuses_is_neither_told_nor_answered_and_what_follows_is() {
    let rig = rig("protocol = 'gt06'", &[], |builder| {
        builder.decide_leniently(Moment::Data, Censor.start().recipient())
    })
    .await;
    let mut device = rig.connect().await;
    device.write(&[login(IMEI), report(2), gt06(0x26, &[0; 9], 3)].concat()).await;
    assert_eq!(device.read(20).await, [answer(0x01, 1), answer(0x26, 3)].concat());
    rig.sees(|report| report.data == 2).await;
    device.finish().await;
    rig.sees(|report| report.offline == 1).await;
    let counts = rig.telemetry.counts();
    assert_eq!(counts.filtered_bytes.sum(), report(2).len() as u64);
    rig.stop().await;
}
