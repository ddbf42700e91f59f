use std::{
    collections::VecDeque,
    io,
    net::IpAddr,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use actix::prelude::*;
use tokio::io::unix::AsyncFd;

use crate::{
    limits::{ListenerCounts, Occupancy},
    messages::{
        Arrival, DeviceArrived, Drain, ListenerProfile, Open, Reconfigure, WebServerArrived,
    },
    model::Peer,
    net::{Accepted, Listener, Socket, options, sort_accept_fault},
    spool::Spool,
    supervision::failpoint,
    telemetry::{AcceptFaultKind, Refusal, Telemetry},
};

/// Connections accepted in a row: all that wait, as a rule. Accepting is a small part of what a
/// newcomer costs, and one that finds the kernel's queue full comes again only after a second.
const ACCEPTS_A_TURN: usize = 4096;

/// Of these so many are handed over before the thread's sessions get their turn, and before it is
/// looked who else has come.
const ARRIVALS_A_TURN: usize = 64;

/// How long to wait for descriptors to become free.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// Peers at these addresses are no devices but a web server.
#[derive(Clone)]
pub struct WebServerDoor {
    /// Its addresses, IPv4-mapped ones as IPv4.
    pub from: Vec<IpAddr>,
    /// The forwarder of that upstream.
    pub forwarder: Recipient<WebServerArrived>,
}

/// What a server works with.
pub struct ServerParts {
    /// The bound socket; none where connections only come by message.
    pub listener: Option<Rc<AsyncFd<Listener>>>,
    /// How its sessions are served.
    pub profile: Arc<ListenerProfile>,
    /// Most connections at a time.
    pub max_connections: u32,
    /// Connections of this listener.
    pub counts: Arc<ListenerCounts>,
    /// Connections of all listeners.
    pub occupancy: Arc<Occupancy>,
    /// Has a say about newcomers when it is full.
    pub spool: Arc<dyn Spool>,
    /// The session threads.
    pub threads: Vec<Recipient<Open>>,
    /// Web servers that connect here.
    pub web_servers: Vec<WebServerDoor>,
    /// Log and counts.
    pub telemetry: Telemetry,
}

/// Accepts the connections of one listener, and admits or refuses them. Over a limit it accepts
/// and resets: connections left in the kernel's queue would go stale there.
pub struct Server {
    parts: ServerParts,
    accepting: bool,
    next_thread: usize,
    /// Those that were let in and are not handed over yet.
    arrivals: VecDeque<Arrival>,
}

impl Server {
    /// A server that accepts as soon as it runs.
    pub fn new(parts: ServerParts) -> Self {
        Self { parts, accepting: true, next_thread: 0, arrivals: VecDeque::new() }
    }

    fn accept_some(&mut self, ctx: &mut Context<Self>, task: &mut TaskContext<'_>) -> Poll<()> {
        let Some(listener) = self.parts.listener.clone() else { return Poll::Ready(()) };
        let (mut left, mut turn, mut drained) = (ACCEPTS_A_TURN, Poll::Pending, false);
        while left > 0 && turn.is_pending() {
            let Poll::Ready(Ok(mut ready)) = listener.poll_read_ready(task) else {
                drained = true;
                break;
            };
            // The runtime lets nobody ask more than some hundred times in a turn.
            while left > 0 && turn.is_pending() {
                left -= 1;
                match ready.try_io(|listener| listener.get_ref().accept()) {
                    Ok(Ok(accepted)) => {
                        let arrival = self.admit(accepted);
                        self.arrivals.extend(arrival);
                    }
                    Ok(Err(error)) => turn = self.cannot_accept(&error, ctx),
                    // Not ready any more; only the next look asks to be woken.
                    Err(_would_block) => break,
                }
            }
        }
        self.hand_over(ARRIVALS_A_TURN);
        if turn.is_ready() {
            self.hand_over(usize::MAX);
        } else if !drained || !self.arrivals.is_empty() {
            task.waker().wake_by_ref();
        }
        turn
    }

    /// Sorts an accept error; ready when accepting pauses or ends.
    fn cannot_accept(&mut self, error: &io::Error, ctx: &mut Context<Self>) -> Poll<()> {
        let fault = sort_accept_fault(error);
        self.parts.telemetry.accept_fault(&self.parts.profile.name, fault, error);
        match fault {
            AcceptFaultKind::ThisConnection => Poll::Pending,
            AcceptFaultKind::Exhausted | AcceptFaultKind::Unexpected => {
                ctx.run_later(EXHAUSTED_PAUSE, |_, ctx| {
                    ctx.spawn(AcceptLoop);
                });
                Poll::Ready(())
            }
            AcceptFaultKind::ListenerGone => {
                ctx.stop();
                Poll::Ready(())
            }
        }
    }

    /// Lets a connection in, hands it to the upstream it belongs to, or resets it.
    fn admit(&self, Accepted { socket, peer }: Accepted) -> Option<Arrival> {
        failpoint::hit("server.admit", &self.parts.profile.name);
        if let Some(door) = self.door_for(&peer) {
            door.forwarder.do_send(WebServerArrived { socket, peer });
            return None;
        }
        if !self.parts.spool.pressure().admits_newcomers() {
            self.refuse(socket, peer, Refusal::Limit);
            return None;
        }
        let limit = self.parts.max_connections;
        match self.parts.counts.admit(limit) {
            Ok(ticket) => {
                let listener = Arc::clone(&self.parts.profile);
                let connections = self.parts.occupancy.connections();
                self.parts.telemetry.accepted(&listener.name, &peer, connections);
                Some(Arrival { socket, peer, listener, ticket })
            }
            Err(_over_limit) => {
                self.refuse(socket, peer, Refusal::Limit);
                None
            }
        }
    }

    fn door_for(&self, peer: &Peer) -> Option<&WebServerDoor> {
        let Peer::Ip(address) = peer else { return None };
        self.parts.web_servers.iter().find(|door| door.from.contains(&address.ip()))
    }

    fn refuse(&self, socket: Socket, peer: Peer, why: Refusal) {
        self.parts.counts.refuse();
        if let Socket::Tcp(socket) = &socket {
            // A socket that is gone already needs no reset.
            let _ = options::reset_on_close(socket);
        }
        self.parts.telemetry.refused(&self.parts.profile.name, &peer, why);
    }

    /// Hands up to `most` connections to the session threads in turn, all of one thread in one
    /// message.
    fn hand_over(&mut self, most: usize) {
        if self.arrivals.is_empty() {
            return;
        }
        let most = most.min(self.arrivals.len());
        let threads = self.parts.threads.len();
        let mut shares: Vec<Vec<Arrival>> = (0..threads).map(|_| Vec::new()).collect();
        for arrival in self.arrivals.drain(..most) {
            shares[self.next_thread % threads].push(arrival);
            self.next_thread = self.next_thread.wrapping_add(1);
        }
        for (thread, share) in self.parts.threads.iter().zip(shares) {
            if !share.is_empty() {
                thread.do_send(Open(share));
            }
        }
    }
}

impl Actor for Server {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.spawn(AcceptLoop);
    }
}

