//! One session thread with everything around it, wired as the gateway wires it; connections come by
//! message, and whoever reads the spool has it all at once.

use std::{
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix::prelude::*;
use anyhow::{Context as _, Result, anyhow};
use tetherd::{
    actors::{
        Directory, ListenerSettings, Meet, Registry, Server, ServerParts, SessionHost,
        SessionThread, ThreadDoor, ThreadPorts, start_host,
    },
    extension::Extensions,
    limits::{DuplicatePolicy, ListenerCounts, Occupancy},
    messages::{DeviceArrived, ListenerProfile},
    model::{Seat, SessionId},
    protocol::{BUILT_IN, Protocol, Protocols, Registration, Rules, Unregistered},
    spool::{MemorySpool, ReaderId, ReaderSettings, Settings, Spool, SpoolType, Start, WhenBehind},
    supervision::{Exit, RestartPolicy, start_permanent},
    telemetry::Telemetry,
};

/// Where devices arrive, and where it shows what became of them.
pub struct House {
    pub host: Addr<SessionHost>,
    server: Addr<Server>,
    spool: Arc<MemorySpool>,
    reader: ReaderId,
    directory: Arc<Mutex<Directory>>,
    thread: Rc<SessionThread>,
}

impl House {
    /// Starts all parts on this thread.
    pub fn start() -> Result<Self> {
        let settings = Settings { kind: SpoolType::Memory, ..Settings::default() };
        let spool = Arc::new(MemorySpool::new(&settings));
        let (start, when_behind) = (Start::Now, WhenBehind::Hold);
        let reader = ReaderSettings { name: "web".into(), start, when_behind, max_lag: u64::MAX };
        let reader = spool.open_reader(&reader);
        let (occupancy, telemetry) = (Arc::<Occupancy>::default(), Telemetry::discarding());
        let directory = Arc::<Mutex<Directory>>::default();

        let registry = Registry::new(Arc::clone(&directory), telemetry.clone());
        let registry = permanent(1024, registry);
        let ports = ThreadPorts {
            is_alone: true,
            spool: Arc::clone(&spool) as _,
            occupancy: Arc::clone(&occupancy),
            commands: None,
            extensions: Arc::new(Extensions::default()),
            telemetry: telemetry.clone(),
            seed: 1,
            names: registry.clone().recipient(),
            probes: registry.clone().recipient(),
            census: registry.clone().recipient(),
        };
        let thread = Rc::new(SessionThread::new(0, ports)?);
        let host = start_host(Rc::clone(&thread), |exit| ended(&exit));
        let door =
            ThreadDoor { orders: host.clone().recipient(), census: host.clone().recipient() };
        registry.do_send(Meet(vec![door]));
        let server = Server::new(ServerParts {
            listener: None,
            profile: profile()?,
            max_connections: u32::MAX,
            counts: Arc::new(ListenerCounts::of(&occupancy)),
            occupancy,
            spool: Arc::clone(&spool) as _,
            threads: vec![host.clone().recipient()],
            web_servers: Vec::new(),
            telemetry,
        });
        let server = permanent(16, server);
        Ok(Self { host, server, spool, reader, directory, thread })
    }

    /// Lets a connection in.
    pub fn admit(&self, arrived: DeviceArrived) {
        self.server.do_send(arrived);
    }

    /// Where the session of this name lives.
    pub fn find(&self, name: &str) -> Option<(Seat, SessionId)> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner).find(name)
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.thread.sessions()
    }

    /// How many events were told since this was asked before; they are acknowledged.
    pub fn take_events(&self) -> u64 {
        self.spool.acknowledge(self.reader, self.spool.next().before())
    }
}

fn permanent<A>(mailbox: usize, actor: A) -> Addr<A>
where
    A: Supervised + Actor<Context = Context<A>>,
{
    start_permanent(mailbox, RestartPolicy::default(), |_| actor, |exit| ended(&exit))
}

/// No part ends by itself; what is counted behind that is worth nothing.
fn ended(exit: &Exit) {
    if !matches!(exit, Exit::Stopped) {
        panic!("a part has ended: {exit:?}");
    }
}

/// That of the default configuration.
fn profile() -> Result<Arc<ListenerProfile>> {
    let settings = ListenerSettings::default();
    let etung = BUILT_IN.iter().find(|(name, _)| *name == "etung");
    let (name, text) = etung.context("etung")?;
    let protocol = Protocol::parse(name, text).map_err(|faults| anyhow!("{faults:?}"))?;
    Ok(Arc::new(ListenerProfile {
        name: "dtu".into(),
        protocols: Protocols::new(vec![protocol]),
        rules: Rules {
            registration: Registration::Once,
            forward_registration: false,
            unregistered: Unregistered::Hold,
            registration_bytes: settings.registration_bytes.bytes(),
            max_frame: settings.max_frame.bytes(),
        },
        registration_timeout: settings.registration_timeout.non_zero(),
        duplicates: DuplicatePolicy {
            winner: settings.duplicate,
            takeover_limit: settings.takeover_limit,
            flapping: settings.flapping,
        },
        idle_timeout: settings.idle_timeout.non_zero(),
        close_idle: true,
        keepalive: settings.keepalive,
        user_timeout: settings.user_timeout.non_zero(),
        outbound_limit: settings.outbound_limit.bytes(),
        polls: Arc::new([]),
        farewell: settings.farewell.get().max(Duration::from_millis(1)),
    }))
}
