use std::{
    net::IpAddr,
    rc::Rc,
    sync::{Arc, Mutex},
};

use actix::prelude::*;
use tokio::io::unix::AsyncFd;

use super::{
    StartFault, admin,
    binding::{Bound, ask_about, bind_listeners, bind_upstreams},
    exits::{ExitReports, Failures},
    spooling::open_spool,
    surroundings::Surroundings,
    threads::{self, Threads},
};
use crate::{
    actors::{
        Directory, Forwarder, ForwarderParts, Meet, Registry, Server, ServerParts, SessionHost,
        ThreadDoor, ThreadPorts, WebServerDoor,
    },
    admin::{Door, RunningAdmin},
    config::Loaded,
    extension::Extensions,
    limits::{ListenerCounts, Occupancy},
    link::{Dial, Mode, UpstreamSettings},
    model::{Event, UnixMillis},
    net::{Listener, raise_descriptor_limit},
    spool::{Batch, ReaderId, ReaderSettings, Spool},
    supervision::{RestartPolicy, start_permanent},
    telemetry::{ActorKind, Telemetry},
};

/// Descriptors kept for what is no device: links, log, listeners, runtime, and the spool's files.
const DESCRIPTOR_RESERVE: usize = 72;

/// Everything that runs.
pub struct Parts {
    pub listeners: Vec<RunningListener>,
    pub upstreams: Vec<RunningUpstream>,
    pub threads: Threads,
    pub registry: Addr<Registry>,
    pub directory: Arc<Mutex<Directory>>,
    pub spool: Arc<dyn Spool>,
    pub occupancy: Arc<Occupancy>,
    pub telemetry: Telemetry,
    pub failures: Failures,
    /// The admin API, if there is one.
    pub admin: Option<RunningAdmin>,
}

/// A listener that accepts.
pub struct RunningListener {
    pub name: String,
    pub address: String,
    pub counts: Arc<ListenerCounts>,
    pub server: Addr<Server>,
}

/// An upstream that is supplied.
pub struct RunningUpstream {
    pub name: String,
    pub reader: ReaderId,
    /// Where the web server connects to us, if it has an address of its own.
    pub address: Option<String>,
    pub forwarder: Addr<Forwarder>,
}

/// What the actors share.
struct Ground<'a> {
    loaded: &'a Loaded,
    spool: Arc<dyn Spool>,
    dial: Rc<dyn Dial>,
    seed: u64,
    occupancy: Arc<Occupancy>,
    extensions: Arc<Extensions>,
    telemetry: Telemetry,
    exits: ExitReports,
}

/// Builds and starts all parts. Addresses are bound before anything runs, and accepted from only
/// when everything behind them does.
pub async fn assemble(
    loaded: &Loaded,
    extensions: Extensions,
    telemetry: Telemetry,
    surroundings: Surroundings,
) -> Result<Parts, StartFault> {
    let Surroundings { spool, dial, unbound, codes, seed } = surroundings;
    let (bound, doors) =
        (bind_listeners(loaded, &codes, unbound)?, bind_upstreams(loaded, unbound)?);
    let extensions = Arc::new(extensions);
    let door = admin_door(loaded, unbound, &telemetry)?;
    ask_about(&bound, &extensions).await?;

    let (exits, failures) = ExitReports::new(telemetry.clone());
    let ground = Ground {
        loaded,
        spool: match spool {
            Some(spool) => spool,
            None => open_spool(&loaded.config.spool, &telemetry)?,
        },
        dial,
        seed,
        occupancy: Arc::new(Occupancy::with_limit(most_connections(door.is_some()))),
        extensions,
        telemetry,
        exits,
    };
    let readers = ground.open_readers();
    let failed = |error| StartFault::System { what: "starting the spool", error };
    ground.spool.start().map_err(failed)?;
    ground.append_started();
    let directory = Arc::<Mutex<Directory>>::default();
    let registry = ground.start_registry(&directory);
    let threads = ground.start_threads(&registry).await?;
    let upstreams = ground.start_forwarders(readers, doors);
    let listeners = ground.start_servers(bound, &threads, &upstreams);
    let Ground { spool, occupancy, telemetry, .. } = ground;
    let mut parts = Parts {
        listeners,
        upstreams,
        threads,
        registry,
        directory,
        spool,
        occupancy,
        telemetry,
        failures,
        admin: None,
    };
    parts.admin = door.map(|door| admin::answer(door, &loaded.config, &parts)).transpose()?;
    Ok(parts)
}

/// Takes the address of the admin API, if there is to be one. From then on endings and links are
/// kept for it.
fn admin_door(
    loaded: &Loaded,
    unbound: bool,
    telemetry: &Telemetry,
) -> Result<Option<Door>, StartFault> {
    let settings = &loaded.config.admin;
    if unbound || !settings.enabled {
        return Ok(None);
    }
    let door = Door::open(settings)?;
    telemetry.witness();
    Ok(Some(door))
}

