use std::time::Duration;

use actix::prelude::*;

use super::{Occupant, SessionHost, SessionThread, Standing};
use crate::{
    messages::{Describe, Described, Description},
    model::Name,
};

/// Slots that are looked at in one go: everybody else waits meanwhile.
pub(super) const SLOTS_AT_ONCE: u32 = 2048;

impl Handler<Describe> for SessionHost {
    type Result = MessageResult<Describe>;

    fn handle(&mut self, asked: Describe, _: &mut Context<Self>) -> Self::Result {
        MessageResult(match asked {
            Describe::These(seats) => {
                let alone =
                    (seats.len() == 1).then(|| seats.first()).flatten().map(|(slot, _)| *slot);
                let of = |(slot, session)| {
                    let is_it = |who: &mut Occupant| (who.session == session).then_some(());
                    self.thread.with(slot, is_it).flatten()?;
                    self.thread.description(slot)
                };
                let mut sessions: Vec<_> = seats.into_iter().filter_map(of).collect();
                if let (Some(slot), Some(session)) = (alone, sessions.first_mut()) {
                    session.beside = self.thread.beside(slot);
                }
                Described { sessions, next: None }
            }
            Describe::Nameless { from } => self.thread.nameless(from),
        })
    }
}

impl SessionThread {
    fn nameless(&self, from: u32) -> Described {
        let slots = self.table.borrow().end();
        let until = from.saturating_add(SLOTS_AT_ONCE).min(slots);
        let is_nameless = |slot: &u32| {
            let table = self.table.borrow();
            table.get(*slot).is_some_and(|who| who.name.is_none() && who.subdevices.is_empty())
        };
        let found = (from..until).filter(is_nameless);
        let sessions = found.filter_map(|slot| self.description(slot)).collect();
        Described { sessions, next: (until < slots).then_some(until) }
    }

    fn description(&self, slot: u32) -> Option<Description> {
        let now = self.now();
        let first_bytes = self.first_bytes(slot);
        let silent = self.silent(slot);
        self.with(slot, |who| Description {
            session: who.session,
            name: who.name.clone(),
            state: state(who),
            listener: who.listener.name.clone(),
            peer: who.peer.to_string(),
            connected: Duration::from_millis(now.saturating_sub(who.opened)),
            silent,
            received_bytes: who.received,
            sent_bytes: who.sent,
            data_events: who.chunks,
            is_behind: who.behind.is_some(),
            beside: Vec::new(),
            first_bytes,
        })
    }

    /// How long the connection of the session in `slot` is silent.
    fn silent(&self, slot: u32) -> Option<Duration> {
        let running = self.with(slot, |who| who.running.clone())?;
        let heard = running.try_borrow().ok()?.heard_unpaused();
        Some(Duration::from_millis(self.unpaused_now().saturating_sub(heard)))
    }

    /// The names behind the connection that the session in `slot` is behind.
    fn beside(&self, slot: u32) -> Vec<Name> {
        let Some(carrier) = self.with(slot, |who| who.behind).flatten() else { return Vec::new() };
        let slots = self.with(carrier, |who| who.subdevices.clone()).unwrap_or_default();
        let names = slots.into_iter().filter_map(|slot| self.with(slot, |who| who.name.clone())?);
        names.take(Description::MOST_BESIDE).collect()
    }

    /// The first bytes that the session in `slot` has sent, while it has no name.
    pub(super) fn first_bytes(&self, slot: u32) -> Vec<u8> {
        let nameless = |who: &mut Occupant| who.name.is_none().then(|| who.running.clone());
        let Some(running) = self.with(slot, nameless).flatten() else { return Vec::new() };
        running.try_borrow().map(|session| session.first_bytes().to_vec()).unwrap_or_default()
    }
}

fn state(who: &Occupant) -> &'static str {
    match who.standing {
        _ if who.reason.is_some() => "ending",
        Standing::Nameless => "nameless",
        Standing::Claiming => "claiming",
        Standing::Granted => "granted",
        Standing::Online => "online",
    }
}
