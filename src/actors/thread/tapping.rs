use actix::prelude::*;

use super::{
    Occupant, SessionHost, SessionThread, Standing,
    describing::SLOTS_AT_ONCE,
    taps::{Line, Way},
};
use crate::{
    messages::{Opened, Tap, TapAnswer, TapEvent, TapSink, Tapped},
    model::{CloseReason, SessionId, UnixMillis},
};

impl Handler<Tap> for SessionHost {
    type Result = MessageResult<Tap>;

    fn handle(&mut self, tap: Tap, _: &mut Context<Self>) -> Self::Result {
        let thread = &self.thread;
        let answer = match tap {
            Tap::Session { session, from, sink } => thread.tap_session(session, from, sink),
            Tap::Name { name, holders, sink } => {
                thread.taps.borrow_mut().look_for(name, sink.clone());
                for (slot, session) in holders {
                    thread.tap_holder(slot, session, &sink);
                }
                TapAnswer::Done
            }
            Tap::LetGo => {
                thread.taps.borrow_mut().let_go();
                TapAnswer::Done
            }
        };
        thread.tapping.set(!thread.taps.borrow().are_idle());
        MessageResult(answer)
    }
}

/// What of the sessions is shown to those who look. Where nobody does, it costs a look at one flag.
impl SessionThread {
    /// `bytes` of the connection of `who`, in `slot`, have passed.
    #[inline]
    pub fn passed(&self, slot: u32, who: &Occupant, way: Way, bytes: &[u8]) {
        if self.tapping.get() {
            self.show(slot, who, way, bytes);
        }
    }

    #[cold]
    fn show(&self, slot: u32, who: &Occupant, way: Way, bytes: &[u8]) {
        let is_nameless = who.name.is_none() || who.standing == Standing::Claiming;
        let now = UnixMillis::now();
        let missed = self.taps.borrow_mut().passed(line(slot, who), is_nameless, way, bytes, now);
        self.tap_missed(missed);
    }

    /// The name of the device in `slot` is granted.
    pub fn tap_granted(&self, slot: u32) {
        if !self.taps.borrow().look_for_names() {
            return;
        }
        let Some((opened, connection)) = self.opened(slot) else { return };
        let missed = self.with_line(connection, |line| {
            let who = self.table.borrow();
            let who = who.get(slot)?;
            let (name, now) = (who.name.as_ref()?, UnixMillis::now());
            Some(self.taps.borrow_mut().granted(line, who.session, name, &opened, now))
        });
        self.tap_missed(missed.flatten().unwrap_or_default());
        self.tapping.set(!self.taps.borrow().are_idle());
    }

    /// The session of `who`, which was in `slot`, is over.
    pub(super) fn tap_closed(&self, slot: u32, who: &Occupant, reason: CloseReason) {
        if !self.tapping.get() {
            return;
        }
        let mut taps = self.taps.borrow_mut();
        taps.closed(who.session, who.name.as_ref(), reason, UnixMillis::now());
        if who.behind.is_none() {
            taps.forget(slot);
        }
        self.tapping.set(!taps.are_idle());
    }

    /// The thread is over.
    pub(super) fn end_taps(&self) {
        self.taps.take();
        self.tapping.set(false);
    }

    fn tap_session(&self, session: SessionId, from: u32, sink: TapSink) -> TapAnswer {
        let slots = self.table.borrow().end();
        let until = from.saturating_add(SLOTS_AT_ONCE).min(slots);
        let is_it = |slot: &u32| {
            let table = self.table.borrow();
            table.get(*slot).is_some_and(|who| who.session == session)
        };
        match (from..until).find(is_it) {
            Some(slot) => {
                self.tap_slot(slot, sink);
                TapAnswer::Done
            }
            None if until < slots => TapAnswer::GoOn(until),
            None => TapAnswer::NotHere,
        }
    }

    /// The session in `slot` is said to hold a name; one that is still to be granted it is shown then.
    fn tap_holder(&self, slot: u32, session: SessionId, sink: &TapSink) {
        let holds = self.with(slot, |who| {
            let is_granted = matches!(who.standing, Standing::Granted | Standing::Online);
            who.session == session && is_granted
        });
        if holds == Some(true) {
            self.tap_slot(slot, sink.clone());
        }
    }

    fn tap_slot(&self, slot: u32, sink: TapSink) {
        let Some((opened, connection)) = self.opened(slot) else { return };
        let of = self.with(slot, |who| TapEvent {
            time: UnixMillis::now(),
            session: who.session,
            name: who.name.clone(),
            what: Tapped::Opened(Box::new(opened)),
        });
        let Some(of) = of else { return };
        let missed = self
            .with_line(connection, |line| self.taps.borrow_mut().show(line, of.session, of, sink));
        self.tap_missed(missed.unwrap_or_default());
    }

    /// How the session in `slot` stands, and the slot of its connection.
    fn opened(&self, slot: u32) -> Option<(Opened, u32)> {
        let behind = self.with(slot, |who| who.behind)?;
        let connection = behind.unwrap_or(slot);
        let first_bytes = self.first_bytes(slot);
        let opened = self.with(connection, |who| Opened {
            connection: behind.map(|_| who.session),
            listener: who.listener.name.clone(),
            peer: who.peer.to_string(),
            received_bytes: who.received,
            sent_bytes: who.sent,
            first_bytes,
        })?;
        Some((opened, connection))
    }

    fn with_line<T>(&self, slot: u32, work: impl FnOnce(Line<'_>) -> T) -> Option<T> {
        let table = self.table.borrow();
        table.get(slot).map(|who| work(line(slot, who)))
    }

    fn tap_missed(&self, bytes: u64) {
        if bytes > 0 {
            self.ports.telemetry.tap_missed(bytes);
        }
    }
}

fn line(slot: u32, who: &Occupant) -> Line<'_> {
    Line { slot, session: who.session, name: who.name.as_ref() }
}
