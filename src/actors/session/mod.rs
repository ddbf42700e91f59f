//! One device's connection, from accept to its one ending.
//!
//! An idle session is its socket, a few hundred bytes here, and its line in the thread's table. It
//! waits for readiness and reads into the thread's buffer; it has no timer, no writer task and no
//! logger of its own.
//!
//! | in file | what |
//! |---|---|
//! | `reading` | bytes in: cut, named, told |
//! | `naming` | from the claim to `online` |
//! | `writing` | bytes out |
//! | `watching` | deadlines: registration, silence, farewell, probe |
//! | `ending` | the one way out |

mod ending;
mod naming;
mod reading;
mod watching;
mod writing;

use std::{rc::Rc, sync::Arc, task::Context as TaskContext};

use actix::prelude::*;

use self::{
    ending::Ending,
    watching::{Looks, Probe},
};
use crate::{
    actors::thread::{Occupant, SessionThread, Standing},
    extension::{Happened, Moment, Verdict},
    messages::ListenerProfile,
    model::CloseReason,
    net::Stream,
    protocol::Cutter,
    supervision::{Lean, LeanContext as Context, failpoint},
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
    /// Something was queued for the device.
    Queued,
    /// The look has come that was set for this moment, in milliseconds on the thread's clock.
    Deadline(u64),
    /// Data may be read again.
    Resumed,
    /// The peer has hung up while the session was paused.
    HungUp,
}

/// The actor of one connection.
pub struct Session {
    thread: Rc<SessionThread>,
    slot: u32,
    listener: Arc<ListenerProfile>,
    stream: Stream,
    cutter: Cutter,
    /// Bytes that were read and not yet cut: behind a name that is being claimed, or behind a
    /// chunk that a decider is thinking about.
    stash: Vec<u8>,
    /// Whether a decider is being asked; reading waits meanwhile.
    asking: bool,
    peer_finished: bool,
    /// Whether that was told, behind everything that the device had said.
    end_told: bool,
    /// When the device was last heard, on the clock that stands still in a pause.
    heard_unpaused: u64,
    /// When it was let in, on the clock that stands still in a pause.
    opened_unpaused: u64,
    idle_told: bool,
    /// The looks that are set with the thread.
    looks: Looks,
    probe: Option<Box<Probe>>,
    /// It is to end for this reason, once what the device has sent so far is read.
    parting: Option<CloseReason>,
    ending: Option<Ending>,
}

impl Session {
    /// The actor for the occupant of `slot`.
    pub fn new(
        thread: Rc<SessionThread>,
        slot: u32,
        listener: Arc<ListenerProfile>,
        stream: Stream,
    ) -> Self {
        let opened = thread.unpaused_now();
        Self {
            thread,
            slot,
            cutter: Cutter::new(&listener.protocol),
            listener,
            stream,
            stash: Vec::new(),
            asking: false,
            peer_finished: false,
            end_told: false,
            heard_unpaused: opened,
            opened_unpaused: opened,
            idle_told: false,
            looks: Looks::default(),
            probe: None,
            parting: None,
            ending: None,
        }
    }

    fn standing(&self) -> Standing {
        self.thread.with(self.slot, |who| who.standing).unwrap_or(Standing::Nameless)
    }

    /// Moves bytes both ways as far as they go.
    fn move_bytes(&mut self, ctx: &mut Context<Self>, task: &mut TaskContext<'_>) {
        self.write(task);
        self.read(ctx, task);
        if let Some(reason) = self.parting.take() {
            self.read_last(ctx);
            self.tell_what_was_held(ctx);
            self.end(reason);
        }
        if self.is_finished_both_ways() {
            self.end(CloseReason::PeerClosed);
        }
        if self.ending.is_some() {
            self.write(task);
        }
    }

    /// Whether neither side has anything more to say.
    fn is_finished_both_ways(&self) -> bool {
        let quiet = self.end_told && !self.asking && self.ending.is_none();
        quiet && self.thread.with(self.slot, |who| who.outbound.is_finished()) == Some(true)
    }

    /// Asks the deciders of `what`, if there are any, and goes on with `then` once they have
    /// answered. Nothing is read meanwhile.
    fn ask(
        &mut self,
        what: Happened,
        ctx: &mut Context<Self>,
        then: impl FnOnce(&mut Self, Verdict, &mut Context<Self>) + 'static,
    ) {
        let moment = what.moment();
        if !self.thread.ports.extensions.has_deciders(moment) {
            return then(self, Verdict::Proceed, ctx);
        }
        let Some(occurrence) = self.thread.occurrence(self.slot, what) else { return };
        self.asking = true;
        let extensions = Arc::clone(&self.thread.ports.extensions);
        let asked = async move { extensions.ask(occurrence).await };
        ctx.spawn(asked.into_actor(self).map(move |verdict, session, ctx| {
            session.asking = false;
            if let Verdict::Refuse(why) = &verdict {
                let telemetry = &session.thread.ports.telemetry;
                let facts_told = |who: &mut Occupant| telemetry.denied(&who.facts(), &moment, why);
                session.thread.with(session.slot, facts_told);
            }
            if session.ending.is_none() {
                then(session, verdict, ctx);
            }
            session.go_on(ctx);
        }));
    }

    /// Whether a decider is to be asked at this moment.
    fn is_decided(&self, moment: Moment) -> bool {
        self.thread.ports.extensions.has_deciders(moment)
    }
}

impl Actor for Session {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.thread.observe(self.slot, || Happened::Connected);
        self.ask(Happened::Connected, ctx, |session, verdict, _| match verdict {
            Verdict::Proceed => session.begin(),
            Verdict::Refuse(_) => session.end(CloseReason::Denied),
        });
    }
}

impl Lean for Session {
    fn advance(&mut self, ctx: &mut Context<Self>, task: &mut TaskContext<'_>) {
        self.move_bytes(ctx, task);
        if self.part(task).is_ready() {
            ctx.stop();
        } else {
            self.watch();
        }
    }
}

impl Handler<Nudge> for Session {
    type Result = ();

    /// Whatever it is about, the session advances behind it, in the same poll.
    fn handle(&mut self, nudge: Nudge, ctx: &mut Context<Self>) {
        match nudge {
            Nudge::Granted => self.granted(ctx),
            Nudge::End(reason) => self.parting = Some(reason),
            Nudge::Reset => self.end_with_reset(),
            Nudge::Abandon => {
                self.end(CloseReason::Draining);
                self.over();
            }
            Nudge::Probe => self.begin_probe(),
            Nudge::Queued => {}
            Nudge::Deadline(at) => self.look_at_deadlines(at, ctx),
            Nudge::Resumed => self.go_on(ctx),
            Nudge::HungUp => self.hung_up(),
        }
    }
}

/// Panics where a test wants this session to.
fn failpoint_data(data: &[u8]) {
    if cfg!(debug_assertions) {
        failpoint::hit("session.data", &String::from_utf8_lossy(data));
    }
}
