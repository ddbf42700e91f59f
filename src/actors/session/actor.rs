use std::{
    cell::RefCell,
    panic::resume_unwind,
    pin::Pin,
    rc::Rc,
    task::{Context as TaskContext, Poll, Waker},
};

use actix::prelude::*;

use super::{Session, Turn};
use crate::model::CloseReason;

/// A word from the thread's host to one of its sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub enum Nudge {
    /// The registry has granted the name.
    Granted,
    /// End, for this reason.
    End(CloseReason),
    /// End at once, with a reset.
    Reset,
    /// End at once, since the gateway has stopped.
    Abandon,
    /// Find out at once whether the peer is still there.
    Probe,
    /// Something was queued for the device, or there is something that only the actor can do.
    Look,
    /// The look has come that was set for this moment, in milliseconds on the thread's clock.
    Deadline(u64),
    /// Data may be read again.
    Resumed,
    /// The peer has hung up while the session was paused.
    HungUp,
}

/// The actor of one connection: takes orders, asks deciders, and is what supervision watches. Bytes
/// do not go by way of it: the thread runs the session when its socket is ready, which saves more
/// processor time for each message than all of our own code takes.
pub struct SessionActor {
    session: Rc<RefCell<Session>>,
}

impl SessionActor {
    /// The actor of this session.
    pub fn new(session: Rc<RefCell<Session>>) -> Self {
        Self { session }
    }

    /// Does what there is to do, unless a stream in memory drives it: then its pump runs behind
    /// this, in the same poll.
    fn go_on(&mut self, ctx: &mut Context<Self>) {
        if self.session.borrow().stream.is_in_memory() {
            return;
        }
        self.run(ctx, &mut TaskContext::from_waker(Waker::noop()));
    }

    fn run(&mut self, ctx: &mut Context<Self>, task: &mut TaskContext<'_>) {
        let mut session = self.session.borrow_mut();
        match session.run(task) {
            Turn::Waits => {}
            Turn::HasMore if session.stream.is_in_memory() => task.waker().wake_by_ref(),
            Turn::HasMore => session.thread.run_again(session.slot),
            Turn::ActorsTurn => self.take_turn(&mut session, ctx),
        }
    }

    fn take_turn(&self, session: &mut Session, ctx: &mut Context<Self>) {
        let Some((answerer, asked)) = session.put_question() else { return ctx.stop() };
        let address = ctx.address();
        ctx.spawn(asked.into_actor(self).map(move |verdict, actor: &mut Self, _| {
            actor.session.borrow_mut().answered(answerer, verdict);
            // What follows is done in a handler, which can stop the actor.
            address.do_send(Nudge::Look);
        }));
    }
}

impl Actor for SessionActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.session.borrow_mut().begins();
        if self.session.borrow().stream.is_in_memory() {
            ctx.spawn(Pump);
        }
        self.go_on(ctx);
    }
}

impl Handler<Nudge> for SessionActor {
    type Result = ();

    fn handle(&mut self, nudge: Nudge, ctx: &mut Context<Self>) {
        if let Some(crash) = self.session.borrow_mut().crash.take() {
            resume_unwind(Box::new(crash));
        }
        self.session.borrow_mut().heed(nudge);
        self.go_on(ctx);
    }
}

/// Drives a session over a stream in memory whenever that wakes it or a word came in.
struct Pump;

impl ActorFuture<SessionActor> for Pump {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        actor: &mut SessionActor,
        ctx: &mut Context<SessionActor>,
        task: &mut TaskContext<'_>,
    ) -> Poll<()> {
        actor.run(ctx, task);
        Poll::Pending
    }
}
