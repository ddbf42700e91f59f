use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use actix::prelude::*;

use super::{
    binding::Bound,
    exits::ExitReports,
    running::{RunningListener, RunningUpstream},
};
use crate::{
    actors::{Server, ServerParts, WebServerDoor},
    config::Config,
    limits::{ListenerCounts, Occupancy},
    link::Mode,
    messages::{Drain, Open},
    spool::Spool,
    supervision::{RestartPolicy, start_permanent},
    telemetry::{ActorKind, Telemetry},
};

/// What listeners work with; kept, since more may come while the gateway runs.
#[derive(Clone)]
pub struct ListenerGround {
    pub occupancy: Arc<Occupancy>,
    pub spool: Arc<dyn Spool>,
    pub threads: Vec<Recipient<Open>>,
    pub telemetry: Telemetry,
    pub exits: ExitReports,
}

impl ListenerGround {
    /// Begins to accept at a listener that is bound.
    pub fn start(&self, bound: Bound, web_servers: Vec<WebServerDoor>) -> RunningListener {
        let (name, address) = (bound.name, bound.address);
        let counts = Arc::new(ListenerCounts::of(&self.occupancy));
        self.telemetry.listening(&name, &address, &bound.profile.protocols.names());
        let parts = ServerParts {
            listener: bound.listener,
            profile: bound.profile,
            max_connections: bound.max_connections,
            counts: Arc::clone(&counts),
            occupancy: Arc::clone(&self.occupancy),
            spool: Arc::clone(&self.spool),
            threads: self.threads.clone(),
            web_servers,
            telemetry: self.telemetry.clone(),
        };
        let leaving = Arc::<AtomicBool>::default();
        let exits = self.exits.of_leaving(ActorKind::Server, &name, &leaving);
        let make = |_: &mut Context<Server>| Server::new(parts);
        let server = start_permanent(16, RestartPolicy::default(), make, exits);
        RunningListener { name, address, counts, server, leaving }
    }
}

impl RunningListener {
    /// Accepts nobody any more. Who was let in stays.
    pub fn close(&self) {
        self.leaving.store(true, Ordering::Relaxed);
        self.server.do_send(Drain { spread: Default::default() });
    }
}

/// The upstreams whose web servers connect to this listener.
pub fn web_servers_at(
    listener: &str,
    config: &Config,
    upstreams: &[RunningUpstream],
) -> Vec<WebServerDoor> {
    let connects_here = |upstream: &&RunningUpstream| {
        config.upstream.get(&upstream.name).is_some_and(|settings| {
            settings.mode == Mode::Accept && settings.listener.as_deref() == Some(listener)
        })
    };
    let door = |upstream: &RunningUpstream| WebServerDoor {
        from: config.upstream[&upstream.name].from.iter().map(IpAddr::to_canonical).collect(),
        forwarder: upstream.forwarder.clone().recipient(),
    };
    upstreams.iter().filter(connects_here).map(door).collect()
}
