use std::{
    rc::Rc,
    task::{Context as TaskContext, Poll, Waker},
};

use super::SessionThread;
use crate::{
    actors::session::{Nudge, Turn},
    model::SessionId,
    net::Ready,
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

    fn slot(self) -> u32 {
        self.0 as u32
    }

    fn tag(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// The live path: what devices send is read, cut, named and gathered by whoever hears that their
/// sockets are ready, one after the other, and handed over once.
impl SessionThread {
    /// Runs the sessions that have something to read or to write; answers whether there were any.
    pub(super) fn serve(&self, task: &mut TaskContext<'_>) -> bool {
        self.in_turn.set(true);
        let unfinished = self.unfinished.take();
        unfinished.iter().for_each(|key| self.run(*key, None));
        let mut ready = self.ready.take();
        // It fails only when the thread's runtime is ending.
        let is_told = matches!(self.readiness.poll(task, &mut ready), Poll::Ready(Ok(())));
        for ready in ready.drain(..) {
            self.run(Key(ready.key), Some(&ready));
        }
        self.ready.replace(ready);
        self.in_turn.set(false);
        is_told || !unfinished.is_empty()
    }

    /// Gives the session in `slot` another turn, behind those of others.
    pub fn run_again(&self, slot: u32) {
        let Some(session) = self.with(slot, |who| who.session) else { return };
        self.unfinished.borrow_mut().push(Key::new(slot, session));
        self.wake();
    }

    fn run(&self, key: Key, ready: Option<&Ready>) {
        let slot = key.slot();
        let running =
            self.with(slot, |who| (who.tag() == key.tag()).then(|| Rc::clone(&who.running)));
        let Some(running) = running.flatten() else { return };
        let turn = caught(|| {
            let mut session = running.borrow_mut();
            if let Some(ready) = ready {
                session.note(ready);
            }
            session.run(&mut TaskContext::from_waker(Waker::noop()))
        });
        match turn {
            Ok(Turn::Waits) => {}
            Ok(Turn::HasMore) => self.unfinished.borrow_mut().push(key),
            Ok(Turn::ActorsTurn) => self.nudge(slot, Nudge::Look),
            Err(text) => {
                running.borrow_mut().crashed(text);
                self.nudge(slot, Nudge::Look);
            }
        }
    }
}
