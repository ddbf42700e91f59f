use std::sync::{Arc, atomic::AtomicUsize};

use actix::prelude::*;
use tokio::sync::watch;

use super::{StartFault, assembly::Parts, lifecycle::Phase, names::SharedNames};
use crate::{
    actors::SessionHost,
    admin::{
        CommandPort, Door, House, ListenerView, Reloads, RunningAdmin, ThreadPort, UpstreamView,
    },
    config::Config,
    link::Mode,
};

/// Lets the admin API answer at `door`, over the parts that run.
pub fn answer(door: Door, config: &Config, parts: &Parts) -> Result<RunningAdmin, StartFault> {
    let (tell, phase) = watch::channel(Phase::Starting.as_str());
    let port = |host: &Addr<SessionHost>| ThreadPort {
        describe: host.clone().recipient(),
        instruct: host.clone().recipient(),
        tap: host.clone().recipient(),
    };
    let listeners = parts.listeners.iter().map(|listener| ListenerView {
        name: listener.name.clone(),
        address: listener.address.clone(),
        counts: Arc::clone(&listener.counts),
    });
    let upstreams = config.upstream.values().zip(&parts.upstreams).map(|(settings, upstream)| {
        let mode = match settings.mode {
            Mode::Dial => "dial",
            Mode::Accept => "accept",
        };
        let shared = settings.listener.as_ref().map(|name| format!("listener.{name}"));
        let address = upstream.address.clone().or(shared);
        UpstreamView {
            name: upstream.name.clone(),
            mode,
            address: address.unwrap_or_else(|| settings.address.clone()),
            reader: upstream.reader,
        }
    });
    let house = House {
        gateway: config.gateway.clone(),
        phase,
        names: Arc::new(SharedNames(Arc::clone(&parts.directory))),
        threads: parts.threads.hosts.iter().map(port).collect(),
        main: actix_rt::Arbiter::try_current(),
        commands: parts.commander.as_ref().map(|commander| CommandPort {
            submit: commander.clone().recipient(),
            cancel: commander.clone().recipient(),
            look: commander.clone().recipient(),
        }),
        listeners: listeners.collect(),
        upstreams: upstreams.collect(),
        spool: Arc::clone(&parts.spool),
        occupancy: Arc::clone(&parts.occupancy),
        telemetry: parts.telemetry.clone(),
        reloads: Reloads::default(),
        followers: AtomicUsize::new(0),
        taps: AtomicUsize::new(0),
    };
    Ok(door.answer(house, tell)?)
}
