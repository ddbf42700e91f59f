use std::{io, rc::Rc};

use compact_str::ToCompactString;

use super::{Occupant, Outbound, SessionThread, Standing};
use crate::{
    actors::session::Session,
    messages::{Arrival, ListenerProfile},
    model::SessionId,
    net::{Socket, Stream, options},
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
        let stream = match register(socket, &listener) {
            Ok(stream) => stream,
            Err(_broken_already) => {
                return self.ports.telemetry.refused(&listener.name, &peer, Refusal::Reset);
            }
        };
        let session = SessionId::next();
        let descriptor = stream.descriptor().map(|fd| std::os::fd::AsRawFd::as_raw_fd(&fd));
        let occupant = Occupant {
            address: None,
            session,
            listener: listener.clone(),
            peer,
            peer_text: peer.to_compact_string(),
            name: None,
            standing: Standing::Nameless,
            opened: self.now(),
            received: 0,
            settled: 0,
            sent: 0,
            chunks: 0,
            reason: None,
            held_back: false,
            outbound: Outbound::default(),
            descriptor,
            ticket: Some(ticket),
        };
        let slot = self.table.borrow_mut().insert(occupant) as u32;
        let (thread, departing) = (Rc::clone(self), Rc::clone(self));
        let address = start_temporary(
            MAILBOX,
            move |_| Session::new(thread, slot, listener, stream),
            move |exit| departing.depart(slot, &exit),
        );
        self.with(slot, |who| who.address = Some(address));
    }
}

fn register(socket: Socket, listener: &ListenerProfile) -> io::Result<Stream> {
    if let Socket::Tcp(socket) = &socket {
        options::prepare(socket, &listener.keepalive, listener.user_timeout)?;
    }
    socket.register()
}
