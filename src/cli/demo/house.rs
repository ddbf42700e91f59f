use std::{process::id, sync::Arc};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{DemoArgs, DemoFault};
use crate::{
    admin::AdminFault,
    app::{Gateway, StartFault},
    config,
    simulator::{
        Behaviour, FleetSnapshot, Meeting, Target, WebMemory, WebServer, WebServerFault,
        WebSettings, scene,
    },
};

/// Where devices connect, if nobody else listens there.
const ADDRESS: &str = "127.0.0.1:7000";
/// Where the dashboard is, if nobody else listens there.
const ADMIN: &str = "127.0.0.1:7080";
/// Anywhere else.
const ANY: &str = "127.0.0.1:0";

/// The web server of a demo: it goes away and comes back at the same address, and remembers.
pub(super) struct Web {
    address: Target,
    memory: Arc<WebMemory>,
    server: Option<WebServer>,
}

impl Web {
    pub async fn open() -> Result<Self, WebServerFault> {
        let anywhere = Target::Tcp { host: "127.0.0.1".to_owned(), port: 0 };
        let memory = Arc::new(WebMemory::new(WebSettings::default()));
        let server = listen(anywhere, &memory).await?;
        Ok(Self { address: server.address().clone(), memory, server: Some(server) })
    }

    pub fn address(&self) -> &Target {
        &self.address
    }

    /// What it remembers, also while it is away.
    pub fn memory(&self) -> &WebMemory {
        &self.memory
    }

    pub fn is_away(&self) -> bool {
        self.server.is_none()
    }

    pub async fn go_away(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    pub async fn come_back(&mut self) -> Result<(), WebServerFault> {
        if self.is_away() {
            self.server = Some(listen(self.address.clone(), &self.memory).await?);
        }
        Ok(())
    }
}

async fn listen(target: Target, memory: &Arc<WebMemory>) -> Result<WebServer, WebServerFault> {
    WebServer::resume(Meeting::Listen(target), Arc::clone(memory), [Behaviour::default()]).await
}

/// The simulated devices of a demo.
pub(super) struct Devices {
    stop: CancellationToken,
    task: JoinHandle<FleetSnapshot>,
}

impl Devices {
    /// Lets them loose on a gateway.
    pub fn start(gateway: Target, args: &DemoArgs) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(scene(gateway, args.devices, args.seed, stop.clone()));
        Self { stop, task }
    }

    /// They leave; those whom the gateway has let go of do not come back.
    pub async fn stop(self) {
        self.stop.cancel();
        // A panic in a simulated device is nothing that the ledger would not show.
        let _ = self.task.await;
    }
}

/// A gateway in front of `web`, on the usual ports as far as they are free.
pub(super) async fn gateway(web: &Target) -> Result<Gateway, DemoFault> {
    let (mut address, mut admin) = (ADDRESS, ADMIN);
    loop {
        match gateway_on(address, admin, web).await {
            Err(StartFault::Bind { .. }) if address != ANY => address = ANY,
            Err(StartFault::Admin(AdminFault::Bind { .. })) if admin != ANY => admin = ANY,
            started => return Ok(started?),
        }
    }
}

async fn gateway_on(address: &str, admin: &str, web: &Target) -> Result<Gateway, StartFault> {
    let toml = format!(
        "gateway = 'demo-{}'\nthreads = 1\n\
         [listener.dtu]\naddress = '{address}'\ntakeover_limit = '60/min'\nfarewell = '1s'\n\
         [upstream.web]\naddress = '{web}'\nretry = {{ initial = '200ms', max = '1s' }}\n\
         [spool]\ntype = 'memory'\nmax_size = '64MiB'\n\
         [drain]\nspread = '500ms'\nflush = '5s'\n\
         [admin]\naddress = '{admin}'\n",
        id()
    );
    Gateway::builder(config::from_toml(&toml)?).start().await
}
