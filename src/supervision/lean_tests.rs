use std::{
    cell::RefCell,
    future::poll_fn,
    iter,
    rc::Rc,
    task::{Poll, Waker},
};

use actix::{dev::channel::channel, fut};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;
use crate::supervision::start_temporary;

/// Tells what happens to it, in order.
struct Teller {
    tell: UnboundedSender<String>,
    /// How often it has second thoughts when it is to stop.
    second_thoughts: u32,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Do(Box<Work>);

type Work = dyn FnOnce(&mut Teller, &mut LeanContext<Teller>) + Send;

impl Teller {
    fn tell(&self, what: &str) {
        self.tell.send(what.to_owned()).unwrap();
    }
}

impl Actor for Teller {
    type Context = LeanContext<Self>;

    fn started(&mut self, ctx: &mut LeanContext<Self>) {
        self.tell("started");
        ctx.spawn(fut::ready(()).map(|(), teller: &mut Self, _| teller.tell("a future")));
    }

    fn stopping(&mut self, _: &mut LeanContext<Self>) -> Running {
        self.tell("stopping");
        match self.second_thoughts.checked_sub(1) {
            None => Running::Stop,
            Some(left) => {
                self.second_thoughts = left;
                Running::Continue
            }
        }
    }

    fn stopped(&mut self, _: &mut LeanContext<Self>) {
        self.tell("stopped");
    }
}

impl Lean for Teller {
    fn advance(&mut self, _: &mut LeanContext<Self>, _: &mut TaskContext<'_>) {
        self.tell("advanced");
    }

    fn last_will(&self) -> Box<dyn FnOnce(Exit)> {
        let tell = self.tell.clone();
        Box::new(move |exit| tell.send(format!("{exit:?}")).unwrap())
    }
}

impl Handler<Do> for Teller {
    type Result = ();

    fn handle(&mut self, Do(what): Do, ctx: &mut LeanContext<Self>) {
        what(self, ctx);
    }
}

/// An actor that nobody polls but the test.
struct Polled {
    actor: Option<LeanActor<Teller>>,
    address: Addr<Teller>,
    told: UnboundedReceiver<String>,
}

impl Polled {
    fn new(second_thoughts: u32) -> Self {
        let (sender, receiver) = channel(8);
        let (tell, told) = unbounded_channel();
        let teller = Teller { tell, second_thoughts };
        let actor = Some(LeanActor::new(LeanContext::new(receiver), teller));
        Self { actor, address: Addr::new(sender), told }
    }

    fn send(&self, what: impl FnOnce(&mut Teller, &mut LeanContext<Teller>) + Send + 'static) {
        self.address.do_send(Do(Box::new(what)));
    }

    fn poll(&mut self) -> (Poll<()>, Vec<String>) {
        let mut task = TaskContext::from_waker(Waker::noop());
        let polled = self.actor.as_mut().unwrap().poll(&mut task);
        (polled, self.told())
    }

    /// Polls one that is not to stop.
    fn turn(&mut self) -> Vec<String> {
        let (polled, told) = self.poll();
        assert_eq!(polled, Poll::Pending);
        told
    }

    fn told(&mut self) -> Vec<String> {
        iter::from_fn(|| self.told.try_recv().ok()).collect()
    }

