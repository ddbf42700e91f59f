use std::{cell::RefCell, panic::resume_unwind, rc::Rc, task::Context as TaskContext};

use actix::prelude::*;

use super::{Crash, Session, SubNudge, Turn};
use crate::{
    model::CloseReason,
    supervision::{Exit, Lean, LeanContext},
};

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
    /// A command waits to be delivered.
    Command,
    /// A word about the device in this slot, which is behind the session's connection.
    Subdevice(u32, SubNudge),
}

impl Nudge {
    /// The same about the device in `slot`, which is behind the session's connection. Whether that
    /// is alive concerns the connection.
    pub fn of_subdevice(self, slot: u32) -> Self {
        match self {
            Self::Granted => Self::Subdevice(slot, SubNudge::Granted),
            Self::End(reason) => Self::Subdevice(slot, SubNudge::End(reason)),
            other => other,
        }
    }
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

    fn take_turn(&self, session: &mut Session, ctx: &mut LeanContext<Self>) {
        let Some((answerer, asked)) = session.put_question() else { return ctx.stop() };
        ctx.spawn(asked.into_actor(self).map(move |verdict, actor: &mut Self, _| {
            actor.session.borrow_mut().answered(answerer, verdict);
        }));
    }
}

impl Actor for SessionActor {
    type Context = LeanContext<Self>;

    fn started(&mut self, _: &mut LeanContext<Self>) {
        self.session.borrow_mut().begins();
    }
}

impl Handler<Nudge> for SessionActor {
    type Result = ();

    fn handle(&mut self, nudge: Nudge, _: &mut LeanContext<Self>) {
        let mut session = self.session.borrow_mut();
        if let Some(crash) = session.crash.take() {
            let Crash(text) = *crash;
            resume_unwind(Box::new(text));
        }
        session.heed(nudge);
    }
}

impl Lean for SessionActor {
    /// A word or an answer came in.
    fn advance(&mut self, ctx: &mut LeanContext<Self>, _: &mut TaskContext<'_>) {
        let mut session = self.session.borrow_mut();
        match session.run() {
            Turn::Waits => {}
            Turn::HasMore => session.thread.run_again(session.slot),
            Turn::ActorsTurn => self.take_turn(&mut session, ctx),
        }
    }

    fn last_will(&self) -> Box<dyn FnOnce(Exit)> {
        let session = self.session.borrow();
        let (thread, slot) = (Rc::clone(&session.thread), session.slot);
        Box::new(move |exit| thread.depart(slot, &exit))
    }
}
