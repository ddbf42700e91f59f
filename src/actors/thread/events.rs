use std::time::Duration;

use bytes::Bytes;

use super::{BATCH_LIMIT, Occupant, SessionThread, Standing};
use crate::{
    extension::{Happened, Occurrence},
    messages::{Departure, NameNews},
    model::{CloseReason, Event, Name, UnixMillis},
    spool::Batch,
    supervision::Exit,
    telemetry::{ActorKind, Ending, Filtered},
};

/// What a session tells: upstream by way of the batch, and to extensions.
impl SessionThread {
    /// The device in `slot` is online.
    pub fn tell_online(&self, slot: u32) {
        let time = UnixMillis::now();
        self.append(slot, |who, connections, batch| {
            let Some(name) = who.name.as_ref().map(Name::as_str) else { return };
            let (session, peer) = (who.session, who.peer.as_str());
            batch.push(&Event::Online { name, session, time, peer, connections });
        });
        self.observe(slot, || Happened::Online);
        self.tell_commander(slot);
    }

    /// The device in `slot` has sent `data`, in which its protocol reads `meaning`.
    pub fn tell_data(&self, slot: u32, data: &[u8], meaning: &[u8]) {
        let time = self.read_at.get();
        self.append(slot, |who, connections, batch| {
            who.chunks += 1;
            let name = who.name.as_ref().map_or(Name::UNKNOWN, Name::as_str);
            let (session, peer, seq) = (who.session, who.peer.as_str(), who.chunks);
            batch.push(&Event::Data { name, session, seq, time, peer, connections, data, meaning });
            who.settled += data.len() as u64;
            let (events, bytes) = self.told.get();
            self.told.set((events + 1, bytes + data.len() as u64));
        });
        self.observe(slot, || Happened::Data(Bytes::copy_from_slice(data)));
    }

    /// The device in `slot` has been silent for long, and stays.
    pub fn tell_idle(&self, slot: u32) {
        let time = UnixMillis::now();
        self.append(slot, |who, connections, batch| {
            let Some(name) = who.name.as_ref().map(Name::as_str) else { return };
            batch.push(&Event::Idle { name, session: who.session, time, connections });
        });
    }

    /// So many bytes of the device in `slot` never become an event.
    pub fn filter(&self, slot: u32, why: Filtered, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.with(slot, |who| {
            who.settled += bytes as u64;
            self.ports.telemetry.filtered(&who.facts(), why, 1, bytes as u64);
        });
    }

    /// What was read from the device in `slot` and has become nothing by its end, whatever held
    /// it: a beginning of a name, or what waited for a decider.
    fn filter_rest(&self, slot: u32) {
        let rest = self.with(slot, |who| {
            let why = match who.standing {
                Standing::Nameless => Filtered::Unregistered,
                _ => Filtered::Ended,
            };
            (why, who.received.saturating_sub(who.settled))
        });
        if let Some((why, bytes)) = rest {
            self.filter(slot, why, bytes as usize);
        }
    }

    /// Tells extensions of something that happened to the session in `slot`.
    pub fn observe(&self, slot: u32, what: impl FnOnce() -> Happened) {
        if !self.ports.extensions.has_observers() {
            return;
        }
        if let Some(occurrence) = self.occurrence(slot, what()) {
            self.outbox.borrow_mut().occurrences.push(occurrence);
            self.flush_soon();
        }
    }

    /// `what`, with everything that extensions are told of the session in `slot`.
    pub fn occurrence(&self, slot: u32, what: Happened) -> Option<Occurrence> {
        let session = self.handle(slot)?;
        let connections = self.ports.occupancy.connections();
        self.with(slot, |who| {
            let (listener, name) = (who.listener.name.clone(), who.name.clone());
            Occurrence::of_session(what, listener, session, who.peer(), name, connections)
        })
    }

    /// The one ending of the session in `slot`, called by supervision when its actor is gone,
    /// whatever it died of.
    pub fn depart(&self, slot: u32, exit: &Exit) {
        let reason = self.with(slot, |who| match exit {
            Exit::Stopped => who.reason.unwrap_or(CloseReason::Draining),
            Exit::Panicked(_) | Exit::GaveUp(_) => CloseReason::Panicked,
        });
        let Some(reason) = reason else { return };
        if let Exit::Panicked(text) | Exit::GaveUp(text) = exit {
            let session = self.with(slot, |who| who.session.to_string()).unwrap_or_default();
            self.ports.telemetry.actor_panicked(ActorKind::Session, &session, text);
        }
        let first_bytes = self.first_bytes(slot);
        self.filter_rest(slot);
        self.remove_subdevices(slot, reason);
        self.give_up_commands(slot);
        // Counted no more before anybody is told.
        self.with(slot, |who| drop(who.ticket.take()));
        self.observe_ending(slot, reason);
        let Some(mut who) = self.table.borrow_mut().remove(slot) else { return };
        self.ports.telemetry.outbound_changed(who.outbound.stayed(), 0);
        self.tap_closed(slot, &who, reason);
        self.tell_offline(&who, reason);
        let ending = Ending {
            reason,
            received_bytes: who.received,
            sent_bytes: who.sent,
            chunks: who.chunks,
            connected: Duration::from_millis(self.now().saturating_sub(who.opened)),
            connections: self.ports.occupancy.connections(),
            was_online: who.is_online(),
        };
        self.ports.telemetry.session_ended_with(&who.facts(), &ending, first_bytes);
        if let Some(name) = who.name.take() {
            let departure = Departure { name, session: who.session };
            self.outbox.borrow_mut().names.push(NameNews::Departed(departure));
        }
        self.flush_soon();
    }

    fn observe_ending(&self, slot: u32, reason: CloseReason) {
        let Some((online, received_bytes, sent_bytes)) =
            self.with(slot, |who| (who.is_online(), who.received, who.sent))
        else {
            return;
        };
        if online {
            self.observe(slot, || Happened::Offline(reason));
        }
        self.observe(slot, || Happened::Closed { reason, received_bytes, sent_bytes });
    }

    pub(super) fn tell_offline(&self, who: &Occupant, reason: CloseReason) {
        let (true, Some(name)) = (who.is_online(), who.name.as_ref()) else { return };
        self.batch.borrow_mut().push(&Event::Offline {
            name: name.as_str(),
            session: who.session,
            time: UnixMillis::now(),
            reason,
            received_bytes: who.received,
            sent_bytes: who.sent,
            connections: self.ports.occupancy.connections(),
        });
    }

    fn append(&self, slot: u32, push: impl FnOnce(&mut Occupant, u32, &mut Batch)) {
        let connections = self.ports.occupancy.connections();
        let mut batch = self.batch.borrow_mut();
        self.with(slot, |who| push(who, connections, &mut batch));
        if batch.size() >= BATCH_LIMIT {
            self.hand_over(&mut batch);
        } else {
            self.flush_soon();
        }
    }
}
