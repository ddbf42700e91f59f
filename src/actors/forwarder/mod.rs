//! Keeps one upstream supplied: reads the spool from its cursor, sends in batches, takes
//! acknowledgements, and connects anew for ever.
//!
//! The actor holds what outlives a link; a [`courier::Courier`] does the work as one future in the
//! actor's context. After a panic a new courier begins at the cursor, which stands in the spool:
//! what was under way is sent again.

mod arrivals;
mod change;
mod commanding;
mod courier;
mod door;
mod ending;
mod filling;
mod goodbye;
mod serving;

use std::{rc::Rc, sync::Arc};

use actix::{fut, prelude::*};
use tokio::{io::unix::AsyncFd, time::Instant};

use self::{arrivals::Arrivals, change::Change, courier::Courier, door::Strangers, ending::Ending};
use crate::{
    link::{Dial, UpstreamSettings},
    messages::{CommandLine, Finish, WebServerArrived},
    net::Listener,
    spool::{ReaderId, Spool},
    telemetry::Telemetry,
};

/// What a forwarder works with.
#[derive(Clone)]
pub struct ForwarderParts {
    /// The upstream's name.
    pub name: Arc<str>,
    /// What this gateway calls itself in `hello`.
    pub gateway: Arc<str>,
    /// The upstream's settings.
    pub settings: UpstreamSettings,
    /// Where the events wait.
    pub spool: Arc<dyn Spool>,
    /// The upstream's cursor in it.
    pub reader: ReaderId,
    /// Where the web server connects to us, if it has an address of its own.
    pub door: Option<Rc<AsyncFd<Listener>>>,
    /// How we connect to it otherwise.
    pub dial: Rc<dyn Dial>,
    /// Takes the web server's commands; none where they are turned off.
    pub commands: Option<Recipient<CommandLine>>,
    /// Draws the pauses between tries.
    pub seed: u64,
    /// Log and counts.
    pub telemetry: Telemetry,
}

/// The actor of one upstream.
pub struct Forwarder {
    parts: ForwarderParts,
    arrivals: Rc<Arrivals>,
    change: Rc<Change>,
    ending: Rc<Ending>,
    strangers: Strangers,
}

/// Serves the web server by these settings from now on: the link is ended in order and made anew, and
/// what was not acknowledged is sent again. Where the web server connects to us, it still does so at
/// the same place.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Reconnect(pub Box<UpstreamSettings>);

impl Forwarder {
    /// A forwarder that begins as soon as it runs.
    pub fn new(parts: ForwarderParts) -> Self {
        Self {
            parts,
            arrivals: Rc::default(),
            change: Rc::default(),
            ending: Rc::default(),
            strangers: Strangers::default(),
        }
    }
}

impl Actor for Forwarder {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.strangers.clear();
        let courier = Courier::new(
            self.parts.clone(),
            Rc::clone(&self.arrivals),
            Rc::clone(&self.change),
            Rc::clone(&self.ending),
        );
        let ending = Rc::clone(&self.ending);
        ctx.spawn(courier.carry().into_actor(self).map(move |(), _, _| ending.finish()));
        self.accept_next(ctx);
    }
}

/// `started` runs again behind a restart, and begins with a new courier.
impl Supervised for Forwarder {}

impl Handler<WebServerArrived> for Forwarder {
    type Result = ();

    fn handle(&mut self, arrived: WebServerArrived, ctx: &mut Context<Self>) {
        self.greet(arrived.socket, arrived.peer, ctx);
    }
}

impl Handler<Reconnect> for Forwarder {
    type Result = ();

    fn handle(&mut self, Reconnect(settings): Reconnect, _: &mut Context<Self>) {
        // Also for a courier that begins behind a panic.
        self.parts.settings.clone_from(&settings);
        self.change.put(settings);
    }
}

impl Handler<Finish> for Forwarder {
    type Result = ResponseActFuture<Self, ()>;

    /// Answers when the upstream has everything, or when its time is over, and the link is closed;
    /// then the actor is gone. What is not delivered by then stays in the spool.
    fn handle(&mut self, finish: Finish, _: &mut Context<Self>) -> Self::Result {
        self.ending.ask(Instant::now() + finish.within);
        let ending = Rc::clone(&self.ending);
        let done = fut::wrap_future(async move { ending.done().await });
        Box::pin(done.map(|(), _, ctx: &mut Context<Self>| ctx.stop()))
    }
}