    /// One that has started, and has told so.
    fn started() -> Self {
        let mut polled = Self::new(0);
        assert_eq!(polled.turn(), told_as(["started", "a future", "advanced"]));
        polled
    }
}

fn told_as<const N: usize>(what: [&str; N]) -> Vec<String> {
    what.map(str::to_owned).to_vec()
}

#[test]
fn it_advances_behind_all_messages_and_futures_that_are_ready() {
    let mut polled = Polled::started();
    polled.send(|teller, ctx| {
        teller.tell("first");
        ctx.spawn(fut::ready(()).map(|(), teller: &mut Teller, _| teller.tell("its future")));
    });
    polled.send(|teller, _| teller.tell("second"));
    let told = polled.turn();
    assert_eq!(told[..2], told_as(["first", "second"]));
    let future = told.iter().position(|what| what == "its future");
    assert!(future.is_some() && told.last().is_some_and(|last| last == "advanced"), "{told:?}");
    assert_eq!(polled.turn(), told_as(["advanced"]), "a future that is done is gone");
}

#[test]
fn it_runs_on_without_an_address_and_a_new_one_finds_it() {
    let Polled { actor, address, mut told } = Polled::started();
    let weak = address.downgrade();
    drop(address);
    let mut polled =
        Polled { actor, address: weak.upgrade().unwrap(), told: unbounded_channel().1 };
    drop(polled.address.clone());
    polled.send(|teller, ctx| {
        teller.tell("found");
        assert!(ctx.address().connected());
    });
    polled.turn();
    assert_eq!(told.try_recv().unwrap(), "found");
}

#[test]
fn nothing_else_happens_while_it_waits() {
    let mut polled = Polled::started();
    let (open, gate) = tokio::sync::oneshot::channel::<()>();
    polled.send(|_, ctx| {
        ctx.spawn(fut::ready(()).map(|(), teller: &mut Teller, _| teller.tell("a future")));
        ctx.wait(fut::wrap_future(gate).map(|_, teller: &mut Teller, _| teller.tell("waited")));
    });
    polled.send(|teller, _| teller.tell("a message"));
    assert_eq!(polled.turn(), told_as([]));
    assert_eq!(polled.turn(), told_as([]));
    open.send(()).unwrap();
    assert_eq!(polled.turn(), told_as(["waited", "a message", "a future", "advanced"]));
}

#[test]
fn a_future_that_is_cancelled_is_dropped_in_the_same_turn_and_the_others_run_on() {
    let mut polled = Polled::started();
    let kept = Rc::new(RefCell::new(()));
    let guards = [Rc::clone(&kept), Rc::clone(&kept)];
    let handles = {
        let LeanActor { context, .. } = polled.actor.as_mut().unwrap();
        guards.map(|guard| {
            let never = poll_fn(move |_| {
                let _held = &guard;
                Poll::<()>::Pending
            });
            context.spawn(fut::wrap_future::<_, Teller>(never))
        })
    };
    polled.turn();
    assert_eq!(Rc::strong_count(&kept), 3);
    let first = handles[0];
    polled.send(move |_, ctx| {
        ctx.cancel_future(first);
    });
    polled.turn();
    assert_eq!(Rc::strong_count(&kept), 2);
    drop(polled.actor.take());
    assert_eq!(Rc::strong_count(&kept), 1);
}

#[test]
fn it_stops_when_it_says_so_and_what_was_sent_behind_that_is_lost() {
    let mut polled = Polled::started();
    polled.send(|_, ctx| ctx.stop());
    polled.send(|teller, _| teller.tell("lost"));
    assert_eq!(polled.poll(), (Poll::Ready(()), told_as(["stopping", "stopped"])));
    drop(polled.actor.take());
    assert_eq!(polled.told(), told_as([]), "told once");
    assert!(!polled.address.connected());
}

#[test]
fn one_that_has_second_thoughts_runs_on_and_one_that_is_terminated_has_none() {
    let mut polled = Polled::new(1);
    polled.turn();
    polled.send(|_, ctx| ctx.stop());
    assert_eq!(polled.turn(), told_as(["stopping", "advanced"]));
    polled.send(|_, ctx| ctx.terminate());
    assert_eq!(polled.poll(), (Poll::Ready(()), told_as(["stopped"])));
}

#[test]
fn one_that_is_dropped_is_told_so_unless_it_never_began() {
    let mut polled = Polled::started();
    drop(polled.actor.take());
    assert_eq!(polled.told(), told_as(["stopping", "stopped"]));
    let mut fresh = Polled::new(0);
    drop(fresh.actor.take());
    assert_eq!(fresh.told(), told_as([]));
}

#[test]
fn a_future_that_panics_takes_no_other_with_it_while_it_unwinds() {
    /// Aborts the process where it is dropped in an unwinding.
    struct Fragile;
    impl Drop for Fragile {
        fn drop(&mut self) {
            assert!(!std::thread::panicking(), "dropped in an unwinding");
        }
    }
    let mut polled = Polled::started();
    polled.send(|_, ctx| {
        let fragile = Fragile;
        let never = poll_fn(move |_| {
            let _held = &fragile;
            Poll::<()>::Pending
        });
        ctx.spawn(fut::wrap_future::<_, Teller>(never));
        ctx.spawn(fut::wrap_future::<_, Teller>(async { panic!("on request") }));
    });
    let polling = std::panic::AssertUnwindSafe(|| drop(polled.poll()));
    assert!(std::panic::catch_unwind(polling).is_err());
    drop(polled.actor.take());
    assert!(polled.told().ends_with(&told_as(["stopping", "stopped"])));
}

#[test]
fn what_it_has_spawned_takes_no_room_once_it_is_done() {
    let mut polled = Polled::started();
    polled.send(|_, ctx| {
        ctx.wait(fut::ready(()).map(|(), _: &mut Teller, ctx: &mut LeanContext<Teller>| {
            let spawned = ctx.spawn(fut::wrap_future::<_, Teller>(std::future::pending()));
            ctx.cancel_future(spawned);
        }));
    });
    polled.turn();
    assert!(polled.actor.as_ref().unwrap().context.extra.is_none());
}

#[actix_rt::test]
async fn a_message_wakes_it() {
    let (tell, mut told) = unbounded_channel();
    let teller = start_temporary(8, Teller { tell, second_thoughts: 0 });
    while told.recv().await.unwrap() != "advanced" {}
    teller.do_send(Do(Box::new(|_, ctx| ctx.stop())));
    while told.recv().await.unwrap() != "Stopped" {}
}
