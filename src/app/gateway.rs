use std::{
    rc::Rc,
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use actix::prelude::*;
use tokio::sync::{mpsc, watch};

use super::{
    StartFault,
    assembly::{self, Parts},
    lifecycle::{Ended, Hurry, Phase},
    surroundings::Surroundings,
    systemd::Pulse,
};
use crate::{
    actors::Directory,
    admin::{ReloadWish, RunningAdmin},
    config::Loaded,
    extension::{Decider, Extensions, ExtensionsBuilder, Moment, Observed, Question},
    link::Dial,
    messages::{DeviceArrived, Drain, Drained, Finish, Stop},
    model::Offset,
    protocol::Code,
    spool::{Ledger, Spool},
    telemetry::{Counts, Telemetry},
};

/// What is added to the longest farewell for sessions to be gone.
const GRACE: Duration = Duration::from_secs(1);

/// Pause before an actor that crashed is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// Puts a gateway together: a configuration, and what is plugged in.
pub struct GatewayBuilder {
    loaded: Loaded,
    extensions: ExtensionsBuilder,
    pub(super) telemetry: Telemetry,
    surroundings: Surroundings,
}

/// A running gateway. Lives on the thread of an actix system; that thread carries listeners,
/// registry and upstreams, and the sessions too where there is no other.
pub struct Gateway {
    pub(super) parts: Parts,
    /// What holds at present.
    pub(super) loaded: Loaded,
    phase: watch::Sender<Phase>,
    pub(super) drain: Drain,
    pub(super) farewell: Duration,
    pub(super) flush: Duration,
    hurry: Hurry,
}

/// Numbers of a gateway at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Connections accepted and not yet ended.
    pub connections: u32,
    /// Most of them there ever were.
    pub peak: u32,
    /// Names held.
    pub names: usize,
    /// The offset that the next event will get.
    pub next: Offset,
}

impl GatewayBuilder {
    /// Plugs in an observer.
    pub fn observe(mut self, observer: Recipient<Observed>) -> Self {
        self.extensions = self.extensions.observe(observer);
        self
    }

    /// Plugs in a decider for one moment of a connection's life.
    pub fn decide(mut self, moment: Moment, decider: Decider) -> Self {
        self.extensions = self.extensions.decide(moment, decider);
        self
    }

    /// Plugs in a decider that has ten seconds to answer, and lets things happen when it does
    /// not.
    pub fn decide_leniently(self, moment: Moment, decider: Recipient<Question>) -> Self {
        let within = Duration::from_secs(10);
        self.decide(moment, Decider::new(decider, within, crate::extension::Verdict::Proceed))
    }

    /// Tells log lines and counts to `telemetry` instead of nobody.
    pub fn telemetry(mut self, telemetry: Telemetry) -> Self {
        self.telemetry = telemetry;
        self
    }

    /// Keeps events in this spool instead of the one that the configuration asks for.
    pub fn spool(mut self, spool: Arc<dyn Spool>) -> Self {
        self.surroundings.spool = Some(spool);
        self
    }

    /// Reaches web servers in this way instead of by their addresses.
    pub fn dial(mut self, dial: Rc<dyn Dial>) -> Self {
        self.surroundings.dial = dial;
        self
    }

    /// Plugs in a protocol in code: protocol files call it with `code = 'NAME'`.
    pub fn protocol(mut self, name: &str, code: Arc<dyn Code>) -> Self {
        self.surroundings.codes.insert(name, code);
        self
    }

    /// Binds no address: connections of devices come through [`Gateway::door`] only.
    pub fn unbound(mut self) -> Self {
        self.surroundings.unbound = true;
        self
    }

    /// Draws everything that is left to chance from `seed`: the same seed draws the same.
    pub fn seed(mut self, seed: u64) -> Self {
        self.surroundings.seed = seed;
        self
    }

