use std::{
    rc::Rc,
    task::{Context as TaskContext, Poll},
};

use super::SessionThread;
use crate::{
    actors::session::{Nudge, Session, Turn},
    model::SessionId,
    supervision::caught,
};

/// What a session's socket is watched under: its slot, and the low half of its id, which tells it
/// from an earlier one in the same slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(pub(super) u64);

impl Key {
    pub(super) fn new(slot: u32, session: SessionId) -> Self {
        Self(session.0 << 32 | u64::from(slot))
    }

    pub(super) fn slot(self) -> u32 {
        self.0 as u32
    }

    pub(super) fn tag(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// The live path: what devices send is read, cut, named and gathered by whoever hears that their
/// sockets are ready, one after the other, and handed over once.
impl SessionThread {
    /// Runs the sessions that have something to read or to write; answers whether there were any.
    pub(super) fn serve(&self, task: &mut TaskContext<'_>) -> bool {
        self.in_turn.set(true);
        let congested = self.ports.spool.pressure().congestion().is_there();
        let going_on = self.turns.borrow_mut().take(self.now(), congested);
        for key in &going_on {
            self.run(*key, Session::goes_on);
        }
        let mut ready = self.ready.take();
        // It fails only when the thread's runtime is ending.
        let mut is_told = matches!(self.readiness.poll(task, &mut ready), Poll::Ready(Ok(())));
        if !is_told && self.turns.borrow().next().is_some() {
            is_told = self.readiness.look(&mut ready).is_ok_and(|sockets| sockets > 0);
        }
        for ready in ready.drain(..) {
            self.run(Key(ready.key), |session| session.note(&ready));
        }
        self.ready.replace(ready);
        self.in_turn.set(false);
        is_told || !going_on.is_empty()
    }

    /// Gives the session in `slot` another turn, behind those of others.
    pub fn run_again(&self, slot: u32) {
        let Some(session) = self.with(slot, |who| who.session) else { return };
        self.turns.borrow_mut().push(self.now(), Key::new(slot, session));
        self.wake();
    }

    pub(super) fn run(&self, key: Key, note: impl FnOnce(&mut Session)) {
        let slot = key.slot();
        let running =
            self.with(slot, |who| (who.tag() == key.tag()).then(|| Rc::clone(&who.running)));
        let Some(running) = running.flatten() else { return };
        let turn = caught(|| {
            let mut session = running.borrow_mut();
            note(&mut session);
            session.run()
        });
        match turn {
            Ok(Turn::Waits) => {}
            Ok(Turn::HasMore) => self.turns.borrow_mut().push(self.now(), key),
            Ok(Turn::ActorsTurn) => self.nudge(slot, Nudge::Look),
            Err(text) => {
                running.borrow_mut().crashed(text);
                self.nudge(slot, Nudge::Look);
            }
        }
    }
}
