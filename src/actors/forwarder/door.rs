//! Where web servers that connect to us come in.

use std::{collections::VecDeque, io, rc::Rc, time::Duration};

use actix::{SpawnHandle, fut, prelude::*};
use tokio::io::{AsyncRead, unix::AsyncFd};

use super::{Forwarder, arrivals::Caller};
use crate::{
    link::{LinkFault, TOKEN_TIMEOUT, await_token},
    model::Peer,
    net::{Accepted, Listener, Socket, Stream, options, sort_accept_fault},
    telemetry::{AcceptFaultKind, Refusal},
};

/// How long to wait for descriptors to become free.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// Most connections that have not said their token yet. One more, and the oldest has to go: who
/// knows the token says it at once.
const MOST_STRANGERS: usize = 16;

/// Connections that have not said their token yet, the oldest first. The link that is up is none of
/// their business: it is replaced by who has said the token, and by nobody else.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    next: u64,
    waiting: VecDeque<Stranger>,
}

#[derive(Debug)]
struct Stranger {
    number: u64,
    peer: Peer,
    handshake: SpawnHandle,
}

impl Strangers {
    /// Adds one, and answers the one that has to go for it.
    fn add(&mut self, peer: Peer, handshake: SpawnHandle) -> Option<Stranger> {
        self.waiting.push_back(Stranger { number: self.next, peer, handshake });
        self.next += 1;
        if self.waiting.len() > MOST_STRANGERS { self.waiting.pop_front() } else { None }
    }

    fn remove(&mut self, number: u64) {
        self.waiting.retain(|stranger| stranger.number != number);
    }

    /// Forgets all of them: their handshakes went with the actor's context.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

impl Forwarder {
    /// Accepts the next web server at the upstream's own address, and so on.
    pub(super) fn accept_next(&mut self, ctx: &mut Context<Self>) {
        let Some(door) = self.parts.door.clone() else { return };
        ctx.spawn(fut::wrap_future(accept(door)).map(Self::accepted));
    }

    fn accepted(accepted: io::Result<Accepted>, forwarder: &mut Self, ctx: &mut Context<Self>) {
        let error = match accepted {
            Ok(Accepted { socket, peer }) => {
                forwarder.look_at(socket, peer, ctx);
                return forwarder.accept_next(ctx);
            }
            Err(error) => error,
        };
        let fault = sort_accept_fault(&error);
        forwarder.parts.telemetry.accept_fault(&forwarder.parts.name, fault, &error);
        match fault {
            AcceptFaultKind::ThisConnection => forwarder.accept_next(ctx),
            AcceptFaultKind::Exhausted | AcceptFaultKind::Unexpected => {
                ctx.run_later(EXHAUSTED_PAUSE, Self::accept_next);
            }
            AcceptFaultKind::ListenerGone => ctx.stop(),
        }
    }

    /// Resets whoever comes from elsewhere than `from`.
    fn look_at(&mut self, socket: Socket, peer: Peer, ctx: &mut Context<Self>) {
        let from = &self.parts.settings.from;
        let is_welcome = match peer {
            Peer::Ip(address) => {
                from.is_empty() || from.iter().any(|known| known.to_canonical() == address.ip())
            }
            Peer::Unix(_) | Peer::Memory(_) => true,
        };
        if is_welcome {
            return self.greet(socket, peer, ctx);
        }
        if let Socket::Tcp(socket) = &socket {
            // A socket that is gone already needs no reset.
            let _ = options::reset_on_close(socket);
        }
        self.parts.telemetry.refused(&self.parts.name, &peer, Refusal::Denied);
    }

    /// Takes a connection for the web server's, once it has said the token where there is one.
    pub(super) fn greet(&mut self, socket: Socket, peer: Peer, ctx: &mut Context<Self>) {
        let stream = match socket.register() {
            Ok(stream) => stream,
            Err(error) => return self.turn_away(&LinkFault::from_io(peer.to_string(), &error)),
        };
        let Some(token) = self.parts.settings.token.clone() else {
            return self.arrivals.put(Caller { stream, peer, early: Vec::new() });
        };
        let number = self.strangers.next;
        let handshake = fut::wrap_future(handshake(stream, peer, token)).map(
            move |met: Result<Caller, LinkFault>, forwarder: &mut Self, _: &mut Context<Self>| {
                forwarder.strangers.remove(number);
                match met {
                    Ok(caller) => forwarder.arrivals.put(caller),
                    Err(fault) => forwarder.turn_away(&fault),
                }
            },
        );
        let handshake = ctx.spawn(handshake);
        if let Some(oldest) = self.strangers.add(peer, handshake) {
            ctx.cancel_future(oldest.handshake);
            self.parts.telemetry.refused(&self.parts.name, &oldest.peer, Refusal::Limit);
        }
    }

    fn turn_away(&self, fault: &LinkFault) {
        self.parts.telemetry.link_refused(&self.parts.name, fault.kind, fault);
    }
}

async fn accept(door: Rc<AsyncFd<Listener>>) -> io::Result<Accepted> {
    loop {
        let mut ready = door.readable().await?;
        if let Ok(accepted) = ready.try_io(|listener| listener.get_ref().accept()) {
            return accepted;
        }
    }
}

async fn handshake(mut stream: Stream, peer: Peer, token: String) -> Result<Caller, LinkFault> {
    let early = match &mut stream {
        Stream::Tcp(stream) => hear(stream, &token, &peer).await?,
        Stream::Unix(stream) => hear(stream, &token, &peer).await?,
        Stream::Memory(stream) => hear(&mut **stream, &token, &peer).await?,
    };
    Ok(Caller { stream, peer, early })
}

async fn hear(
    stream: &mut (impl AsyncRead + Unpin),
    token: &str,
    peer: &Peer,
) -> Result<Vec<u8>, LinkFault> {
    await_token(stream, token, &peer.to_string(), TOKEN_TIMEOUT).await
}