    /// Starts everything. When this answers, devices are accepted.
    ///
    /// # Errors
    /// What stands in the way; nothing runs then.
    pub async fn start(self) -> Result<Gateway, StartFault> {
        let config = &self.loaded.config;
        let farewells = config.listener.values().map(|listener| listener.farewell.get());
        let (farewell, flush) = (farewells.max().unwrap_or_default(), config.drain.flush.get());
        let drain = Drain { spread: config.drain.spread.get() };
        self.telemetry.phase(Phase::Starting.as_str(), None);
        let extensions = self.extensions.build();
        let parts =
            assembly::assemble(&self.loaded, extensions, self.telemetry, self.surroundings).await?;
        if let Some(admin) = &parts.admin {
            admin.enter(Phase::Running.as_str());
        }
        parts.telemetry.phase(Phase::Running.as_str(), None);
        let (phase, hurry) = (watch::Sender::new(Phase::Running), Hurry::default());
        let loaded = self.loaded;
        Ok(Gateway { parts, loaded, phase, drain, farewell, flush, hurry })
    }
}

impl Gateway {
    /// Begins to put a gateway together.
    pub fn builder(loaded: Loaded) -> GatewayBuilder {
        let (extensions, telemetry) = (Extensions::builder(), Telemetry::discarding());
        GatewayBuilder { loaded, extensions, telemetry, surroundings: Surroundings::default() }
    }

    /// Where a listener listens, with the port that the kernel chose.
    pub fn listener_address(&self, name: &str) -> Option<&str> {
        let listener = self.parts.listeners.iter().find(|listener| listener.name == name);
        listener.map(|listener| listener.address.as_str())
    }

    /// Takes connections for a listener that somebody else has accepted.
    pub fn door(&self, listener: &str) -> Option<Recipient<DeviceArrived>> {
        let listener = self.parts.listeners.iter().find(|running| running.name == listener)?;
        Some(listener.server.clone().recipient())
    }

    /// Where an upstream in `accept` mode listens, if it has an address of its own.
    pub fn upstream_address(&self, name: &str) -> Option<&str> {
        let upstream = self.parts.upstreams.iter().find(|upstream| upstream.name == name);
        upstream.and_then(|upstream| upstream.address.as_deref())
    }

    /// Where the admin API answers, with the port that the kernel chose, if there is one.
    pub fn admin_address(&self) -> Option<&str> {
        self.parts.admin.as_ref().map(RunningAdmin::address)
    }

    /// What the admin API asks of whoever reads the configuration.
    pub(super) fn reload_wishes(&self) -> Option<mpsc::Receiver<ReloadWish>> {
        self.parts.admin.as_ref()?.reload_wishes()
    }

    /// Where the gateway is in its life.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// What tells from outside how it is.
    pub(super) fn pulse(&self) -> Pulse {
        let upstreams = self.parts.upstreams.iter().map(|upstream| upstream.name.clone());
        Pulse {
            phase: self.phase.subscribe(),
            health: Arc::clone(&self.parts.health),
            occupancy: Arc::clone(&self.parts.occupancy),
            upstreams: upstreams.collect(),
            telemetry: self.parts.telemetry.clone(),
        }
    }

