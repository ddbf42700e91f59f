use std::{
    rc::Rc,
    sync::{Arc, Mutex},
};

use actix::prelude::*;
use tokio::io::unix::AsyncFd;

use super::{
    StartFault, admin,
    binding::{Bound, ask_about, bind_listeners, bind_upstreams},
    exits::{ExitReports, Failures},
    listening::{ListenerGround, web_servers_at},
    running::{RunningCommander, RunningListener, RunningUpstream},
    spooling::{open_commands, open_spool},
    surroundings::Surroundings,
    threads::{self, Threads},
    watching::Watch,
};
use crate::{
    actors::{
        CommandPorts, Commander, CommanderParts, Directory, Forwarder, ForwarderParts, Meet,
        MeetSessions, Registry, SessionHost, ThreadDoor, ThreadPorts,
    },
    admin::{Door, Ends, RunningAdmin},
    commands::Keeper,
    config::Loaded,
    extension::Extensions,
    health::{Health, Heart, PATIENCE},
    limits::Occupancy,
    link::{Dial, UpstreamSettings},
    messages::Wanted,
    model::{Event, UnixMillis},
    net::{Listener, raise_descriptor_limit},
    protocol::Codes,
    spool::{Batch, ReaderId, ReaderSettings, Spool},
    supervision::{RestartPolicy, start_permanent},
    telemetry::{ActorKind, Telemetry},
};

/// Descriptors kept for what is no device: links, log, listeners, runtime, and the files of the
/// spool and of the commands.
const DESCRIPTOR_RESERVE: usize = 76;

/// Everything that runs.
pub struct Parts {
    pub listeners: Vec<RunningListener>,
    pub upstreams: Vec<RunningUpstream>,
    pub threads: Threads,
    pub registry: Addr<Registry>,
    /// None where commands are turned off.
    pub commander: Option<Addr<Commander>>,
    /// What commands there are, for those who look.
    pub keeper: Option<Arc<Mutex<Keeper>>>,
    pub directory: Arc<Mutex<Directory>>,
    pub spool: Arc<dyn Spool>,
    pub occupancy: Arc<Occupancy>,
    pub telemetry: Telemetry,
    pub failures: Failures,
    pub health: Arc<Health>,
    /// None where nobody watches.
    pub watch: Option<Watch>,
    pub ground: ListenerGround,
    pub extensions: Arc<Extensions>,
    pub codes: Codes,
    /// What the admin API shows of listeners and upstreams.
    pub ends: Arc<Ends>,
    /// The admin API, if there is one.
    pub admin: Option<RunningAdmin>,
}

