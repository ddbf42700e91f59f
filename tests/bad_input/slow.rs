use std::time::Duration;

use actix::prelude::*;
use tetherd::{
    extension::{Happened, Observed, SessionHandle},
    messages::Refused,
    model::CloseReason,
};
use tokio::sync::mpsc;

use crate::{
    books_balance, ended,
    harness::{Dtu, LIMIT, Rig},
    taken,
};

/// Hands out what happened.
struct Reporter(mpsc::UnboundedSender<(Happened, Option<SessionHandle>)>);

impl Actor for Reporter {
    type Context = Context<Self>;
}

impl Handler<Observed> for Reporter {
    type Result = ();

    fn handle(&mut self, Observed(all): Observed, _: &mut Context<Self>) {
        for one in all.iter() {
            // The test may have seen enough.
            let _ = self.0.send((one.what.clone(), one.session.clone()));
        }
    }
}

/// What happened to the sessions of a rig.
pub struct Told(mpsc::UnboundedReceiver<(Happened, Option<SessionHandle>)>);

impl Told {
    /// Waits for what is wanted, and answers whose it was.
    pub async fn next(&mut self, wanted: impl Fn(&Happened) -> bool) -> SessionHandle {
        let found = tokio::time::timeout(LIMIT, async {
            loop {
                let (what, session) = self.0.recv().await.unwrap();
                if wanted(&what) {
                    return session.unwrap();
                }
            }
        });
        found.await.expect("it never happened")
    }

    /// The handle of the next device that comes online.
    pub async fn online(&mut self) -> SessionHandle {
        self.next(|what| *what == Happened::Online).await
    }
}

/// An observer to be plugged in, and what it sees.
pub fn observer() -> (Recipient<Observed>, Told) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Reporter(sender).start().recipient(), Told(receiver))
}

async fn rig() -> (Rig, Told) {
    let (observer, told) = observer();
    let rig = Rig::extended("", "", "threads = 1", |builder| builder.observe(observer)).await;
    (rig, told)
}

/// A device that does not read, and everything on the way to it is full.
async fn stalled(rig: &Rig, told: &mut Told, name: &str) -> (Dtu, SessionHandle, u64) {
    let device = rig.online(name).await;
    let handle = told.online().await;
    let (mut written, mut refused) = (0, 0);
    // What is queued moves on to the socket only in between; a socket that is full takes nothing
    // however often it is tried.
    while refused < 100 {
        match handle.try_write(vec![b'w'; 32 << 10]).await {
            Ok(()) => (written, refused) = (written + (32 << 10), 0),
            Err(Refused::Full) => {
                refused += 1;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Err(Refused::Gone) => panic!("a refused try ends nothing"),
        }
        assert!(written < 1 << 30, "the queue is not bounded");
    }
    (device, handle, written)
}

#[actix_rt::test]
async fn try_write_answers_full_ends_nothing_and_tells_when_there_is_room() {
    let (rig, mut told) = rig().await;
    let mut bystander = rig.online("bystander").await;
    told.online().await;
    let (mut device, handle, written) = stalled(&rig, &mut told, "stalled").await;
    assert_eq!(handle.try_write("x".repeat(64 << 10)).await, Err(Refused::Full));
    device.write(b"I still talk").await;
    bystander.write(b"so do I").await;
    rig.sees(|r| r.name("stalled").bytes == 12 && r.name("bystander").bytes == 7).await;
    assert_eq!(device.read(written as usize).await, vec![b'w'; written as usize]);
    told.next(|what| *what == Happened::Writable).await;
    handle.try_write("room again").await.unwrap();
    assert_eq!(device.read(10).await, b"room again");
    rig.stop().await;
}

#[actix_rt::test]
async fn a_write_above_the_outbound_limit_ends_the_session_as_slow_reader() {
    let (rig, mut told) = rig().await;
    let mut bystander = rig.online("bystander").await;
    told.online().await;
    let (mut device, handle, _) = stalled(&rig, &mut told, "stalled").await;
    device.write(b"last words").await;
    taken(&device).await;
    assert_eq!(handle.write(vec![b'x'; 64 << 10]).await, Err(Refused::Full));
    rig.sees(|report| report.reasons.get("slow_reader") == Some(&1)).await;
    assert_eq!(handle.write("too late").await, Err(Refused::Gone));
    assert_eq!(handle.try_write("too late").await, Err(Refused::Gone));
    bystander.write(b"here").await;
    rig.sees(|report| report.name("bystander").bytes == 4).await;
    assert_eq!(rig.totals("stalled").bytes, 10);
    drop((device, bystander));
    books_balance(&rig).await;
    ended(&rig, CloseReason::SlowReader, 1).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn a_device_that_never_reads_holds_a_farewell_up_only_so_long() {
    let (observer, mut told) = observer();
    let keys = "farewell = '200ms'";
    let rig = Rig::extended(keys, "", "threads = 1", |builder| builder.observe(observer)).await;
    let (device, handle, _) = stalled(&rig, &mut told, "stalled").await;
    handle.close().await.unwrap();
    rig.sees(|report| report.reasons.get("kicked") == Some(&1)).await;
    drop(device);
    books_balance(&rig).await;
    rig.stop().await;
}

#[actix_rt::test]
async fn what_a_device_says_behind_our_farewell_is_counted_and_goes_nowhere() {
    let (rig, mut told) = rig().await;
    let mut device = rig.online("chatty").await;
    let handle = told.online().await;
    handle.end("bye").await.unwrap();
    assert_eq!(device.rest().await.unwrap(), b"bye");
    device.write(b"but I").await;
    device.finish().await;
    rig.sees(|report| report.reasons.get("kicked") == Some(&1)).await;
    books_balance(&rig).await;
    let offline = &rig.events("offline")[0];
    assert_eq!(offline["received_bytes"], "ETUNG:chatty\r\nbut I".len());
    rig.stop().await;
}
