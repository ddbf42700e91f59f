use std::sync::{Arc, atomic::AtomicUsize};

use actix::prelude::*;
use tokio::sync::watch;

use super::{
    StartFault,
    assembly::Parts,
    lifecycle::Phase,
    names::SharedNames,
    running::{RunningListener, RunningUpstream},
};
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
    show_ends(config, parts);
    let house = House {
        gateway: config.gateway.clone(),
        phase,
        names: Arc::new(SharedNames(Arc::clone(&parts.directory))),
        threads: parts.threads.hosts.iter().map(port).collect(),
        commands: parts.commander.as_ref().zip(parts.keeper.as_ref()).map(|(commander, keeper)| {
            CommandPort {
                keeper: Arc::clone(keeper),
                submit: commander.clone().recipient(),
                cancel: commander.clone().recipient(),
                look: commander.clone().recipient(),
            }
        }),
        ends: Arc::clone(&parts.ends),
        spool: Arc::clone(&parts.spool),
        occupancy: Arc::clone(&parts.occupancy),
        health: Arc::clone(&parts.health),
        telemetry: parts.telemetry.clone(),
        reloads: Reloads::default(),
        followers: AtomicUsize::new(0),
        taps: AtomicUsize::new(0),
    };
    Ok(door.answer(house, tell)?)
}

/// Shows the listeners and upstreams that run now. A listener that is gone stays in sight while it has
/// devices.
pub fn show_ends(config: &Config, parts: &Parts) {
    let mut listeners: Vec<_> = parts.listeners.iter().map(listener).collect();
    for before in parts.ends.listeners().iter() {
        let is_back = listeners.iter().any(|listener| listener.name == before.name);
        if !is_back && before.counts.connections() > 0 {
            listeners.push(before.clone());
        }
    }
    parts.ends.set_listeners(listeners);
    let upstreams = parts.upstreams.iter().filter_map(|running| upstream(config, running));
    parts.ends.set_upstreams(upstreams.collect());
}

fn listener(running: &RunningListener) -> ListenerView {
    ListenerView {
        name: running.name.clone(),
        address: running.address.clone(),
        counts: Arc::clone(&running.counts),
    }
}

fn upstream(config: &Config, running: &RunningUpstream) -> Option<UpstreamView> {
    let settings = config.upstream.get(&running.name)?;
    let mode = match settings.mode {
        Mode::Dial => "dial",
        Mode::Accept => "accept",
    };
    let shared = settings.listener.as_ref().map(|name| format!("listener.{name}"));
    let address = running.address.clone().or(shared);
    Some(UpstreamView {
        name: running.name.clone(),
        mode,
        address: address.unwrap_or_else(|| settings.address.clone()),
        reader: running.reader,
    })
}
