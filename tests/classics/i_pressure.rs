use std::{rc::Rc, time::Duration};

use actix::prelude::*;
use tetherd::extension::{Decider, Moment, Question, Refused, Verdict};
use tokio::sync::Notify;

use crate::{
    harness::{Dtu, Rig, until},
    kernel,
    witness::Witness,
};

#[actix_rt::test]
async fn i_a_write_without_room_is_refused_and_there_is_word_of_room() {
    let witness = Witness::default();
    let rig = Rig::extended("", "", "", |builder| builder.observe(witness.recipient())).await;
    let mut device = rig.online("slow").await;
    let session = witness.session("slow").await;
    let mut accepted = 0;
    let refused = loop {
        let chunk = vec![b'0' + (accepted / 10_000 % 10) as u8; 10_000];
        match session.try_write(chunk).await {
            Ok(()) => accepted += 10_000,
            Err(refused) => break refused,
        }
        assert!(accepted < 64 << 20, "it never was refused");
    };
    assert_eq!(refused, Refused::Full);
    assert!(!witness.saw(Moment::Writable));

    let read = device.read(accepted).await;
    let in_order = read
        .chunks(10_000)
        .zip(0..)
        .all(|(chunk, at)| chunk.iter().all(|byte| *byte == b'0' + (at % 10) as u8));
    assert!(in_order, "all that was accepted, and nothing of what was refused");
    witness.sees(Moment::Writable).await;
    assert_eq!(session.try_write("more").await, Ok(()));
    assert_eq!(device.read(4).await, b"more");
    rig.stop().await;
}

/// Lets devices of one listener in only when it is told to.
struct Gate(Rc<Notify>);

impl Actor for Gate {
    type Context = Context<Self>;
}

impl Handler<Question> for Gate {
    type Result = ResponseFuture<Verdict>;

    fn handle(&mut self, Question(newcomer): Question, _: &mut Context<Self>) -> Self::Result {
        let told = Rc::clone(&self.0);
        Box::pin(async move {
            if &*newcomer.listener == "dtu" {
                told.notified().await;
            }
            Verdict::Proceed
        })
    }
}

#[actix_rt::test]
async fn i_a_connection_may_be_paused_until_somebody_has_decided() {
    let told = Rc::new(Notify::new());
    let gate = Gate(Rc::clone(&told)).start().recipient();
    let decider = Decider::new(gate, Duration::from_secs(600), Verdict::Proceed);
    let other = "[listener.other]\naddress = '127.0.0.1:0'";
    let rig =
        Rig::extended(other, "", "", |builder| builder.decide(Moment::Connected, decider)).await;
    let mut paused = rig.connect().await;
    paused.write(b"ETUNG:paused\r\nhello").await;

    let gateway = rig.gateway.listener_address("dtu").unwrap().parse().unwrap();
    let unread = || kernel::socket(gateway, paused.address()).map(|socket| socket.unread);
    let mut bystander = Dtu::connect(rig.gateway.listener_address("other").unwrap()).await;
    bystander.write(b"ETUNG:bystander\r\nnot held up").await;
    rig.sees(|report| report.name("bystander").messages == 1).await;
    assert_eq!(rig.gateway.snapshot().connections, 2);
    assert_eq!(unread(), Some(19), "all of it is still with the kernel");

    told.notify_one();
    rig.sees(|report| report.name("paused").messages == 1).await;
    until("all is read", || unread() == Some(0)).await;
    rig.stop().await;
}