/// What the descriptor limit, raised as far as it goes, leaves for connections.
fn most_connections(has_admin: bool) -> u32 {
    let descriptors = raise_descriptor_limit();
    let reserve = DESCRIPTOR_RESERVE + if has_admin { Door::DESCRIPTORS } else { 0 };
    let most = descriptors.saturating_sub(reserve.min(descriptors / 4 + 8)).max(1);
    u32::try_from(most).unwrap_or(u32::MAX)
}

impl Ground<'_> {
    /// A cursor for each upstream, before the first event.
    fn open_readers(&self) -> Vec<ReaderId> {
        let upstreams = self.loaded.config.upstream.iter();
        upstreams.map(|(name, settings)| self.spool.open_reader(&reader(name, settings))).collect()
    }

    fn append_started(&self) {
        let clean = self.spool.was_clean();
        let mut batch = Batch::new();
        batch.push(&Event::Started { time: UnixMillis::now(), clean });
        self.spool.append(&mut batch);
    }

    fn start_registry(&self, directory: &Arc<Mutex<Directory>>) -> Addr<Registry> {
        let registry = Registry::new(Arc::clone(directory), self.telemetry.clone());
        let exits = self.exits.of(ActorKind::Registry, "registry");
        start_permanent(1024, RestartPolicy::default(), |_| registry, exits)
    }

    async fn start_threads(&self, registry: &Addr<Registry>) -> Result<Threads, StartFault> {
        let ports = ThreadPorts {
            spool: Arc::clone(&self.spool),
            occupancy: Arc::clone(&self.occupancy),
            commands: None,
            extensions: Arc::clone(&self.extensions),
            telemetry: self.telemetry.clone(),
            seed: self.seed,
            names: registry.clone().recipient(),
            probes: registry.clone().recipient(),
            census: registry.clone().recipient(),
        };
        let count = threads::count(self.loaded.config.threads);
        let threads = threads::start(count, ports, &self.exits).await?;
        registry.do_send(Meet(threads.hosts.iter().map(thread_door).collect()));
        Ok(threads)
    }

    fn start_forwarders(
        &self,
        readers: Vec<ReaderId>,
        doors: Vec<Option<Rc<AsyncFd<Listener>>>>,
    ) -> Vec<RunningUpstream> {
        let config = &self.loaded.config;
        let mut upstreams = Vec::new();
        let rows = config.upstream.iter().zip(readers).zip(doors).zip(0_u64..);
        for ((((name, settings), reader), door), number) in rows {
            let address = door.as_ref().map(|door| door.get_ref().address().to_owned());
            let parts = ForwarderParts {
                name: name.as_str().into(),
                gateway: config.gateway.as_str().into(),
                settings: settings.clone(),
                spool: Arc::clone(&self.spool),
                reader,
                door,
                dial: Rc::clone(&self.dial),
                seed: self.seed.wrapping_add(number),
                telemetry: self.telemetry.clone(),
            };
            let exits = self.exits.of(ActorKind::Forwarder, name);
            let make = |_: &mut Context<Forwarder>| Forwarder::new(parts);
            let forwarder = start_permanent(64, RestartPolicy::default(), make, exits);
            upstreams.push(RunningUpstream { name: name.clone(), reader, address, forwarder });
        }
        upstreams
    }

    fn start_servers(
        &self,
        bound: Vec<Bound>,
        threads: &Threads,
        upstreams: &[RunningUpstream],
    ) -> Vec<RunningListener> {
        let mut listeners = Vec::new();
        for bound in bound {
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
                threads: threads.hosts.iter().map(|host| host.clone().recipient()).collect(),
                web_servers: self.web_servers_at(&name, upstreams),
                telemetry: self.telemetry.clone(),
            };
            let exits = self.exits.of(ActorKind::Server, &name);
            let make = |_: &mut Context<Server>| Server::new(parts);
            let server = start_permanent(16, RestartPolicy::default(), make, exits);
            listeners.push(RunningListener { name, address, counts, server });
        }
        listeners
    }

    /// The upstreams whose web servers connect to this listener.
    fn web_servers_at(&self, listener: &str, upstreams: &[RunningUpstream]) -> Vec<WebServerDoor> {
        let settings = self.loaded.config.upstream.values();
        settings
            .zip(upstreams)
            .filter(|(settings, _)| {
                settings.mode == Mode::Accept && settings.listener.as_deref() == Some(listener)
            })
            .map(|(settings, upstream)| WebServerDoor {
                from: settings.from.iter().map(IpAddr::to_canonical).collect(),
                forwarder: upstream.forwarder.clone().recipient(),
            })
            .collect()
    }
}

fn reader(name: &str, settings: &UpstreamSettings) -> ReaderSettings {
    ReaderSettings {
        name: name.to_owned(),
        start: settings.start,
        when_behind: settings.when_behind,
        max_lag: settings.max_lag.0,
    }
}

fn thread_door(host: &Addr<SessionHost>) -> ThreadDoor {
    ThreadDoor { orders: host.clone().recipient(), census: host.clone().recipient() }
}