/// What the actors share.
struct Ground<'a> {
    loaded: &'a Loaded,
    spool: Arc<dyn Spool>,
    dial: Rc<dyn Dial>,
    seed: u64,
    occupancy: Arc<Occupancy>,
    extensions: Arc<Extensions>,
    health: Arc<Health>,
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
    // A spool that was given has no folder beside which there could be a journal.
    let has_folder = spool.is_none();
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
        health: Arc::new(Health::new(&loaded.config.health)),
        telemetry,
        exits,
    };
    ground.listen_to_hearts();
    let readers = ground.open_readers();
    let failed = |error| StartFault::System { what: "starting the spool", error };
    ground.spool.start().map_err(failed)?;
    ground.append_started();
    let directory = Arc::<Mutex<Directory>>::default();
    let registry = ground.start_registry(&directory);
    let wanted = Wanted::default();
    let (commander, keeper) = match ground.start_commander(&directory, &wanted, has_folder)? {
        Some(RunningCommander { commander, keeper }) => (Some(commander), Some(keeper)),
        None => (None, None),
    };
    let threads = ground.start_threads(&registry, commander.as_ref(), &wanted).await?;
    if let Some(commander) = &commander {
        let hosts = threads.hosts.iter().map(|host| host.clone().recipient()).collect();
        commander.do_send(MeetSessions(hosts));
    }
    let upstreams = ground.start_forwarders(readers, doors, commander.as_ref());
    let watch = (!unbound).then(|| ground.watch()).transpose()?;
    let Ground { spool, occupancy, extensions, health, telemetry, exits, .. } = ground;
    let ground = ListenerGround {
        occupancy: Arc::clone(&occupancy),
        spool: Arc::clone(&spool),
        threads: threads.hosts.iter().map(|host| host.clone().recipient()).collect(),
        telemetry: telemetry.clone(),
        exits,
    };
    let start = |bound: Bound| {
        let web_servers = web_servers_at(&bound.name, &loaded.config, &upstreams);
        ground.start(bound, web_servers)
    };
    let listeners = bound.into_iter().map(start).collect();
    let mut parts = Parts {
        listeners,
        upstreams,
        threads,
        registry,
        commander,
        keeper,
        directory,
        spool,
        occupancy,
        telemetry,
        failures,
        health,
        watch,
        ground,
        extensions,
        codes,
        ends: Arc::default(),
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
    /// The thread that carries listeners, registry and upstreams, and those of the spool.
    fn listen_to_hearts(&self) {
        self.health.heartbeats.add_here(Heart::of("main", PATIENCE));
        self.spool.hearts().into_iter().for_each(|heart| self.health.heartbeats.add(heart));
    }

    fn watch(&self) -> Result<Watch, StartFault> {
        let (health, spool) = (Arc::clone(&self.health), Arc::clone(&self.spool));
        let failed = |error| StartFault::System { what: "watching the threads", error };
        Watch::begin(health, spool, self.telemetry.clone()).map_err(failed)
    }

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

    fn start_commander(
        &self,
        directory: &Arc<Mutex<Directory>>,
        wanted: &Wanted,
        has_folder: bool,
    ) -> Result<Option<RunningCommander>, StartFault> {
        let config = &self.loaded.config;
        if !config.commands.enabled {
            return Ok(None);
        }
        let clean = self.spool.was_clean();
        let folder = has_folder.then_some(&config.spool);
        let keeper = open_commands(&config.commands, folder, clean, &self.telemetry)?;
        let keeper = Arc::new(Mutex::new(keeper));
        let parts = CommanderParts {
            keeper: Arc::clone(&keeper),
            directory: Arc::clone(directory),
            spool: Arc::clone(&self.spool),
            wanted: wanted.clone(),
            telemetry: self.telemetry.clone(),
        };
        let exits = self.exits.of(ActorKind::Commander, "commander");
        let make = |_: &mut Context<Commander>| Commander::new(parts);
        let commander = start_permanent(1024, RestartPolicy::default(), make, exits);
        Ok(Some(RunningCommander { commander, keeper }))
    }

    async fn start_threads(
        &self,
        registry: &Addr<Registry>,
        commander: Option<&Addr<Commander>>,
        wanted: &Wanted,
    ) -> Result<Threads, StartFault> {
        let count = threads::count(self.loaded.config.threads);
        let ports = ThreadPorts {
            is_alone: count == 1,
            spool: Arc::clone(&self.spool),
            occupancy: Arc::clone(&self.occupancy),
            commands: commander.map(|commander| CommandPorts {
                progress: commander.clone().recipient(),
                online: commander.clone().recipient(),
                wanted: wanted.clone(),
            }),
            extensions: Arc::clone(&self.extensions),
            telemetry: self.telemetry.clone(),
            seed: self.seed,
            names: registry.clone().recipient(),
            probes: registry.clone().recipient(),
            census: registry.clone().recipient(),
        };
        let threads = threads::start(count, ports, &self.exits, &self.health.heartbeats).await?;
        registry.do_send(Meet(threads.hosts.iter().map(thread_door).collect()));
        Ok(threads)
    }

    fn start_forwarders(
        &self,
        readers: Vec<ReaderId>,
        doors: Vec<Option<Rc<AsyncFd<Listener>>>>,
        commander: Option<&Addr<Commander>>,
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
                commands: commander.map(|commander| commander.clone().recipient()),
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