    /// Numbers at this moment.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            connections: self.parts.occupancy.connections(),
            peak: self.parts.occupancy.peak(),
            names: self.directory().len(),
            next: self.parts.spool.next(),
        }
    }

    /// Connections of one listener: now, most at a time, ever let in, turned away.
    pub fn listener_counts(&self, name: &str) -> Option<(u32, u32, u64, u64)> {
        let listener = self.parts.listeners.iter().find(|listener| listener.name == name)?;
        let counts = &listener.counts;
        Some((counts.connections(), counts.peak(), counts.accepted(), counts.refused()))
    }

    /// The names that are held, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.directory().names().map(ToString::to_string).collect();
        names.sort();
        names
    }

    /// Where the events for one upstream are.
    pub fn ledger(&self, upstream: &str) -> Option<Ledger> {
        self.follow_ledger(upstream).map(|ledger| ledger())
    }

    /// Answers where the events for one upstream are, also when the gateway has stopped.
    pub fn follow_ledger(&self, upstream: &str) -> Option<impl Fn() -> Ledger + use<>> {
        let upstream = self.parts.upstreams.iter().find(|running| running.name == upstream)?;
        let (spool, reader) = (Arc::clone(&self.parts.spool), upstream.reader);
        Some(move || spool.ledger(reader))
    }

    /// Everything that is counted.
    pub fn counts(&self) -> &Counts {
        self.parts.telemetry.counts()
    }

    /// Waits for every session to be gone.
    pub async fn vacant(&self) {
        self.parts.occupancy.vacant().await;
    }

    /// Waits until a part has failed so that nothing can go on without it.
    pub async fn failed(&mut self) -> String {
        self.parts.failures.first().await
    }

    /// A handle that skips whatever a stop is waiting for.
    pub fn hurry(&self) -> Hurry {
        self.hurry.clone()
    }

    /// Stops in order: no newcomers, sessions let go of over `drain.spread`, upstreams flushed.
    /// What is left then stays in the spool.
    pub async fn stop(mut self) -> Ended {
        self.drain().await;
        self.flush().await;
        self.enter(Phase::Stopped, None);
        self.parts.registry.do_send(Stop);
        for host in &self.parts.threads.hosts {
            self.hurry.wait(GRACE, host.send(Stop)).await;
        }
        self.close_spool().await;
        if let Some(admin) = &self.parts.admin {
            self.hurry.wait(GRACE, admin.stop()).await;
        }
        self.parts.health.heartbeats.retire();
        self.parts.watch = None;
        for arbiter in self.parts.threads.arbiters.drain(..) {
            arbiter.stop();
            // Its thread ends by itself; a user's handler that blocks it for ever must not keep
            // the process.
            drop(arbiter);
        }
        Ended::Asked
    }

    async fn drain(&mut self) {
        let within = self.drain.spread + self.farewell + GRACE;
        self.enter(Phase::Draining, Some(within));
        self.parts.failures.expect_endings();
        self.parts.listeners.iter().for_each(|listener| {
            listener.server.do_send(self.drain);
        });
        self.parts.threads.hosts.iter().for_each(|host| host.do_send(self.drain));
        self.hurry.wait(within, self.parts.occupancy.vacant()).await;
    }

    /// Threads hand over what they still hold, the commander tells what has become of commands, then
    /// each upstream has its time.
    async fn flush(&mut self) {
        self.enter(Phase::Flushing, Some(self.flush));
        for host in &self.parts.threads.hosts {
            self.hurry.wait(GRACE, host.send(Drained)).await;
        }
        self.finish_commands().await;
        let finish = Finish { within: self.flush };
        let asked: Vec<_> =
            self.parts.upstreams.iter().map(|upstream| upstream.forwarder.send(finish)).collect();
        for (upstream, mut finished) in self.parts.upstreams.iter().zip(asked) {
            // One that crashes meanwhile starts again, and has to be asked again.
            let until_finished = async {
                while finished.await.is_err() && upstream.forwarder.connected() {
                    tokio::time::sleep(ASK_AGAIN).await;
                    finished = upstream.forwarder.send(finish);
                }
            };
            self.hurry.wait(self.flush + GRACE, until_finished).await;
        }
    }

    /// Commands that wait for their devices stay in the journal.
    async fn finish_commands(&self) {
        let Some(commander) = &self.parts.commander else { return };
        let finish = Finish { within: GRACE };
        let until_finished = async {
            while commander.send(finish).await.is_err() && commander.connected() {
                tokio::time::sleep(ASK_AGAIN).await;
            }
        };
        self.hurry.wait(GRACE * 2, until_finished).await;
    }

    /// What is left is made safe. Nobody is in so much of a hurry that this is left out.
    async fn close_spool(&self) {
        let spool = Arc::clone(&self.parts.spool);
        let closing = actix_rt::task::spawn_blocking(move || spool.close());
        if !closing.await.unwrap_or_default() {
            self.parts.telemetry.spool_fault("closing", &"not everything is safe");
        }
    }

    fn enter(&mut self, phase: Phase, within: Option<Duration>) {
        self.phase.send_replace(phase);
        if let Some(admin) = &self.parts.admin {
            admin.enter(phase.as_str());
        }
        self.parts.telemetry.phase(phase.as_str(), within);
    }

    fn directory(&self) -> MutexGuard<'_, Directory> {
        self.parts.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
