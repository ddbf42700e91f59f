use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::Context as TaskContext,
    time::Duration,
};

use actix::prelude::*;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;

/// Adds up what it is sent, and panics on request.
#[derive(Default)]
struct Adder {
    sum: u32,
    /// How often `restarting` panics.
    bad_restarts: Arc<AtomicU32>,
    bad_end: bool,
    starts: Arc<AtomicU32>,
}

#[derive(Message)]
#[rtype(result = "u32")]
struct Add(u32);

#[derive(Message)]
#[rtype(result = "()")]
struct Panic;

#[derive(Message)]
#[rtype(result = "()")]
struct StopNow;

impl Actor for Adder {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Context<Self>) {
        self.starts.fetch_add(1, Ordering::Relaxed);
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        assert!(!self.bad_end, "a second panic, on the way out");
    }
}

impl Supervised for Adder {
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.sum = 0;
        let down = |left: u32| left.checked_sub(1);
        let order = Ordering::Relaxed;
        let bad = self.bad_restarts.fetch_update(order, order, down).is_ok();
        assert!(!bad, "a panic while restarting");
    }
}

impl Handler<Add> for Adder {
    type Result = u32;

    fn handle(&mut self, Add(number): Add, _: &mut Context<Self>) -> u32 {
        self.sum += number;
        self.sum
    }
}

impl Handler<Panic> for Adder {
    type Result = ();

    fn handle(&mut self, _: Panic, _: &mut Context<Self>) {
        panic!("on request");
    }
}

impl Handler<StopNow> for Adder {
    type Result = ();

    fn handle(&mut self, _: StopNow, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

fn policy(max_restarts: usize) -> RestartPolicy {
    RestartPolicy { max_restarts, ..RestartPolicy::default() }
}

fn permanent(adder: Adder, max_restarts: usize) -> (Addr<Adder>, UnboundedReceiver<Exit>) {
    let (tell, exits) = unbounded_channel();
    let told = move |exit| tell.send(exit).unwrap();
    (start_permanent(8, policy(max_restarts), |_| adder, told), exits)
}

async fn next(exits: &mut UnboundedReceiver<Exit>) -> Exit {
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, exits.recv()).await.expect("an exit is told").unwrap()
}

fn panicked() -> Exit {
    Exit::Panicked("on request".to_owned())
}

#[actix_rt::test]
async fn a_permanent_actor_comes_back_with_its_address_and_mailbox_and_a_fresh_state() {
    let (adder, mut exits) = permanent(Adder::default(), 3);
    assert_eq!(adder.send(Add(5)).await, Ok(5));
    adder.do_send(Panic);
    let behind = adder.send(Add(2));
    assert_eq!(behind.await, Ok(2), "the message behind the one that crashed is kept");
    assert_eq!(next(&mut exits).await, panicked());
}

#[actix_rt::test]
async fn a_clean_stop_is_final() {
    let (adder, mut exits) = permanent(Adder::default(), 3);
    adder.do_send(StopNow);
    assert_eq!(next(&mut exits).await, Exit::Stopped);
    assert!(adder.send(Add(1)).await.is_err());
}

#[actix_rt::test]
async fn too_many_panics_end_it_even_if_its_end_panics_too() {
    let (adder, mut exits) = permanent(Adder { bad_end: true, ..Adder::default() }, 1);
    adder.do_send(Panic);
    adder.do_send(Panic);
    assert_eq!(next(&mut exits).await, panicked());
    assert_eq!(next(&mut exits).await, Exit::GaveUp("on request".to_owned()));
}

#[actix_rt::test]
async fn a_panic_while_restarting_is_one_more_and_the_next_try_comes_by_itself() {
    let (bad_restarts, starts) = (Arc::new(AtomicU32::new(1)), Arc::<AtomicU32>::default());
    let made = Adder { bad_restarts, starts: Arc::clone(&starts), ..Adder::default() };
    let (adder, mut exits) = permanent(made, 3);
    adder.do_send(Panic);
    assert_eq!(next(&mut exits).await, panicked());
    assert_eq!(next(&mut exits).await, Exit::Panicked("a panic while restarting".to_owned()));
    // Nothing is sent meanwhile: nobody wakes it but its own rest.
    let back = async {
        while starts.load(Ordering::Relaxed) < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), back).await.expect("it is back");
    assert_eq!(adder.send(Add(2)).await, Ok(2));
}

/// Stops or panics as it is told, and panics on the way out, too.
struct Doomed {
    tell: UnboundedSender<Exit>,
}

impl Actor for Doomed {
    type Context = LeanContext<Self>;

    fn stopped(&mut self, _: &mut LeanContext<Self>) {
        panic!("a second panic, on the way out");
    }
}

impl Lean for Doomed {
    fn advance(&mut self, _: &mut LeanContext<Self>, _: &mut TaskContext<'_>) {}

    fn last_will(&self) -> Box<dyn FnOnce(Exit)> {
        let tell = self.tell.clone();
        Box::new(move |exit| tell.send(exit).unwrap())
    }
}

impl Handler<Panic> for Doomed {
    type Result = ();

    fn handle(&mut self, _: Panic, _: &mut LeanContext<Self>) {
        panic!("on request");
    }
}

impl Handler<StopNow> for Doomed {
    type Result = ();

    fn handle(&mut self, _: StopNow, ctx: &mut LeanContext<Self>) {
        ctx.stop();
    }
}

#[actix_rt::test]
async fn a_temporary_actor_stays_down_and_its_end_is_told_once() {
    // An actor that panics in `stopped` on a clean end has panicked as well.
    let bad_end = Exit::Panicked("a second panic, on the way out".to_owned());
    for (stops, expected) in [(true, bad_end), (false, panicked())] {
        let (tell, mut exits) = unbounded_channel();
        let doomed = start_temporary(8, Doomed { tell });
        match stops {
            true => doomed.do_send(StopNow),
            false => doomed.do_send(Panic),
        }
        assert_eq!(next(&mut exits).await, expected);
        assert_eq!(exits.recv().await, None, "told once");
    }
}
