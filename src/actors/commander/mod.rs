//! Takes commands, gives each to the session of its device when it is there and free, and tells the
//! upstreams what becomes of it.
//!
//! What is decided stands in a [`Keeper`], which outlives the actor. One turn takes all that has
//! arrived meanwhile: its records are written and synced on a thread for blocking work, then its
//! events go to the spool in one batch and its commands to the session threads. What arrives while
//! the disk works belongs to the next turn.

mod requests;
#[cfg(test)]
mod tests;
mod turns;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use actix::prelude::*;
use tokio::sync::oneshot;

use super::directory::Directory;
use crate::{
    commands::{Keeper, Now, Refusal, Turn},
    messages::{Deliveries, Wanted},
    model::{CommandState, Seat, SessionId, UnixMillis},
    spool::{Batch, Spool},
    telemetry::Telemetry,
};

/// While commands wait, the journal learns so often what the wall clock shows: nobody can tell that
/// it was set back behind that.
const SIGN_EVERY: Duration = Duration::from_secs(30);

/// How long the journal is left alone when it could not be written.
const REST: Duration = Duration::from_secs(1);

/// What the commander works with.
#[derive(Clone)]
pub struct CommanderParts {
    /// The commands and their journal.
    pub keeper: Arc<Mutex<Keeper>>,
    /// Who is where.
    pub directory: Arc<Mutex<Directory>>,
    /// Where events go.
    pub spool: Arc<dyn Spool>,
    /// Tells session threads whether anybody is waited for.
    pub wanted: Wanted,
    /// Log and counts.
    pub telemetry: Telemetry,
}

/// Here are the session threads, in the order of their numbers. Sent once, by the composition root.
#[derive(Message)]
#[rtype(result = "()")]
pub struct MeetSessions(pub Vec<Recipient<Deliveries>>);

/// The actor of all commands.
pub struct Commander {
    parts: CommanderParts,
    threads: Vec<Recipient<Deliveries>>,
    batch: Batch,
    /// Those who are answered when the turn that is being gathered is safe, and the one before it.
    waiting: Vec<Waiter>,
    under_way: Vec<Waiter>,
    alarm: Option<(Instant, SpawnHandle)>,
    /// When the journal was last written, and until when it is left alone.
    signed: Instant,
    rests_until: Option<Instant>,
    /// A turn is about to be taken.
    is_called: bool,
    ending: Option<Ending>,
}

struct Waiter {
    asks: oneshot::Sender<CommandState>,
    state: CommandState,
}

struct Ending {
    tell: Option<oneshot::Sender<()>>,
    /// The journal has had its last word.
    is_signed: bool,
}

impl Commander {
    /// A commander that begins as soon as it runs.
    pub fn new(parts: CommanderParts) -> Self {
        Self {
            parts,
            threads: Vec::new(),
            batch: Batch::new(),
            waiting: Vec::new(),
            under_way: Vec::new(),
            alarm: None,
            signed: now().clock,
            rests_until: None,
            is_called: false,
            ending: None,
        }
    }

    /// Commands that were left half-changed by a panic are settled by the restart behind it.
    fn keeper(&self) -> MutexGuard<'_, Keeper> {
        self.parts.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets something happen to the commands, and sees to it that it leaves.
    fn happen<T>(
        &mut self,
        ctx: &mut Context<Self>,
        what: impl FnOnce(&mut Keeper, &dyn Fn(&str) -> Option<(Seat, SessionId)>) -> T,
    ) -> T {
        // Before anybody looks for a device: one that comes online in between is told of.
        self.parts.wanted.set(true);
        let directory = Arc::clone(&self.parts.directory);
        let find =
            move |name: &str| directory.lock().unwrap_or_else(PoisonError::into_inner).find(name);
        let happened = what(&mut self.keeper(), &find);
        self.call(ctx);
        happened
    }

    /// Has a turn taken behind what has arrived already.
    fn call(&mut self, ctx: &mut Context<Self>) {
        if !self.is_called {
            self.is_called = true;
            ctx.notify(TakeTurn);
        }
    }

    fn refuses(&self) -> Option<Refusal> {
        if self.ending.is_some() { Some(Refusal::Away) } else { self.keeper().refuses() }
    }
}

/// Everything that has arrived before this belongs to one turn.
#[derive(Message)]
#[rtype(result = "()")]
struct TakeTurn;

fn now() -> Now {
    Now { wall: UnixMillis::now(), clock: tokio::time::Instant::now().into_std() }
}

impl Actor for Commander {
    type Context = Context<Self>;

    /// What an earlier process has left is told, and the journal is written anew.
    fn started(&mut self, ctx: &mut Context<Self>) {
        self.call(ctx);
    }
}

impl Supervised for Commander {
    /// Whoever waited is told that nobody knows; sessions are asked nothing of before.
    fn restarting(&mut self, ctx: &mut Context<Self>) {
        self.waiting.clear();
        self.under_way.clear();
        self.alarm = None;
        self.rests_until = None;
        self.is_called = false;
        self.batch = Batch::new();
        self.happen(ctx, |keeper, find| {
            keeper.interrupted(now());
            let Keeper { commands, turn, .. } = keeper;
            commands.look_around(now(), find, turn);
        });
    }
}

impl Handler<MeetSessions> for Commander {
    type Result = ();

    fn handle(&mut self, MeetSessions(threads): MeetSessions, _: &mut Context<Self>) {
        self.threads = threads;
    }
}
