use std::time::Duration;

use actix::prelude::*;

use super::{Occupant, SessionHost, SessionThread, Standing};
use crate::messages::{Describe, Described, Description};

/// Slots that are looked at in one go: everybody else waits meanwhile.
pub(super) const SLOTS_AT_ONCE: u32 = 2048;

impl Handler<Describe> for SessionHost {
    type Result = MessageResult<Describe>;

    fn handle(&mut self, asked: Describe, _: &mut Context<Self>) -> Self::Result {
        MessageResult(match asked {
            Describe::These(seats) => {
                let of = |(slot, session)| {
                    let is_it = |who: &mut Occupant| (who.session == session).then_some(());
                    self.thread.with(slot, is_it).flatten()?;
                    self.thread.description(slot)
                };
                let sessions = seats.into_iter().filter_map(of).collect();
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
        self.with(slot, |who| Description {
            session: who.session,
            name: who.name.clone(),
            state: state(who),
            listener: who.listener.name.clone(),
            peer: who.peer.to_string(),
            connected: Duration::from_millis(now.saturating_sub(who.opened)),
            received_bytes: who.received,
            sent_bytes: who.sent,
            data_events: who.chunks,
            is_behind: who.behind.is_some(),
            first_bytes,
        })
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