/// `started` runs again behind a restart, and accepts anew from the same socket.
impl Supervised for Server {}

impl Handler<DeviceArrived> for Server {
    type Result = ();

    fn handle(&mut self, DeviceArrived(accepted): DeviceArrived, _: &mut Context<Self>) {
        let ListenerProfile { keepalive, user_timeout, .. } = &*self.parts.profile;
        if let Socket::Tcp(socket) = &accepted.socket
            && options::prepare(socket, keepalive, *user_timeout).is_err()
        {
            return self.refuse(accepted.socket, accepted.peer, Refusal::Reset);
        }
        let arrival = self.admit(accepted);
        self.arrivals.extend(arrival);
        self.hand_over(usize::MAX);
    }
}

impl Handler<Reconfigure> for Server {
    type Result = ();

    fn handle(&mut self, new: Reconfigure, _: &mut Context<Self>) {
        let ListenerProfile { keepalive, user_timeout, .. } = *new.profile;
        if let Some(listener) = &self.parts.listener {
            // Where it fails, each connection is prepared by itself.
            let _ = listener.get_ref().prepare(keepalive, user_timeout);
        }
        self.parts.profile = new.profile;
        self.parts.max_connections = new.max_connections;
    }
}

impl Handler<Drain> for Server {
    type Result = ();

    /// Stops accepting for good; the socket closes with the actor.
    fn handle(&mut self, _: Drain, ctx: &mut Context<Self>) {
        self.accepting = false;
        self.hand_over(usize::MAX);
        let (name, counts) = (&self.parts.profile.name, &self.parts.counts);
        let (accepted, refused) = (counts.accepted(), counts.refused());
        self.parts.telemetry.listener_closed(name, accepted, refused, counts.peak());
        ctx.stop();
    }
}

/// Accepts whenever the listener is ready.
struct AcceptLoop;

impl ActorFuture<Server> for AcceptLoop {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        server: &mut Server,
        ctx: &mut Context<Server>,
        task: &mut TaskContext<'_>,
    ) -> Poll<()> {
        if !server.accepting {
            return Poll::Ready(());
        }
        server.accept_some(ctx, task)
    }
}
