use std::{cell::RefCell, rc::Rc, sync::Arc};

use compact_str::ToCompactString;

use super::{Occupant, SessionThread, serving::Key};
use crate::{
    actors::session::{Session, SessionActor},
    messages::Arrival,
    model::SessionId,
    net::{Connection, Socket, options},
    supervision::start_temporary,
    telemetry::Refusal,
};

/// Mailbox of a session, in messages: orders are few.
const MAILBOX: usize = 8;

impl SessionThread {
    /// Resets a connection that came too late.
    pub(super) fn turn_away(&self, arrival: &Arrival, why: Refusal) {
        if let Socket::Tcp(socket) = &arrival.socket {
            // A socket that is gone already needs no reset.
            let _ = options::reset_on_close(socket);
        }
        self.ports.telemetry.refused(&arrival.listener.name, &arrival.peer, why);
    }

    /// Starts a session for a connection that was let in.
    pub(super) fn open(self: &Rc<Self>, arrival: Arrival) {
        let Arrival { socket, peer, listener, ticket } = arrival;
        let session = SessionId::next();
        let slot = self.table.borrow().vacant();
        let stream = match Connection::new(socket, &self.readiness, Key::new(slot, session).0) {
            Ok(stream) => stream,
            Err(_broken_already) => {
                return self.ports.telemetry.refused(&listener.name, &peer, Refusal::Reset);
            }
        };
        let running = Session::new(Rc::clone(self), slot, Arc::clone(&listener), stream);
        let running = Rc::new(RefCell::new(running));
        let actor = SessionActor::new(Rc::clone(&running));
        let peer = peer.to_compact_string();
        let mut occupant = Occupant::new(running, session, listener, peer, self.now());
        occupant.ticket = Some(ticket);
        self.table.borrow_mut().insert(occupant);
        let address = start_temporary(MAILBOX, actor);
        self.with(slot, |who| who.address = Some(address.downgrade()));
    }
}
